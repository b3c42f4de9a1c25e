/** What travels between an HTTP host and its clients. Names of this layer are snake_case; what it carries keeps its own. */

import type { TurnEventType, WireEvent } from '../../events.ts';
import type { Json } from '../../json.ts';
import type { Message, UserInput } from '../../messages.ts';
import type { Usage } from '../../model.ts';

/** A session as clients see it. */
export interface SessionResource {
  readonly id: string;
  /** Name of the agent. */
  readonly agent: string;
  readonly status: 'idle' | 'compacting' | 'in_turn';
  /** Turns that wait behind the running one. */
  readonly queued: number;
  /** Of all turns that have ended. */
  readonly usage: Usage;
  /** The last event so far; to stream what comes after, it is the `since_id`. */
  readonly last_event_id: string;
}

/** Sessions, those first in which something happened last. */
export interface SessionList {
  readonly sessions: readonly SessionSummaryResource[];
  /** Where there may be more: the `before` of the next page. */
  readonly next?: string;
}

/** A session as lists show it. */
export interface SessionSummaryResource extends Pick<SessionResource, 'id' | 'agent' | 'status'> {
  /** The beginning of its first message. Like what follows, only where sessions are kept. */
  readonly title?: string;
  /** How many turns have ended. */
  readonly turns?: number;
  /** In epoch ms. */
  readonly created_at?: number;
  /** When something of it was kept last, in epoch ms. */
  readonly updated_at?: number;
}

export interface CreateSession {
  /** Of letters, digits and `. _ ~ -`. @default a random one */
  readonly id?: string | undefined;
}

/** What becomes of a message that comes during a turn: it waits for its own, steers the running one, or is refused. */
export type Delivery = 'queue' | 'steer' | 'reject';

export interface CreateMessage {
  readonly content: UserInput;
  /** @default 'queue' */
  readonly delivery?: Delivery | undefined;
}

export interface SteerTurn {
  readonly content: UserInput;
  /** Only if this turn runs. @default whichever runs, or one of its own */
  readonly turn_id?: string | undefined;
}

/** A message was taken. */
export interface MessageAccepted {
  readonly session_id: string;
  /** The turn that it goes into; what steers a turn and comes too late for its steps gets the next one. */
  readonly turn_id: string;
  readonly status: 'started' | 'queued' | 'steering';
  /** The last event before it. */
  readonly since_id: string;
}

export interface CancelTurn {
  /** The model reads it in the note on the cancelled turn. */
  readonly reason?: string | undefined;
}

export type CancelResult =
  /** The turn is, or where none ran the shortening of the conversation. */
  | { readonly status: 'cancelled'; readonly turn_id?: string }
  /** Neither was under way. */
  | { readonly status: 'no_op' };

/** More steps for a turn that waits for them. */
export interface ExtendTurn {
  readonly steps: number;
}

/** What waited goes on. */
export interface TurnGoesOn {
  readonly status: 'accepted';
  /** Absent where it was no turn but a compaction that had been cut off. */
  readonly turn_id?: string;
}

/** The conversation is being shortened for the model; events tell when it is done. */
export interface CompactionAccepted {
  readonly status: 'accepted';
  /** The last event before it. */
  readonly since_id: string;
}

export interface ToolResult {
  readonly tool_call_id: string;
  readonly output: Json;
  /** The client could not run the tool, and `output` says why. @default false */
  readonly is_error?: boolean | undefined;
}

export interface ToolApproval {
  readonly tool_call_id: string;
  readonly decision: 'approve' | 'deny';
  /** Of a denial; the model reads it. */
  readonly reason?: string | undefined;
  /** Of an approval: for every later call of the tool in this session, too. */
  readonly remember?: 'session' | undefined;
}

/** An answer for a tool call was taken. */
export interface AnswerAccepted {
  readonly status: 'accepted';
  readonly tool_call_id: string;
}

/** The conversation, without what the running turn has added. */
export interface MessageList {
  readonly messages: readonly Message[];
}

/** The states of a session's machines; the same wherever sessions are shown. */
export interface Snapshot {
  readonly status: 'idle' | 'compacting' | 'inTurn' | 'closed';
  readonly queued: number;
  readonly turn?: SnapshotOfTurn;
}

export interface SnapshotOfTurn {
  readonly id: string;
  readonly state: string;
  readonly step: number;
  readonly attempt: number;
  /** Epoch ms. */
  readonly retryAt?: number;
  readonly tools: readonly SnapshotOfToolCall[];
}

export interface SnapshotOfToolCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly state: string;
  /** The turn of the sub-agent that works on it. */
  readonly agent?: SnapshotOfTurn;
}

export interface EventList {
  readonly events: readonly WireEvent[];
  /** The last event so far, wanted or not. */
  readonly last_event_id: string;
}

/** The last thing that a stream says which ends before its client wants it to; it is no event of the session. */
export interface Disconnecting {
  readonly type: 'disconnecting';
  readonly session_id: string;
  readonly data: {
    readonly reason: DisconnectReason;
    /** Where to go on. */
    readonly since_id: string;
  };
}

/** The client reads too slowly, the session is deleted or not open any more, or the server stops. */
export type DisconnectReason = 'slow_reader' | 'session_deleted' | 'session_closed' | 'server_stopping';

/** Why a request was refused, as RFC 9457 has it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What happened, on what, and the way out. */
  readonly detail: string;
  /** What applications branch on. */
  readonly code: ProblemCode;
  /** What is wrong with the request, where its form is. */
  readonly errors?: readonly InvalidField[] | undefined;
}

export interface InvalidField {
  /** JSON pointer into the body, or the name of a parameter. */
  readonly at: string;
  readonly message: string;
}

/** Every problem, by code. */
export const problemKinds = {
  invalid_request: { status: 400, title: 'The request is not of the form that is documented' },
  unauthorized: { status: 401, title: 'The request is not authorized' },
  route_not_found: { status: 404, title: 'There is no such route' },
  session_not_found: { status: 404, title: 'There is no such session' },
  tool_call_not_found: { status: 404, title: 'There is no such tool call' },
  session_exists: { status: 409, title: 'There is such a session already' },
  session_locked: { status: 409, title: 'Another process has the session open' },
  turn_in_progress: { status: 409, title: 'A turn is in progress' },
  not_waiting: { status: 409, title: 'That is not waited for' },
  nothing_to_compact: { status: 409, title: 'There is nothing to shorten' },
  cursor_expired: { status: 410, title: 'The events after that one are not kept any more' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body is no JSON' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  too_many_sessions: { status: 429, title: 'Too many sessions are open' },
  too_many_messages: { status: 429, title: 'Too many messages wait' },
  too_many_streams: { status: 429, title: 'Too many streams are open' },
  internal: { status: 500, title: 'The server failed' },
  sessions_unavailable: { status: 503, title: 'Where sessions are kept cannot be reached' },
  server_stopping: { status: 503, title: 'The server is stopping' },
} as const;
export type ProblemCode = keyof typeof problemKinds;

/** How often a stream says that it is alive, in ms. */
export const heartbeatMs = 30_000;

const typesOfEvents: Readonly<Record<TurnEventType, true>> = {
  'turn.started': true,
  'message.added': true,
  'step.started': true,
  'step.finished': true,
  'message.started': true,
  'message.delta': true,
  'reasoning.delta': true,
  'message.completed': true,
  'message.superseded': true,
  'message.replaced': true,
  'model.retrying': true,
  'tool.called': true,
  'tool.started': true,
  'tool.progress': true,
  'tool.completed': true,
  'tool.failed': true,
  'tool.approvalRequested': true,
  'tool.approvalResolved': true,
  'tool.denied': true,
  'tool.resultRequested': true,
  'tool.cancelled': true,
  'tool.retrying': true,
  'agent.event': true,
  'steering.applied': true,
  'messages.updated': true,
  'budget.warning': true,
  'compaction.started': true,
  'compaction.completed': true,
  'compaction.failed': true,
  'compaction.cancelled': true,
  'turn.paused': true,
  'turn.resumed': true,
  'turn.completed': true,
  'turn.failed': true,
  'turn.cancelled': true,
  'session.idle': true,
  'transcript.repaired': true,
  'guardrail.triggered': true,
  'output.rejected': true,
  'breaker.tripped': true,
  diagnostic: true,
};
/** Every type of event. */
export const eventTypes = Object.keys(typesOfEvents) as readonly TurnEventType[];
