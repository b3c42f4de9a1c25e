import type { WireEvent } from '../../../events.ts';
import type { Message, UserInput } from '../../../messages.ts';
import type {
  AnswerAccepted,
  CancelResult,
  CompactionAccepted,
  CreateSession,
  Delivery,
  EventList,
  MessageAccepted,
  MessageList,
  SessionList,
  SessionResource,
  Snapshot,
  ToolApproval,
  ToolResult,
  TurnGoesOn,
} from '../protocol.ts';
import { Connection, type ConnectionOptions, type PostOptions, type RequestOptions } from './connection.ts';
import { eventsQuery, type StreamOptions, streamEvents } from './eventStream.ts';

export interface MessageOptions extends PostOptions {
  /** What becomes of the message during a turn. @default 'queue' */
  readonly delivery?: Delivery;
}

export interface ListSessionsOptions extends RequestOptions {
  /** How many at most, from 1 to 200. @default 50 */
  readonly limit?: number;
  /** The `next` of the page before. @default the list begins with the newest */
  readonly before?: string;
}

/**
 * A client of `httpApp()`. Answers are as they travel; whatever goes wrong is thrown as an `HttpError`.
 *
 * @example
 * ```ts
 * const client = httpClient({ baseUrl: 'http://localhost:8080' });
 * const { id } = await client.sessions.create();
 * await client.messages.create(id, 'What is 17*23?');
 * for await (const { type, data } of client.events.stream(id)) {
 *   if (type === 'message.delta') process.stdout.write(String(data.text));
 *   if (type === 'session.idle') break;
 * }
 * ```
 */
export function httpClient(options: ConnectionOptions): HttpClient {
  const connection = new Connection(options);
  return {
    sessions: new SessionRequests(connection),
    messages: new MessageRequests(connection),
    events: new EventRequests(connection),
    approvals: new ApprovalRequests(connection),
    toolResults: new ToolResultRequests(connection),
  };
}

export interface HttpClient {
  readonly sessions: SessionRequests;
  readonly messages: MessageRequests;
  readonly events: EventRequests;
  readonly approvals: ApprovalRequests;
  readonly toolResults: ToolResultRequests;
}

class SessionRequests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Opens a new session. */
  create({ id, ...options }: CreateSession & RequestOptions = {}): Promise<SessionResource> {
    return this.#connection.post('/v1/sessions', { id }, options);
  }

  /** A page of the sessions that there are, those first in which something happened last. */
  list({ limit, before, ...options }: ListSessionsOptions = {}): Promise<SessionList> {
    const query = new URLSearchParams({
      ...(limit !== undefined && { limit: `${limit}` }),
      ...(before !== undefined && { before }),
    });
    return this.#connection.get(query.size === 0 ? '/v1/sessions' : `/v1/sessions?${query}`, options);
  }

  get(id: string, options: RequestOptions = {}): Promise<SessionResource> {
    return this.#connection.get(pathOf(id), options);
  }

  /** Cancels what runs, and deletes the session. */
  async delete(id: string, options: RequestOptions = {}): Promise<void> {
    await this.#connection.send('DELETE', pathOf(id), options);
  }

  /** Ends the running turn. Does nothing, successfully, where none runs. */
  cancel(
    id: string,
    { reason, ...options }: RequestOptions & { readonly reason?: string } = {},
  ): Promise<CancelResult> {
    return this.#connection.post(`${pathOf(id)}/cancel`, { reason }, options);
  }

  /** Says something to the running turn before its next step; where none runs, it starts one. */
  steer(
    id: string,
    content: UserInput,
    { turnId, ...options }: RequestOptions & { readonly turnId?: string } = {},
  ): Promise<MessageAccepted> {
    return this.#connection.post(`${pathOf(id)}/steer`, { content, turn_id: turnId }, options);
  }

  /** Gives its turn more steps that has none left and waits for that. */
  extend(id: string, steps: number, options: RequestOptions = {}): Promise<TurnGoesOn> {
    return this.#connection.post(`${pathOf(id)}/extend`, { steps }, options);
  }

  /** Lets its turn go on that waits for leave to spend more, or that was cut off and waits to be resumed. */
  resume(id: string, options: RequestOptions = {}): Promise<TurnGoesOn> {
    return this.#connection.post(`${pathOf(id)}/resume`, {}, options);
  }

  /** Shortens the conversation for the model, between turns; events tell when it is done. */
  compact(id: string, options: RequestOptions = {}): Promise<CompactionAccepted> {
    return this.#connection.post(`${pathOf(id)}/compact`, {}, options);
  }

  /** The states of its machines. */
  snapshot(id: string, options: RequestOptions = {}): Promise<Snapshot> {
    return this.#connection.get(`${pathOf(id)}/snapshot`, options);
  }
}

class MessageRequests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends a message: it starts a turn, or does during one what `delivery` says. */
  create(
    sessionId: string,
    content: UserInput,
    { delivery, ...options }: MessageOptions = {},
  ): Promise<MessageAccepted> {
    return this.#connection.post(`${pathOf(sessionId)}/messages`, { content, delivery }, options);
  }

  /** The conversation, without what the running turn has added. */
  async list(sessionId: string, options: RequestOptions = {}): Promise<readonly Message[]> {
    return (await this.#connection.get<MessageList>(`${pathOf(sessionId)}/messages`, options)).messages;
  }
}

class EventRequests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * The events of a session as they come, those of its latest message first; without end, until one breaks out of the
   * loop. A connection that is lost is made again, without gaps or duplicates.
   */
  stream(sessionId: string, options: StreamOptions = {}): AsyncGenerator<WireEvent, void, undefined> {
    return streamEvents(this.#connection, `${pathOf(sessionId)}/events`, options);
  }

  /** The events so far. */
  list(sessionId: string, options: StreamOptions = {}): Promise<EventList> {
    return this.#connection.get(`${pathOf(sessionId)}/events${eventsQuery(options)}`, options);
  }
}

class ApprovalRequests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Lets a tool call run that waits for approval, or does not. */
  create(sessionId: string, approval: ToolApproval, options: RequestOptions = {}): Promise<AnswerAccepted> {
    return this.#connection.post(`${pathOf(sessionId)}/approvals`, approval, options);
  }
}

class ToolResultRequests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Answers the call of a tool that the client runs. */
  create(sessionId: string, result: ToolResult, options: PostOptions = {}): Promise<AnswerAccepted> {
    return this.#connection.post(`${pathOf(sessionId)}/tool-results`, result, options);
  }
}

function pathOf(sessionId: string): string {
  return `/v1/sessions/${encodeURIComponent(sessionId)}`;
}
