import { compareCursors, parseCursor } from '../cursor.ts';
import { stream } from '../events.ts';
import { fingerprint } from '../idempotentAnswers.ts';
import type { LiveSession, StreamStart } from '../liveSession.ts';
import { type Answer, type Call, type Route, route } from '../operation.ts';
import { isProblem, ProblemError } from '../problem.ts';
import { chatRequest } from '../schemas.ts';
import { chatFormat, chatHeaders } from './chatFormat.ts';
import { type ChatRequest, type ChatWish, readChatRequest } from './chatRequest.ts';
import type { KnownCalls } from './turnChunks.ts';

/** What `DefaultChatTransport` of the AI SDK asks for, where its `api` is `…/v1/chat`. */
export const chatRoutes: readonly Route[] = [
  route(
    {
      id: 'chat',
      method: 'post',
      path: '/v1/chat',
      summary: 'Sends the last message of a chat, or its answers to tool calls, and streams what is answered',
      body: chatRequest,
      answers: [{ status: 200, description: 'The answer', stream: 'chunks' }],
      problems: [
        'session_not_found',
        'session_locked',
        'not_waiting',
        'cursor_expired',
        'too_many_sessions',
        'too_many_messages',
        'too_many_streams',
        'server_stopping',
      ],
    },
    chat,
  ),
  route(
    {
      id: 'resumeChat',
      method: 'get',
      path: '/v1/chat/{id}/stream',
      summary: 'Streams the answer that is under way, from its beginning',
      answers: [
        { status: 200, description: 'The answer', stream: 'chunks' },
        { status: 204, description: 'None is under way' },
      ],
      problems: ['session_locked', 'too_many_sessions', 'too_many_streams', 'server_stopping'],
    },
    resumeChat,
  ),
];

/** A turn, from some place in it. */
interface Followed extends StreamStart {
  readonly turnId: string;
  /** Whether nothing may be missing after that place. */
  readonly isExact: boolean;
  readonly known: KnownCalls;
}

const otherMessage = 'The user has sent another message instead of an answer.';
const nothing: KnownCalls = { shown: new Set(), asked: new Set() };

async function chat(call: Call<ChatRequest>): Promise<Answer> {
  const { sessions } = call.host;
  const { id } = call.body;
  const wish = readChatRequest(call.body);
  const { message } = wish;
  if (message !== undefined) {
    const live = await sessions.open(id);
    return follow(call, live, await send(live, wish, message));
  }
  const live = await sessions.get(id);
  return follow(call, live, await goOn(live, wish));
}

async function resumeChat(call: Call): Promise<Answer> {
  let live: LiveSession;
  try {
    live = await call.host.sessions.get(call.id);
  } catch (error) {
    // a chat that has not begun has nothing to resume
    if (isProblem(error, 'session_not_found')) return { status: 204 };
    throw error;
  }
  const start = live.turnStart;
  if (start === undefined) return { status: 204 };
  return follow(call, live, { ...start, isExact: false, known: nothing });
}

function follow({ host, request }: Call, live: LiveSession, { known, isExact, ...start }: Followed): Promise<Answer> {
  const format = chatFormat(live, start.turnId, known);
  return stream({ live, host, request, start, isExact, format, headers: chatHeaders });
}

/** A message gets a turn of its own. The same message again is the same turn, unless it is repeated on purpose. */
async function send(
  live: LiveSession,
  { answers }: ChatWish,
  { id, content, isRepeated }: NonNullable<ChatWish['message']>,
): Promise<Followed> {
  const run = async (): Promise<Followed> => {
    live.refuseWhenStopping();
    await live.chat.take(answers);
    // whoever is waited for has said something else
    if (live.isWaiting) await live.command((session) => session.cancel(otherMessage));
    const { turn_id, since_id } = await live.send(content, 'queue');
    return { turnId: turn_id, cursor: parseCursor(since_id) ?? live.log.last, isExact: true, known: nothing };
  };
  if (isRepeated) return run();
  return live.answers.once(`chat ${id} ${await fingerprint(JSON.stringify(content))}`, '', run);
}

/**
 * The answers of the chat let the turn go on; what is streamed begins where the answer before it ended.
 *
 * @throws ProblemError where nothing waits for them
 */
async function goOn(live: LiveSession, { answers, answerId, known }: ChatWish): Promise<Followed> {
  const now = live.log.last;
  const { paused } = live.chat;
  const running = live.snapshot.turn?.id;
  const isTaken = (await live.chat.take(answers)) > 0;
  const from = paused !== undefined && paused.turnId === (isTaken ? running : answerId) ? paused : undefined;
  if (isTaken && running !== undefined) return { turnId: running, cursor: from?.cursor ?? now, isExact: true, known };
  // it went on without them: somebody else has answered, or nobody in time
  if (from !== undefined && compareCursors(now, from.cursor) > 0 && !live.isWaiting) {
    return { ...from, isExact: true, known };
  }
  throw new ProblemError('not_waiting', `No tool call of session "${live.id}" waits for these answers.`);
}
