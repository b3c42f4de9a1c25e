import type { Driver } from './driver.ts';
import type { EffectResult, StartedEffect } from './effects.ts';
import type { Failure } from './failure.ts';

/** A turn or a compaction that was unfinished when its process ended: its machines rest until it is gone on with. */
export class HeldTurn {
  /** Nothing where it is a compaction. */
  readonly turnId: string | undefined;
  /** Why it cannot be gone on with, if so. */
  readonly failure: Failure | undefined;
  readonly #driver: Driver;
  /** What had begun. */
  readonly #effects: readonly StartedEffect[];

  constructor(driver: Driver, failure: Failure | undefined) {
    this.turnId = driver.host.actor.getSnapshot().context.queue[0]?.turnId;
    this.failure = failure;
    this.#driver = driver;
    this.#effects = [...driver.host.effects.values()];
    driver.hold();
  }

  /** Whether it was cancelled meanwhile. A turn that is cancelled before it starts ends as it starts; a compaction ends at once. */
  get isCancelled(): boolean {
    const { value, context } = this.#driver.host.actor.getSnapshot();
    const isStopped = this.turnId === undefined && value !== 'compacting';
    return isStopped || context.queue[0]?.cancelled !== undefined;
  }

  goOn(resultOf: (effect: StartedEffect) => EffectResult | undefined): void {
    this.#driver.resume(this.#effects, resultOf);
  }

  /** There is nothing to be gone on with any more; what waits behind it may begin. */
  letGo(): void {
    this.#driver.release();
  }
}
