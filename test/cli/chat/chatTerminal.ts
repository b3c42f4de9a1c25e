import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
/** Stands behind the limit of a test, so that a test which waits in vain shows the screen. */
const patienceMs = 25_000;

export interface ChatTerminalOptions {
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The command line in a pseudo terminal, seen through an emulator. */
export class ChatTerminal implements AsyncDisposable {
  readonly #emulator: xterm.Terminal;
  readonly #process: IPty;
  readonly #exit: Promise<{ exitCode: number }>;
  #hasExited = false;
  #wake: () => void = () => undefined;
  /** All that was written, as it was. */
  written = '';

  constructor({ cwd, columns = 100, rows = 30, args = ['chat'], env = {} }: ChatTerminalOptions) {
    this.#emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true });
    this.#process = spawn(process.execPath, ['--conditions=turnchart-source', main, ...args], {
      cols: columns,
      rows,
      cwd,
      // nothing of whoever runs the tests: CI machines have no colours
      env: { PATH: process.env.PATH ?? '', HOME: cwd, TERM: 'xterm-256color', ...env },
    });
    // the emulator answers what the terminal is asked
    this.#emulator.onData((answer) => this.#process.write(answer));
    this.#process.onData((data) => {
      this.written += data;
      this.#emulator.write(data, () => this.#wake());
    });
    this.#exit = new Promise((resolve) => this.#process.onExit(resolve));
    this.#exit.then(() => {
      this.#hasExited = true;
      // what was written last may still be on its way through the emulator
      this.#emulator.write('', () => this.#wake());
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Everything from the first line on, what has scrolled away too. */
  get lines(): readonly string[] {
    const { active } = this.#emulator.buffer;
    const lines = Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)?.translateToString(true).trimEnd() ?? '',
    );
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  /** The same, with the same times in every run. */
  get text(): string {
    return this.lines
      .map((line) =>
        line
          .replace(/\d+\.\d s/g, 'N s')
          .replace(/\b\d+ s\b/g, 'N s')
          .replace(/\d+ (input|output) tokens/g, 'N $1 tokens')
          .replace(/^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /, '* ')
          .replace(/─{5,}/, '────'),
      )
      .join('\n');
  }

  /** How a text looks: the attributes of its first character. */
  look(text: string): { isDim: boolean; isStruck: boolean; isColoured: boolean } {
    const { active } = this.#emulator.buffer;
    for (let row = 0; row < active.length; row += 1) {
      const line = active.getLine(row);
      const column = line?.translateToString().indexOf(text) ?? -1;
      const cell = column === -1 ? undefined : line?.getCell(column);
      if (cell === undefined) continue;
      return {
        isDim: cell.isDim() !== 0,
        isStruck: cell.isStrikethrough() !== 0,
        isColoured: !cell.isFgDefault() || !cell.isBgDefault(),
      };
    }
    throw new Error(`"${text}" is not on the screen:\n${this.text}`);
  }

  /** Types text, or presses keys. */
  type(text: string): void {
    this.#process.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#emulator.resize(columns, rows);
    this.#process.resize(columns, rows);
  }

  /** Resolves when the screen shows that text; rejects with the screen where it never does. */
  async shows(expected: string | RegExp): Promise<void> {
    await this.#until(
      () => (typeof expected === 'string' ? this.text.includes(expected) : expected.test(this.text)),
      `${expected}`,
    );
  }

  /** Resolves when the screen shows that text no more. */
  async hides(text: string): Promise<void> {
    await this.#until(() => !this.text.includes(text), `no ${text}`);
  }

  /** Resolves when the prompt has that width, at the end of the screen. */
  async isDrawnFor(columns: number): Promise<void> {
    await this.#until(() => this.lines.at(-1) === '─'.repeat(columns), `a prompt of ${columns} columns`);
  }

  /** Resolves with the exit code when the process has ended. */
  async ended(): Promise<number> {
    await this.#until(() => this.#hasExited, 'the end');
    return (await this.#exit).exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasExited) this.#process.kill('SIGKILL');
    await this.#exit;
    this.#emulator.dispose();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    const limit = AbortSignal.timeout(patienceMs);
    const late = once(limit, 'abort');
    while (!holds()) {
      if (limit.aborted || this.#hasExited) throw new Error(`The screen never showed ${what}:\n${this.text}`);
      const written = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([written, late]);
    }
  }
}

export const keys = {
  enter: '\r',
  up: '\u001b[A',
  altEnter: '\u001b\r',
  ctrlC: '\u0003',
  ctrlD: '\u0004',
  ctrlO: '\u000f',
} as const;

/** A text as a terminal hands it over that was pasted. */
export function pasted(text: string): string {
  return `\u001b[200~${text}\u001b[201~`;
}
