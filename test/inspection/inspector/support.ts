import { createParser } from 'eventsource-parser';
import type { RecordingEntry } from 'turnchart';
import {
  type CommandAnswer,
  type FeedMessage,
  type Inspector,
  type InspectorCommand,
  inspector,
} from 'turnchart/inspector';
import { onTestFinished } from 'vitest';

/** Where an inspector is. */
export interface Place {
  /** Of the server, without a slash at its end. */
  readonly origin: string;
  readonly token: string;
}

export interface Opened extends Place {
  readonly it: Inspector;
}

/** An inspector whose server listens until the test is over. */
export async function open(options: Parameters<typeof inspector>[0] = {}): Promise<Opened> {
  const it = inspector({ onListen: () => {}, ...options });
  onTestFinished(() => it.close());
  const { origin, hash } = new URL(await it.listen());
  return { it, origin, token: hash.replace('#token=', '') };
}

type FeedOf<T extends FeedMessage['type']> = Extract<FeedMessage, { type: T }>;

/** A feed, read as it comes. */
export class FeedReader {
  readonly messages: FeedMessage[] = [];
  lastId: string | undefined;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #parser = createParser({
    onEvent: ({ id, data }) => {
      this.lastId = id ?? this.lastId;
      this.messages.push(JSON.parse(data) as FeedMessage);
    },
  });

  constructor(response: Response) {
    if (response.body === null) throw new Error('The feed has no body.');
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  }

  ofType<T extends FeedMessage['type']>(type: T): FeedOf<T>[] {
    return this.messages.filter((message): message is FeedOf<T> => message.type === type);
  }

  entries(sessionId: string): RecordingEntry[] {
    const own = this.ofType('entry').filter((message) => message.sessionId === sessionId);
    return own.map(({ entry }) => entry as RecordingEntry);
  }

  /** Reads until that holds. */
  async until(holds: (feed: this) => boolean): Promise<this> {
    while (!holds(this)) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`The feed ended after ${JSON.stringify(this.messages.at(-1))}.`);
      this.#parser.feed(value);
    }
    return this;
  }

  /** Reads until a session has rested that often. */
  untilIdle(sessionId: string, times = 1): Promise<this> {
    return this.until((feed) => feed.entries(sessionId).filter(isIdle).length >= times);
  }

  async close(): Promise<void> {
    // one that has ended badly cannot be cancelled any more
    await this.#reader.cancel().catch(() => undefined);
  }
}

function isIdle(entry: RecordingEntry): boolean {
  return entry.type === 'event' && entry.event.type === 'session.idle';
}

export async function readFeed({ origin, token }: Place, after?: string): Promise<FeedReader> {
  const headers = { authorization: `Bearer ${token}`, ...(after !== undefined && { 'last-event-id': after }) };
  const feed = new FeedReader(await fetch(`${origin}/feed`, { headers }));
  onTestFinished(() => feed.close());
  return feed;
}

export function post({ origin, token }: Place, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${origin}/commands`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body,
  });
}

export async function command(place: Place, sessionId: string, given: InspectorCommand): Promise<CommandAnswer> {
  const response = await post(place, JSON.stringify({ sessionId, command: given }));
  return (await response.json()) as CommandAnswer;
}
