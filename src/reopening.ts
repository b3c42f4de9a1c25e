import type { JournalCheckpoint, JournalEntry, SessionState } from './durability/store.ts';
import type { EffectResult, StartedEffect } from './effects.ts';
import { isEphemeral, type TurnEvent } from './events.ts';
import { createFailure, type Failure } from './failure.ts';
import { Host, type HostOptions, type Row, refold } from './host.ts';
import { parseRow } from './journal.ts';
import type { KeptState } from './keeper.ts';
import type { ExecuteToolInput, PrepareToolInput } from './machines/contracts.ts';
import { createHistory, type History, historyState } from './machines/history.ts';
import type { SessionContext, SessionMachineInput } from './machines/sessionMachine.ts';
import { machineVersion } from './machines/version.ts';
import type { Message } from './messages.ts';
import type { RecordingEntry } from './recording.ts';
import { isInterruption } from './services/interrupted.ts';
import { snapshotOf } from './snapshot.ts';

/** What a session begins with. */
export interface Past extends Pick<SessionMachineInput, 'usage' | 'cost' | 'approvedTools'> {
  readonly history: History;
  /** Of the last durable event. */
  readonly seq: number;
}

/** What a session is where it rests. */
export interface Rested extends Pick<SessionContext, 'history' | 'usage' | 'cost' | 'approvedTools'> {
  /** Of the last durable event. */
  readonly seq: number;
}

/** What a session was when it rested. */
export function pastOf(messages: readonly Message[], state: SessionState): Past {
  const { usage, cost, seq, approvedTools = [] } = state;
  return { history: createHistory(messages, state), usage, cost, approvedTools, seq };
}

/** The same the other way round, beside the messages. */
export function stateOf(
  { history, usage, cost, approvedTools, seq }: Rested,
  agent: string,
  turns: number,
): SessionState {
  return {
    agent,
    seq,
    usage,
    ...(cost !== undefined && { cost }),
    ...(approvedTools.length > 0 && { approvedTools }),
    ...historyState(history),
    turns,
    machineVersion,
  };
}

/** A session that did not rest when its process ended: its machines are where they were. */
export interface Reopened {
  readonly host: Host;
  /** Those of its rows that led there; of a session that rests, none. */
  readonly rows: readonly Row[];
  /** Why its turn cannot be gone on with, if so. */
  readonly failure: Failure | undefined;
}

/** A session as it opens. */
export interface Opened extends Reopened {
  /** What it was when it last rested. */
  readonly past: Past;
}

/** New machines; of a session that did not rest when its process ended, brought to where they were. */
export function openMachines(
  history: History,
  stored: Pick<KeptState, 'messages' | 'rows' | 'state'> | undefined,
  optionsOf: (past: Past) => HostOptions,
): Opened {
  const past = stored === undefined ? { history, seq: 0 } : pastOf(stored.messages, stored.state);
  const options = optionsOf(past);
  if (stored === undefined || stored.rows.length === 0) {
    return { host: new Host(options), past, rows: [], failure: undefined };
  }
  return { past, ...reopen(options, stored.rows, stored.state.machineVersion) };
}

/** Brings machines to where they were, with the rows that were kept. */
export function reopen(options: HostOptions, rows: readonly Row[], writtenBy: string): Reopened {
  const { host, divergence, agreed } = refold(options, rows);
  if (divergence === undefined) return { host, rows, failure: stuckIn(rows) };
  // what the last of its rows has led to must not happen
  host.stop();
  const whole = rows.slice(0, agreed);
  return {
    host: refold(options, whole).host,
    rows: whole,
    failure: divergedFailure(divergence, rows.length - agreed, writtenBy),
  };
}

/**
 * The durable events of a journal after a `seq`, said again by the machines. What was said in the stead of machines that
 * broke is not among them.
 *
 * @param messages of the session, at least those that the journal's last checkpoint sums up
 */
export function eventsIn(
  journal: readonly JournalEntry[],
  messages: readonly Message[],
  after: number,
  optionsOf: (past: Past) => HostOptions,
): readonly TurnEvent[] {
  const events: TurnEvent[] = [];
  for (const host of hostsIn(journal, messages, after, optionsOf)) {
    events.push(...host.events.filter((event) => event.seq > after && !isEphemeral(event)));
  }
  return events;
}

/** The machines of a journal that say anything after a `seq`, from checkpoint to checkpoint. */
export function* hostsIn(
  journal: readonly JournalEntry[],
  messages: readonly Message[],
  after: number,
  optionsOf: (past: Past) => HostOptions,
): Generator<Host, void, void> {
  let start: JournalCheckpoint | undefined;
  let rows: string[] = [];
  function* replay() {
    if (start === undefined || rows.length === 0) return;
    const options = optionsOf(pastOf(messages.slice(0, start.messages), start.state));
    const { sessionId } = options.input;
    const { rows: first } = start;
    const { host } = refold(
      options,
      rows.map((row, place) => parseRow(row, sessionId, first + place)),
    );
    yield host;
    host.stop();
  }
  for (const entry of journal) {
    if (entry.type === 'row') {
      rows.push(entry.row);
      continue;
    }
    if (entry.state.seq > after) yield* replay();
    start = entry;
    rows = [];
  }
  yield* replay();
}

/** What a recording that began before these rows would have of them. */
export function retell(options: HostOptions, rows: readonly Row[]): readonly RecordingEntry[] {
  const host = new Host(options);
  const entries = rows.flatMap((row): RecordingEntry[] => {
    host.apply(row.input, row.at);
    return [{ type: 'row', ...row }, ...host.events.splice(0).map((event) => ({ type: 'event' as const, event }))];
  });
  host.stop();
  return entries;
}

/** Who says that a session was reopened. */
export const recoverySource = 'recovery';

/** How often a turn is gone on with that comes to nothing new in between. */
export const maxRecoveries = 3;

/** The failure of a turn that was reopened again and again without getting anywhere: it may be what ends the process. */
function stuckIn(rows: readonly Row[]): Failure | undefined {
  let recoveries = 0;
  for (const { input } of rows.toReversed()) {
    if (input.type === 'command' && input.command.type === 'session.diagnose') {
      if (input.command.source === recoverySource) recoveries += 1;
    } else if (!(input.type === 'fired' || (input.type === 'settled' && isInterruption(input.result)))) {
      break;
    }
  }
  return recoveries < maxRecoveries ? undefined : noProgressFailure(recoveries + 1);
}

/** @param ends how often the process has ended */
export function noProgressFailure(ends: number): Failure {
  return createFailure({
    type: 'no_progress',
    code: 'recovered_in_vain',
    message: `The process ended ${ends} times in the same place of this turn, so it is not tried again.`,
  });
}

/** The machines do not go the way that was kept. */
function divergedFailure(problem: string, left: number, writtenBy: string): Failure {
  const why =
    writtenBy === machineVersion
      ? 'The turn cannot be rebuilt from what was kept of it'
      : `The turn was begun by version ${writtenBy} of the machines, and cannot be gone on with by version ${machineVersion}`;
  return createFailure({
    type: 'internal',
    code: 'journal_diverged',
    message: `${why}. ${problem} ${left} of its rows are not in the conversation: its tools may have taken effect.`,
  });
}

export function lostFailure(sessionId: string, reason: string): Failure {
  return createFailure({
    type: 'internal',
    code: 'store_failed',
    message: `Session "${sessionId}" could not be kept: ${reason.replace(/\.$/, '')}. Open it again to go on from what was.`,
  });
}

/** What a reopened session does with what it finds, in a sentence. */
export function whatIsLeft(host: Host, resultOf: (effect: StartedEffect) => EffectResult | undefined): string {
  const parts = [...host.effects.values()].map((effect) => {
    if (effect.kind === 'callModel') return 'the model is asked anew';
    if (effect.kind === 'summarize') return 'the conversation is summarized anew';
    if (effect.kind === 'prepareStep') return 'the step is prepared anew';
    if (effect.kind === 'checkOutput') return 'the answer is checked again';
    const { toolName } = (effect.input as PrepareToolInput | ExecuteToolInput).call;
    if (effect.kind === 'prepareTool') return `the input of the tool "${toolName}" is checked again`;
    const isInterrupted = resultOf(effect) !== undefined;
    return `the tool "${toolName}" ${isInterrupted ? 'was interrupted, which the model is told' : 'is run again'}`;
  });
  if (snapshotOf(host).turn?.state.startsWith('awaiting')) parts.push('it waits for somebody');
  if (host.timers.size > 0) parts.push(`${host.timers.size} timers wait for what is left of their time`);
  const what = host.turn === undefined ? 'a compaction' : 'a turn';
  return `The process before this one ended in the middle of ${what}: ${parts.join(', ') || 'it begins'}.`;
}
