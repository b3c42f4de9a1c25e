import type { Clock } from '../../clock.ts';
import {
  type EffectResult,
  type EffectWorld,
  type RunningEffect,
  runEffect,
  type StartedEffect,
} from '../../effects.ts';

/** What became of an effect, as it is journaled. */
export type Done =
  | { readonly type: 'settled'; readonly result: EffectResult; readonly at: number; readonly reportedAt?: number }
  /** It had begun in a process that does not have it any more. */
  | { readonly type: 'lost'; readonly process: string };

/** Something that an effect has said on its way. */
export interface Report {
  readonly report: unknown;
  readonly at: number;
}

/** Names this process, such that none before or after it has the same name. */
export const processName: string = crypto.randomUUID();

/** How long effects go on of which nobody asks: the attempt that began them may be repeated here. In ms. */
const patience = 60_000;

/**
 * The effects at work in this process. An attempt of an invocation may end while its effects go on, because a connection
 * broke, say; the next attempt in this process finds them here.
 */
export class RunningEffects {
  readonly #clock: Clock;
  readonly #invocations = new Map<string, Map<string, HeldEffect>>();
  /** Of the attempts that are the latest, how they end. */
  readonly #attempts = new Map<string, () => void>();
  readonly #abandoned = new Map<string, unknown>();
  /** Told that nothing is at work any more, where nothing more is to begin. */
  #onIdle: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are at work, or have ended without anybody having taken notice. */
  get size(): number {
    return [...this.#invocations.values()].reduce((sum, held) => sum + held.size, 0);
  }

  /** From now on nothing begins here; resolves when nothing is at work any more, or after so long. */
  async drain(graceMs: number): Promise<void> {
    const idle = Promise.withResolvers<void>();
    this.#onIdle = idle.resolve;
    const timer = this.#clock.setTimeout(idle.resolve, graceMs);
    this.#tellIdle();
    await idle.promise;
    this.#clock.clearTimeout(timer);
  }

  /**
   * Only what was reserved before it began is known to have begun at most once.
   *
   * @throws Error where nothing is to begin here any more
   */
  reserve(invocation: string, ids: readonly string[]): void {
    if (this.#onIdle !== undefined) throw new Error('This replica is stopping: another one goes on with the turn.');
    const held = this.#invocations.get(invocation) ?? new Map<string, HeldEffect>();
    this.#invocations.set(invocation, held);
    for (const id of ids) if (!held.has(id)) held.set(id, new HeldEffect());
  }

  find(invocation: string, id: string): HeldEffect | undefined {
    return this.#invocations.get(invocation)?.get(id);
  }

  /** Its result is journaled: nobody will ask for it. */
  drop(invocation: string, id: string): void {
    this.#invocations.get(invocation)?.delete(id);
    this.#tellIdle();
  }

  /** An attempt begins, which is the only one from now on. @returns told when it has ended, and another may come */
  join(invocation: string): () => void {
    const ended = () => {
      if (this.#attempts.get(invocation) !== ended) return;
      if (this.#invocations.has(invocation)) this.#abandon(invocation);
      else this.#attempts.delete(invocation);
    };
    this.#clock.clearTimeout(this.#abandoned.get(invocation));
    this.#abandoned.delete(invocation);
    this.#attempts.set(invocation, ended);
    return ended;
  }

  /** Stops what is still at work: nobody will ask for it. */
  release(invocation: string): void {
    this.#clock.clearTimeout(this.#abandoned.get(invocation));
    this.#abandoned.delete(invocation);
    this.#attempts.delete(invocation);
    for (const held of this.#invocations.get(invocation)?.values() ?? []) held.stop();
    this.#invocations.delete(invocation);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.size === 0) this.#onIdle?.();
  }

  #abandon(invocation: string): void {
    const timer = this.#clock.setTimeout(() => this.release(invocation), patience);
    this.#abandoned.set(invocation, timer);
  }
}

/** An effect of which this process holds the only try. */
export class HeldEffect {
  /** What it has said, oldest first. */
  readonly reports: Report[] = [];
  /** Told that there is more of them. */
  onReport: (() => void) | undefined;
  /** Epoch ms. */
  startedAt = 0;
  #running: RunningEffect | undefined;
  #done: Promise<Done> | undefined;
  #end: (done: Done) => void = () => {};
  #reportedAt: number | undefined;

  /** What becomes of it. It begins when that is asked first. */
  done(effect: StartedEffect, world: EffectWorld): Promise<Done> {
    if (this.#done !== undefined) return this.#done;
    const done = new Promise<Done>((resolve) => {
      this.#end = resolve;
    });
    this.#done = done;
    const { clock } = world;
    this.startedAt = clock.now();
    runEffect(effect, world, {
      begin: (running) => {
        this.#running = running;
      },
      report: (report) => {
        const at = clock.now();
        this.#reportedAt ??= at;
        this.reports.push({ report, at });
        this.onReport?.();
      },
      settle: (result) => {
        const reportedAt = this.#reportedAt;
        this.#end({ type: 'settled', result, at: clock.now(), ...(reportedAt !== undefined && { reportedAt }) });
      },
    });
    return done;
  }

  stop(): void {
    this.onReport = undefined;
    this.#running?.stop();
    const lost = { type: 'lost', process: processName } as const;
    this.#end(lost);
    this.#done ??= Promise.resolve(lost);
  }
}
