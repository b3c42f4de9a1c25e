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

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  take(event: TurnEvent): void {
    switch (event.type) {
      case 'message.started':
        this.#hasText = false;
        return;
      case 'message.delta':
        this.#hasText = true;
        this.#add(event.text);
        return;
      case 'message.superseded':
        this.#line = '';
        this.#terminal.endLine();
        if (this.#hasWritten) this.#terminal.note('(the answer broke off: what was printed of it is void)', 'yellow');
        this.#hasWritten = false;
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
