import { isInSession } from '../../src/testing/paths/alphabet.ts';
import type { Observation, Oracle, PathEvent, PathMoment } from '../../src/testing/paths/index.ts';
import { readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import { compactionTable } from './compaction.table.ts';
import type { Circumstances } from './conditions.ts';
import { notAsSaid, startsOf, type Table, type TableReader, tableOracle } from './readTable.ts';
import { saidOracle } from './said.ts';
import { sessionTable } from './session.table.ts';
import { goOn, hasEnded } from './slots.ts';
import { callsOf } from './story.ts';
import { toolCallTable } from './toolCall.table.ts';
import { turnTable } from './turn.table.ts';

/** Oracles that hold a path against the tables, and the tables' readers with the lines that were used. */
export interface Specification {
  readonly oracles: readonly Oracle[];
  readonly readers: readonly TableReader[];
}

/**
 * What the machines must do, written by hand from the rules: the states of four tables, and what is said.
 *
 * @param tables `turn`: another table in the place of ours
 */
export function specification({ turn = turnTable }: { readonly turn?: Table } = {}): Specification {
  const tables = [
    tableOracle(turn, compareTurn),
    tableOracle(toolCallTable, compareTools),
    tableOracle(sessionTable, compareSession),
    tableOracle(compactionTable, compareCompaction),
  ];
  return { oracles: [...tables, saidOracle], readers: tables.map(({ reader }) => reader) };
}

function compareTurn(reader: TableReader, { path, before, after }: PathMoment, about: Circumstances) {
  // in a session the turn is a part, which is held against its table by itself
  if (isInSession(path.machine)) return undefined;
  const turn = inTable(before);
  const verdict = reader.follow(turn, about);
  const { next } = verdict;
  const calls = startsOf('callModel', before, after);
  const isNew = after.state.turn === 'failed' && before.state.turn !== 'failed';
  const reached = isNew ? `failed: ${failureOf(after)}` : inTable(after);
  const expected = next === 'stays' ? turn : next;
  if (reached !== expected) return notAsSaid(verdict, `it is in ${reached}`);
  // a state that is named is entered, also where it is the same as before
  const expectedCalls = next === 'working.callingModel' ? 1 : 0;
  if (calls !== expectedCalls) return notAsSaid(verdict, `${calls} model calls were started`);
  return waitsForPeople(about, after);
}

/** Whether tools run or people are waited for is no business of the table. */
function inTable({ state: { turn } }: Observation): string {
  return turn.startsWith('working.usingTools') ? 'working.usingTools' : turn;
}

/** The clock of a turn stands still exactly while nothing goes on before people have answered. */
function waitsForPeople({ is, event }: Circumstances, { state: { turn, tools } }: Observation) {
  if (!turn.startsWith('working.usingTools')) return undefined;
  const isAsking = (state: string, index: number) =>
    state === 'awaitingApproval' || state === 'awaitingResult' || is.turn.tools[index]?.isWaiting === true;
  const isAtRest = tools.every((state, index) => hasEnded(state) || state === 'queued' || isAsking(state, index));
  const waits = isAtRest && tools.some((state, index) => !hasEnded(state) && isAsking(state, index));
  const expected = `working.usingTools.${waits ? 'awaitingAnswers' : 'runningTools'}`;
  return turn === expected ? undefined : `After "${event}" it is to be in ${expected}, and is in ${turn}.`;
}

function failureOf({ events }: Observation): string {
  const last = events.at(-1);
  return last?.type === 'turn.failed' ? last.failure.type : 'nothing says why';
}

function compareTools(reader: TableReader, { before, after }: PathMoment, about: Circumstances) {
  const { event, is, path } = about;
  const was = before.state.tools;
  const number = readToolEvent(event)?.number;
  const verdict = number === undefined ? undefined : reader.read(was[number - 1] ?? 'not called', about);
  const isEntered = !isUsingTools(before);
  // those of a step that is over are gone
  if (!isUsingTools(after)) return expectStates([], after);
  const isForAll = event.endsWith('is approved for the session');
  const moved = isEntered
    ? Array.from({ length: callsOf(event) }, (_, index) => (isRepeated(event, index) ? 'failed' : 'preparing'))
    : was.map((state, index) => {
        if (isForAll && state === 'awaitingApproval') return 'queued';
        return index + 1 !== number || verdict === undefined || verdict.next === 'stays' ? state : verdict.next;
      });
  const tools = moved.map((state, index) => ({ isAlone: false, ...is.turn.tools[index], state }));
  const expected = goOn(tools, path.bounds.parallelTools);
  for (const [kind, state] of [
    ['executeTool', 'executing'],
    ['agentTurn', 'delegating'],
  ] as const) {
    const runs = expected.filter((each, index) => each === state && was[index] !== state).length;
    const started = startsOf(kind, before, after);
    if (started !== runs) return `${runs} tools are to start now, and ${started} did.`;
  }
  return expectStates(expected, after);
}

function isUsingTools({ state: { turn } }: Observation): boolean {
  return turn.startsWith('working.usingTools');
}

/** The third of equal calls is not run. */
function isRepeated(event: PathEvent, index: number): boolean {
  return event === 'model repeats a call' && index >= 2;
}

function expectStates(expected: readonly string[], { state: { tools } }: Observation): string | undefined {
  if (expected.join() === tools.join()) return undefined;
  return `The tools are to be [${expected.join(', ')}], and are [${tools.join(', ')}].`;
}

function compareSession(reader: TableReader, { path, before, after }: PathMoment, about: Circumstances) {
  if (!isInSession(path.machine)) return undefined;
  const session = before.state.session ?? 'none';
  const verdict = reader.read(session, about);
  const expected = verdict.next === 'stays' ? session : verdict.next;
  if (after.state.session !== expected) return notAsSaid(verdict, `it is in ${after.state.session}`);
  const waiting = Math.max(0, about.is.session.queue.length - 1);
  if (after.state.queued === waiting) return undefined;
  return `${waiting} turns wait behind the first one, and it has ${after.state.queued}.`;
}

function compareCompaction(reader: TableReader, { before, after }: PathMoment, about: Circumstances) {
  const was = before.state.compaction;
  const is = after.state.compaction;
  const told = after.events.slice(before.events.length);
  if (told.some(({ type }) => type === 'compaction.started')) {
    const verdict = reader.follow('masking', about);
    return is === verdict.next ? undefined : notAsSaid(verdict, `it is in ${is}`);
  }
  if (was !== 'summarizing' || !/^summary /.test(about.event)) return undefined;
  const verdict = reader.read(was, about);
  return is === verdict.next ? undefined : notAsSaid(verdict, `it is in ${is}`);
}
