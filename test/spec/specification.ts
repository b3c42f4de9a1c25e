import type { Observation, Oracle, PathMoment } from '../../src/testing/paths/index.ts';
import { readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import type { Circumstances } from './conditions.ts';
import { notAsSaid, startsOf, type Table, type TableReader, tableOracle } from './readTable.ts';
import { saidOracle } from './said.ts';
import { sessionTable } from './session.table.ts';
import { startInOrder } from './slots.ts';
import { callsOf } from './story.ts';
import { toolCallTable } from './toolCall.table.ts';
import { turnTable } from './turn.table.ts';

/** Oracles that hold a path against the tables, and the tables' readers with the lines that were used. */
export interface Specification {
  readonly oracles: readonly Oracle[];
  readonly readers: readonly TableReader[];
}

/**
 * What the machines must do, written by hand from the rules: the states of three tables, and what is said.
 *
 * @param tables `turn`: another table in the place of ours
 */
export function specification({ turn = turnTable }: { readonly turn?: Table } = {}): Specification {
  const tables = [
    tableOracle(turn, compareTurn),
    tableOracle(toolCallTable, compareTools),
    tableOracle(sessionTable, compareSession),
  ];
  return { oracles: [...tables, saidOracle], readers: tables.map(({ reader }) => reader) };
}

function compareTurn(reader: TableReader, { path, before, after }: PathMoment, about: Circumstances) {
  // in a session the turn is a part, which is held against its table by itself
  if (path.machine === 'session') return undefined;
  const { turn } = before.state;
  const verdict = reader.read(turn, about);
  const { next } = verdict;
  const calls = startsOf('callModel', before, after);
  const reached = after.state.turn === 'failed' && turn !== 'failed' ? `failed: ${failureOf(after)}` : after.state.turn;
  const expected = next === 'stays' ? turn : next;
  if (reached !== expected) return notAsSaid(verdict, `it is in ${reached}`);
  // a state that is named is entered, also where it is the same as before
  const expectedCalls = next === 'working.callingModel' ? 1 : 0;
  return calls === expectedCalls ? undefined : notAsSaid(verdict, `${calls} model calls were started`);
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
  const isEntered = before.state.turn !== 'working.runningTools';
  // those of a step that is over are gone
  if (after.state.turn !== 'working.runningTools') return expectStates([], after);
  const moved = isEntered
    ? Array.from({ length: callsOf(event) }, () => 'preparing')
    : was.map((state, index) =>
        index + 1 !== number || verdict === undefined || verdict.next === 'stays' ? state : verdict.next,
      );
  const tools = moved.map((state, index) => ({ state, isAlone: is.turn.tools[index]?.isAlone === true }));
  const expected = startInOrder(tools, path.bounds.parallelTools);
  const runs = expected.filter((state, index) => state === 'executing' && was[index] !== 'executing').length;
  const started = startsOf('executeTool', before, after);
  if (started !== runs) return `${runs} tools are to start now, and ${started} did.`;
  return expectStates(expected, after);
}

function expectStates(expected: readonly string[], { state: { tools } }: Observation): string | undefined {
  if (expected.join() === tools.join()) return undefined;
  return `The tools are to be [${expected.join(', ')}], and are [${tools.join(', ')}].`;
}

function compareSession(reader: TableReader, { path, before, after }: PathMoment, about: Circumstances) {
  if (path.machine !== 'session') return undefined;
  const session = before.state.session ?? 'none';
  const verdict = reader.read(session, about);
  const expected = verdict.next === 'stays' ? session : verdict.next;
  if (after.state.session !== expected) return notAsSaid(verdict, `it is in ${after.state.session}`);
  const waiting = Math.max(0, about.is.session.queue.length - 1);
  if (after.state.queued === waiting) return undefined;
  return `${waiting} turns wait behind the first one, and it has ${after.state.queued}.`;
}
