import type { MaybePromise } from '../../durability/store.ts';
import { findToolCalls } from '../../snapshot.ts';
import type { Admission } from '../../turn.ts';
import { chatRoutes } from './chat/chatRoutes.ts';
import { formatCursor } from './cursor.ts';
import { listEvents, streamEvents } from './events.ts';
import type { LiveSession } from './liveSession.ts';
import { type Answer, type Route, route, sessionRoute } from './operation.ts';
import { ProblemError } from './problem.ts';
import type {
  AnswerAccepted,
  CancelResult,
  CompactionAccepted,
  MessageList,
  Snapshot,
  TurnGoesOn,
} from './protocol.ts';
import * as schemas from './schemas.ts';
import type { ServedSession } from './servedAgent.ts';

/** Every route, but the one of the API document, which is made of them. */
export const routes: readonly Route[] = [
  route(
    {
      id: 'createSession',
      method: 'post',
      path: '/v1/sessions',
      summary: 'Opens a new session',
      body: schemas.createSession,
      isBodyOptional: true,
      answers: [{ status: 201, description: 'The session', schema: schemas.sessionResource }],
      problems: ['session_exists', 'session_locked', 'too_many_sessions', 'server_stopping'],
    },
    async ({ body, host }) => ({ status: 201, json: (await host.sessions.create(body.id)).resource }),
  ),
  route(
    {
      id: 'listSessions',
      method: 'get',
      path: '/v1/sessions',
      summary: 'The sessions that there are, those first in which something happened last',
      query: schemas.sessionsQuery,
      answers: [{ status: 200, description: 'A page of them', schema: schemas.sessionList }],
      problems: [],
    },
    async ({ query, host }) => ({ status: 200, json: await host.sessions.list(query) }),
  ),
  sessionRoute(
    {
      id: 'getSession',
      method: 'get',
      path: '/v1/sessions/{id}',
      summary: 'What a session is at',
      answers: [{ status: 200, description: 'The session', schema: schemas.sessionResource }],
      problems: [],
    },
    ({ live }) => ({ status: 200, json: live.resource }),
  ),
  route(
    {
      id: 'deleteSession',
      method: 'delete',
      path: '/v1/sessions/{id}',
      summary: 'Cancels what runs in a session, ends its streams, and deletes it, in the store as well',
      answers: [{ status: 204, description: 'The session is gone' }],
      problems: ['session_not_found', 'session_locked'],
    },
    async ({ host, id }) => {
      await host.sessions.delete(id);
      return { status: 204 };
    },
  ),
  sessionRoute(
    {
      id: 'createMessage',
      method: 'post',
      path: '/v1/sessions/{id}/messages',
      summary: 'Sends a message: it starts a turn, or does during one what `delivery` says',
      body: schemas.createMessage,
      isIdempotent: true,
      answers: [{ status: 202, description: 'The message was taken', schema: schemas.messageAccepted }],
      problems: ['turn_in_progress', 'idempotency_key_reused', 'too_many_messages', 'server_stopping'],
    },
    async ({ body, live }) => ({ status: 202, json: await live.send(body.content, body.delivery ?? 'queue') }),
  ),
  sessionRoute(
    {
      id: 'listMessages',
      method: 'get',
      path: '/v1/sessions/{id}/messages',
      summary: 'The conversation, without what the running turn has added',
      answers: [{ status: 200, description: 'All messages', schema: schemas.messageList }],
      problems: [],
    },
    ({ live }) => ({ status: 200, json: { messages: live.messages } satisfies MessageList }),
  ),
  sessionRoute(
    {
      id: 'streamEvents',
      method: 'get',
      path: '/v1/sessions/{id}/events',
      summary: 'What the session says, as server-sent events; with `Accept: application/json` what it has said so far',
      query: schemas.eventsQuery,
      answers: [{ status: 200, description: 'The events', schema: schemas.eventList, stream: 'events' }],
      problems: ['cursor_expired', 'too_many_streams', 'server_stopping'],
    },
    (call) => (wantsJson(call.request) ? listEvents(call) : streamEvents(call)),
  ),
  sessionRoute(
    {
      id: 'cancelTurn',
      method: 'post',
      path: '/v1/sessions/{id}/cancel',
      summary: 'Ends the running turn, or between turns the shortening of the conversation',
      body: schemas.cancelTurn,
      isBodyOptional: true,
      answers: [{ status: 200, description: 'It is cancelled, or none ran', schema: schemas.cancelResult }],
      problems: [],
    },
    async ({ body, live }) => ({ status: 200, json: await cancel(live, body.reason) }),
  ),
  sessionRoute(
    {
      id: 'steerTurn',
      method: 'post',
      path: '/v1/sessions/{id}/steer',
      summary: 'Says something to the running turn before its next step; where none runs, it starts one',
      body: schemas.steerTurn,
      answers: [{ status: 202, description: 'The message was taken', schema: schemas.messageAccepted }],
      problems: ['not_waiting', 'too_many_messages', 'server_stopping'],
    },
    async ({ body, live }) => ({ status: 202, json: await live.steer(body.content, body.turn_id) }),
  ),
  sessionRoute(
    {
      id: 'extendTurn',
      method: 'post',
      path: '/v1/sessions/{id}/extend',
      summary: 'Gives a turn more steps that has none left and waits for that',
      body: schemas.extendTurn,
      answers: [{ status: 200, description: 'The turn goes on', schema: schemas.turnGoesOn }],
      problems: ['not_waiting'],
    },
    ({ body, live }) => goOn(live, (session) => session.extend(body.steps)),
  ),
  sessionRoute(
    {
      id: 'resumeTurn',
      method: 'post',
      path: '/v1/sessions/{id}/resume',
      summary: 'Lets a turn go on that waits for leave to spend more, or that was cut off and waits to be resumed',
      answers: [{ status: 200, description: 'The turn goes on', schema: schemas.turnGoesOn }],
      problems: ['not_waiting'],
    },
    ({ live }) => goOn(live, (session) => session.resume()),
  ),
  sessionRoute(
    {
      id: 'compactSession',
      method: 'post',
      path: '/v1/sessions/{id}/compact',
      summary: 'Shortens the conversation for the model, between turns; no message is lost',
      answers: [{ status: 202, description: 'It is being shortened', schema: schemas.compactionAccepted }],
      problems: ['turn_in_progress', 'nothing_to_compact', 'server_stopping'],
    },
    async ({ live }) => ({ status: 202, json: await compact(live) }),
  ),
  sessionRoute(
    {
      id: 'createToolResult',
      method: 'post',
      path: '/v1/sessions/{id}/tool-results',
      summary: 'Answers the call of a tool that the client runs',
      body: schemas.toolResult,
      isIdempotent: true,
      answers: [{ status: 200, description: 'The result was taken', schema: schemas.answerAccepted }],
      problems: ['tool_call_not_found', 'not_waiting', 'idempotency_key_reused'],
    },
    ({ body, live }) =>
      answer(live, body.tool_call_id, (session) =>
        session.resolveTool(body.tool_call_id, body.output, { isError: body.is_error ?? false }),
      ),
  ),
  sessionRoute(
    {
      id: 'createApproval',
      method: 'post',
      path: '/v1/sessions/{id}/approvals',
      summary: 'Lets a tool call run that waits for approval, or does not',
      body: schemas.toolApproval,
      answers: [{ status: 200, description: 'The answer was taken', schema: schemas.answerAccepted }],
      problems: ['tool_call_not_found', 'not_waiting'],
    },
    ({ body, live }) =>
      answer(live, body.tool_call_id, (session) => {
        if (body.decision === 'deny') return session.deny(body.tool_call_id, body.reason);
        return session.approve(body.tool_call_id, body.remember && { remember: body.remember });
      }),
  ),
  sessionRoute(
    {
      id: 'getSnapshot',
      method: 'get',
      path: '/v1/sessions/{id}/snapshot',
      summary: 'The states of the machines of a session: of its turn, and of its tool calls',
      answers: [{ status: 200, description: 'A moment of the session', schema: schemas.sessionSnapshot }],
      problems: [],
    },
    ({ live }) => ({ status: 200, json: live.snapshot satisfies Snapshot }),
  ),
  ...chatRoutes,
];

type Give = (session: ServedSession) => MaybePromise<Admission>;

async function cancel(live: LiveSession, reason: string | undefined): Promise<CancelResult> {
  const { turnId } = live;
  if (turnId === undefined && live.snapshot.status !== 'compacting') return { status: 'no_op' };
  await live.command((session) => session.cancel(reason));
  return { status: 'cancelled', ...(turnId !== undefined && { turn_id: turnId }) };
}

async function goOn(live: LiveSession, give: Give): Promise<Answer> {
  const { turn } = live.snapshot;
  const { accepted, reason } = await live.command(give);
  if (!accepted) throw new ProblemError('not_waiting', reason);
  const json: TurnGoesOn = { status: 'accepted', ...(turn !== undefined && { turn_id: turn.id }) };
  return { status: 200, json };
}

async function compact(live: LiveSession): Promise<CompactionAccepted> {
  live.refuseWhenStopping();
  const since_id = formatCursor(live.log.last);
  const { isBusy } = live;
  const { accepted, reason } = await live.command((session) => session.compact());
  if (!accepted) throw new ProblemError(isBusy ? 'turn_in_progress' : 'nothing_to_compact', reason);
  return { status: 'accepted', since_id };
}

async function answer(live: LiveSession, toolCallId: string, give: Give): Promise<Answer> {
  const isThere = findToolCalls(live.snapshot.turn, toolCallId).length > 0;
  const { accepted, reason } = await live.command(give);
  if (!accepted) throw new ProblemError(isThere ? 'not_waiting' : 'tool_call_not_found', reason);
  return { status: 200, json: { status: 'accepted', tool_call_id: toolCallId } satisfies AnswerAccepted };
}

/** Whoever takes both, or anything, gets a stream. */
function wantsJson(request: Request): boolean {
  const accept = request.headers.get('accept') ?? '';
  return /\bapplication\/json\b/.test(accept) && !/\btext\/event-stream\b/.test(accept);
}
