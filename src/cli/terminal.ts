import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** A stream of the process, a terminal or not. */
export type Output = NodeJS.WritableStream & Pick<WriteStream, 'isTTY'> & Partial<Pick<WriteStream, 'columns'>>;

/** Where the command line writes: the answer on one stream, everything about it on the other. */
export class Terminal {
  readonly #stdout: Output;
  readonly #stderr: Output;
  #isMidLine = false;

  constructor(stdout: Output, stderr: Output) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  get isInteractive(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** How many characters fit into a line of standard output; in a pipe, all do. */
  get columns(): number {
    return (this.isInteractive ? this.#stdout.columns : undefined) ?? Number.POSITIVE_INFINITY;
  }

  /** Writes to standard output as it is. */
  write(text: string): void {
    if (text === '') return;
    this.#stdout.write(this.isInteractive ? printable(text) : text);
    this.#isMidLine = !text.endsWith('\n');
  }

  endLine(): void {
    if (this.#isMidLine) this.write('\n');
  }

  /** One line on standard error, in a style where that is a terminal which wants one. */
  note(text: string, style: Style = 'dim'): void {
    // both streams on one screen: a note does not go on where the answer stopped
    if (this.#stderr.isTTY && this.isInteractive) this.endLine();
    const line = oneLine(text);
    this.#stderr.write(`${styleText(style, line, { stream: this.#stderr, validateStream: true })}\n`);
  }

  /** Lines on standard error as they are. */
  explain(text: string): void {
    this.#stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  }
}

/** What files, tools and models say must not drive the terminal: control characters but newlines and tabs are replaced. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/\r\n/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}

function oneLine(text: string): string {
  return printable(text.replace(/\s*\n\s*/g, ' '));
}

/** A text no longer than that, its end left out. */
export function shorten(text: string, maxChars = 160): string {
  return text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
}
