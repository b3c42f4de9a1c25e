import { describe, expect, it, vi } from 'vitest';
import {
  oracles,
  type PathEvent,
  type PathSubjectName,
  runPath,
  type TurnPath,
  type TurnPathsOptions,
  turnPaths,
} from '../../src/testing/paths/index.ts';
import { isPathEvent } from '../../src/testing/paths/pathEvent.ts';
import { compactionTable } from './compaction.table.ts';
import { always, type Line, type Table, tableOracle } from './readTable.ts';
import { sessionTable } from './session.table.ts';
import { goOn } from './slots.ts';
import { specification } from './specification.ts';
import { readState, startOf } from './story.ts';
import { toolCallTable } from './toolCall.table.ts';
import { turnTable } from './turn.table.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Every event in every situation, in bounds that between them lead into every line of the tables. */
const everywhere: readonly TurnPathsOptions[] = [
  { machine: 'turn' },
  { machine: 'turn', retries: 0 },
  { machine: 'toolCall' },
  { machine: 'session' },
  { machine: 'session', steps: 1, toolErrors: 1, features: ['clients'] },
  { machine: 'session', steps: 1, features: ['clients', 'agents', 'preparation', 'output'] },
  { machine: 'compaction' },
];

describe('the specification', () => {
  const { oracles: spec, readers } = specification();
  const paths = everywhere.flatMap((options) => turnPaths(options).edges);

  it('is what the machines do, for every event in every situation', async () => {
    for (const path of paths) await runPath(path, { oracles: [...oracles, ...spec] });
  });

  it('is what they do with commands that come at the wrong time', async () => {
    for (const path of paths.flatMap(interrupted)) await runPath(path, { oracles: spec });
  });

  it('has no line that no path leads into', async () => {
    expect(readers.flatMap(({ unused }) => unused)).toEqual([]);
  });

  it('names only events and states that there are', () => {
    const known = new Set(paths.flatMap(({ steps }) => steps.map(({ event }) => event)));
    const states = new Set([...paths.flatMap(({ steps }) => steps.flatMap(({ state }) => namesIn(state)))]);
    const lines = [turnTable, toolCallTable, sessionTable, compactionTable].flatMap((table) => table.lines);
    const plain = lines.filter(([, event]) => !event.includes('{') && event !== always);
    // states that do not last are seen on no path, nor are those of a compaction
    const unseen = lines.filter(([, event]) => event === always).map(([state]) => state);
    const ofCompaction = compactionTable.lines.flatMap(([from, , to]) => [from, to]);
    expect(plain.filter(([, event]) => !isPathEvent(event) || !known.has(event))).toEqual([]);
    const named = lines
      .flatMap(([from, , to]) => [from, to.replace(/:.*/, '')])
      .filter((name) => name !== 'stays' && !unseen.includes(name) && !ofCompaction.includes(name));
    expect([...new Set(named)].filter((name) => !states.has(name)).sort()).toEqual([]);
  });
});

describe('a table', () => {
  const path = turnPaths({ steps: 1, tools: 1 }).to('done')[0];

  it('that says otherwise than the machine does is noticed, with the line', async () => {
    await expect(play(changed('model answers', 'failed: auth'))).rejects.toThrow(
      'It says [working.callingModel | model answers | failed: auth], but it is in done.',
    );
  });

  it('that lets a state stay which is entered again is noticed', async () => {
    await expect(play(changed('turn starts', 'stays'))).rejects.toThrow(
      'It says [idle | turn starts | stays], but it is in working.callingModel.',
    );
  });

  it('that says nothing of an event asks for a line', async () => {
    const lines = turnTable.lines.filter(([, event]) => event !== 'model answers');
    await expect(play({ ...turnTable, lines })).rejects.toThrow(
      'Nothing is said of "model answers" in working.callingModel: add a line to test/spec/turn.table.ts.',
    );
  });

  it('with a word in braces that means nothing is refused', () => {
    const lines: Line[] = [['idle', 'tool {m} is ready', 'stays']];
    expect(() => tableOracle({ ...turnTable, lines }, () => undefined)).toThrow('"tool {m} is ready": no word is {m}.');
  });

  function changed(event: string, next: string): Table {
    const lines = turnTable.lines.map((line): Line => (line[1] === event ? [line[0], event, next] : line));
    return { ...turnTable, lines };
  }

  async function play(table: Table): Promise<void> {
    if (path === undefined) throw new Error('No path gets to done.');
    await runPath(path, { oracles: specification({ turn: table }).oracles });
  }
});

describe('what goes on by itself', () => {
  const tools = (...states: string[]) =>
    states.map((text) => {
      const [, state = '', marks = ''] = /^(\w+)(\W*)$/.exec(text) ?? [];
      return {
        state,
        isAlone: marks.includes('!'),
        isUnapproved: marks.includes('?'),
        isForClient: marks.includes('@'),
        isForAgent: marks.includes('&'),
      };
    });

  it.each([
    ['start in order', tools('queued', 'queued'), 8, 'executing executing'],
    ['wait for one before that is not ready', tools('preparing', 'queued'), 8, 'preparing queued'],
    ['wait for a slot', tools('executing', 'queued', 'queued'), 2, 'executing executing queued'],
    ['keep their slot while they wait to run again', tools('retrying', 'queued'), 1, 'retrying queued'],
    ['start where one has ended', tools('failed', 'completed', 'queued'), 1, 'failed completed executing'],
    ['do not run alone beside another', tools('executing', 'queued!', 'queued'), 8, 'executing queued queued'],
    ['do not run beside one that runs alone', tools('queued!', 'queued'), 8, 'executing queued'],
    ['are given to agents', tools('queued&', 'queued'), 8, 'delegating executing'],
    ['are asked about once all are ready', tools('queued?', 'queued?'), 8, 'awaitingApproval awaitingApproval'],
    ['are not asked about while one is prepared', tools('queued?', 'preparing'), 8, 'queued preparing'],
    [
      'start behind one that somebody is asked about',
      tools('awaitingApproval?', 'queued'),
      1,
      'awaitingApproval executing',
    ],
    ['wait for one that runs alone, once it may', tools('awaitingApproval?!', 'queued'), 8, 'awaitingApproval queued'],
    ['are asked of clients last', tools('queued@', 'executing'), 8, 'queued executing'],
    ['are asked of clients where nothing else is left', tools('queued@', 'completed'), 8, 'awaitingResult completed'],
  ])('%s', (_, given, slots, expected) => {
    expect(goOn(given, slots).join(' ')).toBe(expected);
  });
});

/** A path up to each state that it comes through, and then a command which means nothing there. */
function interrupted(path: TurnPath): readonly TurnPath[] {
  const { machine, steps } = path;
  if (machine === 'toolCall' || machine === 'compaction') return [];
  const seen = new Set<string>();
  return [startOf(machine), ...steps.map(({ state }) => state)].flatMap((state, index) => {
    const { session, turn } = readState(state);
    const name = session ?? turn;
    if (seen.has(name)) return [];
    seen.add(name);
    return untimely(machine, name).map((event) => ({ ...path, steps: [...steps.slice(0, index), { event, state }] }));
  });
}

function untimely(machine: PathSubjectName, state: string): readonly PathEvent[] {
  if (['done', 'failed', 'cancelled', 'closed'].includes(state)) return [];
  const isStartable = machine === 'turn' ? state === 'idle' : /starting|following/.test(state);
  const starts: PathEvent[] = isStartable ? [] : ['turn starts'];
  return state === 'idle' ? [...starts, 'user cancels'] : starts;
}

function namesIn(state: string): readonly string[] {
  const { session, turn, tools } = readState(state);
  return [session ?? '', turn.replace(/(usingTools)\..*/, '$1'), ...tools];
}
