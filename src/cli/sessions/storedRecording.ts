import type { JournalCheckpoint, Store, StoredSession } from '../../durability/store.ts';
import type { Host, Row } from '../../host.ts';
import { openRecorded, type RecordedSession } from '../../inspection/readRecording.ts';
import { type RecordingEntry, recordingFormat, recordingVersion, type SessionEntry } from '../../recording.ts';
import { commandLineInput } from '../commandLineAgent.ts';

/** Where a stored session stands; which model answered is not kept. */
export type StoredStart = Omit<SessionEntry, 'model'>;

/** What is kept of a session, as a recording of it would have it. */
export interface StoredRecording {
  readonly entries: readonly (StoredStart | Exclude<RecordingEntry, SessionEntry>)[];
  /** What can be compared with the machines of today: effects, but no events, for these are not kept. */
  readonly sessions: readonly (Omit<RecordedSession, 'start'> & { readonly start: StoredStart })[];
  /** Turns whose journal was trimmed; the entries begin after them. */
  readonly trimmedTurns: number;
  readonly isUnfinished: boolean;
}

/**
 * A session of a store as a recording: its machines go the same way again, and say what they said. Nothing where the
 * store has no such session.
 *
 * @throws StoreCorruptError where something cannot be read
 */
export async function readStored(store: Store, name: string): Promise<StoredRecording | undefined> {
  const stored = await store.read(name);
  if (stored === undefined) return undefined;
  const entries: StoredRecording['entries'][number][] = [];
  const sessions: { start: StoredStart; rows: Row[]; events: [] }[] = [];
  let trimmedTurns: number | undefined;
  let host: Host | undefined;
  for (const entry of await store.journal(name)) {
    if (entry.type === 'checkpoint') {
      trimmedTurns ??= entry.rows === 0 ? 0 : entry.state.turns;
      // what broke the machines, or was closed in their stead, cannot be gone on from: it begins anew there
      if (host !== undefined && isAt(host, entry)) continue;
      host?.stop();
      const start = startAt(stored, entry);
      host = openRecorded(start);
      entries.push(start);
      sessions.push({ start, rows: [], events: [] });
      continue;
    }
    const row = JSON.parse(entry.row) as Row;
    sessions.at(-1)?.rows.push(row);
    entries.push({ type: 'row', ...row });
    host?.apply(row.input, row.at);
    for (const event of host?.events.splice(0) ?? []) entries.push({ type: 'event', event });
  }
  host?.stop();
  return { entries, sessions, trimmedTurns: trimmedTurns ?? 0, isUnfinished: stored.summary.status === 'inTurn' };
}

function isAt({ actor, error, seq }: Host, { messages, state }: JournalCheckpoint): boolean {
  return error === undefined && seq === state.seq && actor.getSnapshot().context.history.length === messages;
}

function startAt({ summary, messages }: StoredSession, checkpoint: JournalCheckpoint): StoredStart {
  const { agent, seq, turns: _, machineVersion: __, ...state } = checkpoint.state;
  // settings are not kept either: they are those of the command line
  const input = commandLineInput();
  const history = messages.slice(0, checkpoint.messages);
  return {
    type: 'session',
    format: recordingFormat,
    version: recordingVersion,
    at: checkpoint.at,
    agent,
    sessionId: summary.id,
    seq,
    input: { ...input, ...state, history },
  };
}
