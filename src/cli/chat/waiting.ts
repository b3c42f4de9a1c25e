import type { TurnEvent } from '../../events.ts';
import { textOf } from '../../messages.ts';

/** A message that nobody has taken yet. */
export interface WaitingMessage {
  readonly type: 'steering' | 'queued';
  readonly text: string;
  /** Of a queued one: the turn that it begins. */
  readonly turnId?: string;
}

/** The messages that were sent and are not in the conversation yet, in the order in which they were sent. */
export class WaitingMessages {
  #messages: readonly WaitingMessage[] = [];

  get all(): readonly WaitingMessage[] {
    return this.#messages;
  }

  add(message: WaitingMessage): void {
    this.#messages = [...this.#messages, message];
  }

  take(event: TurnEvent): void {
    if (event.type === 'session.idle') {
      this.#messages = [];
      return;
    }
    if (event.type !== 'message.added' || (event.cause !== 'input' && event.cause !== 'steering')) return;
    const { turnId, message } = event;
    const queued = this.#messages.find((waiting) => waiting.turnId !== undefined && waiting.turnId === turnId);
    // steering that no step took begins a turn of its own, so its cause does not tell
    const taken = queued ?? this.#messages.find(({ type, text }) => type === 'steering' && text === textOf(message));
    this.#messages = this.#messages.filter((waiting) => waiting !== taken);
  }
}
