import { createParser } from 'eventsource-parser';
import { type Agent, type AgentOptions, createAgent, type Model, type ModelPart, type WireEvent } from 'turnchart';
import type { Store } from 'turnchart/durability';
import {
  type HttpApp,
  type HttpAppOptions,
  httpApp,
  type MessageAccepted,
  type Problem,
  type SessionResource,
} from 'turnchart/http';
import { SimulatedClock } from 'turnchart/testing';
import { expect } from 'vitest';
import { elsewhere } from './elsewhere.ts';

export interface Subject {
  readonly agent: Agent;
  readonly app: HttpApp;
  readonly clock: SimulatedClock;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Opens a session; its path. */
  open(id?: string): Promise<string>;
  send(path: string, content: string, more?: object): Promise<MessageAccepted>;
  /** Its events, read as they come. */
  events(path: string, query?: string, headers?: Record<string, string>): Promise<SseReader>;
}

let isElsewhere = false;

/** From now on in this test file, the sessions are not of the process of their hosts. */
export function serveElsewhere(): void {
  isElsewhere = true;
}

type AgentExtras = Omit<AgentOptions, 'model' | 'clock' | 'output' | 'validateOutput'>;

type AppExtras = Partial<Omit<HttpAppOptions, 'agent'>>;

/** An app whose agent asks the model, with a clock that the test moves. */
export function subject(model: Model, extras: AgentExtras = {}, options: AppExtras = {}): Subject {
  const agent = agentOf(model, extras);
  // a store is for the sessions of this process
  const isRemote = isElsewhere && extras.store === undefined;
  return subjectOf(agent, httpApp({ agent: isRemote ? elsewhere(agent) : agent, ...options }));
}

/** One whose sessions are of this process, wherever those of others are. */
export function localSubject(model: Model, extras: AgentExtras = {}, options: AppExtras = {}): Subject {
  const agent = agentOf(model, extras);
  return subjectOf(agent, httpApp({ agent, ...options }));
}

interface SimulatedAgent extends Agent {
  readonly clock: SimulatedClock;
}

function agentOf(model: Model, extras: AgentExtras): SimulatedAgent {
  const clock = new SimulatedClock();
  return Object.assign(createAgent({ model, clock, ...extras }), { clock });
}

function subjectOf(agent: SimulatedAgent, app: HttpApp): Subject {
  const { clock } = agent;
  const get: Subject['get'] = async (path, headers = {}) => app.request(path, { headers });
  const post: Subject['post'] = async (path, body, headers = {}) =>
    app.request(path, {
      method: 'POST',
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    agent,
    app,
    clock,
    get,
    post,
    open: async (id) => {
      const session = await answer<SessionResource>(
        await post('/v1/sessions', id === undefined ? undefined : { id }),
        201,
      );
      return `/v1/sessions/${session.id}`;
    },
    send: async (path, content, more = {}) => answer(await post(`${path}/messages`, { content, ...more }), 202),
    events: async (path, query = '', headers = {}) => new SseReader(await get(`${path}/events${query}`, headers)),
  };
}

/** The JSON of an answer that has the status that is expected. */
export async function answer<T>(response: Response, status = 200): Promise<T> {
  const text = await response.text();
  expect(text === '' ? response.status : `${response.status} ${text}`).toEqual(
    text === '' ? status : `${status} ${text}`,
  );
  return JSON.parse(text) as T;
}

/** The problem of an answer, which is as RFC 9457 has it. */
export async function problem(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const found = (await response.json()) as Problem;
  expect(found.status).toBe(response.status);
  return found;
}

/** What a stream says that is no event. */
export interface Said {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: string;
}

/** Reads server-sent events one by one. */
export class SseReader {
  readonly response: Response;
  readonly comments: string[] = [];
  readonly ids: string[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #decoder = new TextDecoder();
  readonly #unread: Said[] = [];
  readonly #parser = createParser({
    onComment: (comment) => this.comments.push(comment),
    onId: (id) => this.ids.push(id),
    onEvent: ({ event, id, data }) => this.#unread.push({ event, id, data }),
  });

  constructor(response: Response) {
    this.response = response;
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    this.#reader = response.body?.getReader();
  }

  /** What comes next; nothing where the stream ends. */
  async next(): Promise<Said | undefined> {
    for (;;) {
      const said = this.#unread.shift();
      if (said !== undefined) return said;
      if (!(await this.readOnce())) return undefined;
    }
  }

  /** One network read. False where the stream ends. */
  async readOnce(): Promise<boolean> {
    const { done, value } = (await this.#reader?.read()) ?? { done: true, value: undefined };
    if (!done) this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    return !done;
  }

  /** The next event; its fields are what it says itself. */
  async event(): Promise<WireEvent> {
    const said = await this.next();
    if (said === undefined) throw new Error('The stream has ended.');
    const wire = JSON.parse(said.data) as WireEvent;
    if (said.event !== 'disconnecting') expect(said).toMatchObject({ id: wire.id, event: wire.type });
    return wire;
  }

  async take(count: number): Promise<WireEvent[]> {
    const events: WireEvent[] = [];
    while (events.length < count) events.push(await this.event());
    return events;
  }

  /** Up to and with the first event of that type. */
  async until(type: string): Promise<WireEvent[]> {
    const events: WireEvent[] = [];
    while (events.at(-1)?.type !== type) events.push(await this.event());
    return events;
  }

  async close(): Promise<void> {
    await this.#reader?.cancel();
  }
}

/** A model that says what it is told to, when it is told to. */
export class SpokenModel implements Model {
  readonly provider = 'spoken';
  readonly modelId = 'spoken';
  /** Of the calls so far. */
  readonly signals: AbortSignal[] = [];
  #parts: ModelPart[] = [];
  #wake: () => void = () => {};

  say(...texts: readonly string[]): void {
    for (const text of texts) this.#push({ type: 'text-delta', text });
  }

  finish(): void {
    this.#push({
      type: 'finish',
      finishReason: { unified: 'stop' },
      usage: { inputTokens: 10, outputTokens: 5 },
    });
  }

  async *stream(_: unknown, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<ModelPart> {
    this.signals.push(signal);
    signal.addEventListener('abort', () => this.#wake());
    for (;;) {
      const part = this.#parts.shift();
      if (signal.aborted) {
        yield { type: 'aborted' };
        return;
      }
      if (part === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else {
        yield part;
        if (part.type === 'finish') return;
      }
    }
  }

  #push(part: ModelPart): void {
    this.#parts.push(part);
    this.#wake();
  }
}

/** What the deltas of events say, joined. */
export function textIn(events: readonly WireEvent[]): string {
  return events.map(({ type, data }) => (type === 'message.delta' ? String(data.text) : '')).join('');
}

export function typesOf(events: readonly WireEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}

/** The store as another process sees it that has found all locks released. */
export function asAnotherProcess(store: Store): Store {
  return {
    lock: () => ({ release: () => undefined }),
    read: (id) => store.read(id),
    write: (changes) => store.write(changes),
    list: (options) => store.list(options),
    journal: (id, options) => store.journal(id, options),
    trim: (options) => store.trim(options),
    delete: (id) => store.delete(id),
    close: () => store.close(),
  };
}

/** That they say the same, each once, however their texts are cut. */
export function expectSame(events: readonly WireEvent[], all: readonly WireEvent[]): void {
  expect(joined(events)).toEqual(joined(all));
  const ids = events.map(({ id }) => id.split('.').map(Number));
  const sorted = ids.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d);
  expect(ids).toEqual(sorted);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}

function joined(events: readonly WireEvent[]): readonly WireEvent[] {
  const result: WireEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    const isDelta = event.type === 'message.delta' || event.type === 'reasoning.delta';
    if (isDelta && last?.type === event.type && last.data.messageId === event.data.messageId) {
      result[result.length - 1] = { ...event, data: { ...event.data, text: `${last.data.text}${event.data.text}` } };
    } else {
      result.push(event);
    }
  }
  return result;
}
