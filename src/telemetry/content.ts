import type { AssistantPart, FilePart, Message, TextPart, ToolOutput, ToolResultPart } from '../messages.ts';

/** A message as the conventions write it. */
export interface ContentMessage {
  readonly role: Message['role'];
  readonly parts: readonly ContentPart[];
  readonly finish_reason?: string;
}

type ContentPart = { readonly type: string; readonly [field: string]: unknown };

export function toContent(message: Message): ContentMessage {
  const { role, content } = message;
  if (typeof content === 'string') return { role, parts: [{ type: 'text', content }] };
  return { role, parts: content.map(toPart) };
}

/** An answer of a model. */
export function answerContent(content: readonly AssistantPart[], finishReason: string): ContentMessage {
  return { role: 'assistant', parts: content.map(toPart), finish_reason: finishReason };
}

function toPart(part: AssistantPart | FilePart | ToolResultPart): ContentPart {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return { type: part.type, content: part.text };
    case 'file':
      return toFilePart(part);
    case 'tool-call':
      return { type: 'tool_call', id: part.toolCallId, name: part.toolName, arguments: part.input };
    case 'tool-result':
      return { type: 'tool_call_response', id: part.toolCallId, response: outputContent(part.output) };
    case 'opaque':
      return { type: 'opaque', provider: part.provider };
  }
}

/** Which file, but not its bytes: they would not fit into a trace. */
function toFilePart({ mediaType, data, name }: FilePart): ContentPart {
  const about = { mime_type: mediaType, modality: mediaType.split('/')[0], ...(name !== undefined && { name }) };
  return typeof data === 'string' ? { type: 'file', ...about } : { type: 'uri', ...about, uri: data.url };
}

export function outputContent({ type, value }: ToolOutput): unknown {
  return type === 'content' ? value.map((part: TextPart | FilePart) => toPart(part)) : value;
}
