import { type Actor, type AnyActorRef, createActor, type InspectionEvent, type Observer } from 'xstate';
import { connectPort, type EffectResult, type Settled, type StartedEffect } from './effects.ts';
import { type Envelope, isEphemeral, type Payload, type SessionInput, type TurnEvent } from './events.ts';
import type { SessionMachineInput, sessionMachine } from './machines/sessionMachine.ts';
import type { TurnOutput, turnMachine } from './machines/turnMachine.ts';

export type SessionLogic = typeof sessionMachine;
type TurnActor = Actor<typeof turnMachine>;

type WithoutTime<T> = T extends unknown ? Omit<T, 'at'> : never;
/** What is said to a session; the host adds when. */
export type Command = WithoutTime<SessionInput>;

/** Everything that can happen to a session: what is not among these does not happen. */
export type HostInput =
  | { readonly type: 'command'; readonly command: Command }
  | {
      readonly type: 'settled';
      readonly effect: string;
      readonly result: EffectResult;
      /** When the effect's first report came. */
      readonly reportedAt?: number;
    }
  | { readonly type: 'reported'; readonly effect: string; readonly report: unknown }
  | { readonly type: 'fired'; readonly timer: string };

/** An input as it is recorded: when it came, and which effects began with it. */
export interface Row {
  readonly at: number;
  readonly input: HostInput;
  readonly began: readonly string[];
}

/** A delay that a machine waits for. */
export interface HostTimer {
  readonly id: string;
  /** Epoch ms. */
  readonly dueAt: number;
}

interface ArmedTimer extends HostTimer {
  readonly fire: () => void;
}

export interface HostOptions {
  readonly machine: SessionLogic;
  readonly input: SessionMachineInput;
  readonly agent: string;
  /** `seq` of the last durable event before. @default 0 */
  readonly seq?: number;
  readonly inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
}

interface Unrecorded {
  report: unknown;
  readonly at: number;
}

/**
 * The actor system of a session, as a machine of its own: inputs go in through `apply`, and what the machines want from
 * outside stands in `effects` and `timers` as data. It runs nothing, waits for nothing and reads no clock, so a driver,
 * a test and a replay all work it the same way.
 */
export class Host {
  readonly actor: Actor<SessionLogic>;
  /** Effects that were started and have not settled. */
  readonly effects = new Map<string, StartedEffect>();
  readonly timers = new Map<string, ArmedTimer>();
  /** Events that nobody has taken yet, in order. */
  readonly events: TurnEvent[] = [];
  /** How turns ended, by id; whoever has taken notice of one deletes it. */
  readonly outputs = new Map<string, TurnOutput>();
  /** Told when the machines do not want an effect or a timer any more. */
  onAbort: ((effect: StartedEffect) => void) | undefined;
  onDisarm: ((timer: HostTimer) => void) | undefined;
  /** Told every input that a replay needs. Reports are no inputs of their own unless something comes between. */
  onRow: ((row: Row) => void) | undefined;
  /** What broke the machines; nothing is applied after that. */
  error: unknown;

  readonly #envelope: Pick<Envelope, 'agent' | 'sessionId'>;
  readonly #reportedAt = new Map<string, number>();
  readonly #unrecorded = new Map<string, Unrecorded>();
  #began: StartedEffect[] = [];
  #armed: ArmedTimer[] = [];
  #turn: TurnActor | undefined;
  #at = 0;
  #seq: number;
  #n = 0;

  constructor(options: HostOptions) {
    this.#seq = options.seq ?? 0;
    this.#envelope = { agent: options.agent, sessionId: options.input.sessionId };
    this.actor = createActor(options.machine, {
      input: options.input,
      clock: { setTimeout: this.#arm, clearTimeout: this.#disarm },
      ...(options.inspect !== undefined && { inspect: options.inspect }),
    });
    connectPort(this.actor, {
      start: (effect) => {
        this.effects.set(effect.id, effect);
        this.#began.push(effect);
      },
      abort: (effect) => {
        this.#forget(effect.id);
        this.onAbort?.(effect);
      },
    });
    this.actor.on('*', (payload) =>
      this.emit(payload, payload.type === 'diagnostic' ? this.#runningTurn() : undefined),
    );
    this.actor.subscribe({
      error: (error) => {
        this.error = error;
      },
    });
    this.actor.start();
  }

  /** `seq` of the last durable event. */
  get seq(): number {
    return this.#seq;
  }

  /** The turn that runs or rests before its start. */
  get turn(): TurnActor | undefined {
    return this.#turn;
  }

  /** Whether a turn rests and is to be started by a `session.start`. */
  get awaitsStart(): boolean {
    return this.actor.getSnapshot().hasTag('starting');
  }

  /**
   * Puts one input into the machines, and gives the ids of all effects that began with it, those included that it has
   * aborted again. What cannot be meant any more (a late result, an old timer) changes nothing.
   */
  apply(input: HostInput, at: number): readonly string[] {
    if (this.error !== undefined || !this.#isMeant(input)) return none;
    const recording = this.onRow !== undefined && this.#isRecorded(input, at);
    const complete = input.type === 'settled' ? this.#withReportedAt(input) : input;
    const before = this.#began.length;
    this.#at = at;
    this.#enter(complete, at);
    // broken machines have let go of their turn, which is what is to be rescued
    if (this.error === undefined) this.#listenToTurn();
    const began = this.#began.length === before ? none : this.#began.slice(before).map(({ id }) => id);
    if (recording) this.onRow?.({ at, input: complete, began });
    return began;
  }

  /** The effects that have begun since this was last asked, without those that were aborted meanwhile. */
  takeBegun(): readonly StartedEffect[] {
    if (this.#began.length === 0) return none;
    const begun = this.#began.filter((effect) => this.effects.get(effect.id) === effect);
    this.#began = [];
    return begun;
  }

  /** The timers that were set since this was last asked, without those that were cleared meanwhile. */
  takeArmed(): readonly HostTimer[] {
    if (this.#armed.length === 0) return none;
    const armed = this.#armed.filter((timer) => this.timers.get(timer.id) === timer);
    this.#armed = [];
    return armed;
  }

  /** The rows that reports kept back would be, if something came between now. */
  unrecorded(): readonly Row[] {
    return [...this.#unrecorded].map(([effect, { report, at }]) => reportRow(effect, report, at));
  }

  /** Stops all actors, and so aborts all effects. */
  stop(): void {
    this.actor.stop();
    for (const effect of this.effects.values()) this.onAbort?.(effect);
    this.effects.clear();
    for (const timer of this.timers.values()) this.onDisarm?.(timer);
    this.timers.clear();
  }

  #isMeant(input: HostInput): boolean {
    if (input.type === 'fired') return this.timers.has(input.timer);
    if (input.type === 'command') return this.actor.getSnapshot().status === 'active';
    return this.effects.has(input.effect);
  }

  #enter(input: HostInput, at: number): void {
    switch (input.type) {
      case 'command':
        this.actor.send({ ...input.command, at });
        return;
      case 'fired': {
        const timer = this.timers.get(input.timer);
        this.timers.delete(input.timer);
        timer?.fire();
        return;
      }
      case 'settled': {
        const effect = this.effects.get(input.effect);
        this.#forget(input.effect);
        const { reportedAt } = input;
        const settled: Settled = { ...input.result, at, ...(reportedAt !== undefined && { reportedAt }) };
        effect?.settle(settled);
        return;
      }
      case 'reported': {
        if (!this.#reportedAt.has(input.effect)) this.#reportedAt.set(input.effect, at);
        this.effects.get(input.effect)?.report(input.report, at);
      }
    }
  }

  #forget(effect: string): void {
    this.effects.delete(effect);
    this.#reportedAt.delete(effect);
    this.#unrecorded.delete(effect);
  }

  #withReportedAt(input: HostInput & { type: 'settled' }): HostInput {
    const reportedAt = input.reportedAt ?? this.#reportedAt.get(input.effect);
    return reportedAt === undefined ? input : { ...input, reportedAt };
  }

  /**
   * Reports are kept back: the result that follows says it all. Where something else comes first, what was reported so
   * far is recorded before it, since what follows may depend on it; also where several effects have reported, as sub-agents
   * side by side do: who was first is nothing that their results say.
   */
  #isRecorded(input: HostInput, at: number): boolean {
    if (input.type === 'reported') {
      const merge = this.effects.get(input.effect)?.mergeReports;
      if (merge === undefined) return false;
      const earlier = this.#unrecorded.get(input.effect);
      if (earlier === undefined) this.#unrecorded.set(input.effect, { report: input.report, at });
      else earlier.report = merge(earlier.report, input.report);
      return false;
    }
    const isAlone = this.#unrecorded.size === 1;
    for (const [effect, { report, at: reportedAt }] of this.#unrecorded) {
      if (isAlone && input.type === 'settled' && input.effect === effect) continue;
      this.onRow?.(reportRow(effect, report, reportedAt));
    }
    this.#unrecorded.clear();
    return true;
  }

  /** Diagnostics belong to the turn that runs, where one does; all else that a session says is its own. */
  #runningTurn(): string | undefined {
    return this.#turn?.getSnapshot().context.turnId || undefined;
  }

  /** A turn rests until it is started, so nothing it says is missed. */
  #listenToTurn(): void {
    const turn = this.actor.getSnapshot().children.turn as TurnActor | undefined;
    if (turn === this.#turn) return;
    const output = this.#turn?.getSnapshot().output;
    if (output !== undefined) this.outputs.set(output.turnId, output);
    this.#turn = turn;
    turn?.on('*', (payload) => this.emit(payload, turn.getSnapshot().context.turnId));
  }

  /** Puts the envelope around what the machines say, or what is said in their stead when they are broken. */
  emit(payload: Payload, turnId: string | undefined): void {
    const ephemeral = isEphemeral(payload);
    if (ephemeral) {
      this.#n += 1;
    } else {
      this.#seq += 1;
      this.#n = 0;
    }
    this.events.push({
      ...this.#envelope,
      ...(turnId !== undefined && { turnId }),
      seq: this.#seq,
      ...(ephemeral && { n: this.#n }),
      at: this.#at,
      ...payload,
    } as TurnEvent);
  }

  // the machines' clock: they wait, and whoever drives the host says when the time has come
  #arm = (fire: () => void, delay: number): string => {
    const id = this.#timerId();
    const timer: ArmedTimer = { id, dueAt: this.#at + delay, fire };
    this.timers.set(id, timer);
    this.#armed.push(timer);
    return id;
  };

  #disarm = (id: string): void => {
    const timer = this.timers.get(id);
    this.timers.delete(id);
    if (timer !== undefined) this.onDisarm?.(timer);
  };

  /** Who waits, and for what: the same in every replay, also after a machine has gained a timer. */
  #timerId(): string {
    const scheduled = Object.values(this.actor.system.getSnapshot()._scheduledEvents).at(-1);
    if (scheduled === undefined) throw new Error('A timer was set that no actor waits for.');
    return `${pathOf(scheduled.source)}:${scheduled.event.type}`;
  }
}

const none: readonly never[] = [];

function reportRow(effect: string, report: unknown, at: number): Row {
  return { at, input: { type: 'reported', effect, report }, began: [] };
}

function pathOf(actor: AnyActorRef): string {
  return actor._parent === undefined ? 'session' : `${pathOf(actor._parent)}/${actor.id}`;
}

/** What a replay has come to. */
export interface Refolded {
  readonly host: Host;
  /** Where history and machines disagree, if they do. */
  readonly divergence?: string;
  /** Rows up to there. */
  readonly agreed: number;
}

/** A host rebuilt from its rows, with the same states, effects and timers. */
export function refold(options: HostOptions, rows: readonly Row[]): Refolded {
  const host = new Host(options);
  for (const [index, row] of rows.entries()) {
    let began: readonly string[];
    try {
      began = host.apply(row.input, row.at);
    } catch (error) {
      return { host, divergence: `Row ${index + 1} cannot be applied: ${String(error)}.`, agreed: index };
    }
    host.takeBegun();
    host.takeArmed();
    if (began.join() !== row.began.join()) {
      const divergence = `Row ${index + 1} (${row.input.type}) began [${row.began}], now it begins [${began}].`;
      return { host, divergence, agreed: index };
    }
    if (host.error !== undefined) {
      return { host, divergence: `Row ${index + 1} broke the machines: ${String(host.error)}`, agreed: index };
    }
  }
  return { host, agreed: rows.length };
}
