import type { AssistantPart, Message } from '../../messages.ts';
import { toBlock } from './content.ts';
import type { Update } from './editor.ts';
import type { ToolCalls } from './toolCalls.ts';
import { chunk } from './turnUpdates.ts';

/** A conversation as updates; notes of the engine for the model are no part of it. */
export function replay(messages: readonly Message[], toolCalls: ToolCalls): readonly Update[] {
  return messages.flatMap((message) => updatesOf(message, toolCalls));
}

function updatesOf(message: Message, toolCalls: ToolCalls): readonly Update[] {
  const { id } = message;
  switch (message.role) {
    case 'system':
      return [];
    case 'user':
      if (message.cause !== undefined && message.cause !== 'steering') return [];
      return message.content.map((part) => ({
        sessionUpdate: 'user_message_chunk',
        messageId: id,
        content: toBlock(part),
      }));
    case 'assistant':
      if (message.cause === 'cancel_note') return [];
      return message.content.flatMap((part) => answerUpdates(part, id, toolCalls));
    case 'tool':
      return message.content.map(({ toolCallId, output }) => toolCalls.end({ toolCallId }, output));
  }
}

function answerUpdates(part: AssistantPart, messageId: string, toolCalls: ToolCalls): readonly Update[] {
  switch (part.type) {
    case 'text':
      return part.text === '' ? [] : [chunk('agent_message_chunk', part.text, messageId)];
    case 'reasoning':
      return part.text === '' ? [] : [chunk('agent_thought_chunk', part.text, `${messageId}.reasoning`)];
    case 'tool-call':
      return [toolCalls.call(part)];
    case 'opaque':
      return [];
  }
}
