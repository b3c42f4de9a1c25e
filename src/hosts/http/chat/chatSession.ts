import type { MaybePromise } from '../../../durability/store.ts';
import type { Payload } from '../../../events.ts';
import { findToolCalls } from '../../../snapshot.ts';
import type { Admission } from '../../../turn.ts';
import type { Cursor } from '../cursor.ts';
import type { LiveSession } from '../liveSession.ts';
import type { ServedSession } from '../servedAgent.ts';
import type { ChatAnswer } from './chatRequest.ts';

/** What a session remembers of its chats. */
export class ChatSession {
  readonly #live: LiveSession;
  /** Results that came before they were asked for. */
  readonly #early = new Map<string, ChatAnswer & { readonly type: 'result' }>();
  /** Where the latest answer stopped that waits for another request. */
  paused: { readonly turnId: string; readonly cursor: Cursor } | undefined;

  constructor(live: LiveSession) {
    this.#live = live;
  }

  /**
   * Takes answers to calls that wait for them, or are going to. A chat has the call of a client-side tool at once, but it
   * is asked for the result only after all approvals of the step.
   *
   * @returns how many were taken
   */
  async take(answers: readonly ChatAnswer[]): Promise<number> {
    let taken = 0;
    for (const answer of answers) if (await this.#answer(answer)) taken += 1;
    return taken;
  }

  /** Gives the results that came early to the calls that ask for them now. */
  follow(event: Payload): void {
    if (this.#early.size === 0) return;
    if (event.type === 'agent.event') this.follow(event.event);
    else if (event.type === 'session.idle') this.#early.clear();
    else if (event.type === 'tool.resultRequested') {
      const result = this.#early.get(event.toolCallId);
      this.#early.delete(event.toolCallId);
      // nobody waits for this any more where it cannot be given: the chat may give it again
      if (result !== undefined) this.#answer(result).catch(() => undefined);
    }
  }

  async #answer(answer: ChatAnswer): Promise<boolean> {
    const { accepted } = await this.#live.command((session) => give(answer, session));
    if (accepted || answer.type === 'approval') return accepted;
    const calls = findToolCalls(this.#live.snapshot.turn, answer.toolCallId);
    if (!calls.some(({ state }) => state === 'preparing' || state === 'queued')) return false;
    this.#early.set(answer.toolCallId, answer);
    return true;
  }
}

function give(answer: ChatAnswer, session: ServedSession): MaybePromise<Admission> {
  const { toolCallId } = answer;
  if (answer.type === 'result') return session.resolveTool(toolCallId, answer.output, { isError: answer.isError });
  return answer.approved ? session.approve(toolCallId) : session.deny(toolCallId, answer.reason);
}
