import type { Clock } from '../clock.ts';

interface Waiting {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A clock that a test moves. Timers that are due run one after the other in the order of their deadlines, with what
 * each of them leads to (promises included) before the next.
 *
 * @example
 * ```ts
 * const clock = new SimulatedClock();
 * const agent = createAgent({ model, clock });
 * const turn = agent.session().send('Hi');
 * await clock.advance(2_000);
 * ```
 */
export class SimulatedClock implements Clock {
  readonly #waiting = new Map<number, Waiting>();
  #now: number;
  #lastId = 0;

  /** @param start epoch ms */
  constructor(start = 1_000_000) {
    this.#now = start;
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#waiting.size;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(run: () => void, ms: number): number {
    this.#lastId += 1;
    this.#waiting.set(this.#lastId, { at: this.#now + Math.max(0, ms), run });
    return this.#lastId;
  }

  clearTimeout(id: unknown): void {
    this.#waiting.delete(id as number);
  }

  /** Lets time pass, in ms. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      await this.#fire(next);
    }
    this.#now = end;
  }

  /** Lets time pass until the next timer, and runs it. False where none is set. */
  async step(): Promise<boolean> {
    await settled();
    const next = this.#next();
    if (next === undefined) return false;
    await this.#fire(next);
    return true;
  }

  async #fire({ id, at, run }: Waiting & { readonly id: number }): Promise<void> {
    this.#waiting.delete(id);
    this.#now = Math.max(this.#now, at);
    run();
    await settled();
  }

  #next(): (Waiting & { readonly id: number }) | undefined {
    let first: (Waiting & { readonly id: number }) | undefined;
    for (const [id, waiting] of this.#waiting) {
      if (first === undefined || waiting.at < first.at) first = { id, ...waiting };
    }
    return first;
  }
}

/** All that promises have to say has been said once the event loop has gone round. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
