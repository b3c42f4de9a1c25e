import type { StreamFormat } from '../eventStream.ts';
import type { LiveSession } from '../liveSession.ts';
import type { DisconnectReason } from '../protocol.ts';
import type { ChatChunk } from './chatChunk.ts';
import { type KnownCalls, TurnChunks } from './turnChunks.ts';
import { waitsForAnswers } from './waitsForAnswers.ts';

/** What an answer to a chat says of itself. */
export const chatHeaders = { 'x-vercel-ai-ui-message-stream': 'v1' };

/**
 * One turn as the answer of a chat. It ends with the turn, and where the turn waits for answers from the chat: those come
 * with another request, whose answer goes on.
 */
export function chatFormat(live: LiveSession, turnId: string, known: KnownCalls): StreamFormat {
  const chunks = new TurnChunks(turnId, known);
  return {
    head: toFrame({ type: 'start', messageId: turnId }),
    write: (events) => {
      const wasOver = chunks.isOver;
      const text = events.flatMap(({ event }) => chunks.take(event).map(toFrame)).join('');
      return chunks.isOver && !wasOver ? `${text}${done}` : text;
    },
    end: (cursor) => {
      if (chunks.isOver) return '';
      if (!waitsForAnswers(live.snapshot.turn, turnId)) return undefined;
      live.chat.paused = { turnId, cursor };
      return [...chunks.close(), { type: 'finish', finishReason: 'tool-calls' } as const].map(toFrame).join('') + done;
    },
    disconnect: (reason) => [...chunks.close(), lastChunk(reason)].map(toFrame).join('') + done,
  };
}

const done = 'data: [DONE]\n\n';

function toFrame(chunk: ChatChunk): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

function lastChunk(reason: DisconnectReason): ChatChunk {
  switch (reason) {
    case 'session_deleted':
      return { type: 'abort', reason: 'The session was deleted.' };
    case 'session_closed':
      return { type: 'error', errorText: 'The session was closed: resume the stream.' };
    case 'server_stopping':
      return { type: 'error', errorText: 'The server is stopping: resume the stream later.' };
    case 'slow_reader':
      return { type: 'error', errorText: 'The answer was read too slowly: resume the stream.' };
  }
}
