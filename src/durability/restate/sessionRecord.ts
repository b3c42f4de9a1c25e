import type { ObjectContext, ObjectSharedContext } from '@restatedev/restate-sdk';
import { RestatePromise } from '@restatedev/restate-sdk';
import type { TurnEvent } from '../../events.ts';
import { isEphemeral, isTerminal } from '../../events.ts';
import { Host, type Row, refold } from '../../host.ts';
import { parseRow } from '../../journal.ts';
import { messagesOf } from '../../machines/history.ts';
import type { QueuedTurn, SessionContext } from '../../machines/sessionMachine.ts';
import { machineVersion } from '../../machines/version.ts';
import type { Message } from '../../messages.ts';
import { noUsage } from '../../model.ts';
import { hostsIn, type Past, pastOf, type Rested, stateOf } from '../../reopening.ts';
import { hostOptions, type SessionSetup } from '../../sessionSetup.ts';
import { snapshotOf } from '../../snapshot.ts';
import { type TurnOutcome, toOutcome } from '../../turn.ts';
import type { JournalCheckpoint, JournalEntry, SessionState } from '../store.ts';
import type { Kept, Progress, Said } from './protocol.ts';

/** Of turns that have ended, so many can still be asked for their events. */
const keptRuns = 8;

/** Where a session rests, beside its messages. */
interface Rest {
  readonly checkpoint: JournalCheckpoint;
  /** Turns that wait, and messages that steer the first of them. */
  readonly queue: readonly QueuedTurn[];
  readonly steering: SessionContext['steering'];
  /** The first rows of the runs of which rows are kept. */
  readonly runs: readonly number[];
}

/** An input, and the number of the last event that it has led to. */
interface KeptRow {
  readonly row: Row;
  readonly seq: number;
}

/** What was said in the stead of machines that could not. */
interface SaidFor {
  readonly events: readonly TurnEvent[];
  readonly outcomes: Said['outcomes'];
}

/** What a session comes to when it rests. */
export interface Resting extends Rested {
  readonly queue: Rest['queue'];
  readonly steering: Rest['steering'];
}

/**
 * A session in the state of its virtual object: messages and checkpoint as a store has them, and a key per row. So
 * others can see a turn while it runs, and end it where it cannot be replayed.
 */
export class SessionRecord {
  readonly #ctx: ObjectContext;
  readonly #setup: SessionSetup;
  readonly #rest: Rest | undefined;
  readonly #messages: readonly Message[];
  #rows: number;
  #turns: number;

  static async open(ctx: ObjectContext, setup: SessionSetup): Promise<SessionRecord> {
    return new SessionRecord(ctx, setup, await restOf(ctx), await messagesIn(ctx));
  }

  private constructor(ctx: ObjectContext, setup: SessionSetup, rest: Rest | undefined, messages: readonly Message[]) {
    this.#ctx = ctx;
    this.#setup = setup;
    this.#rest = rest;
    this.#messages = messages;
    this.#rows = rest?.checkpoint.rows ?? 0;
    this.#turns = rest?.checkpoint.state.turns ?? 0;
  }

  get #state(): SessionState {
    return this.#rest?.checkpoint.state ?? firstState(this.#setup.agent);
  }

  get sessionId(): string {
    return this.#ctx.key;
  }

  /** Turns that wait for this run, and messages that steer the first of them. */
  get waiting(): Pick<Rest, 'queue' | 'steering'> {
    return this.#rest ?? { queue: [], steering: [] };
  }

  get hasRows(): boolean {
    return this.#rows > (this.#rest?.checkpoint.rows ?? 0);
  }

  host(past: Past = pastOf(this.#messages, this.#state)): Host {
    return new Host(hostOptions(this.#setup, this.sessionId, past));
  }

  /** The rows that an invocation has left, and the number of the last event that is known. */
  async rowsLeft(): Promise<{ readonly rows: readonly Row[]; readonly seq: number }> {
    const rows: Row[] = [];
    let { seq } = this.#state;
    for (;;) {
      const kept = await this.#ctx.get<KeptRow>(rowKey(this.#rows));
      if (kept === null) return { rows, seq };
      rows.push(kept.row);
      seq = kept.seq;
      this.#rows += 1;
    }
  }

  /** Takes the last rows back. */
  drop(count: number): void {
    for (let dropped = 0; dropped < count; dropped += 1) {
      this.#rows -= 1;
      this.#ctx.clear(rowKey(this.#rows));
    }
  }

  /** What a replay of rows is built from. */
  get replay(): { readonly options: ReturnType<typeof hostOptions>; readonly writtenBy: string } {
    const past = pastOf(this.#messages, this.#state);
    return { options: hostOptions(this.#setup, this.sessionId, past), writtenBy: this.#state.machineVersion };
  }

  /** @param seq of the last event that it has led to */
  keep(row: Row, seq: number): void {
    if (this.#rest === undefined && this.#rows === 0) this.#begin(row.at);
    this.#ctx.set<KeptRow>(rowKey(this.#rows), { row, seq });
    this.#rows += 1;
  }

  /** How many of its commands an invocation has taken. */
  async taken(invocation: string): Promise<number> {
    const progress = await this.#ctx.get<Progress>('progress');
    return progress?.invocation === invocation ? progress.taken : 0;
  }

  note(progress: Progress): void {
    this.#ctx.set<Progress>('progress', progress);
  }

  /** Turns that have ended with these events. */
  count(events: readonly TurnEvent[]): void {
    this.#turns += events.filter(isTerminal).length;
  }

  sayFor(events: readonly TurnEvent[], outcomes: Said['outcomes']): void {
    this.#ctx.set<SaidFor>(saidKey(this.#rows), { events, outcomes });
  }

  checkpoint(at: number, { queue, steering, ...rested }: Resting): void {
    const { history } = rested;
    const checkpoint: JournalCheckpoint = {
      type: 'checkpoint',
      at,
      rows: this.#rows,
      messages: history.length,
      state: stateOf(rested, this.#setup.agent, this.#turns),
    };
    const all = [...(this.#rest?.runs ?? []), this.#rest?.checkpoint.rows ?? 0];
    const runs = all.slice(-keptRuns);
    const [oldest = 0] = all;
    const [next = 0] = runs;
    if (next > oldest) this.#forget(oldest, next);
    this.#ctx.set<readonly Message[]>('messages', messagesOf(history));
    this.#ctx.set(checkpointKey(this.#rows), checkpoint);
    this.#ctx.set<Rest>('rest', { checkpoint, queue, steering, runs });
  }

  /** A new session has nothing that its first rows could be replayed from. */
  #begin(at: number): void {
    const checkpoint = { type: 'checkpoint', at, rows: 0, messages: 0, state: firstState(this.#setup.agent) } as const;
    this.#ctx.set(checkpointKey(0), checkpoint);
  }

  #forget(from: number, to: number): void {
    this.#ctx.clear(checkpointKey(from));
    for (let row = from; row < to; row += 1) this.#ctx.clear(rowKey(row));
    // said at the end of the run, before its checkpoint
    this.#ctx.clear(saidKey(to));
  }
}

/** What a session has said after a `seq`, as far as it is kept. */
export async function saidAfter(ctx: ObjectSharedContext, setup: SessionSetup, after: number): Promise<Said> {
  const { journal, messages, saidFor } = await journalOf(ctx);
  const events: TurnEvent[] = [];
  const outcomes: Record<string, TurnOutcome<unknown>> = {};
  for (const host of hostsIn(journal, messages, after, (past) => hostOptions(setup, ctx.key, past))) {
    events.push(...host.events.filter((event) => event.seq > after && !isEphemeral(event)));
    for (const [turnId, output] of host.outputs) outcomes[turnId] = toOutcome(output);
  }
  for (const said of saidFor) {
    events.push(...said.events.filter((event) => event.seq > after));
    Object.assign(outcomes, said.outcomes);
  }
  return { events: events.toSorted((a, b) => a.seq - b.seq), outcomes };
}

/** A session as it is kept at this moment. */
export async function lookAt(ctx: ObjectSharedContext, setup: SessionSetup): Promise<Kept> {
  const isThere = (await ctx.stateKeys()).length > 0;
  const birth = await ctx.get<string>('birth');
  const progress = await ctx.get<Progress>('progress');
  const { journal, messages } = await journalOf(ctx);
  const start = journal.findLastIndex(({ type }) => type === 'checkpoint');
  const checkpoint = journal[start];
  const state = checkpoint?.type === 'checkpoint' ? checkpoint.state : firstState(setup.agent);
  const rows = journal
    .slice(start + 1)
    .flatMap((entry) => (entry.type === 'row' ? parseRow(entry.row, ctx.key, entry.index) : []));
  const { host } = refold(hostOptions(setup, ctx.key, pastOf(messages, state)), rows);
  const { history, usage, queue } = host.actor.getSnapshot().context;
  // turns that the next run is about to take up
  const waiting = rows.length > 0 ? [] : ((await restOf(ctx))?.queue ?? []);
  const snapshot = snapshotOf(host);
  const kept = {
    isThere,
    ...(birth !== null && { birth }),
    ...(progress !== null && { progress }),
    seq: host.seq,
    messages: messagesOf(history),
    usage,
    snapshot: { ...snapshot, queued: snapshot.queued + waiting.length },
    turns: [...queue, ...waiting].map(({ turnId }) => ({ id: turnId })),
  };
  host.stop();
  return kept;
}

/** Makes a session that nobody has spoken to yet; false where there is one. */
export async function createRecord(ctx: ObjectContext): Promise<boolean> {
  if ((await ctx.stateKeys()).length > 0) return false;
  ctx.set('birth', ctx.rand.uuidv4());
  return true;
}

async function journalOf(ctx: ObjectSharedContext) {
  const keys = await ctx.stateKeys();
  const places = keys.map(placeOf).filter((place) => place !== undefined);
  const values = await RestatePromise.all(places.map(({ key }) => ctx.get<unknown>(key) as RestatePromise<unknown>));
  const read = places
    .map((place, index) => ({ ...place, value: values[index] }))
    .filter(({ value }) => value !== null)
    // a checkpoint comes before the row that follows it
    .toSorted((a, b) => a.row - b.row || (a.kind === 'checkpoint' ? -1 : 1));
  const journal = read.flatMap(({ kind, row, value }): readonly JournalEntry[] => {
    if (kind === 'said') return [];
    if (kind === 'checkpoint') return [value as JournalCheckpoint];
    return [{ type: 'row', index: row, row: JSON.stringify((value as KeptRow).row) }];
  });
  const saidFor = read.flatMap(({ kind, value }) => (kind === 'said' ? [value as SaidFor] : []));
  return { journal, messages: await messagesIn(ctx), saidFor };
}

function placeOf(key: string): { readonly key: string; readonly kind: string; readonly row: number } | undefined {
  const [, kind, row] = /^(row|checkpoint|said)\.(\d+)$/.exec(key) ?? [];
  return kind === undefined ? undefined : { key, kind, row: Number(row) };
}

async function restOf(ctx: ObjectSharedContext): Promise<Rest | undefined> {
  return (await ctx.get<Rest>('rest')) ?? undefined;
}

async function messagesIn(ctx: ObjectSharedContext): Promise<readonly Message[]> {
  return (await ctx.get<readonly Message[]>('messages')) ?? [];
}

function firstState(agent: string): SessionState {
  return { agent, seq: 0, usage: noUsage, turns: 0, machineVersion };
}

function rowKey(row: number): string {
  return `row.${row}`;
}

function checkpointKey(row: number): string {
  return `checkpoint.${row}`;
}

function saidKey(row: number): string {
  return `said.${row}`;
}
