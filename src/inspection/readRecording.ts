import type { TurnEvent } from '../events.ts';
import { Host, type Row } from '../host.ts';
import { type SessionMachineInput, sessionMachine } from '../machines/sessionMachine.ts';
import { type RecordingEntry, recordingFormat, recordingVersion, type SessionEntry } from '../recording.ts';

/** What was recorded of a session, from one point at which it rested. */
export interface RecordedSession {
  readonly start: SessionEntry;
  readonly rows: readonly Row[];
  readonly events: readonly TurnEvent[];
}

/** A recording, read. */
export interface Recording {
  /** In the order of the file. */
  readonly entries: readonly RecordingEntry[];
  /** The same by session; one that was begun anew (after its machines broke, say) comes again. */
  readonly sessions: readonly RecordedSession[];
  /** The last line was cut in the middle, as by a process that was killed, and is left out. */
  readonly isTorn: boolean;
}

/**
 * Reads a recording: JSON Lines, as `session.record()` tells them.
 *
 * @throws Error naming the line that is no entry, or the version that this reader does not know
 * @example
 * ```ts
 * const { sessions } = readRecording(readFileSync('session.jsonl', 'utf8'));
 * ```
 */
export function readRecording(text: string): Recording {
  const lines = text.split('\n');
  const entries: RecordingEntry[] = [];
  let isTorn = false;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const value = parseLine(line);
    // a line that is whole ends with a line break
    if (value === undefined && index === lines.length - 1) {
      isTorn = true;
      break;
    }
    entries.push(checkEntry(value, index, entries.length === 0));
  }
  if (entries.length === 0) throw new Error('The recording is empty.');
  return { entries, sessions: bySession(entries), isTorn };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function checkEntry(value: unknown, index: number, isFirst: boolean): RecordingEntry {
  const where = `Line ${index + 1} of the recording`;
  if (!isObject(value)) throw new Error(`${where} is no JSON object.`);
  const { type } = value;
  if (isFirst && (type !== 'session' || value.format !== recordingFormat)) {
    throw new Error(`${where} does not begin a recording: "format" must be "${recordingFormat}".`);
  }
  if (type === 'session') {
    if (value.version !== recordingVersion) {
      throw new Error(
        `${where} has version ${String(value.version)} of the format; this reader knows ${recordingVersion}.`,
      );
    }
    if (!isObject(value.input) || typeof value.sessionId !== 'string') throw new Error(`${where} names no session.`);
    return value as unknown as SessionEntry;
  }
  if (type === 'row' && isObject(value.input) && Array.isArray(value.began)) return value as unknown as RecordingEntry;
  if (type === 'event' && isObject(value.event)) return value as unknown as RecordingEntry;
  throw new Error(`${where} is no entry: "type" must be "session", "row" or "event", with what belongs to it.`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bySession(entries: readonly RecordingEntry[]): readonly RecordedSession[] {
  const sessions: { start: SessionEntry; rows: Row[]; events: TurnEvent[] }[] = [];
  for (const entry of entries) {
    if (entry.type === 'session') sessions.push({ start: entry, rows: [], events: [] });
    else if (entry.type === 'event') sessions.at(-1)?.events.push(entry.event);
    else {
      const { type: _, ...row } = entry;
      sessions.at(-1)?.rows.push(row);
    }
  }
  return sessions;
}

/** What the machines of a session are built from. */
export interface RecordedStart extends Pick<SessionEntry, 'agent' | 'sessionId' | 'seq'> {
  readonly input: Omit<SessionMachineInput, 'sessionId'>;
}

/**
 * The machines of a recorded session as they were at its start: `apply` the rows, and they go the same way again, those
 * of sub-agents included.
 */
export function openRecorded({ input, agent, sessionId, seq }: RecordedStart): Host {
  return new Host({ machine: sessionMachine, agent, seq, input: { ...input, sessionId } });
}

/**
 * Puts the inputs of a recorded session into the machines of today, and says where these disagree with what was
 * recorded: in an effect that began, or in an event. Nothing runs.
 *
 * @returns nothing where they agree
 */
export function findDivergence({
  start,
  rows,
  events,
}: Omit<RecordedSession, 'start'> & { readonly start: RecordedStart }): string | undefined {
  const host = openRecorded(start);
  for (const [index, { input, at, began }] of rows.entries()) {
    const begins = host.apply(input, at);
    if (begins.join() !== began.join()) {
      const what = `it began [${began.join(', ')}], now it begins [${begins.join(', ')}]`;
      return `Row ${index + 1} (${input.type}): ${what}.`;
    }
  }
  if (host.error !== undefined) return `The machines broke: ${String(host.error)}.`;
  const now = host.events.filter(isDurable);
  // said in the stead of machines that broke before this start, and so by none
  const recorded = events.filter((event) => isDurable(event) && event.seq > start.seq);
  // a process that was killed may have left the last rows without their events
  for (const [index, event] of recorded.entries()) {
    const [was, is] = [sorted(event), sorted(now[index])];
    // reports of an effect that runs stand as events first: it was killed before a row summed them up
    if (is === undefined && host.effects.size > 0) return undefined;
    if (was !== is) return `Event ${event.seq}: it was ${was}, now it is ${is ?? 'not there'}.`;
  }
  return undefined;
}

/** As JSON with the keys in order, so that two that mean the same are the same text. */
function sorted(event: TurnEvent | undefined): string | undefined {
  return JSON.stringify(event, (_, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

/** Deltas come again merged, so they are not compared. */
function isDurable({ n }: TurnEvent): boolean {
  return n === undefined;
}
