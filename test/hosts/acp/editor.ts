import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  type AnyMessage,
  type ClientCapabilities,
  type ClientContext,
  client,
  type InitializeResponse,
  type McpServer,
  methods,
  ndJsonStream,
  type PromptResponse,
  RequestError,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
  type SessionUpdate,
  type Stream,
} from '@agentclientprotocol/sdk';
import type { AgentErrorUpdate } from 'turnchart/acp';
import { expect } from 'vitest';
import type { Program, Script } from './programs/agent.ts';
import { schemaProblems, type Wire } from './protocolSchema.ts';

type AnyUpdate = SessionUpdate | AgentErrorUpdate;
type Kind = AnyUpdate['sessionUpdate'];
export type Answer = RequestPermissionResponse['outcome'];

/** What an editor may say that it can do. */
export const everything: ClientCapabilities = {
  session: { notices: {}, compaction: {} },
  _meta: { agent_error: true },
};

export interface EditorOptions {
  /** @default none */
  readonly capabilities?: ClientCapabilities;
  readonly env?: Readonly<Record<string, string>>;
}

/** For tests that start processes, in ms: a busy machine takes its time. */
export const patience = 60_000;

const program = fileURLToPath(new URL('programs/agent.ts', import.meta.url));

/** The SDK's side of an editor, around an agent that is a process of its own, with all that they say to each other. */
export class TestEditor implements AsyncDisposable {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly agent: ClientContext;
  readonly sent: Wire[] = [];
  readonly received: Wire[] = [];
  readonly questions: RequestPermissionRequest[] = [];
  readonly ended: Promise<number | null>;
  /** What the user says to a question. */
  answer: (request: RequestPermissionRequest, signal: AbortSignal) => Answer | Promise<Answer> = () =>
    choose('allow_once');
  stderr = '';
  /** What the agent has said that it can do. */
  hello: InitializeResponse | undefined;
  readonly #watchers = new Set<() => void>();

  private constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.process = spawn(process.execPath, ['--conditions=turnchart-source', ...args], {
      stdio: 'pipe',
      env: { ...process.env, ...env },
    });
    this.ended = once(this.process, 'close').then(([code]) => {
      this.#changed();
      return code;
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    const app = client()
      .onRequest(methods.client.session.requestPermission, async ({ params, signal }) => {
        this.questions.push(params);
        this.#changed();
        return { outcome: await this.answer(params, signal) };
      })
      // what is said is read from the wire, and checked in the end
      .onNotification(methods.client.session.update, () => undefined);
    this.agent = app.connect(this.#tapped()).agent;
  }

  /** Starts the agent of the tests, or another program, and says hello. */
  static async start(
    args: Program | readonly string[],
    { capabilities, env = {} }: EditorOptions = {},
  ): Promise<TestEditor> {
    const words = isWords(args) ? args : [program, JSON.stringify(args)];
    const editor = new TestEditor(words, env);
    editor.hello = await editor.agent.request(methods.agent.initialize, {
      protocolVersion: 1,
      ...(capabilities !== undefined && { clientCapabilities: capabilities }),
    });
    return editor;
  }

  /** Opens a session; its id. */
  async open(cwd = '/tests', mcpServers: McpServer[] = []): Promise<string> {
    return (await this.agent.request(methods.agent.session.new, { cwd, mcpServers })).sessionId;
  }

  /** Sends a prompt: what the model is to answer, or words. */
  prompt(sessionId: string, said: Script | string): Promise<PromptResponse> {
    const text = typeof said === 'string' ? said : JSON.stringify(said);
    return this.agent.request(methods.agent.session.prompt, { sessionId, prompt: [{ type: 'text', text }] });
  }

  cancel(sessionId: string): Promise<void> {
    return this.agent.notify(methods.agent.session.cancel, { sessionId });
  }

  /** What was said of a session. */
  updates(sessionId: string): readonly AnyUpdate[] {
    return this.received.flatMap(({ method, params }) => {
      const { sessionId: id, update } = (params ?? {}) as { sessionId?: string; update?: AnyUpdate };
      return method === methods.client.session.update && id === sessionId && update !== undefined ? [update] : [];
    });
  }

  /** What was said of a session in updates of one kind. */
  of<K extends Kind>(kind: K, sessionId: string): readonly Extract<AnyUpdate, { sessionUpdate: K }>[] {
    return this.updates(sessionId).filter(
      (update): update is Extract<AnyUpdate, { sessionUpdate: K }> => update.sessionUpdate === kind,
    );
  }

  /** What the agent, or another kind of speaker, has said. */
  text(
    sessionId: string,
    kind: 'agent_message_chunk' | 'agent_thought_chunk' | 'user_message_chunk' = 'agent_message_chunk',
  ): string {
    return this.of(kind, sessionId)
      .map(({ content }) => (content.type === 'text' ? content.text : `(${content.type})`))
      .join('');
  }

  /** Resolves when something is so; it is looked at whenever something is said. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.process.exitCode !== null || this.process.signalCode !== null)
        throw new Error(`The agent has ended: ${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
      });
    }
  }

  /** Goes away, and waits for the end of the agent. All that it said is as the protocol has it, and every request has one answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.process.stdin.end();
    await this.ended;
    expect(schemaProblems(this.received, this.sent)).toEqual([]);
    for (const { id, method } of this.sent) {
      if (id === undefined || method === undefined) continue;
      const answers = this.received.filter((message) => message.id === id && message.method === undefined);
      expect({ method, answers: answers.length }).toEqual({ method, answers: 1 });
    }
  }

  #tapped(): Stream {
    const { readable, writable } = ndJsonStream(
      Writable.toWeb(this.process.stdin),
      Readable.toWeb(this.process.stdout) as ReadableStream<Uint8Array>,
    );
    const outgoing = this.#tap(this.sent);
    outgoing.readable.pipeTo(writable).catch(() => undefined);
    return { readable: readable.pipeThrough(this.#tap(this.received)), writable: outgoing.writable };
  }

  #tap(messages: Wire[]): TransformStream<AnyMessage, AnyMessage> {
    return new TransformStream({
      transform: (message, controller) => {
        const wire = JSON.parse(JSON.stringify(message)) as Wire;
        messages.push(wire);
        // the SDK complains of what it does not know, and drops it
        if (wire.params?.update?.sessionUpdate !== 'agent_error') controller.enqueue(message);
        this.#changed();
      },
    });
  }

  #changed(): void {
    for (const wake of [...this.#watchers]) wake();
    this.#watchers.clear();
  }
}

export function choose(optionId: string): Answer {
  return { outcome: 'selected', optionId };
}

/** The error that a request is answered with. */
export async function errorOf(request: Promise<unknown>): Promise<{ code: number; message: string; data: unknown }> {
  const error: unknown = await request.then(
    (answer) => new Error(`It was answered: ${JSON.stringify(answer)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RequestError)) throw error;
  const { code, message, data } = error;
  return { code, message, data };
}

function isWords(args: Program | readonly string[]): args is readonly string[] {
  return Array.isArray(args);
}
