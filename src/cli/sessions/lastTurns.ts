import type { Message } from '../../messages.ts';

/** The end of a conversation. */
export interface LastTurns {
  readonly messages: readonly Message[];
  /** How many turns these are, and how many there are in all. */
  readonly shown: number;
  readonly all: number;
}

/** How many turns of a session that goes on are shown. */
const most = 10;

/** The last turns of a conversation: what one wants to see of it before one goes on. */
export function lastTurns(messages: readonly Message[]): LastTurns {
  const starts = messages.flatMap((message, index) => (beginsTurn(message) ? [index] : []));
  const shown = Math.min(most, starts.length);
  return { messages: messages.slice(starts.at(-shown) ?? 0), shown, all: starts.length };
}

function beginsTurn(message: Message): boolean {
  return message.role === 'user' && message.cause === undefined;
}
