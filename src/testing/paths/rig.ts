import { type Actor, type AnyActorRef, type AnyStateMachine, createActor, type InspectionEvent } from 'xstate';
import { connectPort, type EffectResult, type StartedEffect } from '../../effects.ts';
import type { Payload, SessionInput, TurnInputEvent } from '../../events.ts';
import type { PrepareStepInput } from '../../machines/contracts.ts';
import type { SessionContext, sessionMachine } from '../../machines/sessionMachine.ts';
import type { TurnContext, turnMachine } from '../../machines/turnMachine.ts';
import { historyBefore, type PathBounds, sessionInput, turnInput } from './bounds.ts';
import type { SeenEffect } from './observation.ts';
import { isAtLength, type PathEvent, readSending, readToolEvent, type ToolHappening } from './pathEvent.ts';
import {
  compactionState,
  dotted,
  lastEnd,
  machineSnapshot,
  type PathState,
  toolStates,
  turnSnapshot,
} from './pathState.ts';
import {
  agentResult,
  checkResult,
  execution,
  modelResult,
  planResult,
  preparation,
  saidMessage,
  streamed,
  summaryResult,
} from './results.ts';
import { agentReport, askedCall, withStandIns } from './standIn.ts';

type WithoutTime<T> = T extends unknown ? Omit<T, 'at'> : never;
type Said = WithoutTime<SessionInput | TurnInputEvent>;

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
  #compactions = 0;

  constructor(machine: PathMachine, bounds: PathBounds, inspect?: (event: InspectionEvent) => void) {
    this.#bounds = bounds;
    const isSession = machine.id === 'session';
    this.actor = createActor<AnyStateMachine>(withStandIns(machine), {
      input: isSession ? sessionInput(bounds) : { ...turnInput(bounds), history: historyBefore(bounds) },
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

  /** Messages that people have said. */
  get messages(): number {
    return this.#messages;
  }

  get state(): PathState {
    const { turn } = this;
    const state = {
      turn: turn === undefined ? lastEnd(this.emitted) : dotted(turn.value),
      tools: toolStates(turn),
      compaction: compactionState(this.actor, this.emitted),
    };
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
        this.#breakActor('callModel', event);
        return;
      case 'compaction actor is in error':
        this.#breakActor('compaction', event);
        return;
      default: {
        const said = this.isSession ? this.#sayToSession(event) : this.#sayToTurn(event);
        if (said !== undefined) this.actor.send({ ...said, at: this.#at });
        else this.#settleWork(event);
      }
    }
  }

  /** Whatever it is that is done outside, but for the work of tools. */
  #settleWork(event: PathEvent): void {
    const isMeant = ({ kind, input }: StartedEffect): EffectResult | undefined => {
      switch (kind) {
        case 'prepareStep':
          return planResult(event, input as PrepareStepInput);
        case 'callModel':
          return modelResult(event, this.context?.totals.toolCalls);
        case 'checkOutput':
          return checkResult(event);
        case 'summarize':
          return summaryResult(event);
        default:
          return undefined;
      }
    };
    for (const effect of this.pending.values()) {
      const result = isMeant(effect);
      if (result === undefined) continue;
      this.#settle(effect, result, event);
      return;
    }
    throw impossible(event, this.state);
  }

  #enterTool({ number, happening }: { number: number; happening: ToolHappening }, event: PathEvent): void {
    if (happening === 'runs again') {
      this.#fire(this.#toolTimer(number), event);
      return;
    }
    if (happening === 'is not approved in time') {
      this.#fire(
        this.context?.calls[number - 1]?.state === 'awaitingApproval' ? this.#toolTimer(number) : undefined,
        event,
      );
      return;
    }
    const answer = this.#answerTo(number, happening);
    if (answer !== undefined) {
      this.actor.send({ ...answer, at: this.#at });
      return;
    }
    const effect = this.#find((id) => id.includes(`.tool.${number - 1}.`), event);
    const isAgent = effect.kind === 'agentTurn';
    const report = isAgent
      ? agentReport(happening, this.#at)
      : happening === 'reports'
        ? 'So far, so good.'
        : undefined;
    if (report !== undefined) this.#report(effect, report);
    else if (isAgent) this.#settle(effect, agentResult(happening, this.#at), event);
    else if (effect.kind === 'prepareTool') this.#settle(effect, preparation(happening), event);
    else this.#settle(effect, execution(happening, this.#bounds.toolAttempts), event);
  }

  /** What people say of a tool call, or of a call of its agent. */
  #answerTo(number: number, happening: ToolHappening): Said | undefined {
    const record = this.context?.calls[number - 1];
    if (record === undefined) return undefined;
    const to = this.isSession ? 'session' : 'turn';
    const toolCallId = askedCall(record);
    switch (happening) {
      case 'is approved':
        return { type: `${to}.approve`, toolCallId };
      case 'is approved for the session':
        return { type: `${to}.approve`, toolCallId, remember: 'session' };
      case 'is denied':
        return { type: `${to}.deny`, toolCallId, reason: 'No.' };
      case 'is answered by its client':
        return { type: `${to}.resolveTool`, toolCallId, output: { type: 'text', value: 'Done.' } };
      case 'cannot be run by its client':
        return { type: `${to}.resolveTool`, toolCallId, output: { type: 'error', value: 'It is gone.' } };
      default:
        return undefined;
    }
  }

  /** As XState says it of an actor that is invoked. */
  #breakActor(id: string, event: PathEvent): void {
    const turn: AnyActorRef | undefined = this.isSession ? machineSnapshot(this.actor)?.children.turn : this.actor;
    if (this.pending.size === 0 || turn === undefined) throw impossible(event, this.state);
    turn.send({ type: `xstate.error.actor.${id}`, error: new Error('The actor broke.') });
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
      case 'user extends':
        return { type: 'turn.extend', steps: 1 };
      case 'user resumes':
        return { type: 'turn.resume' };
      default:
        return undefined;
    }
  }

  #sayToSession(event: PathEvent) {
    const turnId = `turn-${this.#messages + 1}`;
    const options = readSending(event);
    if (options !== undefined) {
      return { type: 'session.send', turnId, message: this.#message(isAtLength(event)), options };
    }
    switch (event) {
      case 'turn starts':
        return { type: 'session.start' };
      case 'user steers':
      case 'user steers, at length': {
        const message = this.#message(isAtLength(event));
        return { type: 'session.steer', turnId, message: { ...message, cause: 'steering' } };
      }
      case 'user cancels':
        return { type: 'session.cancel', reason: 'Enough.' };
      case 'user cancels the waiting turn':
        return { type: 'session.cancel', turnId: this.session?.queue.at(-1)?.turnId };
      case 'user extends':
        return { type: 'session.extend', steps: 1 };
      case 'user resumes':
        return { type: 'session.resume' };
      case 'user compacts':
        this.#compactions += 1;
        return { type: 'session.compact', id: `compaction-${this.#compactions}` };
      case 'session closes':
        this.isClosing = true;
        return { type: 'session.close' };
      case 'listener throws':
        return { type: 'session.diagnose', source: 'listener', message: 'It threw.' };
      default:
        return undefined;
    }
  }

  #message(isLong = false) {
    this.#messages += 1;
    return saidMessage(this.#messages, isLong);
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
