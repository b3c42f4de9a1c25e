import { type AgentContext, type ContentBlock, type PromptResponse, RequestError } from '@agentclientprotocol/sdk';
import type { StoredSession } from '../../durability/store.ts';
import { toParts } from './content.ts';
import { Editor, type EditorCapabilities } from './editor.ts';
import type { McpServers } from './mcpServers.ts';
import { promptTurn } from './promptTurn.ts';
import { cancelledByUser } from './questions.ts';
import { replay } from './replay.ts';
import type { ServedAgent, ServedSession, ServedTurn } from './servedAgent.ts';
import { SessionUsage } from './sessionUsage.ts';
import { ToolCalls, type ToolCallsOptions } from './toolCalls.ts';
import { toNotice } from './turnUpdates.ts';

export interface AcpSessionOptions extends ToolCallsOptions {
  readonly agent: ServedAgent;
  readonly mcpServers: McpServers;
  readonly capabilities: EditorCapabilities;
  /** Of what turns cost. */
  readonly currency: string | undefined;
  /** What is kept of the session, if anything. */
  readonly stored: StoredSession | undefined;
}

/** A session that an editor has open, with the MCP servers that it brought. */
export class AcpSession {
  readonly #session: ServedSession;
  readonly #options: AcpSessionOptions;
  readonly #toolCalls: ToolCalls;
  readonly #usage: SessionUsage;
  /** Resolves when the editor has been told of all turns so far. */
  #played: Promise<void> = Promise.resolve();
  /** What is wrong with the session from the start, and was not told yet. */
  #problems: readonly string[];

  private constructor(session: ServedSession, options: AcpSessionOptions) {
    this.#session = session;
    this.#options = options;
    this.#toolCalls = new ToolCalls(options);
    const { agent, currency, stored } = options;
    const { measured, cost } = stored?.state ?? {};
    const kept = { ...(measured !== undefined && { tokens: measured.tokens }), ...(cost !== undefined && { cost }) };
    this.#usage = new SessionUsage({ contextWindow: agent.model.contextWindow, currency, kept });
    this.#problems = options.mcpServers.problems;
  }

  /**
   * Opens a session, new or kept. A turn in whose middle its process ended is cancelled: nobody waits for it any more.
   * What its tools have done is in the conversation.
   */
  static async open(id: string, options: AcpSessionOptions): Promise<AcpSession> {
    const session = await options.agent.open({ id, resume: 'manual' });
    const unfinished = session.turns.map((turn) => {
      turn.cancel('The process ended in the middle of the turn.');
      return turn.outcome;
    });
    await Promise.all(unfinished);
    return new AcpSession(session, options);
  }

  get id(): string {
    return this.#session.id;
  }

  /** Tells the conversation so far. */
  async replay(client: AgentContext): Promise<void> {
    const editor = this.#editor(client);
    const updates = replay(this.#session.messages, this.#toolCalls);
    for (const update of [...updates, ...this.#usage.report()]) await editor.tell(update);
  }

  /**
   * Plays the turn of a prompt. One that comes while another is played has its turn after that.
   *
   * @param signal cancels the turn
   * @throws RequestError where the prompt is empty, or its turn failed
   */
  async prompt(prompt: readonly ContentBlock[], client: AgentContext, signal: AbortSignal): Promise<PromptResponse> {
    // at once: a cancel that comes right after it must find it
    const turn = this.#send(prompt, signal);
    const before = this.#played;
    const played = Promise.withResolvers<void>();
    this.#played = played.promise;
    try {
      await before;
      return await this.#play(turn, this.#editor(client));
    } finally {
      // the answer to this prompt goes before what is told of the next
      setImmediate(played.resolve);
    }
  }

  /** Ends the turns that run and wait. */
  cancel(): void {
    for (const turn of this.#session.turns) turn.cancel(cancelledByUser);
  }

  async close(): Promise<void> {
    try {
      await this.#session.close();
    } finally {
      await this.#options.mcpServers.close();
    }
  }

  #send(prompt: readonly ContentBlock[], signal: AbortSignal): ServedTurn {
    try {
      return this.#session.send(toParts(prompt), { signal });
    } catch (error) {
      if (error instanceof TypeError) throw RequestError.invalidParams(undefined, error.message);
      throw error;
    }
  }

  async #play(turn: ServedTurn, editor: Editor): Promise<PromptResponse> {
    const problems = this.#problems;
    this.#problems = [];
    for (const title of problems) await editor.tell(toNotice({ severity: 'warning', title }, editor.capabilities));
    return promptTurn({
      editor,
      session: this.#session,
      turn,
      toolCalls: this.#toolCalls,
      usage: this.#usage,
      onProblem: this.#options.onProblem,
    });
  }

  #editor(client: AgentContext): Editor {
    return new Editor(client, this.id, this.#options.capabilities);
  }
}
