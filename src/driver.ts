import { type Clock, waitUntil } from './clock.ts';
import { type EffectResult, type RunningEffect, runEffect, type StartedEffect } from './effects.ts';
import type { TurnEvent } from './events.ts';
import type { Command, Host, HostInput, HostTimer } from './host.ts';

export interface DriverOptions {
  readonly clock: Clock;
  /** The application's own object, for tools. */
  readonly context: unknown;
  /** Told every event, in order, outside of any transition: it may give commands. */
  readonly onEvent: (event: TurnEvent) => void;
  /** The machines broke; the host takes no more inputs. */
  readonly onBroken: (error: unknown) => void;
  /**
   * Runs something as soon as everything that has happened so far would survive the end of the process: effects begin
   * only then. @default at once
   */
  readonly whenSafe?: (run: () => void) => void;
}

/**
 * Runs a session in this process: effects as soon as they begin, timers by the clock, turns in a microtask of their
 * own. One input at a time; its events are told before its effects begin, so that a listener can still prevent them.
 */
export class Driver {
  readonly host: Host;
  readonly #options: DriverOptions;
  readonly #running = new Map<string, RunningEffect>();
  readonly #timers = new Map<string, { cancel(): void }>();
  readonly #inputs: HostInput[] = [];
  #isApplying = false;
  #isDraining = false;
  #isStarting = false;
  #isHeld = false;
  #isStopped = false;

  constructor(host: Host, options: DriverOptions) {
    this.host = host;
    this.#options = options;
    host.onAbort = ({ id }) => {
      const running = this.#running.get(id);
      this.#running.delete(id);
      running?.stop();
    };
    host.onDisarm = ({ id }) => this.#clearTimer(id);
  }

  /** Gives a command. It acts at once, unless machines are in the middle of a transition: then right after it. */
  command(command: Command): void {
    this.#take({ type: 'command', command });
  }

  /** Tells the events that wait, and begins what has begun; for a host that was not empty when it came. */
  flush(): void {
    if (!this.#isDraining) this.#drain();
  }

  /** No turn begins before `release` or `resume`; for a host that was not empty when it came. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Turns begin again. */
  release(): void {
    this.#isHeld = false;
    if (!this.#isStarting && this.host.awaitsStart) this.#startSoon();
  }

  /**
   * Goes on where a replay has ended. An effect that had begun by then is run again, unless it is known what becomes of
   * it without that.
   */
  resume(begun: readonly StartedEffect[], resultOf: (effect: StartedEffect) => EffectResult | undefined): void {
    for (const effect of begun) {
      const result = resultOf(effect);
      if (result === undefined) this.#start([effect], []);
      else {
        // what was shown of an answer is not known any more, so it counts as shown
        const reportedAt = effect.kind === 'callModel' ? { reportedAt: this.#options.clock.now() } : {};
        this.#take({ type: 'settled', effect: effect.id, result, ...reportedAt });
      }
    }
    this.#start([], [...this.host.timers.values()]);
    this.release();
  }

  /** Stops everything; nothing is told any more. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#inputs.length = 0;
    this.host.stop();
    for (const running of this.#running.values()) running.stop();
    this.#running.clear();
    for (const id of [...this.#timers.keys()]) this.#clearTimer(id);
  }

  #take(input: HostInput): void {
    if (this.#isStopped) return;
    if (this.#isApplying) {
      this.#inputs.push(input);
      return;
    }
    this.#apply(input);
    if (!this.#isDraining) this.#drain();
  }

  #apply(input: HostInput): void {
    this.#isApplying = true;
    try {
      this.host.apply(input, this.#options.clock.now());
    } finally {
      this.#isApplying = false;
    }
    if (this.host.error !== undefined) {
      this.#options.onBroken(this.host.error);
      return;
    }
    if (!this.#isHeld && !this.#isStarting && this.host.awaitsStart) this.#startSoon();
  }

  /** Until there is nothing left to do: events first, then effects and timers, then the inputs that came meanwhile. */
  #drain(): void {
    this.#isDraining = true;
    try {
      for (;;) {
        const { events } = this.host;
        for (let index = 0; index < events.length; index += 1) {
          const event = events[index];
          if (event !== undefined) this.#options.onEvent(event);
        }
        events.length = 0;
        const hasBegun = this.#begin();
        if (this.#isStopped) return;
        const next = this.#inputs.shift();
        if (next !== undefined) this.#apply(next);
        // what has just begun may have reported, or given a command, before it first waited
        else if (!hasBegun) return;
      }
    } finally {
      this.#isDraining = false;
    }
  }

  /** Whether anything has begun. */
  #begin(): boolean {
    if (this.#isStopped) return false;
    const effects = this.host.takeBegun();
    const timers = this.host.takeArmed();
    if (effects.length === 0 && timers.length === 0) return false;
    const { whenSafe } = this.#options;
    if (whenSafe === undefined) {
      this.#start(effects, timers);
      return true;
    }
    whenSafe(() => this.#start(effects, timers));
    return false;
  }

  #start(effects: readonly StartedEffect[], timers: readonly HostTimer[]): void {
    if (this.#isStopped) return;
    for (const effect of effects) {
      const { id } = effect;
      // one that began before it may have cancelled the turn
      if (this.host.effects.get(id) !== effect || this.#running.has(id)) continue;
      runEffect(effect, this.#options, {
        begin: (running) => this.#running.set(id, running),
        report: (report) => this.#take({ type: 'reported', effect: id, report }),
        settle: (result) => {
          this.#running.delete(id);
          const input: HostInput = { type: 'settled', effect: id, result };
          // a synchronous runner settles here, inside the loop that takes inputs from the queue
          if (this.#isDraining) this.#inputs.push(input);
          else this.#take(input);
        },
      });
    }
    for (const timer of timers) {
      const { id, dueAt } = timer;
      if (this.host.timers.get(id) !== timer || this.#timers.has(id)) continue;
      this.#timers.set(
        id,
        waitUntil(this.#options.clock, dueAt, () => {
          this.#timers.delete(id);
          this.#take({ type: 'fired', timer: id });
        }),
      );
    }
  }

  #clearTimer(id: string): void {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
  }

  /** `send()` returns before the first event of its turn. */
  #startSoon(): void {
    this.#isStarting = true;
    queueMicrotask(() => {
      this.#isStarting = false;
      this.#take({ type: 'command', command: { type: 'session.start' } });
    });
  }
}
