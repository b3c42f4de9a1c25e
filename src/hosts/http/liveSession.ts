import type { TurnEvent } from '../../events.ts';
import type { UserInput } from '../../messages.ts';
import { type Cursor, compareCursors, formatCursor, parseCursor } from './cursor.ts';
import { EventLog, type LoggedEvent } from './eventLog.ts';
import { IdempotentAnswers } from './idempotentAnswers.ts';
import type { HttpLimits } from './limits.ts';
import { ProblemError } from './problem.ts';
import type { Delivery, DisconnectReason, MessageAccepted, SessionResource } from './protocol.ts';
import type { ServedSession } from './servedAgent.ts';

type Limits = Pick<HttpLimits, 'maxQueued' | 'maxLogChars'>;

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
  readonly #agent: string;
  readonly #maxQueued: number;
  readonly #stopListening: () => void;
  readonly #onEnd = new Set<(reason: DisconnectReason) => void>();
  /** Where the latest message was accepted. */
  #start: StreamStart | undefined;
  /** Messages that steer and that no step has taken yet. */
  #steering = 0;

  constructor(session: ServedSession, agent: string, limits: Limits) {
    this.session = session;
    this.#agent = agent;
    this.#maxQueued = limits.maxQueued;
    this.log = new EventLog(limits.maxLogChars);
    this.#stopListening = session.on('*', (event) => this.#takeIn(event));
  }

  /**
   * A session that has a past, which is read while it may go on.
   *
   * @param past its durable events
   */
  static async withPast(
    session: ServedSession,
    agent: string,
    limits: Limits,
    past: () => Promise<readonly TurnEvent[]>,
  ): Promise<LiveSession> {
    const meanwhile: TurnEvent[] = [];
    const stopListening = session.on('*', (event) => meanwhile.push(event));
    try {
      const events = [...(await past()), ...meanwhile];
      const live = new LiveSession(session, agent, limits);
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

  /** Whether nothing is at work, and nobody watches. */
  get isUnused(): boolean {
    return !this.#isBusy && this.#onEnd.size === 0;
  }

  get resource(): SessionResource {
    const { status, queued } = this.session.snapshot;
    return {
      id: this.session.id,
      agent: this.#agent,
      status: status === 'inTurn' ? 'in_turn' : status === 'compacting' ? 'compacting' : 'idle',
      queued,
      usage: this.session.usage,
      last_event_id: formatCursor(this.log.last),
    };
  }

  /** @throws ProblemError where the message is one too many, or not to wait */
  send(content: UserInput, delivery: Delivery): MessageAccepted {
    const isBusy = this.#isBusy;
    if (isBusy && delivery === 'reject') {
      throw new ProblemError(
        'turn_in_progress',
        `Session "${this.session.id}" is in a turn: wait for session.idle, cancel it, or send with \`delivery\` 'queue' or 'steer'.`,
      );
    }
    if (this.session.snapshot.turn !== undefined && delivery === 'steer') return this.steer(content);
    if (this.session.snapshot.queued >= this.#maxQueued) {
      throw tooMany(`Session "${this.session.id}" has ${this.#maxQueued} messages that wait: send again later.`);
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
    if (this.#steering >= this.#maxQueued) {
      throw tooMany(`Turn "${turn.id}" has ${this.#maxQueued} messages to read: send again later.`);
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
      for (const listener of [...this.#onEnd]) listener(reason);
    }
  }

  get #isBusy(): boolean {
    const { status, queued } = this.session.snapshot;
    return status !== 'idle' || queued > 0;
  }

  #takeIn(event: TurnEvent): void {
    if (event.type === 'steering.applied' || event.type === 'session.idle') this.#steering = 0;
    this.log.append(event);
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

function tooMany(detail: string): ProblemError {
  return new ProblemError('too_many_messages', detail);
}
