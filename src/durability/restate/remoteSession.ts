import { type Ingress, rpc } from '@restatedev/restate-sdk-clients';
import { waitUntil } from '../../clock.ts';
import { isTerminal, type TurnEvent, type TurnEventType } from '../../events.ts';
import type { Command } from '../../host.ts';
import type { Json } from '../../json.ts';
import { type Listener, Listeners, type Unsubscribe } from '../../listeners.ts';
import type { TurnLimits } from '../../machines/policies.ts';
import { type Message, type UserInput, userMessage } from '../../messages.ts';
import type { Usage } from '../../model.ts';
import { checkTurnLimits } from '../../options.ts';
import { toToolOutput } from '../../services/toolOutput.ts';
import type { ApproveOptions, ResolveToolOptions, SteerOptions } from '../../session.ts';
import type { SessionSetup } from '../../sessionSetup.ts';
import type { SessionSnapshot } from '../../snapshot.ts';
import type { Admission, TurnOutcome } from '../../turn.ts';
import type { DeltaBus } from './deltaBus.ts';
import { EventStream } from './eventStream.ts';
import type { Given, InboxHandlers, Said, Seen, SessionHandlers, serviceNames } from './protocol.ts';
import { RemoteTurn } from './remoteTurn.ts';

/** How soon is asked again for the end of a turn that was told already, in ms. */
const behindMs = 20;

/** @internal */
export interface RemoteSessionOptions {
  readonly id: string;
  readonly names: ReturnType<typeof serviceNames>;
  readonly setup: SessionSetup;
  readonly ingress: Ingress;
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
 * it takes them; they reject where Restate cannot be reached.
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
  readonly #stream: EventStream;
  readonly #listeners = new Listeners(() => undefined);
  readonly #turns = new Map<string, RemoteTurn<TOutput>>();
  /** Turns that have said how they end, and of which that is not known to be kept. */
  readonly #ended = new Set<string>();
  readonly #unsubscribe: () => void;
  #waiting: { cancel(): void } | undefined;
  #isAsking = false;
  #isToAsk = false;
  #isClosed = false;

  /** @internal */
  static async open<TOutput>(options: RemoteSessionOptions): Promise<RemoteSession<TOutput>> {
    const { id, names, ingress, after } = options;
    const seq = after ?? (await ingress.objectClient<SessionHandlers>(names.session, id).look()).seq;
    return new RemoteSession<TOutput>(options, seq);
  }

  private constructor(options: RemoteSessionOptions, seq: number) {
    this.id = options.id;
    this.#options = options;
    this.#stream = new EventStream(seq, (event) => this.#tell(event));
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
      await this.#give({ command: { type: 'session.send', turnId, message, ...overrides } }, turnId);
    } catch (error) {
      this.#turns.delete(turnId);
      throw error;
    }
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
    return (await this.#look()).messages;
  }

  /** Of all turns that have ended. */
  async usage(): Promise<Usage> {
    return (await this.#look()).usage;
  }

  async snapshot(): Promise<SessionSnapshot> {
    return (await this.#look()).snapshot;
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
    const { ingress, names } = this.#options;
    const given = { command, ...(aimedAt !== undefined && { aimedAt }) };
    const key = rpc.opts<Given, Admission>({ idempotencyKey: crypto.randomUUID() });
    const admission = await ingress.objectClient<InboxHandlers>(names.inbox, this.id).ask(given, key);
    this.#soon();
    return admission;
  }

  /** @param key under which it is given once, however often it is tried */
  async #give(given: Given, key: string): Promise<void> {
    const { ingress, names } = this.#options;
    await ingress.objectClient<InboxHandlers>(names.inbox, this.id).give(given, rpc.opts({ idempotencyKey: key }));
  }

  #said(after: number): Promise<Said> {
    const { ingress, names } = this.#options;
    return Promise.resolve(ingress.objectClient<SessionHandlers>(names.session, this.id).events({ after }));
  }

  #look(): Promise<Seen> {
    const { ingress, names } = this.#options;
    return Promise.resolve(ingress.objectClient<SessionHandlers>(names.session, this.id).look());
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
      if (said !== undefined && !this.#isClosed) this.#hear(said);
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

  #tell(event: TurnEvent): void {
    const turn = this.#turns.get(event.turnId ?? '');
    turn?.push(event);
    if (turn !== undefined && isTerminal(event)) this.#ended.add(turn.id);
    this.#listeners.tell(event);
  }
}
