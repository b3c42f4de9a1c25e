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
import { type Line, type Table, tableOracle } from './readTable.ts';
import { sessionTable } from './session.table.ts';
import { startInOrder } from './slots.ts';
import { specification } from './specification.ts';
import { readState } from './story.ts';
import { toolCallTable } from './toolCall.table.ts';
import { turnTable } from './turn.table.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Every event in every situation, in bounds that between them lead into every line of the tables. */
const everywhere: readonly TurnPathsOptions[] = [
  { machine: 'turn' },
  { machine: 'turn', retries: 0 },
  { machine: 'toolCall' },
  { machine: 'session' },
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
    const lines = [turnTable, toolCallTable, sessionTable].flatMap((table) => table.lines);
    const plain = lines.filter(([, event]) => !event.includes('{'));
    expect(plain.filter(([, event]) => !isPathEvent(event) || !known.has(event))).toEqual([]);
    const named = lines.flatMap(([from, , to]) => [from, to.replace(/:.*/, '')]).filter((name) => name !== 'stays');
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

describe('slots', () => {
  const tools = (...states: string[]) =>
    states.map((state) => ({ state: state.replace('!', ''), isAlone: state.endsWith('!') }));

  it.each([
    ['start in order', tools('queued', 'queued'), 8, 'executing executing'],
    ['wait for one before that is not ready', tools('preparing', 'queued'), 8, 'preparing queued'],
    ['wait for a slot', tools('executing', 'queued', 'queued'), 2, 'executing executing queued'],
    ['are kept by a tool that runs again', tools('retrying', 'queued'), 1, 'retrying queued'],
    ['are free once a tool has ended', tools('failed', 'completed', 'queued'), 1, 'failed completed executing'],
    [
      'are refused to one that runs alone beside another',
      tools('executing', 'queued!', 'queued'),
      8,
      'executing queued queued',
    ],
    ['are refused to all behind one that runs alone', tools('queued!', 'queued'), 8, 'executing queued'],
  ])('%s', (_, given, slots, expected) => {
    expect(startInOrder(given, slots).join(' ')).toBe(expected);
  });
});

/** A path up to each state that it comes through, and then a command which means nothing there. */
function interrupted(path: TurnPath): readonly TurnPath[] {
  const { machine, steps } = path;
  if (machine === 'toolCall') return [];
  const seen = new Set<string>();
  const start = machine === 'session' ? 'session idle, turn none' : 'turn idle';
  return [start, ...steps.map(({ state }) => state)].flatMap((state, index) => {
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
  const { session, turn } = readState(state);
  const [, tools = ''] = /tools (.+?)(,|$)/.exec(state) ?? [];
  return [session ?? '', turn, ...tools.split(' + ')];
}
