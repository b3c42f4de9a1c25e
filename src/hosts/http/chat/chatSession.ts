import type { Payload } from '../../../events.ts';
import { findToolCalls } from '../../../snapshot.ts';
import type { Cursor } from '../cursor.ts';
import type { ServedSession } from '../servedAgent.ts';
import type { ChatAnswer } from './chatRequest.ts';

/** What a session remembers of its chats. */
export class ChatSession {
  readonly #session: ServedSession;
  /** Results that came before they were asked for. */
  readonly #early = new Map<string, ChatAnswer & { readonly type: 'result' }>();
  /** Where the latest answer stopped that waits for another request. */
  paused: { readonly turnId: string; readonly cursor: Cursor } | undefined;

  constructor(session: ServedSession) {
    this.#session = session;
  }

  /**
   * Takes answers to calls that wait for them, or are going to. A chat has the call of a client-side tool at once, but it
   * is asked for the result only after all approvals of the step.
   *
   * @returns how many were taken
   */
  take(answers: readonly ChatAnswer[]): number {
    return answers.filter((answer) => this.#answer(answer)).length;
  }

  /** Gives the results that came early to the calls that ask for them now. */
  follow(event: Payload): void {
    if (this.#early.size === 0) return;
    if (event.type === 'agent.event') this.follow(event.event);
    else if (event.type === 'session.idle') this.#early.clear();
    else if (event.type === 'tool.resultRequested') {
      const result = this.#early.get(event.toolCallId);
      this.#early.delete(event.toolCallId);
      if (result !== undefined) this.#answer(result);
    }
  }

  #answer(answer: ChatAnswer): boolean {
    const { toolCallId } = answer;
    if (answer.type === 'approval') {
      const { approved, reason } = answer;
      return (approved ? this.#session.approve(toolCallId) : this.#session.deny(toolCallId, reason)).accepted;
    }
    const { output, isError } = answer;
    if (this.#session.resolveTool(toolCallId, output, { isError }).accepted) return true;
    const calls = findToolCalls(this.#session.snapshot.turn, toolCallId);
    if (!calls.some(({ state }) => state === 'preparing' || state === 'queued')) return false;
    this.#early.set(toolCallId, answer);
    return true;
  }
}
