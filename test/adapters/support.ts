import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Failure, Json, Message, Model, ModelPart, ModelRequest } from 'turnchart';
import { AnswerBuilder } from '../../src/services/answer.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A request's body: the lists that tests look into, and whatever else was sent. */
export interface SentBody extends Fields {
  readonly messages: readonly Fields[];
  readonly input: readonly Fields[];
  readonly tools: readonly Fields[];
}

export interface SeenCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: SentBody;
  /** Resolves when the connection of this call or the answer has ended. */
  readonly closed: Promise<'whole' | 'broken'>;
}

/** A server that answers with what it is given: objects become events, texts are written as they are. */
export async function sseServer(answer: (response: ServerResponse, call: SeenCall) => void) {
  const calls: SeenCall[] = [];
  let sockets = 0;
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const closed = new Promise<'whole' | 'broken'>((resolve) => {
      response.once('close', () => resolve(response.writableFinished ? 'whole' : 'broken'));
    });
    const body = JSON.parse(Buffer.concat(chunks).toString()) as SentBody;
    const call = { path: request.url ?? '', headers: request.headers, body, closed };
    calls.push(call);
    answer(response, call);
  });
  server.on('connection', () => {
    sockets += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    /** How many connections there have been. */
    get sockets() {
      return sockets;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function startEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': 'req_1' });
  response.flushHeaders();
}

/** A whole answer of these events, in one write. */
export function sendEvents(response: ServerResponse, events: readonly (object | string)[]): void {
  startEvents(response);
  response.end(linesOf(events));
}

export function linesOf(events: readonly (object | string)[]): string {
  return events.map((event) => (typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`)).join('');
}

/** A request of a turn, with one message of the user or with these. */
export function request(
  messages: string | readonly Message[] = 'Hi',
  overrides: Partial<ModelRequest> = {},
): ModelRequest {
  const asked = typeof messages === 'string' ? [user(messages)] : messages;
  return {
    messages: asked,
    tools: [],
    toolChoice: 'auto',
    purpose: 'turn',
    requestId: 'request-1',
    attempt: 1,
    ...overrides,
  };
}

export function user(text: string): Message {
  return { role: 'user', id: 'u', content: [{ type: 'text', text }] };
}

/** Asks a server that answers with these events, and gives what was sent and what was read. */
export async function askServer(
  events: readonly (object | string)[],
  asked = request(),
  createModel: (baseURL: string) => Model,
) {
  await using server = await sseServer((response) => sendEvents(response, events));
  const parts = await read(createModel(server.url), asked);
  return {
    parts,
    calls: server.calls,
    /** What the first call sent. @throws Error where there was none */
    get sent(): SentBody {
      const [first] = server.calls;
      if (first === undefined) throw new Error('The server was not called.');
      return first.body;
    },
  };
}

export async function read(model: Model, asked: ModelRequest, signal = new AbortController().signal) {
  const parts: ModelPart[] = [];
  for await (const some of model.stream(asked, { signal })) parts.push(...[some].flat());
  const ends = parts.filter(({ type }) => type === 'finish' || type === 'error' || type === 'aborted');
  if (ends.length !== 1 || ends[0] !== parts.at(-1)) throw new Error(`Not one last part: ${JSON.stringify(parts)}`);
  return parts;
}

export function only<T extends ModelPart['type']>(parts: readonly ModelPart[], type: T) {
  return parts.filter((part): part is Extract<ModelPart, { type: T }> => part.type === type);
}

export function textOf(parts: readonly ModelPart[]): string {
  return only(parts, 'text-delta')
    .map(({ text }) => text)
    .join('');
}

export function finishOf(parts: readonly ModelPart[]) {
  return only(parts, 'finish')[0];
}

export function failureOf(parts: readonly ModelPart[]): Failure | undefined {
  return only(parts, 'error')[0]?.failure;
}

export function callsOf(parts: readonly ModelPart[]): [toolName: string, rawInput: string][] {
  return only(parts, 'tool-call').map(({ toolName, rawInput }) => [toolName, rawInput]);
}

/** What the engine keeps of an answer. */
export function messageOf(parts: readonly ModelPart[]): Message {
  const answer = new AnswerBuilder();
  answer.add(parts);
  return { role: 'assistant', id: 'a', content: answer.content() };
}

/** The message that gives a call its result. */
export function toolResult(toolCallId: string, toolName: string, value: Json): Message {
  return {
    role: 'tool',
    id: 't',
    content: [{ type: 'tool-result', toolCallId, toolName, output: { type: 'json', value } }],
  };
}
