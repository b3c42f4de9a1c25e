import { type Actor, type AnyActorRef, type AnyStateMachine, createActor, type InspectionEvent } from 'xstate';
import { connectPort, type EffectResult, type StartedEffect } from '../../effects.ts';
import type { Payload } from '../../events.ts';
import type { SessionContext, sessionMachine } from '../../machines/sessionMachine.ts';
import type { TurnContext, turnMachine } from '../../machines/turnMachine.ts';
import { userMessage } from '../../messages.ts';
import { type PathBounds, sessionInput, turnInput } from './bounds.ts';
import type { SeenEffect } from './observation.ts';
import { type PathEvent, readToolEvent, type ToolHappening } from './pathEvent.ts';
import { dotted, lastEnd, machineSnapshot, type PathState, toolStates, turnSnapshot } from './pathState.ts';
import { execution, modelResult, preparation, streamed } from './results.ts';

/** The machines that a path can drive: a turn by itself, or a whole session. */
export type PathMachine = typeof turnMachine | typeof sessionMachine;

interface Timer {
  readonly dueAt: number;
  readonly source: AnyActorRef;
  readonly fire: () => void;
}

/**
 * Live actors whose every effect and timer waits until an event of a path says what comes of it. Time goes on by one
 * millisecond an event, or to where a timer is due.
 */
export class Rig {
  readonly actor: Actor<AnyStateMachine>;
  /** Effects that were started and have neither settled nor been aborted. */
  readonly pending = new Map<string, StartedEffect>();
  /** All effects that were ever started, and all that were aborted. */
  readonly started: SeenEffect[] = [];
  readonly aborted: SeenEffect[] = [];
  /** Everything that the root and its turns have emitted. */
  readonly emitted: Payload[] = [];
  /** `close()` was called; it says so again when the session rests. */
  isClosing = false;
  /** What broke the machines. */
  error: unknown;
  readonly #bounds: PathBounds;
  readonly #timers = new Map<number, Timer>();
  /** When effects first reported, by their ids. */
  readonly #reportedAt = new Map<string, number>();
  #turn: AnyActorRef | undefined;
  #at = 1_000_000;
  #lastTimer = 0;
  #messages = 0;

  constructor(machine: PathMachine, bounds: PathBounds, inspect?: (event: InspectionEvent) => void) {
    this.#bounds = bounds;
    const isSession = machine.id === 'session';
    this.actor = createActor<AnyStateMachine>(machine, {
      input: isSession ? sessionInput(bounds) : turnInput(bounds),
      clock: { setTimeout: this.#arm, clearTimeout: (id: number) => this.#timers.delete(id) },
      ...(inspect !== undefined && { inspect }),
    });
    connectPort(this.actor, {
      start: (effect) => {
        this.pending.set(effect.id, effect);
        this.started.push(effect);
      },
      abort: (effect) => {
        if (this.pending.delete(effect.id)) this.aborted.push(effect);
      },
    });
    this.actor.on('*', (payload) => this.emitted.push(payload as Payload));
    this.actor.subscribe({
      error: (error) => {
        this.error = error;
      },
    });
    this.actor.start();
  }

  get isSession(): boolean {
    return this.actor.logic.id === 'session';
  }

  get turn() {
    return turnSnapshot(this.actor);
  }

  get context(): TurnContext | undefined {
    return this.turn?.context as TurnContext | undefined;
  }

  get session(): SessionContext | undefined {
    return this.isSession ? (this.actor.getSnapshot().context as SessionContext) : undefined;
  }

  get state(): PathState {
    const { turn } = this;
    const state = { turn: turn === undefined ? lastEnd(this.emitted) : dotted(turn.value), tools: toolStates(turn) };
    if (this.session === undefined) return state;
    const session = dotted(this.actor.getSnapshot().value);
    return { session, queued: Math.max(0, this.session.queue.length - 1), ...state };
  }

  /** What the clock can do now. */
  get due(): { readonly retry: boolean; readonly end: boolean; readonly tools: readonly number[] } {
    const tools = [...this.#timers.values()].flatMap(({ source }) => numberOf(source) ?? []);
    return { retry: this.#retryTimer !== undefined, end: this.#durationTimer !== undefined, tools };
  }

  /** @throws Error where nothing waits for such an event */
  apply(event: PathEvent): void {
    this.#at += 1;
    this.#enter(event);
    this.#listenToTurn();
  }

  stop(): void {
    this.actor.stop();
  }

  #enter(event: PathEvent): void {
    const tool = readToolEvent(event);
    if (tool !== undefined) {
      this.#enterTool(tool, event);
      return;
    }
    switch (event) {
      case 'retry is due':
        this.#fire(this.#retryTimer, event);
        return;
      case 'time is up':
        this.#fire(this.#durationTimer, event);
        return;
      case 'model streams':
        this.#report(this.#model(event), streamed);
        return;
      case 'model actor is in error':
        this.#breakActor(event);
        return;
      default: {
        const said = this.isSession ? this.#sayToSession(event) : this.#sayToTurn(event);
        if (said !== undefined) this.actor.send({ ...said, at: this.#at });
        else this.#settle(this.#model(event), modelResult(event), event);
      }
    }
  }

  #enterTool({ number, happening }: { number: number; happening: ToolHappening }, event: PathEvent): void {
    if (happening === 'runs again') {
      this.#fire(this.#toolTimer(number), event);
      return;
    }
    const effect = this.#find((id) => id.includes(`.tool.${number - 1}.`), event);
    if (happening === 'reports') {
      this.#report(effect, 'So far, so good.');
      return;
    }
    const isPreparing = effect.kind === 'prepareTool';
    const result = isPreparing ? preparation(happening) : execution(happening, this.#bounds.toolAttempts);
    this.#settle(effect, result, event);
  }

  /** As XState says it of an actor that is invoked. */
  #breakActor(event: PathEvent): void {
    const turn: AnyActorRef | undefined = this.isSession ? machineSnapshot(this.actor)?.children.turn : this.actor;
    if (this.pending.size === 0 || turn === undefined) throw impossible(event, this.state);
    turn.send({ type: 'xstate.error.actor.callModel', error: new Error('The actor broke.') });
  }

  #sayToTurn(event: PathEvent) {
    switch (event) {
      case 'turn starts':
        return { type: 'turn.start', turnId: 'turn-1', message: this.#message() };
      case 'turn starts, cancelled before':
        return { type: 'turn.start', turnId: 'turn-1', message: this.#message(), cancelled: { reason: 'Too late.' } };
      case 'user steers':
        return { type: 'turn.steer', message: { ...this.#message(), cause: 'steering' } };
      case 'user cancels':
        return { type: 'turn.cancel', reason: 'Enough.' };
      default:
        return undefined;
    }
  }

  #sayToSession(event: PathEvent) {
    const turnId = `turn-${this.#messages + 1}`;
    switch (event) {
      case 'user sends':
        return { type: 'session.send', turnId, message: this.#message() };
      case 'turn starts':
        return { type: 'session.start' };
      case 'user steers':
        return { type: 'session.steer', turnId, message: { ...this.#message(), cause: 'steering' } };
      case 'user cancels':
        return { type: 'session.cancel', reason: 'Enough.' };
      case 'user cancels the waiting turn':
        return { type: 'session.cancel', turnId: this.session?.queue.at(-1)?.turnId };
      case 'session closes':
        this.isClosing = true;
        return { type: 'session.close' };
      case 'listener throws':
        return { type: 'session.diagnose', source: 'listener', message: 'It threw.' };
      default:
        return undefined;
    }
  }

  #message() {
    this.#messages += 1;
    return userMessage(`Message ${this.#messages}`, `message-${this.#messages}`);
  }

  #model(event: PathEvent): StartedEffect {
    return this.#find((id) => id.includes('.model.'), event);
  }

  #find(isIt: (id: string) => boolean, event: PathEvent): StartedEffect {
    for (const effect of this.pending.values()) if (isIt(effect.id)) return effect;
    throw impossible(event, this.state);
  }

  #settle(effect: StartedEffect, result: EffectResult | undefined, event: PathEvent): void {
    if (result === undefined) throw impossible(event, this.state);
    this.pending.delete(effect.id);
    const reportedAt = this.#reportedAt.get(effect.id);
    effect.settle({ ...result, at: this.#at, ...(reportedAt !== undefined && { reportedAt }) });
  }

  #report(effect: StartedEffect, report: unknown): void {
    if (!this.#reportedAt.has(effect.id)) this.#reportedAt.set(effect.id, this.#at);
    effect.report(report, this.#at);
  }

  get #retryTimer(): number | undefined {
    return this.context?.current.retryAt === undefined ? undefined : this.#turnTimers[0];
  }

  get #durationTimer(): number | undefined {
    return this.#turnTimers.at(-1);
  }

  /** The soonest first. The duration of a turn is longer than any delay of a path. */
  get #turnTimers(): readonly number[] {
    return [...this.#timers]
      .filter(([, { source }]) => numberOf(source) === undefined)
      .sort(([, a], [, b]) => a.dueAt - b.dueAt)
      .map(([id]) => id);
  }

  #toolTimer(number: number): number | undefined {
    return [...this.#timers].find(([, { source }]) => numberOf(source) === number)?.[0];
  }

  #fire(id: number | undefined, event: PathEvent): void {
    const timer = id === undefined ? undefined : this.#timers.get(id);
    if (id === undefined || timer === undefined) throw impossible(event, this.state);
    this.#timers.delete(id);
    this.#at = Math.max(this.#at, timer.dueAt);
    timer.fire();
  }

  #arm = (fire: () => void, delay: number): number => {
    const scheduled = Object.values(this.actor.system.getSnapshot()._scheduledEvents).at(-1);
    if (scheduled === undefined) throw new Error('A timer was set that no actor waits for.');
    this.#lastTimer += 1;
    this.#timers.set(this.#lastTimer, { dueAt: this.#at + delay, source: scheduled.source, fire });
    return this.#lastTimer;
  };

  /** A turn rests until it is started, so nothing that it says is missed. */
  #listenToTurn(): void {
    if (!this.isSession) return;
    const turn: AnyActorRef | undefined = machineSnapshot(this.actor)?.children.turn;
    if (turn === this.#turn) return;
    this.#turn = turn;
    turn?.on('*', (payload) => this.emitted.push(payload as Payload));
  }
}

export function impossible(event: PathEvent, state: PathState): Error {
  return new Error(`"${event}" cannot happen: nothing waits for it in turn ${state.turn}.`);
}

/** The number of a tool call's actor, from 1. */
function numberOf({ id }: AnyActorRef): number | undefined {
  return id.startsWith('tool.') ? Number(id.slice('tool.'.length)) + 1 : undefined;
}
