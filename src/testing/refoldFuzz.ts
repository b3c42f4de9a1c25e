import type { AnyActorRef } from 'xstate';
import { isEphemeral, type Payload } from '../events.ts';
import { Host, type HostOptions, type Row, refold, type SessionLogic } from '../host.ts';
import { sessionMachine } from '../machines/sessionMachine.ts';
import { Random } from './random.ts';
import { nextInput, randomInput, randomSession } from './randomInputs.ts';
import { machineSnapshot } from './snapshots.ts';

export interface RefoldFuzzOptions {
  /** Random sessions to try. @default 1_000 */
  readonly runs?: number;
  /** Random inputs of each, before it is brought to rest. @default 40 */
  readonly inputs?: number;
  /** @default 1 */
  readonly seed?: number;
  /** Your own machines. They are not provided with services: nothing is run. @default sessionMachine */
  readonly machine?: SessionLogic;
}

/** A moment at which a session and its rebuilt twin differ: something in the machines does not come from their inputs. */
export interface Breach {
  readonly run: number;
  /** Repeats that one run: `refoldFuzz({ seed, runs: 1 })`. */
  readonly seed: number;
  /** Rows until then. */
  readonly rows: readonly Row[];
  readonly what: string;
}

export interface RefoldReport {
  readonly runs: number;
  readonly inputs: number;
  readonly comparisons: number;
  /** Turns that came to their end. */
  readonly turns: number;
  /** Turns of sub-agents that began, those inside of others included. */
  readonly agentTurns: number;
  /** The first one found, if any. */
  readonly breach: Breach | undefined;
}

/**
 * Looks for whatever in the machines does not follow from their inputs: clocks, chance, module state, promises, counted
 * deltas. Random inputs go straight into a host; at random moments it is rebuilt from its rows at another time, and
 * states, effects, timers and events of the two are compared. Sessions whose machines pass can be replayed.
 *
 * @example
 * ```ts
 * const { breach } = await refoldFuzz({ machine: sessionMachine.provide({ actors: { turn: myTurnMachine } }) });
 * expect(breach).toBeUndefined();
 * ```
 */
export async function refoldFuzz(options: RefoldFuzzOptions = {}): Promise<RefoldReport> {
  const { runs = 1_000, inputs = 40, seed = 1, machine = sessionMachine } = options;
  const total = { inputs: 0, comparisons: 0, turns: 0, agentTurns: 0 };
  for (let run = 0; run < runs; run += 1) {
    const result = await fuzzOne(machine, seed + run, inputs);
    total.inputs += result.inputs;
    total.comparisons += result.comparisons;
    total.turns += result.turns;
    total.agentTurns += result.agentTurns;
    if (result.breach !== undefined) {
      return { runs: run + 1, ...total, breach: { run, seed: seed + run, ...result.breach } };
    }
  }
  return { runs, ...total, breach: undefined };
}

interface OneRun {
  inputs: number;
  comparisons: number;
  turns: number;
  agentTurns: number;
  breach?: Pick<Breach, 'rows' | 'what'>;
}

async function fuzzOne(machine: SessionLogic, seed: number, count: number): Promise<OneRun> {
  const random = new Random(seed);
  const rows: Row[] = [];
  const options: HostOptions = { machine, agent: 'fuzz', input: randomSession(random) };
  const host = new Host(options);
  host.onRow = (row) => rows.push(row);
  const ids = new Set<string>();
  const result: OneRun = { inputs: 0, comparisons: 0, turns: 0, agentTurns: 0 };
  const limit = count + 2_000;
  let at = 1_000_000;
  try {
    for (let index = 0; index < limit; index += 1) {
      const next = index < count ? randomInput(host, random, index) : nextInput(host, random);
      if (next === undefined) break;
      at = next.input.type === 'fired' ? Math.max(at, next.delayMs) : at + next.delayMs;
      const leaks = await watchingTimers(() => host.apply(next.input, at));
      result.inputs += 1;
      if (leaks > 0) return broken(result, rows, 'A timer was set past the clock of the machines.');
      if (host.error !== undefined) return broken(result, rows, `The machines broke: ${describe(host.error)}`);
      for (const { id } of host.takeBegun()) {
        if (ids.has(id)) return broken(result, rows, `Two effects were started as "${id}".`);
        ids.add(id);
      }
      host.takeArmed();
      if (!random.chance(index < count ? 0.15 : 0.05)) continue;
      result.comparisons += 1;
      const what = compare(host, options, [...rows, ...host.unrecorded()]);
      if (what !== undefined) return broken(result, rows, what);
    }
    result.turns = host.outputs.size;
    result.agentTurns = host.events.filter(beginsAgentTurn).length;
    result.comparisons += 1;
    const what = compare(host, options, [...rows, ...host.unrecorded()]) ?? unfinished(host);
    return what === undefined ? result : broken(result, rows, what);
  } finally {
    host.stop();
  }
}

/** Whoever calls an agent tells of its turn, and so of those inside of it. */
function beginsAgentTurn(event: Payload): boolean {
  if (event.type !== 'agent.event') return false;
  return event.event.type === 'turn.started' || beginsAgentTurn(event.event);
}

function broken(result: OneRun, rows: readonly Row[], what: string): OneRun {
  return { ...result, breach: { rows: [...rows], what } };
}

function unfinished(host: Host): string | undefined {
  return host.actor.getSnapshot().value === 'idle' ? undefined : 'The session did not come to rest.';
}

function compare(host: Host, options: HostOptions, rows: readonly Row[]): string | undefined {
  // what was played so far is compared with what is played now: at another time, with other chance
  const { host: twin, divergence } = anHourLater(() => refold(options, rows));
  try {
    if (divergence !== undefined) return divergence;
    return firstDifference(fingerprint(host), fingerprint(twin));
  } finally {
    twin.stop();
  }
}

type Fingerprint = { readonly [part: string]: unknown };

function fingerprint(host: Host): Fingerprint {
  const { value, context } = host.actor.getSnapshot();
  return {
    'session state': value,
    'session context': context,
    ...Object.fromEntries(machinesIn(host.actor)),
    effects: [...host.effects.values()].map(({ id, kind, input }) => [id, kind, input]),
    timers: [...host.timers.values()].map(({ id, dueAt }) => [id, dueAt]),
    // counts of ephemeral events are those of the live session only
    events: host.events.filter((event) => !isEphemeral(event)),
  };
}

/** All machines inside of another, at any depth: turns, tool calls, compactions, turns of sub-agents. */
function machinesIn(actor: AnyActorRef, path = ''): readonly (readonly [string, unknown])[] {
  const children: Readonly<Record<string, AnyActorRef | undefined>> = machineSnapshot(actor)?.children ?? {};
  return Object.entries(children).flatMap(([id, child]) => {
    const snapshot = child && machineSnapshot(child);
    if (child === undefined || snapshot === undefined) return [];
    return [[`${path}${id}`, [snapshot.value, snapshot.context]], ...machinesIn(child, `${path}${id} / `)];
  });
}

function firstDifference(played: Fingerprint, rebuilt: Fingerprint): string | undefined {
  for (const part of Object.keys(played)) {
    const [a, b] = [toText(played[part]), toText(rebuilt[part])];
    if (a === b) continue;
    let index = 0;
    while (a[index] === b[index]) index += 1;
    const around = (text: string) => text.slice(Math.max(0, index - 60), index + 60);
    return `${part} differ: played …${around(a)}…, rebuilt …${around(b)}…`;
  }
  return undefined;
}

/** Views of a log are compared by what they show of it. */
function toText(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) =>
      typeof item === 'object' && item !== null && 'log' in item && 'length' in item && Array.isArray(item.log)
        ? item.log.slice(0, Number(item.length))
        : item,
    ) ?? 'nothing'
  );
}

function anHourLater<T>(run: () => T): T {
  const { now } = Date;
  Date.now = () => now() + 3_600_000;
  try {
    return run();
  } finally {
    Date.now = now;
  }
}

/** Runs it, and what its promises lead to, and counts the timers of the platform that were set meanwhile. */
async function watchingTimers(run: () => void): Promise<number> {
  const { setTimeout: real } = globalThis;
  let count = 0;
  const counting = (...args: Parameters<typeof real>) => {
    count += 1;
    return real(...args);
  };
  globalThis.setTimeout = Object.assign(counting, real) as typeof real;
  try {
    run();
    await Promise.resolve();
    await Promise.resolve();
  } finally {
    globalThis.setTimeout = real;
  }
  return count;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
