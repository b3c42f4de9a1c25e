/** How long a second Ctrl-C counts as one that follows the first, in ms. */
export const patienceMs = 2_000;

/** What Ctrl-C does. */
export type Interrupt = 'cancel' | 'clear' | 'warn' | 'quit';

/** Counts presses of Ctrl-C: the first one stops or clears something, one that soon follows quits. */
export class Interrupts {
  #lastAt = Number.NEGATIVE_INFINITY;

  /** @param now ms of any clock that only goes on */
  press({ isIdle, hasText, now }: { isIdle: boolean; hasText: boolean; now: number }): Interrupt {
    const isSecond = this.isPending(now);
    this.#lastAt = now;
    if (isSecond) return 'quit';
    if (!isIdle) return 'cancel';
    return hasText ? 'clear' : 'warn';
  }

  /** Something else was done since: the next press is a first one again. */
  forget(): void {
    this.#lastAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether another press would quit. */
  isPending(now: number): boolean {
    return now - this.#lastAt < patienceMs;
  }
}
