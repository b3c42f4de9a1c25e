import type { MaybePromise } from '../../durability/store.ts';
import { isEphemeral, type TurnEvent } from '../../events.ts';
import type { Message, UserInput } from '../../messages.ts';
import type { SessionSnapshot } from '../../snapshot.ts';
import { ChatSession } from './chat/chatSession.ts';
import { type Cursor, compareCursors, cursorOf, formatCursor, parseCursor } from './cursor.ts';
import { EventLog, type LoggedEvent } from './eventLog.ts';
import { IdempotentAnswers } from './idempotentAnswers.ts';
import type { HttpLimits } from './limits.ts';
import { ProblemError } from './problem.ts';
import type { Delivery, DisconnectReason, MessageAccepted, SessionResource } from './protocol.ts';
import type { Seen, ServedSession } from './servedAgent.ts';

/** What all sessions of a server share. */
export interface LiveSessionOptions {
  /** Name of the agent. */
  readonly agent: string;
  readonly limits: Pick<HttpLimits, 'maxQueued' | 'maxLogChars'>;
  /** Whether the server takes no more work. */
  readonly isStopping: () => boolean;
}

/** Where a stream begins. */
export interface StreamStart {
  readonly cursor: Cursor;
  /** Events before the start of this turn belong to others. */
  readonly turnId?: string;
}

/** A session that this host has open, and what its clients are to know of it. */
export class LiveSession {
  readonly answers = new IdempotentAnswers();
  readonly log: EventLog;
  readonly chat: ChatSession;
  readonly #session: ServedSession;
  readonly #options: LiveSessionOptions;
  readonly #stopListening: () => void;
  readonly #onEnd = new Set<(reason: DisconnectReason) => void>();
  /** Where the latest message was accepted. */
  #start: StreamStart | undefined;
  /** Where the latest turn began. */
  #turnStart: { readonly turnId: string | undefined; readonly cursor: Cursor } | undefined;
  /** Messages that steer and that no step has taken yet. */
  #steering = 0;
  /** Messages that are on their way to the session. */
  #sending = 0;
  /** What was looked at last; a session of this process is at any moment what it is. */
  #seen: Seen & { readonly seq?: number };
  #looks = 0;
  #seenBy = 0;
  #isFollowing = false;
  #isStale = false;
  #isGone = false;

  /** @param past durable events that are not told any more, read while the session may go on; none by default */
  static async open(
    session: ServedSession,
    options: LiveSessionOptions,
    past?: () => Promise<readonly TurnEvent[]>,
  ): Promise<LiveSession> {
    const meanwhile: TurnEvent[] = [];
    const stopListening = session.on('*', (event) => meanwhile.push(event));
    try {
      const before = (await past?.()) ?? [];
      const seen = 'look' in session ? await session.look() : session;
      if (seen === undefined) throw isMissing(session.id);
      const events = [...before, ...meanwhile];
      const live = new LiveSession(session, seen, options);
      for (const event of events) live.#takeIn(event);
      live.#findStart(events);
      return live;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      stopListening();
    }
  }

  private constructor(session: ServedSession, seen: Seen, options: LiveSessionOptions) {
    this.#session = session;
    this.#seen = seen;
    this.#options = options;
    this.log = new EventLog(options.limits.maxLogChars);
    this.chat = new ChatSession(this);
    this.#stopListening = session.on('*', (event) => this.#takeIn(event));
  }

  get id(): string {
    return this.#session.id;
  }

  get messages(): readonly Message[] {
    return this.#seen.messages;
  }

  get snapshot(): SessionSnapshot {
    return this.#seen.snapshot;
  }

  get isClosed(): boolean {
    return this.#isGone || this.snapshot.status === 'closed';
  }

  /** Whether the turn goes on only when somebody answers: a call, or a question for more steps or money. */
  get isWaiting(): boolean {
    return this.snapshot.turn?.state.startsWith('awaiting') === true;
  }

  /** Sees what the session is at now, where that is not seen anyway. */
  async look(): Promise<void> {
    if (!('look' in this.#session)) return;
    this.#looks += 1;
    const look = this.#looks;
    const seen = await this.#session.look();
    // answers may overtake one another
    if (look < this.#seenBy) return;
    this.#seenBy = look;
    if (seen !== undefined) this.#seen = seen;
    else if (!this.#isGone) {
      this.#isGone = true;
      this.endStreams('session_deleted');
    }
  }

  /**
   * Has told what the session had said when it was looked at: what it says takes a while to come here.
   *
   * @param read gives durable events after a `seq`
   */
  async catchUp(read: (after: number) => Promise<readonly TurnEvent[]>): Promise<void> {
    const { seq } = this.log.last;
    if ((this.#seen.seq ?? 0) > seq) for (const event of await read(seq)) this.#takeIn(event);
  }

  /** Gives the session a command, and sees what it is at then. */
  async command<T>(give: (session: ServedSession) => MaybePromise<T>): Promise<T> {
    const result = await give(this.#session);
    // what was given is given, also where this fails
    await this.look().catch(() => undefined);
    return result;
  }

  /** Whether nothing is at work, and nobody watches. */
  get isUnused(): boolean {
    return !this.isBusy && this.#onEnd.size === 0;
  }

  get resource(): SessionResource {
    const { status, queued } = this.snapshot;
    return {
      id: this.id,
      agent: this.#options.agent,
      status: status === 'inTurn' ? 'in_turn' : status === 'compacting' ? 'compacting' : 'idle',
      queued,
      usage: this.#seen.usage,
      last_event_id: formatCursor(this.log.last),
    };
  }

  /** @throws ProblemError where the message is one too many or not to wait, or the server stops */
  async send(content: UserInput, delivery: Delivery): Promise<MessageAccepted> {
    const isBusy = this.isBusy;
    if (isBusy && delivery === 'reject') {
      throw new ProblemError(
        'turn_in_progress',
        `Session "${this.id}" is in a turn: wait for session.idle, cancel it, or send with \`delivery\` 'queue' or 'steer'.`,
      );
    }
    if (this.snapshot.turn !== undefined && delivery === 'steer') return this.steer(content);
    this.refuseWhenStopping();
    const { maxQueued } = this.#options.limits;
    if (this.snapshot.queued + this.#sending >= maxQueued) {
      throw tooMany(`Session "${this.id}" has ${maxQueued} messages that wait: send again later.`);
    }
    const cursor = this.log.last;
    this.#sending += 1;
    try {
      const { id } = await this.command((session) => session.send(content));
      this.#start = isBusy ? { cursor, turnId: id } : { cursor };
      return this.#accepted(id, isBusy ? 'queued' : 'started', cursor);
    } finally {
      this.#sending -= 1;
    }
  }

  /** @throws ProblemError where the message is one too many, or the turn does not run */
  async steer(content: UserInput, turnId?: string): Promise<MessageAccepted> {
    const { turn } = this.snapshot;
    if (turn === undefined && turnId === undefined) return this.send(content, 'queue');
    if (turn === undefined || (turnId !== undefined && turnId !== turn.id)) {
      throw new ProblemError('not_waiting', `Turn "${turnId}" does not run: it has ended, or not begun.`);
    }
    const { maxQueued } = this.#options.limits;
    if (this.#steering >= maxQueued) {
      throw tooMany(`Turn "${turn.id}" has ${maxQueued} messages to read: send again later.`);
    }
    const cursor = this.log.last;
    this.#steering += 1;
    const { accepted, reason } = await this.command((session) => session.steer(content, { turnId: turn.id }));
    if (!accepted) {
      this.#steering -= 1;
      // the turn has ended meanwhile
      if (turnId === undefined) return this.send(content, 'queue');
      throw new ProblemError('not_waiting', reason);
    }
    this.#start = { cursor };
    return this.#accepted(turn.id, 'steering', cursor);
  }

  /** The place that an `id` names; without one, that of the latest message. */
  startOf(sinceId: string | undefined): StreamStart {
    if (sinceId === undefined) return this.#start ?? { cursor: this.log.last };
    const cursor = parseCursor(sinceId);
    if (cursor === undefined) {
      throw new ProblemError('invalid_request', `"${sinceId}" is not the id of an event, such as 17 or 17.3.`);
    }
    if (compareCursors(cursor, this.log.last) > 0) {
      // a host that is gone may have told of what was not kept
      if ('look' in this.#session) return { cursor: this.log.last };
      throw expired(
        `Session "${this.id}" has no event ${sinceId} (any more): its last one is ${formatCursor(this.log.last)}.`,
      );
    }
    return { cursor };
  }

  /** Where the running turn began, if one runs. */
  get turnStart(): (StreamStart & { readonly turnId: string }) | undefined {
    const { turnId } = this;
    if (turnId === undefined) return undefined;
    const start = this.#turnStart;
    return { turnId, cursor: start?.turnId === turnId ? start.cursor : this.log.last };
  }

  /** @throws ProblemError where the server takes no more work */
  refuseWhenStopping(): void {
    if (this.#options.isStopping()) throw stopping();
  }

  /** Told when the session is not served any more. */
  onEnd(listener: (reason: DisconnectReason) => void): () => void {
    this.#onEnd.add(listener);
    return () => this.#onEnd.delete(listener);
  }

  /** Ends all streams, and closes the session. */
  async close(reason: DisconnectReason): Promise<void> {
    try {
      await this.#session.close();
    } finally {
      this.#stopListening();
      this.endStreams(reason);
    }
  }

  endStreams(reason: DisconnectReason): void {
    for (const listener of [...this.#onEnd]) listener(reason);
  }

  /** Resolves when nothing is at work any more; where it is kept, what waits for somebody is not. */
  async atRest(isKept: boolean): Promise<void> {
    const isAtRest = () => !this.isBusy || this.isClosed || (isKept && this.isWaiting);
    if (isAtRest()) return;
    await new Promise<void>((resolve) => {
      const stopListening = this.log.onAppend(() => {
        if (!isAtRest()) return;
        stopListening();
        resolve();
      });
    });
  }

  /** Whether a turn or a compaction is under way, or waits. */
  get isBusy(): boolean {
    const { status, queued } = this.snapshot;
    return status !== 'idle' || queued > 0 || this.#sending > 0;
  }

  /** The turn that is at work, or about to be. */
  get turnId(): string | undefined {
    const { turn, status } = this.snapshot;
    return turn?.id ?? (status === 'compacting' ? undefined : this.#seen.turns[0]?.id);
  }

  /** A session that is elsewhere is at something else, once it has said something. */
  async follow(): Promise<void> {
    this.#isStale = true;
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    while (this.#isStale) {
      this.#isStale = false;
      // who cannot be reached now is asked again with the next event, or some time later
      await this.look().catch(() => undefined);
    }
    this.#isFollowing = false;
    this.log.wake();
  }

  #takeIn(event: TurnEvent): void {
    if (compareCursors(cursorOf(event), this.log.last) <= 0) return;
    if (event.type === 'steering.applied' || event.type === 'session.idle') this.#steering = 0;
    if (event.type === 'turn.started') this.#turnStart = { turnId: event.turnId, cursor: { seq: event.seq - 1, n: 0 } };
    this.log.append(event);
    this.chat.follow(event);
    if ('look' in this.#session && !isEphemeral(event)) void this.follow();
  }

  #findStart(events: readonly TurnEvent[]): void {
    const latest = this.#seen.turns.at(-1)?.id;
    const started = events.findLast(({ type }) => type === 'turn.started');
    if (latest !== undefined && started?.turnId !== latest) this.#start = { cursor: this.log.last, turnId: latest };
    else if (started !== undefined) this.#start = { cursor: { seq: started.seq - 1, n: 0 } };
  }

  #accepted(turnId: string, status: MessageAccepted['status'], cursor: Cursor): MessageAccepted {
    return { session_id: this.id, turn_id: turnId, status, since_id: formatCursor(cursor) };
  }
}

/** Whether an event is for a reader that waits for a turn; from its start on, every event is. */
export function skipUntil(turnId: string | undefined): (event: LoggedEvent) => boolean {
  let isSkipping = turnId !== undefined;
  return ({ wire }) => {
    if (isSkipping && wire.type === 'turn.started' && wire.turn_id === turnId) isSkipping = false;
    return !isSkipping;
  };
}

export function expired(what: string): ProblemError {
  return new ProblemError(
    'cursor_expired',
    `${what} Read the messages of the session, and stream its events without a since_id.`,
  );
}

export function stopping(): ProblemError {
  return new ProblemError('server_stopping', 'The server is stopping and takes no more work: send again later.');
}

export function isMissing(id: string): ProblemError {
  return new ProblemError('session_not_found', `There is no session "${id}": create one with POST /v1/sessions.`);
}

function tooMany(detail: string): ProblemError {
  return new ProblemError('too_many_messages', detail);
}
