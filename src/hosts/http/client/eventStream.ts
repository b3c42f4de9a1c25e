import { createParser } from 'eventsource-parser';
import type { TurnEventType, WireEvent } from '../../../events.ts';
import { type Disconnecting, heartbeatMs } from '../protocol.ts';
import type { Connection, RequestOptions } from './connection.ts';
import { ConnectionError, ProblemError } from './errors.ts';

export interface StreamOptions extends RequestOptions {
  /** The `id` of the last event that is known already. @default the events of the session's latest message */
  readonly since?: string;
  /** What is wanted. @default every type of event */
  readonly types?: readonly TurnEventType[];
  /** What is not wanted. @default none */
  readonly exclude?: readonly TurnEventType[];
}

const firstDelayMs = 500;
const maxDelayMs = 30_000;
/** Whoever says nothing for that long is not there any more. */
const maxSilenceMs = 3 * heartbeatMs;

/**
 * The events of a session, as they come, until the caller stops reading, the signal aborts, or the session is deleted. A
 * connection that breaks is made again, and goes on behind the last event.
 *
 * @throws ProblemError where the server refuses, and would again
 */
export async function* streamEvents(
  connection: Connection,
  path: string,
  options: StreamOptions,
): AsyncGenerator<WireEvent, void, undefined> {
  const { signal } = options;
  let { since } = options;
  for (let failures = 0; signal?.aborted !== true; ) {
    const closed = new AbortController();
    const close = () => closed.abort();
    signal?.addEventListener('abort', close, { once: true });
    let delayMs = 0;
    try {
      const query = eventsQuery({ ...options, ...(since !== undefined && { since }) });
      const response = await inTime(connection, close, () =>
        connection.send('GET', `${path}${query}`, { accept: 'text/event-stream', signal: closed.signal }),
      );
      for await (const read of readEvents(response, connection, closed)) {
        if (read.type === 'id') {
          since = read.id;
        } else if (read.type === 'event') {
          failures = 0;
          yield read.event;
        } else {
          if (read.event.data.reason === 'session_deleted') return;
          failures = -1;
          since = read.event.data.since_id;
          break;
        }
        if (signal?.aborted) return;
      }
      failures += 1;
    } catch (error) {
      if (signal?.aborted) return;
      if (!closed.signal.aborted && !isPassing(error)) throw error;
      failures += 1;
      delayMs = (error instanceof ProblemError && error.retryAfterMs) || 0;
    } finally {
      signal?.removeEventListener('abort', close);
      close();
    }
    if (failures > 0) await wait(connection, Math.max(delayMs, delayAfter(failures)), signal);
  }
}

/** As a query, with its question mark. */
export function eventsQuery({ since, types, exclude }: StreamOptions): string {
  const query = new URLSearchParams();
  if (since !== undefined) query.set('since_id', since);
  if (types !== undefined) query.set('types', types.join());
  if (exclude !== undefined) query.set('exclude', exclude.join());
  return query.size === 0 ? '' : `?${query}`;
}

type Read =
  | { readonly type: 'id'; readonly id: string }
  | { readonly type: 'event'; readonly event: WireEvent }
  | { readonly type: 'disconnecting'; readonly event: Disconnecting };

async function* readEvents(
  { body }: Response,
  connection: Connection,
  closed: AbortController,
): AsyncGenerator<Read, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  // not every `fetch` ends its body with the signal
  closed.signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined));
  let unread: Read[] = [];
  const parser = createParser({
    onId: (id) => unread.push({ type: 'id', id }),
    onEvent: ({ event, data }) => {
      if (event === 'disconnecting') unread.push({ type: event, event: JSON.parse(data) as Disconnecting });
      else unread.push({ type: 'event', event: JSON.parse(data) as WireEvent });
    },
  });
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await inTime(
      connection,
      () => closed.abort(),
      () =>
        reader.read().catch((cause: unknown) => {
          throw new ConnectionError('The stream of events broke off.', { cause });
        }),
    );
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
    const read = unread;
    unread = [];
    yield* read;
  }
}

async function inTime<T>({ timers }: Connection, close: () => void, run: () => Promise<T>): Promise<T> {
  const silence = timers.setTimeout(close, maxSilenceMs);
  try {
    return await run();
  } finally {
    timers.clearTimeout(silence);
  }
}

/** Whether the same request may succeed later. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return error instanceof ConnectionError;
  return error.status >= 500 || error.status === 429 || error.status === 408;
}

/** Twice as long after every failure, and not the same for all who lost the same server. */
function delayAfter(failures: number): number {
  return Math.min(firstDelayMs * 2 ** (failures - 1), maxDelayMs) * (0.5 + Math.random() / 2);
}

function wait({ timers }: Connection, ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      timers.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = timers.setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
