import type { AssistantMessage, UserMessage } from '../messages.ts';
import type { TurnOutput } from './turnMachine.ts';

/** A message that a turn leaves behind for those who read on: people, and later model calls. */
export type Note =
  | { readonly cause: 'cancel_note'; readonly message: UserMessage | AssistantMessage }
  | { readonly cause: 'failure_note'; readonly message: AssistantMessage };

/** What a turn that did not complete leaves in the history. Failure notes are for people only. */
export function notesAfter(output: TurnOutput, cancelNotes: boolean): readonly Note[] {
  if (output.status === 'failed') {
    const id = `${output.turnId}.failure`;
    const content = text(`The turn failed: ${shorten(output.failure.message)}`);
    return [{ cause: 'failure_note', message: { role: 'assistant', id, content, cause: 'failure_note' } }];
  }
  if (output.status !== 'cancelled' || !cancelNotes) return [];
  const why = output.reason === undefined ? '' : ` Reason: ${output.reason}`;
  return [
    {
      cause: 'cancel_note',
      message: {
        role: 'user',
        id: `${output.turnId}.cancelled`,
        content: text(`I cancelled the work on this.${why}`),
        cause: 'cancel_note',
      },
    },
    {
      cause: 'cancel_note',
      message: {
        role: 'assistant',
        id: `${output.turnId}.stopped`,
        content: text('I stopped. Nothing of it is going on any more.'),
        cause: 'cancel_note',
      },
    },
  ];
}

/** A note is read by people: providers sometimes answer with whole pages. */
function shorten(message: string): string {
  return message.length > longestReason ? `${message.slice(0, longestReason)}…` : message;
}

const longestReason = 300;

function text(value: string): readonly [{ readonly type: 'text'; readonly text: string }] {
  return [{ type: 'text', text: value }];
}
