/// <reference lib="esnext.disposable" preserve="true" />

import type { Actor } from 'xstate';
import { endOf, type Rescue, rescue } from './brokenTurn.ts';
import type { Clock } from './clock.ts';
import { Driver } from './driver.ts';
import type { SessionState, StoredSession, StoreLock } from './durability/store.ts';
import type { EffectResult, StartedEffect } from './effects.ts';
import { isTerminal, type TurnEvent, type TurnEventType, type TurnOverrides } from './events.ts';
import { describeError, type Failure } from './failure.ts';
import { type Command, Host, type HostOptions, type Row, refold, type SessionLogic } from './host.ts';
import { Journal, type StoreWriter } from './journal.ts';
import type { Json } from './json.ts';
import { canCompact, defaultCompaction, maxCompactions, wasInVain } from './machines/compaction.ts';
import { createHistory, type History, historyState, messagesOf } from './machines/history.ts';
import type { TurnLimits } from './machines/policies.ts';
import type { SessionContext, SessionMachineInput } from './machines/sessionMachine.ts';
import { internalFailure } from './machines/turnFailures.ts';
import { machineVersion } from './machines/version.ts';
import { type Message, type UserInput, userMessage } from './messages.ts';
import { noUsage, type Usage } from './model.ts';
import { checkTurnLimits } from './options.ts';
import { type RecordingEntry, recordingFormat, recordingVersion, type SessionEntry } from './recording.ts';
import { divergedFailure, lostFailure, recoverySource, stuckIn, whatIsLeft } from './reopening.ts';
import { type InferSchema, type Schema, schemaProblem } from './schema.ts';
import type { OutputSchemas } from './services/checkOutput.ts';
import { outputForm } from './services/outputForm.ts';
import { toToolOutput } from './services/toolOutput.ts';
import { allTurns, findToolCall, type SessionSnapshot, snapshotOf } from './snapshot.ts';
import { isThenable } from './thenable.ts';
import { type Admission, Turn, type TurnOutcome, toOutcome } from './turn.ts';

export interface SendOptions<TSchema extends Schema | undefined = Schema | undefined> {
  /** Cancels the turn when it aborts. @default none */
  readonly signal?: AbortSignal;
  /** What this turn may take, where that is not what the agent's turns may. @default the agent's */
  readonly limits?: Partial<TurnLimits>;
  /** The form of this turn's answer. @default the agent's */
  readonly output?: TSchema;
}

export interface SteerOptions {
  /** Only if this turn still runs. @default the running turn, or one of its own */
  readonly turnId?: string;
}

export interface ApproveOptions {
  /** Also for every later call of the tool in this session. @default this call only */
  readonly remember?: 'session';
}

export interface ResolveToolOptions {
  /** The client could not run the tool, and the output says why. @default false */
  readonly isError?: boolean;
}

type Recorder = (entry: RecordingEntry) => void;
type Listener<E extends TurnEvent = TurnEvent> = (event: E) => unknown;
/** Ends a subscription; `using` does too. */
export type Unsubscribe = (() => void) & Disposable;

/** What sessions of one agent share. */
export interface SessionSetup {
  readonly agent: string;
  readonly machine: SessionLogic;
  readonly input: Omit<SessionMachineInput, 'sessionId' | 'history'>;
  readonly model: SessionEntry['model'];
  readonly clock: Clock;
  /** A longer output of a client-side tool is cut in the middle. */
  readonly maxOutputChars: number;
  /** Where turns leave their schemas that have one of their own. */
  readonly outputs: OutputSchemas;
  /** Told when the session begins to work, and when it rests or is closed. */
  readonly onBusy: (session: { close(): Promise<void> }, isBusy: boolean) => void;
}

/** Where a session is kept beyond the process. */
export interface Kept {
  readonly writer: StoreWriter;
  readonly lock: StoreLock;
  /** What is there of it; nothing for a new one. */
  readonly stored: StoredSession | undefined;
  /** What becomes of an effect that had begun when the process ended. */
  readonly resultOf: (effect: StartedEffect) => EffectResult | undefined;
  /** Whether an unfinished turn goes on by itself. */
  readonly resume: 'auto' | 'manual';
}

/** What a checkpoint keeps of a session beside its messages. */
type StateOfSession = Pick<SessionContext, 'usage' | 'cost' | 'approvedTools' | 'history'>;

/** What a session begins with. */
interface Past extends Pick<SessionMachineInput, 'usage' | 'cost' | 'approvedTools'> {
  readonly history: History;
  readonly seq: number;
}

/**
 * A conversation: many turns, one at a time. Commands act at once and say whether they were taken; they throw only for
 * arguments that are wrong in themselves.
 *
 * @example
 * ```ts
 * const session = agent.session();
 * session.on('message.delta', ({ text }) => process.stdout.write(text));
 * await session.send('And in Rome?').result;
 * await session.close();
 * ```
 */
export class Session<TOutput = undefined> implements AsyncDisposable {
  readonly id: string;
  readonly #setup: SessionSetup;
  readonly #context: unknown;
  readonly #listeners = new Map<TurnEventType | '*', Set<Listener<never>>>();
  readonly #turns = new Map<string, Turn<TOutput>>();
  /** Turns that have ended, of which nobody is told how before that is safe. */
  readonly #ending = new Map<string, Turn<TOutput>>();
  readonly #recorders = new Set<Recorder>();
  readonly #kept: Kept | undefined;
  readonly #journal: Journal | undefined;
  #driver: Driver;
  /** Reopened in the middle of a turn, which waits for `resume()`. */
  #isHeld = false;
  #isLost = false;
  #endedTurns: number;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void)[] = [];

  /** @internal */
  constructor(setup: SessionSetup, id: string, context: unknown, history: History, kept?: Kept) {
    this.id = id;
    this.#setup = setup;
    this.#context = context;
    this.#kept = kept;
    this.#endedTurns = kept?.stored?.state.turns ?? 0;
    this.#journal = kept && this.#openJournal(kept, history);
    const { rows = [] } = kept?.stored ?? {};
    const past = kept?.stored === undefined ? { history, seq: 0 } : pastOf(kept.stored);
    this.#driver = rows.length === 0 ? this.#drive(this.#host(past)) : this.#reopen(past, rows);
  }

  /**
   * Sends a message: it starts a turn, or waits until the turns before it have ended.
   *
   * @throws TypeError for an empty message, Error after `close()`
   */
  send<TSchema extends Schema | undefined = undefined>(
    input: UserInput,
    options: SendOptions<TSchema> = {},
  ): Turn<TSchema extends Schema ? InferSchema<TSchema> : TOutput> {
    const { signal, limits, output, ...others } = options;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`send(): there is no option \`${unknown}\`.`);
    checkTurnLimits('send()', limits);
    const problem = output === undefined ? undefined : schemaProblem(output);
    if (problem !== undefined) throw new TypeError(`send(): \`output\` cannot be used: ${problem}.`);
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TypeError('send(): `signal` is not an AbortSignal.');
    const turnId = newId('turn');
    const message = userMessage(input, `${turnId}.input`);
    if (this.#closing !== undefined) {
      throw new Error(`Session "${this.id}" is closed: it takes no more messages. Open another with agent.session().`);
    }
    const overrides = toOverrides(limits, output);
    if (output !== undefined) this.#setup.outputs.set(turnId, output);
    const turn = this.#handle(turnId);
    this.#turns.set(turnId, turn);
    this.#command({ type: 'session.send', turnId, message, ...(overrides !== undefined && { options: overrides }) });
    if (signal !== undefined) this.#followSignal(turn, signal);
    // of the type that the schema says, if there is one
    return turn as unknown as Turn<TSchema extends Schema ? InferSchema<TSchema> : TOutput>;
  }

  /**
   * A message for the next step of the running turn. Without a running turn it starts one; one that no step takes any
   * more becomes the next turn.
   *
   * @throws TypeError for an empty message
   */
  steer(input: UserInput, options: SteerOptions = {}): Admission {
    const turnId = newId('turn');
    const message = { ...userMessage(input, `${turnId}.steering`), cause: 'steering' as const };
    if (this.#closing !== undefined) return refuse(`Session "${this.id}" is closed.`);
    if (options.turnId !== undefined && options.turnId !== this.#currentTurnId()) {
      return refuse(`Turn "${options.turnId}" does not run: it has ended, or not begun.`);
    }
    this.#command({ type: 'session.steer', turnId, message });
    return accepted;
  }

  /** Ends the running turn. Does nothing, successfully, where none runs. */
  cancel(reason?: string): Admission {
    return this.#cancel(undefined, reason);
  }

  /**
   * Goes on with a turn that waits for leave to spend more than `softCost`, or that was unfinished when its process
   * ended, where the session was opened with `resume: 'manual'`.
   */
  resume(): Admission {
    const { resultOf } = this.#kept ?? {};
    if (!this.#isHeld || resultOf === undefined) {
      return this.#unpause('awaitingResume', { type: 'session.resume' });
    }
    this.#isHeld = false;
    this.#command({
      type: 'session.diagnose',
      source: recoverySource,
      message: whatIsLeft(this.#driver.host, resultOf),
    });
    this.#driver.resume(resultOf);
    return accepted;
  }

  /**
   * Gives the turn more steps that has none left and waits for that, as with `lastStep: 'ask'`.
   *
   * @throws TypeError where `steps` is no whole number from 1
   */
  extend(steps: number): Admission {
    if (!Number.isInteger(steps) || steps < 1) throw new TypeError('extend(): `steps` must be a whole number from 1.');
    return this.#unpause('awaitingExtension', { type: 'session.extend', steps });
  }

  /**
   * Shortens the conversation for the model, as turns do by themselves where it is too long. Events tell when it is done;
   * messages sent meanwhile wait.
   */
  compact(): Admission {
    const { status } = this.snapshot;
    if (status === 'inTurn')
      return refuse(`Session "${this.id}" is in a turn, which compacts by itself: try between turns.`);
    if (status !== 'idle') return refuse(`Session "${this.id}" is ${status}.`);
    const { compaction } = this.#setup.input.turn ?? {};
    const policy = { ...defaultCompaction, ...(compaction || {}) };
    const { history } = this.#actor.getSnapshot().context;
    if (wasInVain(history)) {
      return refuse(`Session "${this.id}" was shortened ${maxCompactions} times, and no model has answered since.`);
    }
    if (!canCompact(history, policy)) {
      return refuse(`Session "${this.id}" has nothing to shorten beyond its last ${policy.keepMessages} messages.`);
    }
    this.#command({ type: 'session.compact', id: newId('compaction') });
    return accepted;
  }

  /** The turns that run and wait, in their order; those included that a process before this one began. */
  get turns(): readonly Turn<TOutput>[] {
    return [...this.#turns.values()];
  }

  /**
   * Lets a tool call run that waits for approval.
   *
   * @param options `remember: 'session'`: nobody is asked about that tool any more in this session
   */
  approve(toolCallId: string, { remember }: ApproveOptions = {}): Admission {
    if (remember !== undefined && remember !== 'session') {
      throw new TypeError("approve(): `remember` can only be 'session'.");
    }
    return this.#answer(toolCallId, 'awaitingApproval', {
      type: 'session.approve',
      toolCallId,
      ...(remember !== undefined && { remember }),
    });
  }

  /** Does not let a tool call run that waits for approval; the model is told the reason, if there is one. */
  deny(toolCallId: string, reason?: string): Admission {
    return this.#answer(toolCallId, 'awaitingApproval', {
      type: 'session.deny',
      toolCallId,
      ...(reason !== undefined && { reason }),
    });
  }

  /**
   * Answers a call of a client-side tool.
   *
   * @param output what the model reads: a text, or JSON
   * @param options `isError`: the client could not run it, and `output` says why
   */
  resolveTool(toolCallId: string, output: Json, { isError = false }: ResolveToolOptions = {}): Admission {
    const result = toToolOutput(output, this.#setup.maxOutputChars);
    const value = result.type === 'text' ? result.value : JSON.stringify(output);
    return this.#answer(toolCallId, 'awaitingResult', {
      type: 'session.resolveTool',
      toolCallId,
      output: isError ? { type: 'error', value } : result,
    });
  }

  /**
   * Listens to events of one type, or to all with `'*'`. A listener that throws changes nothing: it becomes a
   * `diagnostic` event.
   */
  on<T extends TurnEventType>(type: T, listener: Listener<Extract<TurnEvent, { type: T }>>): Unsubscribe;
  on(type: '*', listener: Listener): Unsubscribe;
  on(type: TurnEventType | '*', listener: Listener<never>): Unsubscribe {
    if (typeof listener !== 'function') throw new TypeError(`on('${type}'): the listener is not a function.`);
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners);
    // wrapped, so that one function added twice is two subscriptions
    const own: Listener<never> = (event) => listener(event);
    listeners.add(own);
    return toUnsubscribe(() => listeners.delete(own));
  }

  /**
   * Tells everything that makes up a recording: where the session stands, then every input and every event as it comes.
   * Each entry is plain JSON; a line of JSON per entry is a recording's file.
   *
   * @throws Error while a turn runs or waits: a recording begins where the session rests
   * @example
   * ```ts
   * const file = createWriteStream('session.jsonl');
   * session.record((entry) => file.write(`${JSON.stringify(entry)}\n`));
   * ```
   */
  record(recorder: Recorder): Unsubscribe {
    if (typeof recorder !== 'function') throw new TypeError('record(): the recorder is not a function.');
    if (this.#actor.getSnapshot().value !== 'idle') {
      throw new Error(`Session "${this.id}" is ${this.snapshot.status}: a recording begins where a session rests.`);
    }
    const own: Recorder = (entry) => recorder(entry);
    this.#recorders.add(own);
    this.#driver.host.onRow = this.#takeRow;
    this.#enter(own, this.#startEntry());
    return toUnsubscribe(() => this.#recorders.delete(own));
  }

  /** The conversation so far, without what the running turn has added. */
  get messages(): readonly Message[] {
    return messagesOf(this.#actor.getSnapshot().context.history);
  }

  /** Of all turns that have ended. */
  get usage(): Usage {
    return this.#actor.getSnapshot().context.usage;
  }

  get snapshot(): SessionSnapshot {
    return snapshotOf(this.#driver.host);
  }

  /** The session's actor, to be looked at: it takes no events from outside. */
  get actor(): Pick<Actor<SessionLogic>, 'getSnapshot' | 'subscribe' | 'on'> {
    return this.#actor;
  }

  /** Cancels what runs or waits, and resolves when all of it has ended. The session takes no more messages. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #actor(): Actor<SessionLogic> {
    return this.#driver.host.actor;
  }

  /** Whether anything is at work, or waits for that. */
  #isBusy(): boolean {
    const { value } = this.#actor.getSnapshot();
    return value !== 'idle' && value !== 'closed';
  }

  #currentTurnId(): string | undefined {
    return this.#actor.getSnapshot().context.queue[0]?.turnId;
  }

  #cancel(turnId: string | undefined, reason: string | undefined): Admission {
    this.#command({
      type: 'session.cancel',
      ...(turnId !== undefined && { turnId }),
      ...(reason !== undefined && { reason }),
    });
    return accepted;
  }

  #unpause(state: string, command: Command): Admission {
    const [turn, ...ofAgents] = allTurns(this.snapshot.turn);
    if (turn === undefined) return refuse(`Session "${this.id}" has no turn that waits.`);
    if (![turn, ...ofAgents].some((candidate) => candidate.state === state)) {
      return refuse(`Turn "${turn.id}" does not wait for that: it is ${turn.state}.`);
    }
    this.#command(command);
    return accepted;
  }

  /** The call that owns the answer is asked whether it waits for one. */
  #answer(toolCallId: string, state: string, command: Command): Admission {
    const tool = findToolCall(this.snapshot.turn, toolCallId);
    if (tool === undefined) return refuse(`There is no tool call "${toolCallId}" in the running turn.`);
    if (tool.state !== state) {
      const what = state === 'awaitingApproval' ? 'is not waiting for approval' : 'is not waiting for a result';
      return refuse(`Tool call "${toolCallId}" (${tool.toolName}) ${what}: it is ${tool.state}.`);
    }
    this.#command(command);
    return accepted;
  }

  #command(command: Command): void {
    this.#driver.command(command);
    this.#setup.onBusy(this, this.#isBusy());
  }

  #followSignal(turn: Turn<TOutput>, signal: AbortSignal): void {
    const cancel = () => {
      const { reason } = signal;
      turn.cancel(reason instanceof Error ? reason.message : reason === undefined ? undefined : String(reason));
    };
    if (signal.aborted) {
      cancel();
      return;
    }
    signal.addEventListener('abort', cancel, { once: true });
    turn.outcome.then(() => signal.removeEventListener('abort', cancel));
  }

  async #close(): Promise<void> {
    if (this.#actor.getSnapshot().value !== 'idle') {
      const idle = new Promise<void>((resolve) => this.#whenIdle.push(resolve));
      this.#command({ type: 'session.close' });
      await idle;
    }
    // what is kept is to be gone on with
    this.#journal?.close();
    this.#command({ type: 'session.close' });
    this.#driver.stop();
    this.#setup.onBusy(this, false);
    await this.#kept?.lock.release();
  }

  #options({ seq, ...past }: Past): HostOptions {
    const { machine, input, agent } = this.#setup;
    return { machine, input: { ...input, ...past, sessionId: this.id }, agent, seq };
  }

  #host(past: Past): Host {
    return new Host(this.#options(past));
  }

  #drive(host: Host): Driver {
    const journal = this.#journal;
    if (journal !== undefined) host.onRow = this.#takeRow;
    return new Driver(host, {
      clock: this.#setup.clock,
      context: this.#context,
      onEvent: (event) => this.#tell(event),
      onBroken: (error) => this.#restart(internalFailure(describeError(error))),
      ...(journal !== undefined && { whenSafe: journal.whenSafe }),
    });
  }

  #tell(event: TurnEvent): void {
    this.#record({ type: 'event', event });
    if (event.type === 'session.idle') this.#checkpoint();
    const turn = event.turnId === undefined ? undefined : this.#turns.get(event.turnId);
    turn?.push(event);
    if (isTerminal(event) && event.turnId !== undefined) {
      this.#endedTurns += 1;
      this.#endTurn(event.turnId);
    }
    this.#notify(event.type, event);
    this.#notify('*', event);
    if (event.type !== 'session.idle') return;
    this.#setup.onBusy(this, this.#isBusy());
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    this.#whenSafe(() => {
      for (const resolve of waiting) resolve();
    });
  }

  /** Turns that began by steering have no handle, but an output like any other. */
  #endTurn(turnId: string): void {
    const { outputs } = this.#driver.host;
    const output = outputs.get(turnId);
    const turn = this.#turns.get(turnId);
    outputs.delete(turnId);
    this.#setup.outputs.delete(turnId);
    this.#turns.delete(turnId);
    if (output === undefined || turn === undefined) return;
    // whoever acts on how it ended can rely on it
    this.#ending.set(turnId, turn);
    this.#whenSafe(() => {
      this.#ending.delete(turnId);
      turn.end(toOutcome(output) as TurnOutcome<TOutput>);
    });
  }

  #notify(type: TurnEventType | '*', event: TurnEvent): void {
    const listeners = this.#listeners.get(type);
    if (listeners === undefined) return;
    for (const listener of [...listeners]) {
      try {
        const result = (listener as Listener)(event);
        if (isThenable(result)) Promise.resolve(result).catch((error: unknown) => this.#diagnose(event, error));
      } catch (error) {
        this.#diagnose(event, error);
      }
    }
  }

  #diagnose(event: TurnEvent, error: unknown): void {
    // a listener that cannot take its own diagnostic would be told for ever
    if (event.type === 'diagnostic') return;
    const { name, message } = describeError(error);
    this.#command({ type: 'session.diagnose', source: `listener of ${event.type}`, message: `${name}: ${message}` });
  }

  #startEntry(): SessionEntry {
    const { agent, model, clock, input } = this.#setup;
    const { history, usage, cost, approvedTools } = this.#actor.getSnapshot().context;
    return {
      type: 'session',
      format: recordingFormat,
      version: recordingVersion,
      at: clock.now(),
      agent,
      sessionId: this.id,
      model,
      seq: this.#driver.host.seq,
      input: {
        ...input,
        history: messagesOf(history),
        usage,
        ...(cost !== undefined && { cost }),
        ...(approvedTools.length > 0 && { approvedTools }),
        ...historyState(history),
      },
    };
  }

  #takeRow = (row: Row): void => {
    this.#journal?.keep(row);
    this.#record({ type: 'row', ...row });
  };

  #record(entry: RecordingEntry): void {
    for (const recorder of this.#recorders) this.#enter(recorder, entry);
  }

  /** One that cannot take an entry has a gap from then on, so it is told no more. */
  #enter(recorder: Recorder, entry: RecordingEntry): void {
    try {
      recorder(entry);
    } catch (error) {
      this.#recorders.delete(recorder);
      const { name, message } = describeError(error);
      this.#command({ type: 'session.diagnose', source: 'recorder', message: `${name}: ${message}` });
    }
  }

  #openJournal({ writer, stored }: Kept, history: History): Journal {
    const position = {
      rows: (stored?.rowIndex ?? 0) + (stored?.rows.length ?? 0),
      messages: stored?.messages.length ?? 0,
    };
    const begin = () => ({
      at: this.#setup.clock.now(),
      history,
      state: this.#state({ usage: noUsage, cost: undefined, approvedTools: [], history }, 0),
    });
    return new Journal(writer, this.id, position, {
      ...(stored === undefined && { begin }),
      onLost: (error) => this.#lose(error),
    });
  }

  /** A session that did not rest when its process ended: its machines go the same way again, up to where they were. */
  #reopen(past: Past, texts: readonly string[]): Driver {
    const rows = texts.map((text) => JSON.parse(text) as Row);
    const { host, divergence, agreed } = refold(this.#options(past), rows);
    const failure = divergence === undefined ? stuckIn(rows) : divergedFailure(divergence);
    if (failure !== undefined) {
      const driver = this.#drive(
        divergence === undefined ? host : refold(this.#options(past), rows.slice(0, agreed)).host,
      );
      this.#soon(() => this.#restart(failure));
      return driver;
    }
    const { queue } = host.actor.getSnapshot().context;
    for (const { turnId } of queue) this.#turns.set(turnId, this.#handle(turnId));
    for (const event of host.events.splice(0)) {
      if (isTerminal(event)) this.#endedTurns += 1;
      this.#turns.get(event.turnId ?? '')?.push(event);
    }
    host.outputs.clear();
    const driver = this.#drive(host);
    this.#isHeld = true;
    if (this.#kept?.resume === 'auto') this.#soon(() => this.resume());
    return driver;
  }

  /** When whoever opened the session listens to it. */
  #soon(run: () => void): void {
    this.#setup.clock.setTimeout(run, 0);
  }

  #handle(turnId: string): Turn<TOutput> {
    return new Turn<TOutput>(turnId, (reason) => this.#cancel(turnId, reason));
  }

  #state({ usage, cost, approvedTools, history }: StateOfSession, seq: number): SessionState {
    return {
      agent: this.#setup.agent,
      seq,
      usage,
      ...(cost !== undefined && { cost }),
      ...(approvedTools.length > 0 && { approvedTools }),
      ...historyState(history),
      turns: this.#endedTurns,
      machineVersion,
    };
  }

  #checkpoint(): void {
    const { context } = this.#actor.getSnapshot();
    this.#journal?.checkpoint(this.#setup.clock.now(), context.history, this.#state(context, this.#driver.host.seq));
  }

  #whenSafe(run: () => void): void {
    if (this.#journal === undefined || this.#isLost) run();
    else this.#journal.whenSafe(run);
  }

  /** The machines cannot go on: their turn is closed in their stead, and new ones go on with the turns that wait. */
  #restart(failure: Failure): void {
    const broken = this.#driver;
    const saved = this.#rescue(broken, failure);
    const { history, usage, cost, approvedTools } = saved;
    this.#driver = this.#drive(this.#host({ history, usage, cost, approvedTools, seq: broken.host.seq }));
    this.#sayFor(broken, saved);
    this.#checkpoint();
    if (this.#recorders.size > 0) {
      this.#driver.host.onRow = this.#takeRow;
      this.#record(this.#startEntry());
    }
    for (const { turnId, message, options, cancelled } of saved.queue) {
      this.#driver.command({ type: 'session.send', turnId, message, ...(options !== undefined && { options }) });
      if (cancelled !== undefined) this.#driver.command({ type: 'session.cancel', turnId, ...cancelled });
    }
    this.#driver.flush();
  }

  /** Something could not be kept, and the machines are ahead of what is: all turns end, and it can be opened again. */
  #lose(error: unknown): void {
    const failure = lostFailure(this.id, describeError(error).message);
    const broken = this.#driver;
    const saved = this.#rescue(broken, failure);
    this.#isLost = true;
    this.#closing ??= Promise.resolve(this.#kept?.lock.release());
    const { history, usage, cost, queue } = saved;
    const host = this.#host({ history, usage, cost, seq: broken.host.seq });
    this.#driver = this.#drive(host);
    for (const [turnId, turn] of this.#ending) {
      turn.end(toOutcome(endOf(turnId, history, failure)) as TurnOutcome<TOutput>);
    }
    this.#ending.clear();
    this.#sayFor(broken, saved);
    const at = this.#setup.clock.now();
    for (const { turnId, message } of queue) {
      host.outputs.set(turnId, endOf(turnId, history, failure));
      host.emit({ type: 'turn.started', messageId: message.id, at }, turnId);
      host.emit({ type: 'turn.failed', failure, usage: noUsage, steps: 0, durationMs: 0, at }, turnId);
    }
    if (queue.length > 0)
      host.emit({ type: 'session.idle', usage, ...(cost !== undefined && { cost }), at }, undefined);
    this.#driver.flush();
    this.#driver.command({ type: 'session.close' });
    this.#driver.stop();
    this.#setup.onBusy(this, false);
  }

  #rescue(broken: Driver, failure: Failure): Rescue {
    const saved = rescue(broken.host, failure, this.#setup.clock.now(), this.#turns.keys());
    broken.stop();
    return saved;
  }

  /** What machines that cannot speak any more have to say. */
  #sayFor(broken: Driver, saved: Rescue): void {
    const { host } = this.#driver;
    const at = this.#setup.clock.now();
    host.events.push(...broken.host.events.splice(0));
    for (const output of saved.outputs) host.outputs.set(output.turnId, output);
    for (const { payload, turnId } of saved.payloads) host.emit({ ...payload, at }, turnId);
  }
}

function pastOf({ messages, state }: StoredSession): Past {
  const { usage, cost, seq, approvedTools = [] } = state;
  return { history: createHistory(messages, state), usage, cost, approvedTools, seq };
}

const accepted: Admission = { accepted: true };

function toUnsubscribe(end: () => void): Unsubscribe {
  return Object.assign(end, { [Symbol.dispose]: end });
}

function refuse(reason: string): Admission {
  return { accepted: false, reason };
}

function newId(kind: string): string {
  return `${kind}_${crypto.randomUUID()}`;
}

function toOverrides(limits: Partial<TurnLimits> | undefined, output: Schema | undefined): TurnOverrides | undefined {
  if (limits === undefined && output === undefined) return undefined;
  return {
    ...(limits !== undefined && { limits: { ...limits } }),
    ...(output !== undefined && { output: outputForm(output) }),
  };
}
