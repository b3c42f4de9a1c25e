import { type TurnEvent, toWireEvent, type WireEvent } from '../../events.ts';
import { beginning, type Cursor, compareCursors, cursorOf } from './cursor.ts';

/** What was read, in order. */
export interface LogRead {
  readonly events: readonly LoggedEvent[];
  /** Behind the last of them. */
  readonly cursor: Cursor;
}

/** An event, written once for all that read it. */
export interface LoggedEvent {
  readonly event: TurnEvent;
  readonly wire: WireEvent;
  /** Of `wire`. */
  readonly json: string;
}

/** Text that came piece by piece, and can be read on from behind any of them. */
interface Run {
  /** Of the pieces: their `n`, and where each ends in the text. */
  readonly ns: number[];
  readonly ends: number[];
  readonly key: string;
  text: string;
}

interface Entry {
  /** The last one of a run. */
  event: TurnEvent;
  run: Run | undefined;
  /** Characters of all entries up to and with this one, those that are gone included. */
  end: number;
  /** What was read last, and from which piece on: those that keep up all read the same. */
  read: { readonly from: number; readonly to: number; readonly logged: LoggedEvent } | undefined;
}

/** A run that is longer than this is followed by another one. In characters. */
const maxRunChars = 64 * 1024;
/** What an event takes beside its text. */
const overheadChars = 200;

/**
 * The latest events of a session, as many as fit into so many characters. Text that streams is kept as one piece; whoever
 * reads on from its middle gets the rest as one event. Of a tool's progress the latest is kept.
 */
export class EventLog {
  readonly #maxChars: number;
  readonly #onAppend = new Set<() => void>();
  #entries: Entry[] = [];
  #written = 0;
  #gone = 0;
  /** Everything behind it is there. */
  #from: Cursor | undefined;
  #last: Cursor = beginning;
  #isTold = true;

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  /** Behind the last event. */
  get last(): Cursor {
    return this.#last;
  }

  /** Everything behind it is there. */
  get first(): Cursor {
    return this.#from ?? beginning;
  }

  /** Characters written since the beginning. */
  get written(): number {
    return this.#written;
  }

  /** Whether every event behind the cursor is there. */
  reaches(cursor: Cursor): boolean {
    return this.#from === undefined || compareCursors(cursor, this.#from) >= 0;
  }

  /** Takes in an event, unless it is not behind the last one. */
  append(event: TurnEvent): void {
    const cursor = cursorOf(event);
    if (compareCursors(cursor, this.#last) <= 0) return;
    // the first event of a session that was open before begins the log
    this.#from ??= event.n === undefined ? { seq: event.seq - 1, n: 0 } : { seq: event.seq, n: event.n - 1 };
    this.#last = cursor;
    this.#add(event);
    while (this.#written - this.#gone > this.#maxChars && this.#entries.length > 1) this.#drop();
    this.wake();
  }

  /** Told, once all that happens at the moment has been appended. */
  onAppend(listener: () => void): () => void {
    this.#onAppend.add(listener);
    return () => this.#onAppend.delete(listener);
  }

  /** Everything behind the cursor, or about as many characters of it. */
  read(cursor: Cursor, maxChars = Number.POSITIVE_INFINITY): LogRead {
    let start = this.#entries.length;
    while (start > 0 && compareCursors(cursorOf(this.#at(start - 1).event), cursor) > 0) start -= 1;
    const events: LoggedEvent[] = [];
    let behind = cursor;
    for (let chars = 0; start < this.#entries.length && chars < maxChars; start += 1) {
      const entry = this.#at(start);
      const logged = readEntry(entry, cursor);
      events.push(logged);
      chars += logged.json.length;
      behind = cursorOf(entry.event);
    }
    return { events, cursor: behind };
  }

  /** Characters that were written behind the cursor. */
  backlog(cursor: Cursor): number {
    const before = this.#entries.findLast(({ event }) => compareCursors(cursorOf(event), cursor) <= 0);
    return this.#written - (before?.end ?? this.#gone);
  }

  #add(event: TurnEvent): void {
    const piece = textOfDelta(event);
    const last = this.#entries.at(-1);
    if (piece !== undefined && last?.run?.key === piece.key && last.run.text.length < maxRunChars) {
      last.event = event;
      last.run.text += piece.text;
      last.run.ns.push(event.n ?? 0);
      last.run.ends.push(last.run.text.length);
      this.#written += piece.text.length;
      last.end = this.#written;
      return;
    }
    if (event.type === 'tool.progress') this.#dropProgress(event);
    const entry: Entry = { event, run: undefined, end: 0, read: undefined };
    if (piece === undefined) {
      this.#written += readEntry(entry, beginning).json.length;
    } else {
      const { key, text } = piece;
      entry.run = { ns: [event.n ?? 0], ends: [text.length], key, text };
      this.#written += overheadChars + text.length;
    }
    entry.end = this.#written;
    this.#entries.push(entry);
  }

  #dropProgress({ toolCallId, seq }: TurnEvent & { type: 'tool.progress' }): void {
    const index = this.#entries.findLastIndex(
      ({ event }) => event.seq !== seq || (event.type === 'tool.progress' && event.toolCallId === toolCallId),
    );
    if (this.#entries[index]?.event.seq === seq) this.#entries.splice(index, 1);
  }

  #drop(): void {
    const [first] = this.#entries.splice(0, 1);
    if (first === undefined) return;
    this.#gone = first.end;
    this.#from = cursorOf(first.event);
  }

  /** Tells listeners, as if something had been appended. */
  wake(): void {
    if (!this.#isTold) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      for (const listener of [...this.#onAppend]) listener();
    });
  }

  #at(index: number): Entry {
    const entry = this.#entries[index];
    if (entry === undefined) throw new RangeError(`There is no entry ${index}.`);
    return entry;
  }
}

function readEntry(entry: Entry, after: Cursor): LoggedEvent {
  const { event, run } = entry;
  const from = run !== undefined && after.seq === event.seq ? run.ns.findLastIndex((n) => n <= after.n) : -1;
  const to = run?.ns.length ?? 0;
  if (entry.read?.from === from && entry.read.to === to) return entry.read.logged;
  const logged = toLogged(run === undefined ? event : withText(event, run.text.slice(run.ends[from] ?? 0)));
  entry.read = { from, to, logged };
  return logged;
}

export function toLogged(event: TurnEvent): LoggedEvent {
  const wire = toWireEvent(event);
  return { event, wire, json: JSON.stringify(wire) };
}

/** The text that an event adds to what came before, and to what it does. */
function textOfDelta(event: TurnEvent): { readonly key: string; readonly text: string } | undefined {
  if (event.type === 'message.delta' || event.type === 'reasoning.delta') {
    return { key: `${event.seq} ${event.type} ${event.messageId}`, text: event.text };
  }
  if (event.type !== 'agent.event') return undefined;
  const { toolCallId, event: told } = event;
  if (told.type !== 'message.delta' && told.type !== 'reasoning.delta') return undefined;
  return { key: `${event.seq} ${toolCallId} ${told.type} ${told.messageId}`, text: told.text };
}

function withText(event: TurnEvent, text: string): TurnEvent {
  if (event.type === 'message.delta' || event.type === 'reasoning.delta') return { ...event, text };
  if (event.type !== 'agent.event') return event;
  const { event: told } = event;
  if (told.type !== 'message.delta' && told.type !== 'reasoning.delta') return event;
  return { ...event, event: { ...told, text } };
}
