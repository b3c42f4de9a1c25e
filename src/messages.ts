import type { Json } from './json.ts';

/** What a provider attached to a part and wants back with it (signatures, encrypted reasoning). */
interface WithProviderMetadata {
  readonly providerMetadata?: Json;
}

export interface TextPart extends WithProviderMetadata {
  readonly type: 'text';
  readonly text: string;
}

/** The model's own thinking; sent back only to the provider that made it. */
export interface ReasoningPart extends WithProviderMetadata {
  readonly type: 'reasoning';
  readonly text: string;
}

/** A file in a user message: base64 text, or a URL that the provider fetches. */
export interface FilePart extends WithProviderMetadata {
  readonly type: 'file';
  readonly mediaType: string;
  readonly data: string | { readonly url: string };
  readonly name?: string;
}

/** A request of the model to run a tool. */
export interface ToolCallPart extends WithProviderMetadata {
  readonly type: 'tool-call';
  readonly toolCallId: string;
  readonly toolName: string;
  /** The arguments, read from the JSON that the model sent. */
  readonly input: Json;
  /** What the model sent is no JSON: `input` is then its text as received, and the tool is not run. */
  readonly invalid?: true;
}

/** A block only its provider understands (redacted thinking, server-side tools): kept, and sent back to that provider. */
export interface OpaquePart extends WithProviderMetadata {
  readonly type: 'opaque';
  readonly provider: string;
  readonly data: Json;
}

/** What the model reads as the result of a tool call. */
export type ToolOutput =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'json'; readonly value: Json }
  | { readonly type: 'error'; readonly value: string }
  | { readonly type: 'content'; readonly value: readonly (TextPart | FilePart)[] };

/** Why a result was written by the engine rather than by the tool. */
export type SynthesizedResult = 'denied' | 'not_started' | 'interrupted' | 'timed_out' | 'cancelled';

export interface ToolResultPart extends WithProviderMetadata {
  readonly type: 'tool-result';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly output: ToolOutput;
  readonly synthesized?: SynthesizedResult;
}

export interface SystemMessage {
  readonly role: 'system';
  readonly id: string;
  readonly content: string;
}

export interface UserMessage {
  readonly role: 'user';
  readonly id: string;
  readonly content: readonly (TextPart | FilePart)[];
  readonly cause?: 'steering' | 'output_hint' | 'cancel_note' | 'summary';
}

export type AssistantPart = TextPart | ReasoningPart | ToolCallPart | OpaquePart;

export interface AssistantMessage {
  readonly role: 'assistant';
  readonly id: string;
  readonly content: readonly AssistantPart[];
  /** `commentary` where tools or another call follow, `final_answer` where the turn ends with it. */
  readonly phase?: 'commentary' | 'final_answer';
  readonly cause?: 'cancel_note' | 'failure_note';
  /** The text shown until the turn was cancelled; the model never finished it. */
  readonly partial?: true;
}

/** The results of one step, in the order of the calls. */
export interface ToolMessage {
  readonly role: 'tool';
  readonly id: string;
  readonly content: readonly ToolResultPart[];
}

/** One entry of a conversation; plain JSON. */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

/** How a conversation is shortened for the model. No message is lost by it. */
export interface Compaction {
  /** Long outputs of tools before this message are replaced by a marker. */
  readonly maskedBefore: number;
  /** Messages before this one are left out, but for system messages and the first user message. */
  readonly from: number;
  /** What stands in their place. */
  readonly summary?: UserMessage;
}

/** How large a conversation is for the model. */
export interface Measured {
  /** Of a request and its answer as the provider counted them; after a compaction, about what is left of them. */
  readonly tokens: number;
  /** How many messages that was. */
  readonly length: number;
}

/** What a user says: text, or parts. A string is one text part. */
export type UserInput = string | readonly (TextPart | FilePart)[];

/** The text of a message, all its text parts joined; reasoning left out. */
export function textOf(message: Message): string {
  if (message.role === 'system') return message.content;
  let text = '';
  for (const part of message.content) if (part.type === 'text') text += part.text;
  return text;
}

/** The tool calls of a message, in order. */
export function toolCallsOf(message: Message): readonly ToolCallPart[] {
  if (message.role !== 'assistant') return [];
  return message.content.filter((part) => part.type === 'tool-call');
}

/**
 * A user message of what a user said.
 *
 * @throws TypeError for a message that is empty or no message at all.
 */
export function userMessage(input: UserInput, id: string): UserMessage {
  const content = typeof input === 'string' ? [{ type: 'text' as const, text: input }] : input;
  if (!Array.isArray(content)) {
    throw new TypeError('A message must be a text, or an array of text and file parts.');
  }
  for (const [index, part] of content.entries()) {
    if (isUserPart(part)) continue;
    throw new TypeError(
      `Part ${index} of a message is neither { type: 'text', text } nor { type: 'file', mediaType, data }, data being base64 text or { url }.`,
    );
  }
  const isEmpty = content.every((part) => part.type === 'text' && part.text.trim() === '');
  if (isEmpty) throw new TypeError('A message is empty: give it a text or a file.');
  return { role: 'user', id, content: [...content] };
}

function isUserPart(part: unknown): part is TextPart | FilePart {
  if (typeof part !== 'object' || part === null || !('type' in part)) return false;
  if (part.type === 'text') return 'text' in part && typeof part.text === 'string';
  if (part.type !== 'file' || !('mediaType' in part) || !('data' in part)) return false;
  const { mediaType, data } = part;
  const isData = typeof data === 'string' || (typeof data === 'object' && data !== null && 'url' in data);
  return typeof mediaType === 'string' && isData;
}
