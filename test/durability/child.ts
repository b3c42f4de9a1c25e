import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** A process that runs one of `programs/`, and says a line whenever it has done something. */
export class Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<unknown>;
  #told = '';
  #errors = '';
  #isOver = false;
  #wake: () => void = () => {};

  /** @param program its path from here, without `programs/` where it is there */
  constructor(program: string, ...args: readonly string[]) {
    const path = program.includes('/') ? program : `programs/${program}`;
    const file = fileURLToPath(new URL(`${path}.ts`, import.meta.url));
    this.process = spawn(process.execPath, ['--conditions=turnchart-source', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#told += text;
      this.#wake();
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.#ended = once(this.process, 'close').then(() => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** The lines so far. */
  get lines(): readonly string[] {
    return this.#told.split('\n').slice(0, -1);
  }

  /** Resolves when it has said so many lines. */
  async says(count: number): Promise<void> {
    if (await this.until(() => this.lines.length >= count)) return;
    throw new Error(`The child ended after ${this.lines.length} lines. ${this.#errors}`);
  }

  /** Resolves when that is so; with false where the child has ended before. */
  async until(isSo: () => boolean): Promise<boolean> {
    while (!isSo()) {
      if (this.#isOver) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }

  /** Ends it in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.#ended;
  }

  /** Resolves when it has ended by itself. */
  async end(): Promise<void> {
    await this.#ended;
    if (this.process.exitCode !== 0) throw new Error(`The child ended with ${this.process.exitCode}. ${this.#errors}`);
  }
}
