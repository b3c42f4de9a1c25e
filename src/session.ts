import type { Actor } from 'xstate';
import { accepted, admit, admitSteering, refuse } from './admission.ts';
import type { TurnEvent, TurnEventType, TurnOverrides } from './events.ts';
import type { Command, SessionLogic } from './host.ts';
import type { Json } from './json.ts';
import type { Kept } from './keeper.ts';
import type { Listener, Unsubscribe } from './listeners.ts';
import { type History, messagesOf } from './machines/history.ts';
import type { TurnLimits } from './machines/policies.ts';
import { type Message, type UserInput, userMessage } from './messages.ts';
import type { Usage } from './model.ts';
import { checkTurnLimits } from './options.ts';
import type { Recorder } from './recorders.ts';
import { openMachines } from './reopening.ts';
import { type InferSchema, type Schema, schemaProblem } from './schema.ts';
import { outputForm } from './services/outputForm.ts';
import { toToolOutput } from './services/toolOutput.ts';
import { SessionAtWork } from './sessionAtWork.ts';
import { hostOptions, type SessionSetup } from './sessionSetup.ts';
import { type SessionSnapshot, snapshotOf } from './snapshot.ts';
import type { Admission, Turn } from './turn.ts';

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
  readonly #live: SessionAtWork<TOutput>;

  /** @internal */
  constructor(setup: SessionSetup, id: string, context: unknown, history: History, kept?: Kept) {
    this.id = id;
    this.#setup = setup;
    const opened = openMachines(history, kept?.stored, (past) => hostOptions(setup, id, past));
    this.#live = new SessionAtWork(setup, id, context, opened, kept);
    const { inspect } = setup;
    if (inspect !== undefined) this.#live.watch(opened, () => inspect.session(this));
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
    if (this.#live.isClosed) {
      throw new Error(`Session "${this.id}" is closed: it takes no more messages. Open another with agent.session().`);
    }
    const overrides = toOverrides(limits, output);
    if (output !== undefined) this.#setup.outputs.set(turnId, output);
    const turn = this.#live.turns.open(turnId);
    this.#live.command({
      type: 'session.send',
      turnId,
      message,
      ...(overrides !== undefined && { options: overrides }),
    });
    if (signal !== undefined) followSignal(turn, signal);
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
    if (this.#live.isClosed) return refuse(`Session "${this.id}" is closed.`);
    const admission = admitSteering(options.turnId, { context: this.#actor.getSnapshot().context });
    if (admission.accepted) this.#live.command({ type: 'session.steer', turnId, message });
    return admission;
  }

  /** Ends the running turn, or a compaction between turns. Does nothing, successfully, where nothing runs. */
  cancel(reason?: string): Admission {
    return this.#live.cancel(undefined, reason);
  }

  /**
   * Goes on with a turn that waits for leave to spend more than `softCost`, or that was unfinished when its process
   * ended, where the session was opened with `resume: 'manual'`.
   */
  resume(): Admission {
    return this.#live.goOn() ? accepted : this.#admit({ type: 'session.resume' });
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
    return this.#live.turns.all;
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
    return this.#live.on(type, listener, kept);
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
    return this.#live.record(recorder);
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
    return snapshotOf(this.#live.host);
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
    return this.#live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #actor(): Actor<SessionLogic> {
    return this.#live.host.actor;
  }

  #admit(command: Command): Admission {
    const { context } = this.#actor.getSnapshot();
    const admission = admit(command, { id: this.id, snapshot: this.snapshot, context });
    if (admission.accepted) this.#live.command(command);
    return admission;
  }
}

function followSignal(turn: Pick<Turn<unknown>, 'cancel' | 'outcome'>, signal: AbortSignal): void {
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
