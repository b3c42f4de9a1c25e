import type { Json } from '../../../json.ts';
import type { FilePart, TextPart } from '../../../messages.ts';
import { ProblemError } from '../problem.ts';
import type { KnownCalls } from './turnChunks.ts';

/** What the transport of AI SDK UI sends; whatever an application adds to it is ignored. */
export interface ChatRequest {
  /** Of the chat, and of the session. */
  readonly id: string;
  readonly messages: readonly ChatMessage[];
  readonly trigger?: 'submit-message' | 'regenerate-message' | undefined;
  /** The message that the request is about. @default the last one */
  readonly messageId?: string | undefined;
}

export interface ChatMessage {
  readonly id: string;
  readonly role: 'system' | 'user' | 'assistant';
  readonly parts: readonly { readonly type: string; readonly [field: string]: unknown }[];
}

/** What a chat answers to the calls of a turn. */
export type ChatAnswer =
  | { readonly type: 'approval'; readonly toolCallId: string; readonly approved: boolean; readonly reason?: string }
  | { readonly type: 'result'; readonly toolCallId: string; readonly output: Json; readonly isError: boolean };

/** What a request asks for. */
export interface ChatWish {
  /** A new message; nothing where the turn is to go on. */
  readonly message?: {
    readonly id: string;
    readonly content: readonly (TextPart | FilePart)[];
    /** It was sent before, and is sent once more on purpose. */
    readonly isRepeated: boolean;
  };
  /** The answer that the chat has so far; empty where there is none. */
  readonly answerId: string;
  readonly answers: readonly ChatAnswer[];
  readonly known: KnownCalls;
}

/**
 * Reads what a chat wants. The session has the conversation; of the messages that come along only the last one counts, or
 * the answer that the request is about.
 *
 * @throws ProblemError where there is nothing to be done
 */
export function readChatRequest({ messages, trigger, messageId }: ChatRequest): ChatWish {
  const isRepeated = trigger === 'regenerate-message';
  const named = isRepeated ? undefined : messages.find(({ id }) => id === messageId);
  const subject = named ?? messages.at(-1);
  const answer = subject?.role === 'assistant' ? subject : messages.findLast(({ role }) => role === 'assistant');
  const parts = (answer?.parts ?? []).filter(isToolPart);
  const rest = {
    answerId: answer?.id ?? '',
    answers: parts.flatMap(answersOf),
    known: {
      shown: new Set(parts.map(({ toolCallId }) => toolCallId)),
      asked: new Set(parts.filter(({ approval }) => approval !== undefined).map(({ toolCallId }) => toolCallId)),
    },
  };
  if (subject?.role === 'assistant' && !isRepeated) return rest;
  const said = subject?.role === 'user' ? subject : messages.findLast(({ role }) => role === 'user');
  const content = (said?.parts ?? []).flatMap(toContent);
  if (said === undefined || !content.some((part) => part.type === 'file' || part.text.trim() !== '')) {
    throw new ProblemError('invalid_request', 'The last message of the user has neither text nor files.');
  }
  return { ...rest, message: { id: said.id, content, isRepeated } };
}

type MessagePart = ChatMessage['parts'][number];
type ToolPart = MessagePart & {
  readonly toolCallId: string;
  readonly approval?: { readonly approved?: unknown; readonly reason?: unknown };
};

function isToolPart(part: MessagePart): part is ToolPart {
  const { toolCallId, approval } = part;
  return typeof toolCallId === 'string' && (approval === undefined || typeof approval === 'object');
}

function answersOf({ toolCallId, state, approval, output, errorText }: ToolPart): readonly ChatAnswer[] {
  switch (state) {
    case 'approval-responded': {
      const { approved, reason } = approval ?? {};
      const why = typeof reason === 'string' && reason !== '' ? { reason } : {};
      return [{ type: 'approval', toolCallId, approved: approved === true, ...why }];
    }
    case 'output-available':
      // it came as JSON
      return [{ type: 'result', toolCallId, output: (output ?? null) as Json, isError: false }];
    case 'output-error':
      return [{ type: 'result', toolCallId, output: String(errorText), isError: true }];
    default:
      return [];
  }
}

function toContent(part: MessagePart): readonly (TextPart | FilePart)[] {
  const { type, text, url, mediaType, filename } = part;
  if (type === 'text' && typeof text === 'string') return [{ type, text }];
  if (type !== 'file') return [];
  if (typeof url !== 'string' || typeof mediaType !== 'string' || !URL.canParse(url)) {
    throw new ProblemError('invalid_request', 'A file of the message has no `url` and `mediaType`.');
  }
  return [{ type, mediaType, data: dataOf(url), ...(typeof filename === 'string' && { name: filename }) }];
}

function dataOf(url: string): FilePart['data'] {
  const [, isBase64, data] = /^data:[^,]*?(;base64)?,(.*)$/s.exec(url) ?? [];
  if (data === undefined) return { url };
  return isBase64 === undefined ? toBase64(data) : data;
}

function toBase64(encoded: string): string {
  let text: string;
  try {
    text = decodeURIComponent(encoded);
  } catch {
    throw new ProblemError('invalid_request', 'The data of a file of the message cannot be decoded.');
  }
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}
