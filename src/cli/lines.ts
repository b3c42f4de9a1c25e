import type { Interface } from 'node:readline';

/** The lines of an input, one after the other, but for those that somebody else takes as they come. */
export class Lines implements AsyncIterable<string> {
  readonly #waiting: string[] = [];
  #isOver = false;
  #wake: () => void = () => undefined;

  /** @param take says whether it wants a line for itself */
  constructor(input: Interface, take: (line: string) => boolean) {
    input.on('line', (line) => {
      if (take(line)) return;
      this.#waiting.push(line);
      this.#wake();
    });
    input.once('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    while (true) {
      const line = this.#waiting.shift();
      if (line !== undefined) yield line;
      else if (this.#isOver) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
