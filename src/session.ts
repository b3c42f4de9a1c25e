import type { Actor } from 'xstate';
import { accepted, admit, admitSteering, refuse } from './admission.ts';
import { endOf, type Rescue, rescue } from './brokenTurn.ts';
import { Driver } from './driver.ts';
import type { SessionState } from './durability/store.ts';
import type { StartedEffect } from './effects.ts';
import { isTerminal, type TurnEvent, type TurnEventType, type TurnOverrides } from './events.ts';
import { describeError, type Failure } from './failure.ts';
import { type Command, Host, type Row, type SessionLogic } from './host.ts';
import type { Inspect } from './inspect.ts';
import { Journal } from './journal.ts';
import type { Json } from './json.ts';
import type { Kept } from './keeper.ts';
import { type Listener, Listeners, type Unsubscribe } from './listeners.ts';
import { type History, historyState, messagesOf } from './machines/history.ts';
import type { TurnLimits } from './machines/policies.ts';
import { internalFailure } from './machines/turnFailures.ts';
import { type Message, type UserInput, userMessage } from './messages.ts';
import { noUsage, type Usage } from './model.ts';
import { checkTurnLimits } from './options.ts';
import { type Recorder, Recorders } from './recorders.ts';
import { type RecordingEntry, recordingFormat, recordingVersion, type SessionEntry } from './recording.ts';
import {
  lostFailure,
  type Past,
  pastOf,
  type Reopened,
  type Rested,
  recoverySource,
  reopen,
  retell,
  stateOf,
  whatIsLeft,
} from './reopening.ts';
import { type InferSchema, type Schema, schemaProblem } from './schema.ts';
import { outputForm } from './services/outputForm.ts';
import { toToolOutput } from './services/toolOutput.ts';
import { hostOptions, type SessionSetup } from './sessionSetup.ts';
import { type SessionSnapshot, snapshotOf } from './snapshot.ts';
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

export interface SessionOnOptions {
  /**
   * Whether an event is told only once everything that led to it is in the store, so that no later process takes it
   * back. Text that streams is told when its answer is whole: before that, nothing of it is kept. Without a store this
   * changes nothing.
   *
   * @default false
   */
  readonly kept?: boolean;
}

/** A turn that was unfinished when its process ended, and waits for `resume()`. */
interface Held {
  readonly turnId: string | undefined;
  /** What had begun. */
  readonly effects: readonly StartedEffect[];
  /** Why it cannot be gone on with, if so. */
  readonly failure: Failure | undefined;
}

export interface RecordOptions {
  /**
   * `rest`: where the session rests, and so everything that is needed to play it again. `now`: in the middle of a turn,
   * too; what that turn did before is missing, so such a recording is there to be read.
   *
   * @default 'rest'
   */
  readonly from?: 'rest' | 'now';
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
  readonly #listeners = new Listeners((event, error) => this.#diagnose(event, error));
  readonly #keptListeners = new Listeners((event, error) => this.#diagnose(event, error));
  readonly #recorders = new Recorders((error) => this.#saySourceThrew('recorder', error));
  readonly #turns = new Map<string, Turn<TOutput>>();
  /** Turns that have ended, of which nobody is told how before that is safe. */
  readonly #ending = new Map<string, Turn<TOutput>>();
  readonly #kept: Kept | undefined;
  readonly #journal: Journal | undefined;
  #driver: Driver;
  #held: Held | undefined;
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
    const { inspect } = setup;
    const stored = kept?.stored;
    this.#warn(stored?.warnings);
    if (stored === undefined || stored.rows.length === 0) {
      this.#driver = this.#drive(this.#host(stored ? pastOf(stored.messages, stored.state) : { history, seq: 0 }));
      if (inspect !== undefined) this.#invite(inspect, this.#startEntry());
    } else {
      const { rows, messages, state } = stored;
      const past = pastOf(messages, state);
      const reopened = reopen(hostOptions(setup, id, past), rows, state.machineVersion);
      this.#driver = this.#goOn(reopened);
      if (inspect !== undefined) this.#inviteLate(inspect, past, reopened.rows);
    }
    if (kept !== undefined) setup.onBusy(this, true);
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
    checkTurnLimits('send()', limits, this.#setup.hasPricing);
    const problem = output === undefined ? undefined : schemaProblem(output);
    if (problem !== undefined) throw new TypeError(`send(): \`output\` cannot be used: ${problem}.`);
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TypeError('send(): `signal` is not an AbortSignal.');
    const turnId = newId('turn');
    const message = userMessage(input, `${turnId}.input`);
    if (this.#isClosed) {
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
    if (this.#isClosed) return refuse(`Session "${this.id}" is closed.`);
    const admission = admitSteering(options.turnId, { context: this.#actor.getSnapshot().context });
    if (admission.accepted) this.#command({ type: 'session.steer', turnId, message });
    return admission;
  }

  /** Ends the running turn, or a compaction between turns. Does nothing, successfully, where nothing runs. */
  cancel(reason?: string): Admission {
    return this.#cancel(undefined, reason);
  }

  /**
   * Goes on with a turn that waits for leave to spend more than `softCost`, or that was unfinished when its process
   * ended, where the session was opened with `resume: 'manual'`.
   */
  resume(): Admission {
    const { resultOf } = this.#kept ?? {};
    const held = this.#held;
    if (held === undefined || resultOf === undefined || this.#isClosed) {
      return this.#admit({ type: 'session.resume' });
    }
    this.#held = undefined;
    if (held.failure !== undefined) {
      this.#restart(held.failure);
      return accepted;
    }
    this.#say(recoverySource, whatIsLeft(this.#driver.host, resultOf));
    this.#driver.resume(held.effects, resultOf);
    return accepted;
  }

  /**
   * Gives the turn more steps that has none left and waits for that, as with `lastStep: 'ask'`.
   *
   * @throws TypeError where `steps` is no whole number from 1
   * @example
   * ```ts
   * session.on('turn.paused', ({ reason, spent }) => {
   *   if (reason === 'max_steps' && spent < 50) session.extend(10);
   * });
   * ```
   */
  extend(steps: number): Admission {
    if (!Number.isInteger(steps) || steps < 1) throw new TypeError('extend(): `steps` must be a whole number from 1.');
    return this.#admit({ type: 'session.extend', steps });
  }

  /**
   * Shortens the conversation for the model, as turns do by themselves where it is too long. Events tell when it is done,
   * or that nothing would be saved by it; messages sent meanwhile wait, and `cancel()` stops it.
   *
   * @example
   * ```ts
   * const { accepted, reason } = session.compact();
   * if (!accepted) console.log(reason);
   * ```
   */
  compact(): Admission {
    return this.#admit({ type: 'session.compact', id: newId('compaction') });
  }

  /** The turns that run and wait, in their order; those included that a process before this one began. */
  get turns(): readonly Turn<TOutput>[] {
    return [...this.#turns.values()];
  }

  /**
   * Lets a tool call run that waits for approval.
   *
   * @param options `remember: 'session'`: nobody is asked about that tool any more in this session
   * @throws TypeError for any other `remember`
   * @example
   * ```ts
   * session.on('tool.approvalRequested', async ({ toolCallId, toolName, input }) => {
   *   if (await confirm(`${toolName} ${JSON.stringify(input)}?`)) session.approve(toolCallId);
   *   else session.deny(toolCallId, 'The user said no.');
   * });
   * ```
   */
  approve(toolCallId: string, { remember }: ApproveOptions = {}): Admission {
    if (remember !== undefined && remember !== 'session') {
      throw new TypeError("approve(): `remember` can only be 'session'.");
    }
    return this.#admit({
      type: 'session.approve',
      toolCallId,
      ...(remember !== undefined && { remember }),
    });
  }

  /**
   * Does not let a tool call run that waits for approval; the model is told the reason, if there is one.
   *
   * @example
   * ```ts
   * session.deny(toolCallId, 'It is the only copy.');
   * ```
   */
  deny(toolCallId: string, reason?: string): Admission {
    return this.#admit({
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
   * @example
   * ```ts
   * session.on('tool.resultRequested', async ({ toolCallId, input }) => {
   *   session.resolveTool(toolCallId, await askBrowser(input));
   * });
   * ```
   */
  resolveTool(toolCallId: string, output: Json, { isError = false }: ResolveToolOptions = {}): Admission {
    const result = toToolOutput(output, this.#setup.maxOutputChars);
    const value = result.type === 'text' ? result.value : JSON.stringify(output);
    return this.#admit({
      type: 'session.resolveTool',
      toolCallId,
      output: isError ? { type: 'error', value } : result,
    });
  }

  /**
   * Listens to events of one type, or to all with `'*'`. A listener that throws changes nothing: it becomes a
   * `diagnostic` event.
   *
   * With `{ kept: true }` a durable event is told once, with a `seq` that stays its own whatever becomes of the process.
   * Whoever keeps the last `seq` misses none across a restart: open the session, listen, and take what came between
   * from `agent.events(id, { after: seq })`.
   */
  on<T extends TurnEventType>(
    type: T,
    listener: Listener<Extract<TurnEvent, { type: T }>>,
    options?: SessionOnOptions,
  ): Unsubscribe;
  on(type: '*', listener: Listener, options?: SessionOnOptions): Unsubscribe;
  on(type: TurnEventType | '*', listener: Listener<never>, options: SessionOnOptions = {}): Unsubscribe {
    if (typeof listener !== 'function') throw new TypeError(`on('${type}'): the listener is not a function.`);
    const { kept = false, ...others } = options;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`on('${type}'): the option \`${unknown}\` is not supported.`);
    return (kept && this.#journal !== undefined ? this.#keptListeners : this.#listeners).add(type, listener);
  }

  /**
   * Tells everything that makes up a recording: where the session stands, then every input and every event as it comes.
   * Each entry is plain JSON; a line of JSON per entry is a recording's file.
   *
   * @throws Error while a turn runs or waits, unless it may begin there (`from: 'now'`)
   * @example
   * ```ts
   * const file = createWriteStream('session.jsonl');
   * session.record((entry) => file.write(`${JSON.stringify(entry)}\n`));
   * ```
   */
  record(recorder: Recorder, options: RecordOptions = {}): Unsubscribe {
    if (typeof recorder !== 'function') throw new TypeError('record(): the recorder is not a function.');
    const { from = 'rest', ...others } = options;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`record(): the option \`${unknown}\` is not supported.`);
    if (from !== 'rest' && from !== 'now') throw new TypeError("record(): `from` can only be 'rest' or 'now'.");
    if (from === 'rest' && this.#actor.getSnapshot().value !== 'idle') {
      throw new Error(`Session "${this.id}" is ${this.snapshot.status}: a recording begins where a session rests.`);
    }
    this.#driver.host.onRow = this.#takeRow;
    return this.#recorders.add(recorder, this.#startEntry());
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

  /** The session's actor, to be looked at (`system.inspect()` tells everything): it takes no events from outside. */
  get actor(): Pick<Actor<SessionLogic>, 'getSnapshot' | 'subscribe' | 'on' | 'system'> {
    return this.#actor;
  }

  /**
   * Cancels what runs or waits, and resolves when all of it has ended and is kept. The session takes no more messages,
   * and others may open it.
   */
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

  get #isClosed(): boolean {
    return this.#closing !== undefined || this.#isLost;
  }

  #cancel(turnId = this.#held?.turnId, reason?: string): Admission {
    this.#command({
      type: 'session.cancel',
      ...(turnId !== undefined && { turnId }),
      ...(reason !== undefined && { reason }),
    });
    return accepted;
  }

  #admit(command: Command): Admission {
    const { context } = this.#actor.getSnapshot();
    const admission = admit(command, { id: this.id, snapshot: this.snapshot, context });
    if (admission.accepted) this.#command(command);
    return admission;
  }

  #command(command: Command): void {
    this.#driver.command(command);
    if (this.#held !== undefined && this.#hasNothingToResume(this.#held)) this.#letGo();
    this.#sumUp();
    this.#tellBusy();
  }

  /** What is said to a session that rests would make it seem to be in a turn. */
  #sumUp(): void {
    if (this.#journal?.isSummedUp === false && this.#actor.getSnapshot().value === 'idle') this.#checkpoint();
  }

  /** What is kept is locked until it is closed. */
  #tellBusy(): void {
    if (this.#kept === undefined) this.#setup.onBusy(this, this.#isBusy());
  }

  /** A turn that is cancelled before it starts ends as it starts; a compaction ends at once. */
  #hasNothingToResume({ turnId }: Held): boolean {
    const { value, context } = this.#actor.getSnapshot();
    const isStopped = turnId === undefined && value !== 'compacting';
    return isStopped || context.queue[0]?.cancelled !== undefined;
  }

  /** There is nothing to be resumed any more. */
  #letGo(): void {
    this.#held = undefined;
    this.#driver.release();
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
    if (!this.#isLost) await this.#finish();
    await this.#kept?.lock.release();
    this.#setup.onBusy(this, false);
  }

  async #finish(): Promise<void> {
    if (this.#actor.getSnapshot().value !== 'idle') {
      const idle = new Promise<void>((resolve) => this.#whenIdle.push(resolve));
      this.#command({ type: 'session.close' });
      await idle;
    }
    // what is kept is to be gone on with
    this.#journal?.close();
    this.#command({ type: 'session.close' });
    this.#driver.stop();
    if (this.#journal !== undefined) await new Promise<void>((resolve) => this.#whenSafe(resolve, resolve));
  }

  #host(past: Past): Host {
    return new Host(hostOptions(this.#setup, this.id, past));
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
    this.#recorders.enter({ type: 'event', event });
    if (event.type === 'session.idle') this.#checkpoint();
    const turn = event.turnId === undefined ? undefined : this.#turns.get(event.turnId);
    turn?.push(event);
    if (isTerminal(event) && event.turnId !== undefined) {
      this.#endedTurns += 1;
      this.#endTurn(event.turnId);
    }
    this.#listeners.tell(event);
    if (!this.#keptListeners.isEmpty) this.#tellKept(event);
    if (event.type !== 'session.idle') return;
    this.#tellBusy();
    for (const resolve of this.#whenIdle.splice(0)) this.#whenSafe(resolve, resolve);
  }

  #tellKept(event: TurnEvent): void {
    const tell = this.#keptListeners.later(event);
    if (tell === undefined) return;
    // a report is kept with what comes next
    if (this.#driver.host.unrecorded().length > 0) this.#journal?.whenNextIsSafe(tell);
    else this.#journal?.whenSafe(tell);
  }

  /** Turns that began by steering have no handle, but an output like any other. */
  #endTurn(turnId: string): void {
    const { outputs } = this.#driver.host;
    const output = outputs.get(turnId);
    const turn = this.#turns.get(turnId);
    outputs.delete(turnId);
    this.#setup.outputs.delete(turnId);
    this.#turns.delete(turnId);
    if (this.#held?.turnId === turnId) this.#letGo();
    if (output === undefined || turn === undefined) return;
    // whoever acts on how it ended can rely on it
    this.#ending.set(turnId, turn);
    this.#whenSafe(() => {
      this.#ending.delete(turnId);
      turn.end(toOutcome(output) as TurnOutcome<TOutput>);
    });
  }

  #diagnose(event: TurnEvent, error: unknown): void {
    // a listener that cannot take its own diagnostic would be told for ever
    if (event.type !== 'diagnostic') this.#saySourceThrew(`listener of ${event.type}`, error);
  }

  #saySourceThrew(source: string, error: unknown): void {
    const { name, message } = describeError(error);
    this.#say(source, `${name}: ${message}`);
  }

  #say(source: string, message: string): void {
    this.#command({ type: 'session.diagnose', source, message });
  }

  #startEntry(): SessionEntry {
    const { context } = this.#actor.getSnapshot();
    return this.#entryAt(this.#setup.clock.now(), { ...context, seq: this.#driver.host.seq });
  }

  #entryAt(at: number, { history, usage, cost, approvedTools = [], seq }: Past): SessionEntry {
    const { agent, model, input } = this.#setup;
    return {
      type: 'session',
      format: recordingFormat,
      version: recordingVersion,
      at,
      agent,
      sessionId: this.id,
      model,
      seq,
      input: {
        ...input,
        history: messagesOf(history),
        ...(usage !== undefined && { usage }),
        ...(cost !== undefined && { cost }),
        ...(approvedTools.length > 0 && { approvedTools }),
        ...historyState(history),
      },
    };
  }

  /** Lets somebody watch, who is told first where the session stood and what has happened since. */
  #invite(inspect: Inspect, start: SessionEntry, since: readonly RecordingEntry[] = []): void {
    const told: RecordingEntry[] = [];
    let record: Recorder = (entry) => told.push(entry);
    const stop = this.#recorders.add((entry) => record(entry), start);
    told.push(...since);
    this.#driver.host.onRow = this.#takeRow;
    try {
      const recorder = inspect.session(this);
      // what was said to the session meanwhile is among it
      for (const entry of told) recorder(entry);
      record = recorder;
    } catch (error) {
      stop();
      this.#soon(() => this.#saySourceThrew('inspector', error));
    }
  }

  /** The same for a session that is in the middle of a turn: as if it had been watched from the turn's start. */
  #inviteLate(inspect: Inspect, past: Past, rows: readonly Row[]): void {
    const start = this.#entryAt(rows[0]?.at ?? this.#setup.clock.now(), past);
    this.#invite(inspect, start, retell(hostOptions(this.#setup, this.id, past), rows));
  }

  #takeRow = (row: Row): void => {
    this.#journal?.keep(row);
    this.#recorders.enter({ type: 'row', ...row });
  };

  #openJournal({ writer, stored }: Kept, history: History): Journal {
    const { rowIndex = 0, rows = [], messages = [] } = stored ?? {};
    const position = { rows: rowIndex + rows.length, messages: messages.length, summedUp: rowIndex };
    const begin = () => ({
      at: this.#setup.clock.now(),
      history,
      state: this.#state({ usage: noUsage, cost: undefined, approvedTools: [], history, seq: 0 }),
    });
    return new Journal(writer, this.id, position, {
      ...(stored === undefined && { begin }),
      onLost: (error) => this.#lose(error),
    });
  }

  /** A session that did not rest when its process ended, and whose machines are where they were then. */
  #goOn({ host, failure }: Reopened): Driver {
    const { value, context } = host.actor.getSnapshot();
    const { queue } = context;
    for (const { turnId } of queue) this.#turns.set(turnId, this.#handle(turnId));
    // their listeners were told, or find them in the journal
    for (const event of host.events.splice(0)) {
      if (isTerminal(event)) this.#endedTurns += 1;
      this.#turns.get(event.turnId ?? '')?.push(event);
    }
    host.outputs.clear();
    const driver = this.#drive(host);
    const [current] = queue;
    if (current === undefined && value !== 'compacting') {
      this.#soon(() => {
        if (failure !== undefined) this.#say(recoverySource, failure.message);
        this.#sumUp();
      });
      return driver;
    }
    driver.hold();
    this.#held = { turnId: current?.turnId, effects: [...host.effects.values()], failure };
    if (this.#kept?.resume === 'auto') this.#soon(() => this.resume());
    return driver;
  }

  #warn(warnings: readonly string[] = []): void {
    if (warnings.length === 0) return;
    this.#soon(() => {
      for (const message of warnings) this.#say('store', message);
    });
  }

  /** When whoever opened the session listens to it. */
  #soon(run: () => void): void {
    this.#setup.clock.setTimeout(run, 0);
  }

  #handle(turnId: string): Turn<TOutput> {
    return new Turn<TOutput>(turnId, (reason) => this.#cancel(turnId, reason));
  }

  #state(rested: Rested): SessionState {
    return stateOf(rested, this.#setup.agent, this.#endedTurns);
  }

  #checkpoint(): void {
    const { context } = this.#actor.getSnapshot();
    const state = this.#state({ ...context, seq: this.#driver.host.seq });
    this.#journal?.checkpoint(this.#setup.clock.now(), context.history, state);
  }

  #whenSafe(run: () => void, onLost?: () => void): void {
    if (this.#journal === undefined || this.#isLost) run();
    else this.#journal.whenSafe(run, onLost);
  }

  /** The machines cannot go on: their turn is closed in their stead, and new ones go on with the turns that wait. */
  #restart(failure: Failure): void {
    const broken = this.#driver;
    this.#held = undefined;
    const saved = this.#rescue(broken, failure);
    const { history, usage, cost, approvedTools } = saved;
    this.#driver = this.#drive(this.#host({ history, usage, cost, approvedTools, seq: broken.host.seq }));
    this.#sayFor(broken, saved);
    this.#checkpoint();
    this.#recordAnew();
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
    const { history, usage, cost, queue } = saved;
    const host = this.#host({ history, usage, cost, seq: broken.host.seq });
    this.#driver = this.#drive(host);
    for (const [turnId, turn] of this.#ending) {
      turn.end(toOutcome(endOf(turnId, history, failure)) as TurnOutcome<TOutput>);
    }
    this.#ending.clear();
    this.#sayFor(broken, saved);
    this.#recordAnew();
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
    if (this.#closing !== undefined) return;
    // what could not be written may be what releases it: then close() tries again
    this.#closing = this.#close();
    this.#closing.catch(() => {
      this.#closing = undefined;
    });
  }

  /** What is recorded goes on with machines of its own. */
  #recordAnew(): void {
    if (this.#recorders.isEmpty) return;
    this.#driver.host.onRow = this.#takeRow;
    this.#recorders.enter(this.#startEntry());
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
