import type { TurnEvent } from '../../events.ts';
import type { UserInput } from '../../messages.ts';
import { ChatSession } from './chat/chatSession.ts';
import { type Cursor, compareCursors, formatCursor, parseCursor } from './cursor.ts';
import { EventLog, type LoggedEvent } from './eventLog.ts';
import { IdempotentAnswers } from './idempotentAnswers.ts';
import type { HttpLimits } from './limits.ts';
import { ProblemError } from './problem.ts';
import type { Delivery, DisconnectReason, MessageAccepted, SessionResource } from './protocol.ts';
import type { ServedSession } from './servedAgent.ts';

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

/** A session that is open in this process, and what its clients are to know of it. */
export class LiveSession {
  readonly session: ServedSession;
  readonly answers = new IdempotentAnswers();
  readonly log: EventLog;
  readonly chat: ChatSession;
  readonly #options: LiveSessionOptions;
  readonly #stopListening: () => void;
  readonly #onEnd = new Set<(reason: DisconnectReason) => void>();
  /** Where the latest message was accepted. */
  #start: StreamStart | undefined;
  /** Where the latest turn began. */
  #turnStart: { readonly turnId: string | undefined; readonly cursor: Cursor } | undefined;
  /** Messages that steer and that no step has taken yet. */
  #steering = 0;

  constructor(session: ServedSession, options: LiveSessionOptions) {
    this.session = session;
    this.#options = options;
    this.log = new EventLog(options.limits.maxLogChars);
    this.chat = new ChatSession(session);
    this.#stopListening = session.on('*', (event) => this.#takeIn(event));
  }

  /**
   * A session that has a past, which is read while it may go on.
   *
   * @param past its durable events
   */
  static async withPast(
    session: ServedSession,
    options: LiveSessionOptions,
    past: () => Promise<readonly TurnEvent[]>,
  ): Promise<LiveSession> {
    const meanwhile: TurnEvent[] = [];
    const stopListening = session.on('*', (event) => meanwhile.push(event));
    try {
      const events = [...(await past()), ...meanwhile];
      const live = new LiveSession(session, options);
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

  get isClosed(): boolean {
    return this.session.snapshot.status === 'closed';
  }

  /** Whether the turn goes on only when somebody answers: a call, or a question for more steps or money. */
  get isWaiting(): boolean {
    return this.session.snapshot.turn?.state.startsWith('awaiting') === true;
  }

  /** Whether nothing is at work, and nobody watches. */
  get isUnused(): boolean {
    return !this.isBusy && this.#onEnd.size === 0;
  }

  get resource(): SessionResource {
    const { status, queued } = this.session.snapshot;
    return {
      id: this.session.id,
      agent: this.#options.agent,
      status: status === 'inTurn' ? 'in_turn' : status === 'compacting' ? 'compacting' : 'idle',
      queued,
      usage: this.session.usage,
      last_event_id: formatCursor(this.log.last),
    };
  }

  /** @throws ProblemError where the message is one too many or not to wait, or the server stops */
  send(content: UserInput, delivery: Delivery): MessageAccepted {
    const isBusy = this.isBusy;
    if (isBusy && delivery === 'reject') {
      throw new ProblemError(
        'turn_in_progress',
        `Session "${this.session.id}" is in a turn: wait for session.idle, cancel it, or send with \`delivery\` 'queue' or 'steer'.`,
      );
    }
    if (this.session.snapshot.turn !== undefined && delivery === 'steer') return this.steer(content);
    this.refuseWhenStopping();
    const { maxQueued } = this.#options.limits;
    if (this.session.snapshot.queued >= maxQueued) {
      throw tooMany(`Session "${this.session.id}" has ${maxQueued} messages that wait: send again later.`);
    }
    const cursor = this.log.last;
    const { id } = this.session.send(content);
    this.#start = isBusy ? { cursor, turnId: id } : { cursor };
    return this.#accepted(id, isBusy ? 'queued' : 'started', cursor);
  }

  /** @throws ProblemError where the message is one too many, or the turn does not run */
  steer(content: UserInput, turnId?: string): MessageAccepted {
    const { turn } = this.session.snapshot;
    if (turn === undefined && turnId === undefined) return this.send(content, 'queue');
    if (turn === undefined || (turnId !== undefined && turnId !== turn.id)) {
      throw new ProblemError('not_waiting', `Turn "${turnId}" does not run: it has ended, or not begun.`);
    }
    const { maxQueued } = this.#options.limits;
    if (this.#steering >= maxQueued) {
      throw tooMany(`Turn "${turn.id}" has ${maxQueued} messages to read: send again later.`);
    }
    const cursor = this.log.last;
    const { accepted, reason } = this.session.steer(content, { turnId: turn.id });
    if (!accepted) throw new ProblemError('not_waiting', reason);
    this.#steering += 1;
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
      throw expired(
        `Session "${this.session.id}" has no event ${sinceId} (any more): its last one is ${formatCursor(this.log.last)}.`,
      );
    }
    return { cursor };
  }

  /** Where the running turn began, if one runs. */
  get turnStart(): (StreamStart & { readonly turnId: string }) | undefined {
    const { turn } = this.session.snapshot;
    if (turn === undefined) return undefined;
    const start = this.#turnStart;
    return { turnId: turn.id, cursor: start?.turnId === turn.id ? start.cursor : this.log.last };
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
      await this.session.close();
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
    const { status, queued } = this.session.snapshot;
    return status !== 'idle' || queued > 0;
  }

  #takeIn(event: TurnEvent): void {
    if (event.type === 'steering.applied' || event.type === 'session.idle') this.#steering = 0;
    if (event.type === 'turn.started') this.#turnStart = { turnId: event.turnId, cursor: { seq: event.seq - 1, n: 0 } };
    this.log.append(event);
    this.chat.follow(event);
  }

  #findStart(events: readonly TurnEvent[]): void {
    const latest = this.session.turns.at(-1)?.id;
    const started = events.findLast(({ type }) => type === 'turn.started');
    if (latest !== undefined && started?.turnId !== latest) this.#start = { cursor: this.log.last, turnId: latest };
    else if (started !== undefined) this.#start = { cursor: { seq: started.seq - 1, n: 0 } };
  }

  #accepted(turnId: string, status: MessageAccepted['status'], cursor: Cursor): MessageAccepted {
    return { session_id: this.session.id, turn_id: turnId, status, since_id: formatCursor(cursor) };
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

function tooMany(detail: string): ProblemError {
  return new ProblemError('too_many_messages', detail);
}
