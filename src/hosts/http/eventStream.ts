import type { Clock } from '../../clock.ts';
import type { TurnEventType } from '../../events.ts';
import { type Cursor, formatCursor } from './cursor.ts';
import type { LoggedEvent, LogRead } from './eventLog.ts';
import { type LiveSession, type StreamStart, skipUntil } from './liveSession.ts';
import { type Disconnecting, type DisconnectReason, heartbeatMs } from './protocol.ts';

export interface EventStreamOptions {
  readonly start: StreamStart;
  /** What was said between the start and what the log still has. */
  readonly past: readonly LoggedEvent[];
  readonly isWanted: (type: TurnEventType) => boolean;
  readonly clock: Clock;
  /** How many characters a reader may be behind. */
  readonly maxBacklogChars: number;
  readonly onEnd: () => void;
}

/** After how long a browser comes again whose stream has broken, in ms. */
const retryMs = 1_000;
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
  readonly #isBehindStart: (event: LoggedEvent) => boolean;
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
    this.#cursor = options.start.cursor;
    this.#past = options.past;
    this.#isBehindStart = skipUntil(options.start.turnId);
    this.#stopListening = [live.log.onAppend(() => this.#onAppend()), live.onEnd((reason) => this.#onEnd(reason))];
    this.#beat();
    // before any event, so that whoever loses the connection at once comes again to the same place
    const id = options.start.turnId === undefined ? `id: ${formatCursor(this.#cursor)}\n` : '';
    this.#say(`retry: ${retryMs}\n${id}\n`);
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
    } else if (this.#live.log.backlog(this.#cursor) > this.#options.maxBacklogChars) {
      this.#disconnect('slow_reader');
    }
  }

  #onEnd(reason: DisconnectReason): void {
    this.#ending = reason;
    if (this.#wake !== undefined) {
      this.#sayMore();
      this.#wakeUp();
    }
  }

  /** Says what comes next; false where nothing does. */
  #sayMore(): boolean {
    for (;;) {
      const { events, cursor } = this.#read();
      if (events.length === 0) {
        if (this.#ending !== undefined) this.#disconnect(this.#ending);
        return this.#isStopped;
      }
      this.#cursor = cursor;
      const frames = events.filter((event) => this.#isBehindStart(event) && this.#options.isWanted(event.wire.type));
      if (frames.length === 0) continue;
      this.#say(frames.map(toFrame).join(''));
      return true;
    }
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
    const event: Disconnecting = {
      type: 'disconnecting',
      session_id: this.#live.session.id,
      data: { reason, since_id: formatCursor(this.#cursor) },
    };
    this.#say(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
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

function toFrame({ wire, json }: LoggedEvent): string {
  return `id: ${wire.id}\nevent: ${wire.type}\ndata: ${json}\n\n`;
}
