/// <reference lib="esnext.disposable" preserve="true" />
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Json } from '../json.ts';
import type { AnswerAbout, Dialect, SseEvent } from './dialects/dialect.ts';
import {
  type Cut,
  checkAnswer,
  type Fault,
  type FaultAnswer,
  firstParts,
  toLines,
  type Wire,
  wholeAnswer,
  withBadLine,
} from './faults.ts';

/** A request that the fault server was sent. */
export interface FaultRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body as JSON; `undefined` where it is none. */
  readonly body: Json | undefined;
  /** Resolves when nothing is sent any more: `whole` where all of an answer was, `broken` where the connection ended before. */
  readonly ended: Promise<'whole' | 'broken'>;
}

export interface FaultServerOptions {
  /** Answers each request, instead of the queue; `index` is its number, from 0. */
  readonly answer?: (request: FaultRequest, index: number) => FaultAnswer | Promise<FaultAnswer>;
  /** Keeps what was asked in `requests`. @default true */
  readonly keepsRequests?: boolean;
}

/** A server that answers as it is told, rightly or wrongly. */
export interface FaultServer extends AsyncDisposable {
  /** The base URL, as an adapter takes it. */
  readonly url: string;
  /** All requests so far, in the order in which they had come in whole. */
  readonly requests: readonly FaultRequest[];
  /** Connections that are open, at work or kept alive. */
  readonly openSockets: number;
  /** Requests whose answer is being sent, or not sent. */
  readonly openRequests: number;
  /** Answers to the next requests, in order. A request beyond them gets a 400 that says so. @throws TypeError for a fault that the dialect does not know */
  enqueue(...answers: readonly FaultAnswer[]): void;
  /** The request of that number, from 0, as soon as it has come. */
  request(index: number): Promise<FaultRequest>;
  /** Ends all connections, whatever they are at. @throws Error where an answer could not be made */
  close(): Promise<void>;
}

/**
 * Starts a server on the loopback, at a port that is free, that speaks a provider's dialect over real sockets and makes
 * the mistakes it is told to make. It waits for nothing but the client and what a test gives it to wait for.
 * Needs Node.
 *
 * @example
 * ```ts
 * await using server = await faultServer(openaiChat);
 * server.enqueue({ text: ['Hel', 'lo'], fault: { type: 'cut', afterParts: 1 } }, { text: 'Hello' });
 * const model = openai('gpt-5-mini', { apiKey: 'key', baseURL: server.url });
 * ```
 */
export async function faultServer(dialect: Dialect, options: FaultServerOptions = {}): Promise<FaultServer> {
  const { createServer } = await import('node:http');
  const server = new RunningServer(dialect, options, createServer());
  await server.listen();
  return server;
}

class RunningServer implements FaultServer {
  url = '';
  readonly requests: FaultRequest[] = [];
  readonly #dialect: Dialect;
  readonly #options: FaultServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #queue: FaultAnswer[] = [];
  readonly #waiting = new Map<number, (request: FaultRequest) => void>();
  #count = 0;
  #calls = 0;
  #open = 0;
  #problem: unknown;

  constructor(dialect: Dialect, options: FaultServerOptions, server: Server) {
    this.#dialect = dialect;
    this.#options = options;
    this.#server = server;
    // a server that closes what it thinks idle races with the next request
    server.keepAliveTimeout = 0;
    server.requestTimeout = 0;
    server.headersTimeout = 0;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.#problem ??= error;
        response.destroy();
      });
    });
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  get openRequests(): number {
    return this.#open;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    this.url = `http://127.0.0.1:${port}${this.#dialect.basePath}`;
  }

  enqueue(...answers: readonly FaultAnswer[]): void {
    for (const answer of answers) checkAnswer(answer, this.#dialect);
    this.#queue.push(...answers);
  }

  request(index: number): Promise<FaultRequest> {
    const known = this.requests[index];
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiting.set(index, resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    if (this.#problem !== undefined) {
      throw new Error('The fault server could not answer a request.', { cause: this.#problem });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(incoming);
    if (body === undefined) return;
    const index = this.#count;
    this.#count += 1;
    this.#open += 1;
    const ended = new Promise<'whole' | 'broken'>((resolve) => {
      response.once('close', () => {
        this.#open -= 1;
        resolve(response.writableFinished ? 'whole' : 'broken');
      });
    });
    const { method = '', url: path = '', headers } = incoming;
    const request: FaultRequest = { method, path, headers, body: jsonOf(body), ended };
    if (this.#options.keepsRequests !== false) this.requests.push(request);
    this.#waiting.get(index)?.(request);
    this.#waiting.delete(index);
    const answer = await this.#answerTo(request, index);
    checkAnswer(answer, this.#dialect);
    await this.#send(answer, { index, body: request.body }, response);
  }

  #answerTo(request: FaultRequest, index: number): FaultAnswer | Promise<FaultAnswer> {
    const { basePath, path, paths } = this.#dialect;
    const asked = request.path.startsWith(basePath) ? request.path.slice(basePath.length) : undefined;
    const isKnown = asked !== undefined && (asked === path || paths?.test(asked) === true);
    if (request.method !== 'POST' || !isKnown) {
      return refusal(404, `Only POST ${basePath}${path} is answered, not ${request.method} ${request.path}.`);
    }
    if (this.#options.answer !== undefined) return this.#options.answer(request, index);
    return this.#queue.shift() ?? refusal(400, `No answer is enqueued for request ${index}.`);
  }

  async #send(answer: FaultAnswer, about: AnswerAbout, response: ServerResponse): Promise<void> {
    const { fault, wire = {} } = answer;
    // so that the same answer is the same bytes
    response.sendDate = false;
    response.setHeader('x-request-id', `req_${about.index}`);
    if (isPlain(fault)) {
      sendPlain(fault, this.#dialect, response);
      return;
    }
    const deviation = fault?.type === 'deviation' ? fault.name : undefined;
    const whole = wholeAnswer(answer, () => `call_${++this.#calls}`);
    const events = this.#dialect.events(whole, about, deviation);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    response.flushHeaders();
    const send = (some: Iterable<SseEvent>) => sendEvents(some, wire, response);
    switch (fault?.type) {
      case undefined:
      case 'deviation':
        await send(events);
        response.end();
        return;
      case 'badLine':
        await send(withBadLine(events, fault.afterParts ?? 1));
        response.end();
        return;
      case 'noMark':
        await send(firstParts(events, fault.afterParts ?? Number.POSITIVE_INFINITY));
        response.end();
        return;
      case 'streamError':
        await send([...firstParts(events, fault.afterParts ?? 1), this.#streamError(fault, about)]);
        response.end();
        return;
      case 'cut':
        await send(firstParts(events, fault.afterParts ?? 1));
        cut(response, fault.how ?? 'fin');
        return;
      case 'silence':
        if (fault.afterParts !== undefined) await send(firstParts(events, fault.afterParts));
        return;
      case 'halfCall':
        await send(fault.end === 'length' ? events : untilHalf(events, whole, this.#dialect));
        if (fault.end === 'fin' || fault.end === 'rst') cut(response, fault.end);
        else response.end();
    }
  }

  #streamError({ form, kind = 'server', message }: Fault & { type: 'streamError' }, about: AnswerAbout): SseEvent {
    const { streamErrors, name } = this.#dialect;
    const write = streamErrors[form ?? Object.keys(streamErrors)[0] ?? ''];
    if (write === undefined) throw new TypeError(`${name} reports no errors in a stream.`);
    return write(kind, about, message);
  }
}

type PlainFault = Extract<Fault, { type: 'status' | 'error' | 'noHeaders' | 'notSse' }>;

/** Faults that leave no room for a stream. */
function isPlain(fault: Fault | undefined): fault is PlainFault {
  return ['status', 'error', 'noHeaders', 'notSse'].includes(fault?.type ?? '');
}

function sendPlain(fault: PlainFault, dialect: Dialect, response: ServerResponse): void {
  switch (fault.type) {
    case 'noHeaders':
      if (fault.end === 'fin' || fault.end === 'rst') cut(response, fault.end);
      return;
    case 'notSse':
      respond(response, 200, { 'content-type': fault.contentType }, fault.body);
      return;
    case 'error': {
      const { status, body } = dialect.error(fault.kind, fault.message);
      respond(response, status, fault.headers, body);
      return;
    }
    case 'status':
      respond(response, fault.status, fault.headers, fault.body);
  }
}

function respond(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders | undefined,
  body: Json | undefined,
): void {
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(text);
}

function refusal(status: number, message: string): FaultAnswer {
  return { fault: { type: 'status', status, body: { error: { message, type: 'invalid_request_error' } } } };
}

/** Up to where the JSON of the last call stops: nothing says that it is whole. Where calls come whole, it does not come. */
function untilHalf(
  events: Iterable<SseEvent>,
  { reasoning, text, calls }: WholeAnswerParts,
  { hasWholeCalls = false }: Dialect,
): Iterable<SseEvent> {
  let parts = reasoning.length;
  for (const _ of text.pieces) parts += 1;
  if (hasWholeCalls) return firstParts(events, parts + calls.length - 1);
  for (const { input } of calls) parts += 1 + input.length;
  return exactlyParts(events, parts);
}

type WholeAnswerParts = Pick<ReturnType<typeof wholeAnswer>, 'reasoning' | 'text' | 'calls'>;

/** Nothing after the last of them, not even what closes it. */
function* exactlyParts(events: Iterable<SseEvent>, count: number): Iterable<SseEvent> {
  let parts = 0;
  for (const event of events) {
    yield event;
    if (event.role === 'part') parts += 1;
    if (parts === count) return;
  }
}

async function sendEvents(events: Iterable<SseEvent>, wire: Wire, response: ServerResponse): Promise<void> {
  const { eventsPerWrite = 1, chunkBytes, hold } = wire;
  let text = '';
  let count = 0;
  let parts = 0;
  let rest = Buffer.alloc(0);
  const flush = async (isLast: boolean) => {
    const bytes = Buffer.concat([rest, Buffer.from(text)]);
    text = '';
    count = 0;
    const size = chunkBytes ?? Math.max(1, bytes.length);
    let start = 0;
    for (; start + size <= bytes.length; start += size) {
      await write(response, bytes.subarray(start, start + size));
      if (chunkBytes !== undefined) await aWhile();
    }
    rest = bytes.subarray(start);
    if (isLast && rest.length > 0) await write(response, rest);
  };
  for (const event of events) {
    if (response.destroyed) return;
    if (event.role === 'part') {
      if (hold?.part === parts) {
        await flush(false);
        await Promise.race([hold.until, closed(response)]);
      }
      parts += 1;
    }
    text += toLines(event, wire);
    count += 1;
    if (count >= eventsPerWrite) await flush(false);
  }
  await flush(true);
}

/** Writes, and waits until the system has taken it, so that a slow reader slows the writer down. */
function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(bytes, done);
  });
}

/**
 * Time for a reader in this process to read what was written: readers put together what they find waiting, and then
 * nothing would be cut anywhere. Two rounds of the event loop, no timer.
 */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function closed(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => response.once('close', () => resolve()));
}

function cut(response: ServerResponse, how: Cut): void {
  if (how === 'rst') response.socket?.resetAndDestroy();
  else response.socket?.destroy();
}

/** Nothing where the client has gone before it had said all. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString();
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
