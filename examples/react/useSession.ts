// A session in React: what a chat shows, selected from the snapshots of two machines, the session and the turn in it.
import { useSelector } from '@xstate/react';
import { type Session, textOf } from 'turnchart';
import { messagesOf } from 'turnchart/machines';
import type { StateValue } from 'xstate';

export function useSession({ actor }: Session) {
  const turn = useSelector(actor, ({ children }) => children.turn);
  const value = useSelector(turn, (snapshot) => snapshot?.value ?? 'idle');
  // the text that streams in; once the model has finished it, it is a message of the history
  const text = useSelector(turn, (snapshot) => snapshot?.context.partial.text ?? '');
  const history = useSelector(turn ?? actor, ({ context }) => context.history);
  return {
    isBusy: turn !== undefined,
    state: nameOf(value),
    text,
    // what is without text is between model and tools
    messages: messagesOf(history).filter((message) => textOf(message) !== ''),
  };
}

/** The innermost state. */
function nameOf(value: StateValue): string {
  return typeof value === 'string' ? value : nameOf(Object.values(value)[0] ?? '');
}
