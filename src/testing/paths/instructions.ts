/** What somebody is told to do, one thing after the other; who asks before is told waits. */
export class Instructions<T> {
  readonly #given: T[] = [];
  #waiting: ((instruction: T) => void) | undefined;

  give(instruction: T): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#given.push(instruction);
    else waiting(instruction);
  }

  /** The next thing to do; nothing once the signal has aborted. */
  next(signal: AbortSignal): Promise<T | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    if (this.#given.length > 0) return Promise.resolve(this.#given.shift());
    return new Promise((resolve) => {
      const stop = () => {
        this.#waiting = undefined;
        resolve(undefined);
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#waiting = (instruction) => {
        signal.removeEventListener('abort', stop);
        resolve(instruction);
      };
    });
  }
}
