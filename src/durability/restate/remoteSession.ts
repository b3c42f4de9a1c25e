import { waitUntil } from '../../clock.ts';
import { isTerminal, type TurnEvent, type TurnEventType } from '../../events.ts';
import { createFailure } from '../../failure.ts';
import type { Command } from '../../host.ts';
import type { Json } from '../../json.ts';
import { type Listener, Listeners, type Unsubscribe } from '../../listeners.ts';
import type { TurnLimits } from '../../machines/policies.ts';
import { type Message, type UserInput, userMessage } from '../../messages.ts';
import { noUsage, type Usage } from '../../model.ts';
import { checkTurnLimits } from '../../options.ts';
import { toToolOutput } from '../../services/toolOutput.ts';
import type { ApproveOptions, ResolveToolOptions, SteerOptions } from '../../session.ts';
import type { SessionSetup } from '../../sessionSetup.ts';
import type { SessionSnapshot } from '../../snapshot.ts';
import type { Admission, TurnOutcome } from '../../turn.ts';
import type { DeltaBus } from './deltaBus.ts';
import { EventStream } from './eventStream.ts';
import type { Kept, Said, Seen } from './protocol.ts';
import { RemoteTurn } from './remoteTurn.ts';
import type { SessionClient } from './sessionClient.ts';

/** How soon is asked again for the end of a turn that was told already, in ms. */
const behindMs = 20;
/** After so many answers in a row that bring nothing, is asked whether the turns are known that are waited for. */
const emptyAnswers = 10;

/** @internal */
export interface RemoteSessionOptions {
  readonly id: string;
  readonly client: Pick<SessionClient, 'look' | 'events' | 'ask' | 'give'>;
  readonly setup: SessionSetup;
  readonly bus: DeltaBus | undefined;
  readonly pollMs: number;
  readonly after: number | undefined;
}

export interface RemoteSendOptions {
  /** Cancels the turn when it aborts. @default none */
  readonly signal?: AbortSignal;
  /** What this turn may take, where that is not what the agent's turns may. @default the agent's */
  readonly limits?: Partial<TurnLimits>;
}

/**
 * A conversation whose turns run on Restate. The commands are those of a `Session`, and resolve when it has said whether
 * it takes them; they reject with a {@link RestateError} where Restate cannot be reached.
 *
 * @example
 * ```ts
 * const session = await sessions.open('customer-17');
 * session.on('message.delta', ({ text }) => process.stdout.write(text));
 * await (await session.send('And in Rome?')).result;
 * session.close();
 * ```
 */
export class RemoteSession<TOutput = undefined> implements Disposable {
  readonly id: string;
  readonly #options: RemoteSessionOptions;
  readonly #opened: Kept;
  readonly #stream: EventStream;
  readonly #listeners = new Listeners(() => undefined);
  readonly #turns = new Map<string, RemoteTurn<TOutput>>();
  /** Turns that have said how they end, and of which that is not known to be kept. */
  readonly #ended = new Set<string>();
  readonly #unsubscribe: () => void;
  #waiting: { cancel(): void } | undefined;
  #empty = 0;
  #isAsking = false;
  #isToAsk = false;
  #isClosed = false;

  /** @internal */
  static async open<TOutput>(options: RemoteSessionOptions): Promise<RemoteSession<TOutput>> {
    const opened = await options.client.look(options.id);
    return new RemoteSession<TOutput>(options, opened);
  }

  private constructor(options: RemoteSessionOptions, opened: Kept) {
    this.id = options.id;
    this.#options = options;
    this.#opened = opened;
    this.#stream = new EventStream(options.after ?? opened.seq, (event) => this.#tell(event));
    this.#unsubscribe =
      options.bus?.subscribe(this.id, (said) => {
        if (this.#stream.live(said)) this.#soon();
      }) ?? (() => undefined);
  }

  /**
   * Sends a message: it starts a turn, or waits until the turns before it have ended.
   *
   * @throws TypeError for an empty message, Error after `close()`
   */
  async send(input: UserInput, options: RemoteSendOptions = {}): Promise<RemoteTurn<TOutput>> {
    const { signal, limits, ...others } = options;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`send(): there is no option \`${unknown}\` on Restate.`);
    checkTurnLimits('send()', limits, this.#options.setup.hasPricing);
    const turnId = `turn_${crypto.randomUUID()}`;
    const message = userMessage(input, `${turnId}.input`);
    if (this.#isClosed) throw new Error(`Session "${this.id}" is closed here: open it again with sessions.open().`);
    const turn = new RemoteTurn<TOutput>(turnId, (reason) => this.#cancel(turnId, reason));
    this.#turns.set(turnId, turn);
    const overrides = limits === undefined ? {} : { options: { limits: { ...limits } } };
    try {
      await this.#options.client.give(
        this.id,
        { command: { type: 'session.send', turnId, message, ...overrides } },
        turnId,
      );
    } catch (error) {
      this.#turns.delete(turnId);
      throw error;
    }
    turn.isTaken = true;
    if (signal !== undefined) this.#followSignal(turn, signal);
    this.#soon();
    return turn;
  }

  /**
   * A message for the next step of the running turn. Without a running turn it starts one; one that no step takes any
   * more becomes the next turn.
   *
   * @throws TypeError for an empty message
   */
  steer(input: UserInput, { turnId: aimedAt }: SteerOptions = {}): Promise<Admission> {
    const turnId = `turn_${crypto.randomUUID()}`;
    const message = { ...userMessage(input, `${turnId}.steering`), cause: 'steering' as const };
    return this.#ask({ type: 'session.steer', turnId, message }, aimedAt);
  }

  /** Ends the running turn. Does nothing, successfully, where none runs. */
  cancel(reason?: string): Promise<Admission> {
    return this.#cancel(undefined, reason);
  }

  /** Lets a tool call run that waits for approval. */
  approve(toolCallId: string, { remember }: ApproveOptions = {}): Promise<Admission> {
    if (remember !== undefined && remember !== 'session') {
      throw new TypeError("approve(): `remember` can only be 'session'.");
    }
    return this.#ask({ type: 'session.approve', toolCallId, ...(remember !== undefined && { remember }) });
  }

  /** Does not let a tool call run that waits for approval; the model is told the reason, if there is one. */
  deny(toolCallId: string, reason?: string): Promise<Admission> {
    return this.#ask({ type: 'session.deny', toolCallId, ...(reason !== undefined && { reason }) });
  }

  /** Answers a call of a client-side tool. */
  resolveTool(toolCallId: string, output: Json, { isError = false }: ResolveToolOptions = {}): Promise<Admission> {
    const result = toToolOutput(output, this.#options.setup.maxOutputChars);
    const value = result.type === 'text' ? result.value : JSON.stringify(output);
    return this.#ask({
      type: 'session.resolveTool',
      toolCallId,
      output: isError ? { type: 'error', value } : result,
    });
  }

  /**
   * Gives the turn more steps that has none left and waits for that.
   *
   * @throws TypeError where `steps` is no whole number from 1
   */
  extend(steps: number): Promise<Admission> {
    if (!Number.isInteger(steps) || steps < 1) throw new TypeError('extend(): `steps` must be a whole number from 1.');
    return this.#ask({ type: 'session.extend', steps });
  }

  /** Goes on with a turn that waits for leave to spend more than `softCost`. */
  resume(): Promise<Admission> {
    return this.#ask({ type: 'session.resume' });
  }

  /** Shortens the conversation for the model. */
  compact(): Promise<Admission> {
    return this.#ask({ type: 'session.compact', id: `compaction_${crypto.randomUUID()}` });
  }

  /** Listens to events of one type, or to all with `'*'`. As long as anybody does, Restate is asked for them. */
  on<T extends TurnEventType>(type: T, listener: Listener<Extract<TurnEvent, { type: T }>>): Unsubscribe;
  on(type: '*', listener: Listener): Unsubscribe;
  on(type: TurnEventType | '*', listener: Listener<never>): Unsubscribe {
    const unsubscribe = this.#listeners.add(type, listener);
    this.#soon();
    return unsubscribe;
  }

  /** Durable events after a `seq`, as far as they are kept: those of the running turn, and of some before it. */
  async events({ after = 0 }: { readonly after?: number } = {}): Promise<readonly TurnEvent[]> {
    return (await this.#said(after)).events;
  }

  /** The conversation so far, without what the running turn has added. */
  async messages(): Promise<readonly Message[]> {
    return (await this.#kept()).messages;
  }

  /** Of all turns that have ended. */
  async usage(): Promise<Usage> {
    return (await this.#kept()).usage;
  }

  async snapshot(): Promise<SessionSnapshot> {
    return (await this.#kept()).snapshot;
  }

  /** All of that at one moment; undefined where the session was deleted since it was opened here. */
  async look(): Promise<Seen | undefined> {
    const { isThere, birth, progress: _, ...seen } = await this.#kept();
    const wasThere = this.#opened.isThere;
    return wasThere && !(isThere && birth === this.#opened.birth) ? undefined : seen;
  }

  /** Listens no more: turns tell nothing here any more, also not how they end. The session and its turns go on. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#waiting?.cancel();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #cancel(turnId: string | undefined, reason: string | undefined): Promise<Admission> {
    return this.#ask({
      type: 'session.cancel',
      ...(turnId !== undefined && { turnId }),
      ...(reason !== undefined && { reason }),
    });
  }

  async #ask(command: Command, aimedAt?: string): Promise<Admission> {
    const given = { command, ...(aimedAt !== undefined && { aimedAt }) };
    const admission = await this.#options.client.ask(this.id, given);
    this.#soon();
    return admission;
  }

  #said(after: number): Promise<Said> {
    return this.#options.client.events(this.id, after);
  }

  #kept(): Promise<Kept> {
    return this.#options.client.look(this.id);
  }

  #followSignal(turn: RemoteTurn<TOutput>, signal: AbortSignal): void {
    const cancel = () => {
      const { reason } = signal;
      // the turn says how it ended, also where this does not reach it
      turn.cancel(reason instanceof Error ? reason.message : String(reason)).catch(() => undefined);
    };
    if (signal.aborted) {
      cancel();
      return;
    }
    signal.addEventListener('abort', cancel, { once: true });
    turn.outcome.then(() => signal.removeEventListener('abort', cancel));
  }

  get #isWatched(): boolean {
    return !this.#isClosed && (this.#turns.size > 0 || !this.#listeners.isEmpty);
  }

  /** Asks now, or right after the question that is under way. */
  #soon(): void {
    this.#waiting?.cancel();
    this.#isToAsk = true;
    if (!this.#isAsking) void this.#askOn();
  }

  async #askOn(): Promise<void> {
    this.#isAsking = true;
    while (this.#isToAsk && this.#isWatched) {
      this.#isToAsk = false;
      // who cannot be reached now is asked again
      const said = await this.#said(this.#stream.kept).catch(() => undefined);
      if (said === undefined || this.#isClosed) continue;
      this.#hear(said);
      this.#empty = said.events.length > 0 ? 0 : this.#empty + 1;
      if (this.#empty >= emptyAnswers) await this.#giveUpLost().catch(() => undefined);
    }
    this.#isAsking = false;
    if (!this.#isWatched) return;
    const { setup, pollMs } = this.#options;
    // the bus may be ahead of what is kept
    const delayMs = this.#ended.size > 0 ? Math.min(pollMs, behindMs) : pollMs;
    this.#waiting = waitUntil(setup.clock, setup.clock.now() + delayMs, () => this.#soon());
  }

  #hear({ events, outcomes }: Said): void {
    this.#stream.keep(events);
    for (const [turnId, outcome] of Object.entries(outcomes)) {
      this.#turns.get(turnId)?.end(outcome as TurnOutcome<TOutput>);
      this.#turns.delete(turnId);
      this.#ended.delete(turnId);
    }
  }

  /** Turns have an end here, too, of which nothing is kept any more. */
  async #giveUpLost(): Promise<void> {
    this.#empty = 0;
    if (this.#turns.size === 0) return;
    // of the others the messages are on their way
    const sent = [...this.#turns.values()].filter(({ isTaken }) => isTaken);
    const known = new Set((await this.#kept()).turns.map(({ id }) => id));
    // one may have ended meanwhile
    this.#hear(await this.#said(this.#stream.kept));
    for (const turn of sent) {
      if (known.has(turn.id) || !this.#turns.delete(turn.id)) continue;
      this.#ended.delete(turn.id);
      turn.end(lostOutcome(this.id, turn.id));
    }
  }

  #tell(event: TurnEvent): void {
    const turn = this.#turns.get(event.turnId ?? '');
    turn?.push(event);
    if (turn !== undefined && isTerminal(event)) this.#ended.add(turn.id);
    this.#listeners.tell(event);
  }
}

function lostOutcome(sessionId: string, turnId: string): TurnOutcome<never> {
  const failure = createFailure({
    type: 'internal',
    code: 'outcome_lost',
    message: `Session "${sessionId}" has nothing about this turn any more: it was deleted, or other turns have followed, of which the last eight are kept. Read the messages of the session.`,
    retryable: false,
  });
  return {
    status: 'failed',
    failure,
    turnId,
    messages: [],
    stopReason: 'failed',
    steps: 0,
    usage: noUsage,
    toolCalls: [],
  };
}
