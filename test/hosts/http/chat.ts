import {
  AbstractChat,
  asSchema,
  type ChatInit,
  type ChatState,
  type ChatStatus,
  DefaultChatTransport,
  isToolUIPart,
  type UIMessage,
  type UIMessageChunk,
  uiMessageChunkSchema,
} from 'ai';
import { createParser } from 'eventsource-parser';
import { expect } from 'vitest';

/** What a chat was told, one list for each answer. */
export type Told = UIMessageChunk[][];

type Options = Omit<ChatInit<UIMessage>, 'transport'>;

/** A chat of AI SDK UI, with its own transport, against a server; it notes what it is told. */
export class TestChat extends AbstractChat<UIMessage> {
  readonly told: Told;
  readonly requests: string[];
  readonly #state: State;

  constructor(baseUrl: string, { messages = [], ...options }: Options = {}) {
    const state = new State(messages);
    const told: Told = [];
    const requests: string[] = [];
    const transport = new DefaultChatTransport<UIMessage>({
      api: `${baseUrl}/v1/chat`,
      fetch: async (url, init) => {
        requests.push(`${init?.method} ${String(url).replace(/.*\/v1/, '')}`);
        const response = await fetch(url, init);
        return response.body === null ? response : noted(response, told, () => state.tell());
      },
    });
    super({ ...options, transport, state });
    this.#state = state;
    this.told = told;
    this.requests = requests;
  }

  /** What the last message says. */
  get text(): string {
    return (this.lastMessage?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('');
  }

  /** The tools of the last message, with their states. */
  get tools(): readonly string[] {
    return (this.lastMessage?.parts ?? [])
      .filter(isToolUIPart)
      .map(({ type, state }) => `${type.replace('tool-', '')} ${state}`);
  }

  /** Resolves when that is so, looked at whenever something has changed. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#state.changed();
  }
}

class State implements ChatState<UIMessage> {
  error: Error | undefined;
  #messages: UIMessage[];
  #status: ChatStatus = 'ready';
  #waiting: (() => void)[] = [];

  constructor(messages: readonly UIMessage[]) {
    this.#messages = [...messages];
  }

  get messages(): UIMessage[] {
    return this.#messages;
  }

  set messages(messages: UIMessage[]) {
    this.#messages = messages;
    this.tell();
  }

  get status(): ChatStatus {
    return this.#status;
  }

  set status(status: ChatStatus) {
    this.#status = status;
    this.tell();
  }

  pushMessage(message: UIMessage): void {
    this.messages = [...this.messages, message];
  }

  popMessage(): void {
    this.messages = this.messages.slice(0, -1);
  }

  replaceMessage(index: number, message: UIMessage): void {
    this.messages = this.messages.with(index, structuredClone(message));
  }

  snapshot<T>(thing: T): T {
    return structuredClone(thing);
  }

  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Every chunk is of the protocol, and each answer has an end. */
export async function expectWellFormed(told: Told): Promise<void> {
  const schema = asSchema(uiMessageChunkSchema);
  for (const chunks of told) {
    for (const chunk of chunks) {
      expect(await schema.validate?.(chunk), JSON.stringify(chunk)).toMatchObject({ success: true, value: chunk });
    }
    const ends = chunks.filter(({ type }) => type === 'finish' || type === 'abort' || type === 'error');
    expect(chunks[0]?.type).toBe('start');
    expect(ends).toEqual([chunks.at(-1)]);
    const open = new Set<string>();
    for (const chunk of chunks) {
      if (chunk.type === 'text-start' || chunk.type === 'reasoning-start') open.add(chunk.id);
      if (chunk.type === 'text-end' || chunk.type === 'reasoning-end') expect(open.delete(chunk.id)).toBe(true);
    }
    expect([...open]).toEqual([]);
  }
}

function noted(response: Response, told: Told, onChunks: () => void): Response {
  if (response.headers.get('x-vercel-ai-ui-message-stream') !== 'v1') return response;
  const chunks: UIMessageChunk[] = [];
  told.push(chunks);
  const decoder = new TextDecoder();
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data !== '[DONE]') chunks.push(JSON.parse(data) as UIMessageChunk);
    },
  });
  const noting = new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => {
      parser.feed(decoder.decode(bytes, { stream: true }));
      onChunks();
      controller.enqueue(bytes);
    },
  });
  return new Response(response.body?.pipeThrough(noting) ?? null, response);
}
