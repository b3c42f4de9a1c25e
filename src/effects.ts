import type { ActorLogic, AnyActorRef, EventObject, Snapshot } from 'xstate';
import { type Clock, systemClock, waitUntil } from './clock.ts';
import { describeError } from './failure.ts';
import { isThenable } from './thenable.ts';

/** Every effect is started with an id that follows from turn, step, attempt and index, so that a replay finds it again. */
export interface EffectInput {
  readonly id: string;
}

/** What came of an effect; an `error` only where its runner threw, which runners do not do on purpose. */
export type EffectResult<T = unknown> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: { readonly name: string; readonly message: string } };

/** What the machine is given when an effect settles. */
export type Settled<T = unknown> = EffectResult<T> & {
  /** When it settled, in epoch ms. */
  readonly at: number;
  /** When the first of its reports came. */
  readonly reportedAt?: number;
};

/** What a runner gets. */
export interface EffectScope<TInput, TReport> {
  readonly input: TInput;
  /** Aborts when the machine does not want the effect any more. */
  readonly signal: AbortSignal;
  /** The application's own object; `undefined` where nobody gave one. */
  readonly context: unknown;
  /** Epoch ms. */
  now(): number;
  /** Runs something later, in ms, unless the effect is over by then. */
  after(ms: number, run: () => void): void;
  /** Aborts the signal from inside: the runner has what it needs, or gives up. */
  abort(reason?: unknown): void;
  /** Tells the machine something on the way; dropped once the effect is over. */
  report(report: TReport): void;
}

export type EffectRunner<TInput, TOutput, TReport> = (
  scope: EffectScope<TInput, TReport>,
) => TOutput | PromiseLike<TOutput>;

/** How reports become events of the machine that started the effect. */
export interface EffectReports<TReport> {
  toEvent(report: TReport, at: number): EventObject;
  /** Makes one report of two. Reports that cannot be merged change no state, and are never recorded. */
  merge?(earlier: TReport, later: TReport): TReport;
}

/** An effect that a machine has started, as a port sees it. */
export interface StartedEffect {
  readonly id: string;
  readonly kind: string;
  readonly input: EffectInput;
  readonly run: EffectRunner<EffectInput, unknown, unknown>;
  readonly mergeReports: ((earlier: unknown, later: unknown) => unknown) | undefined;
  settle(settled: Settled): void;
  report(report: unknown, at: number): void;
}

/** The one door through which effects are started and aborted. It must not settle an effect inside `start`. */
export interface EffectsPort {
  start(effect: StartedEffect): void;
  abort(effect: StartedEffect): void;
}

type AnyActorSystem = AnyActorRef['system'];

const ports = new WeakMap<AnyActorSystem, EffectsPort>();
const started = new WeakMap<AnyActorRef, StartedEffect>();

/**
 * Makes all effects of an actor system go through a port, at any depth. Between `createActor` and `start`.
 *
 * @example
 * ```ts
 * const actor = createActor(turnMachine);
 * connectPort(actor, port);
 * actor.start();
 * ```
 */
export function connectPort(root: AnyActorRef, port: EffectsPort): void {
  ports.set(root.system, port);
}

export type EffectSnapshot<TInput, TOutput> = Snapshot<Settled<TOutput>> & { readonly input: TInput };
type EffectEvent = { readonly type: 'effect.settled'; readonly settled: Settled };
export type EffectLogic<TInput extends EffectInput, TOutput> = ActorLogic<
  EffectSnapshot<TInput, TOutput>,
  EffectEvent,
  TInput,
  AnyActorSystem
>;

/**
 * Work outside the machines as an actor: invoked like any other, done when its runner is.
 * With a port in its actor system the port decides whether and when the runner runs; without one it runs itself.
 *
 * @param kind what the port calls it, such as `callModel`
 * @param run does the work; what it throws becomes the `error` of the output, so the actor is never in error
 * @example
 * ```ts
 * const machine = setup({ actors: { lookUp: effect('lookUp', ({ input, signal }) => find(input.id, signal)) } });
 * ```
 */
export function effect<TInput extends EffectInput, TOutput, TReport = never>(
  kind: string,
  run: EffectRunner<TInput, TOutput, TReport>,
  reports?: EffectReports<TReport>,
): EffectLogic<TInput, TOutput> {
  return {
    getInitialSnapshot: (_scope, input) => ({ status: 'active', output: undefined, error: undefined, input }),
    transition(snapshot, event, { self }) {
      if (snapshot.status !== 'active') return snapshot;
      if (event.type === 'effect.settled') {
        return { ...snapshot, status: 'done', output: event.settled as Settled<TOutput> };
      }
      if ((event as EventObject).type === 'xstate.stop') {
        const running = started.get(self);
        if (running !== undefined) (ports.get(self.system) ?? selfService).abort(running);
        return { ...snapshot, status: 'stopped' };
      }
      return snapshot;
    },
    start(snapshot, { self, system }) {
      if (snapshot.status !== 'active') return;
      const parent = self._parent;
      const starting: StartedEffect = {
        id: snapshot.input.id,
        kind,
        input: snapshot.input,
        run: run as unknown as StartedEffect['run'],
        mergeReports: reports?.merge as StartedEffect['mergeReports'],
        settle: (settled) => self.send({ type: 'effect.settled', settled }),
        report: (report, at) => {
          if (reports !== undefined) parent?.send(reports.toEvent(report as TReport, at));
        },
      };
      started.set(self, starting);
      (ports.get(system) ?? selfService).start(starting);
    },
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (snapshot) => snapshot as EffectSnapshot<TInput, TOutput>,
  };
}

/** What an effect runs in. */
export interface EffectWorld {
  readonly clock: Clock;
  readonly context: unknown;
}

/** Where the reports and the result of an effect go. Both may come before `runEffect` returns. */
export interface EffectSink {
  /** Comes first: from now on the effect can be stopped, also by what it does itself. */
  begin(running: RunningEffect): void;
  report(report: unknown): void;
  settle(result: EffectResult): void;
}

/** An effect at work. */
export class RunningEffect implements EffectScope<EffectInput, unknown> {
  readonly input: EffectInput;
  readonly #world: EffectWorld;
  readonly #sink: EffectSink;
  readonly #timers = new Set<{ cancel(): void }>();
  // made on demand: most tools never look at their signal, and aborting costs more than running them
  #controller: AbortController | undefined;
  #abortedWith: { readonly reason: unknown } | undefined;
  #isOver = false;

  constructor(input: EffectInput, world: EffectWorld, sink: EffectSink) {
    this.input = input;
    this.#world = world;
    this.#sink = sink;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedWith !== undefined) this.#controller.abort(this.#abortedWith.reason);
    }
    return this.#controller.signal;
  }

  get context(): unknown {
    return this.#world.context;
  }

  // fields, so that a runner may take them off its scope
  now = (): number => {
    return this.#world.clock.now();
  };

  after = (ms: number, run: () => void): void => {
    if (this.#isOver) return;
    const { clock } = this.#world;
    const timer = waitUntil(clock, clock.now() + ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  };

  abort = (reason?: unknown): void => {
    this.#abortedWith ??= { reason };
    this.#controller?.abort(reason);
  };

  report = (report: unknown): void => {
    if (!this.#isOver) this.#sink.report(report);
  };

  /** From outside: the effect is not wanted any more, and whatever it still says is dropped. */
  stop(): void {
    if (this.#isOver) return;
    this.#end();
    this.abort();
  }

  settle(result: EffectResult): void {
    if (this.#isOver) return;
    this.#end();
    this.#sink.settle(result);
  }

  #end(): void {
    this.#isOver = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}

/** Runs an effect. */
export function runEffect(effect: StartedEffect, world: EffectWorld, sink: EffectSink): void {
  const running = new RunningEffect(effect.input, world, sink);
  sink.begin(running);
  try {
    const value = effect.run(running);
    if (isThenable(value)) {
      value.then(
        (result) => running.settle({ value: result }),
        (error) => running.settle({ error: describeError(error) }),
      );
    } else {
      running.settle({ value });
    }
  } catch (error) {
    running.settle({ error: describeError(error) });
  }
}

const runningAlone = new WeakMap<StartedEffect, RunningEffect>();

/** The port of systems that have none: runs every effect at once. */
const selfService: EffectsPort = {
  start(effect) {
    let first: number | undefined;
    runEffect(
      effect,
      { clock: systemClock, context: undefined },
      {
        begin: (running) => runningAlone.set(effect, running),
        report: (report) => {
          const at = systemClock.now();
          first ??= at;
          effect.report(report, at);
        },
        // a synchronous runner would settle inside start, before the machine has finished its transition
        settle: (result) =>
          queueMicrotask(() => {
            if (!stopped.has(effect))
              effect.settle({ ...result, at: systemClock.now(), ...(first !== undefined && { reportedAt: first }) });
          }),
      },
    );
  },
  abort(effect) {
    stopped.add(effect);
    runningAlone.get(effect)?.stop();
  },
};
const stopped = new WeakSet<StartedEffect>();
