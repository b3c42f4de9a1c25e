import type { TurnEvent } from '../events.ts';
import { textOf } from '../messages.ts';
import type { Terminal } from './terminal.ts';

/**
 * Writes the answer to standard output: in a terminal word by word, as it arrives; in a pipe line by line, so that the
 * unfinished line of an answer that broke off, or of a comment between tool calls, does not get in.
 */
export class AnswerWriter {
  readonly #terminal: Terminal;
  /** The line that is not written yet. */
  #line = '';
  #hasWritten = false;
  /** Text has come before the message that it makes up; of a session that is kept, only messages are. */
  #hasText = false;
  #messageId = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  take(event: TurnEvent): void {
    switch (event.type) {
      case 'message.started':
        this.#hasText = false;
        this.#messageId = event.messageId;
        return;
      case 'message.delta':
        this.#hasText = true;
        this.#add(event.text);
        return;
      case 'message.superseded':
        this.#withdraw('broke off');
        return;
      case 'message.replaced':
        if (event.messageId !== this.#messageId) return;
        this.#withdraw('was replaced');
        // what stands in its place comes with the whole message
        this.#hasText = false;
        return;
      case 'message.completed':
        if (!this.#hasText) this.#line = textOf(event.message);
        if (event.phase === 'final_answer' || this.#hasWritten) this.#write(this.#line);
        else if (this.#line.trim() !== '') this.#terminal.note(`  ${this.#line.trim()}`);
        this.#line = '';
        this.#terminal.endLine();
        this.#hasWritten = false;
        return;
      case 'turn.cancelled':
        // what was said until then stays in the conversation, so it is not kept back here
        this.#write(this.#line);
        this.#terminal.endLine();
        return;
      case 'turn.failed':
        this.#terminal.endLine();
        return;
      default:
    }
  }

  #withdraw(what: string): void {
    this.#line = '';
    this.#terminal.endLine();
    if (this.#hasWritten) this.#terminal.note(`(the answer ${what}: what was printed of it is void)`, 'yellow');
    this.#hasWritten = false;
  }

  #add(text: string): void {
    if (this.#terminal.isInteractive) {
      this.#write(text);
      return;
    }
    const lines = text.lastIndexOf('\n') + 1;
    if (lines > 0) {
      this.#write(this.#line + text.slice(0, lines));
      this.#line = '';
    }
    this.#line += text.slice(lines);
  }

  #write(text: string): void {
    if (text === '') return;
    this.#terminal.write(text);
    this.#hasWritten = true;
  }
}
