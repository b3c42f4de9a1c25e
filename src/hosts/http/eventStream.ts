import type { Clock } from '../../clock.ts';
import type { Cursor } from './cursor.ts';
import type { LoggedEvent, LogRead } from './eventLog.ts';
import type { LiveSession } from './liveSession.ts';
import { type DisconnectReason, heartbeatMs } from './protocol.ts';

/** How a stream says what it reads; all of it as server-sent events. */
export interface StreamFormat {
  /** Said before anything is read. */
  readonly head: string;
  /** What events are to the reader; empty where they are nothing. */
  write(events: readonly LoggedEvent[]): string;
  /**
   * What is said last, where nothing more is to be waited for; asked when everything up to the cursor was read.
   *
   * @default the stream goes on
   */
  end?(cursor: Cursor): string | undefined;
  /** What is said last where the stream ends before its reader wants. */
  disconnect(reason: DisconnectReason, cursor: Cursor): string;
}

export interface EventStreamOptions {
  readonly cursor: Cursor;
  /** What was said between the cursor and what the log still has. */
  readonly past: readonly LoggedEvent[];
  readonly format: StreamFormat;
  readonly clock: Clock;
  /** How many characters a reader may be behind. */
  readonly maxBacklogChars: number;
  readonly onEnd: () => void;
}

/** About as many characters are handed over at a time. */
const chunkChars = 64 * 1024;

/**
 * The events of a session as server-sent events, until the reader goes away. It reads from the session's log at its own
 * pace, so that a slow reader costs no memory; one that is too slow is told to come again.
 */
export function eventStream(live: LiveSession, options: EventStreamOptions): ReadableStream<Uint8Array> {
  let reader: LogReader | undefined;
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      reader = new LogReader(live, options, controller);
    },
    pull: () => reader?.pull(),
    cancel: () => reader?.stop(),
  });
}

class LogReader {
  readonly #live: LiveSession;
  readonly #options: EventStreamOptions;
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #stopListening: readonly (() => void)[];
  #cursor: Cursor;
  #past: readonly LoggedEvent[];
  #heartbeat: unknown;
  /** Set while the reader has taken everything that there is. */
  #wake: (() => void) | undefined;
  #ending: DisconnectReason | undefined;
  #isStopped = false;

  constructor(live: LiveSession, options: EventStreamOptions, controller: ReadableStreamDefaultController<Uint8Array>) {
    this.#live = live;
    this.#options = options;
    this.#controller = controller;
    this.#cursor = options.cursor;
    this.#past = options.past;
    this.#stopListening = [live.log.onAppend(() => this.#onAppend()), live.onEnd((reason) => this.#onEnd(reason))];
    this.#beat();
    this.#say(options.format.head);
  }

  pull(): Promise<void> | undefined {
    if (this.#isStopped || this.#sayMore()) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#options.clock.clearTimeout(this.#heartbeat);
    for (const stopListening of this.#stopListening) stopListening();
    this.#wakeUp();
    this.#options.onEnd();
  }

  #onAppend(): void {
    if (this.#wake !== undefined) {
      if (this.#sayMore()) this.#wakeUp();
    } else if (this.#hasLost() || this.#live.log.backlog(this.#cursor) > this.#options.maxBacklogChars) {
      this.#disconnect('slow_reader');
    }
  }

  #onEnd(reason: DisconnectReason): void {
    this.#ending ??= reason;
    if (this.#wake !== undefined) {
      this.#sayMore();
      this.#wakeUp();
    }
  }

  /** Says what comes next; false where nothing does. */
  #sayMore(): boolean {
    const { format } = this.#options;
    for (;;) {
      if (this.#hasLost()) {
        this.#disconnect('slow_reader');
        return true;
      }
      const { events, cursor } = this.#read();
      if (events.length === 0) {
        const last = format.end?.(this.#cursor);
        if (last !== undefined) this.#end(last);
        else if (this.#ending !== undefined) this.#disconnect(this.#ending);
        return this.#isStopped;
      }
      this.#cursor = cursor;
      const text = format.write(events);
      if (text === '') continue;
      this.#say(text);
      return true;
    }
  }

  /** Whether the log has dropped what comes next. */
  #hasLost(): boolean {
    const last = this.#past.at(-1);
    return !this.#live.log.reaches(last === undefined ? this.#cursor : { seq: last.wire.seq, n: 0 });
  }

  #read(): LogRead {
    const events = this.#past;
    const last = events.at(-1);
    this.#past = [];
    if (last === undefined) return this.#live.log.read(this.#cursor, chunkChars);
    return { events, cursor: { seq: last.wire.seq, n: 0 } };
  }

  #beat(): void {
    const { clock } = this.#options;
    this.#heartbeat = clock.setTimeout(() => {
      if (this.#live.isClosed) this.#onEnd('session_closed');
      // whoever has not read the last one needs no other
      else if (this.#wake !== undefined) {
        this.#say(': heartbeat\n\n');
        this.#wakeUp();
      }
      if (!this.#isStopped) this.#beat();
    }, heartbeatMs);
  }

  #disconnect(reason: DisconnectReason): void {
    this.#end(this.#options.format.disconnect(reason, this.#cursor));
  }

  #end(last: string): void {
    if (last !== '') this.#say(last);
    this.#controller.close();
    this.stop();
  }

  #say(text: string): void {
    this.#controller.enqueue(this.#encoder.encode(text));
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
