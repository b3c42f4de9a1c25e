import type { Message, ToolMessage, ToolResultPart } from '../messages.ts';
import type { Compaction, History } from './history.ts';

/**
 * What a model is shown: no failure notes, which are for people, no empty answers, which providers refuse, and only what
 * compactions have left.
 */
export function messagesForModel({ log, length, compaction }: History): readonly Message[] {
  if (compaction === undefined) return log.filter((message, index) => index < length && isForModel(message));
  return shortened(log.slice(0, length), compaction);
}

function shortened(messages: readonly Message[], { maskedBefore, from, summary }: Compaction): readonly Message[] {
  const shown: Message[] = [];
  const first = messages.find(({ role }) => role === 'user');
  for (const [index, message] of messages.entries()) {
    if (index === from && summary !== undefined) shown.push(summary);
    if (index < from && message.role !== 'system' && message !== first) continue;
    if (isForModel(message)) shown.push(index < maskedBefore && message.role === 'tool' ? masked(message) : message);
  }
  if (messages.length <= from && summary !== undefined) shown.push(summary);
  return shown;
}

function isForModel(message: Message): boolean {
  return message.role !== 'assistant' || (message.cause !== 'failure_note' && message.content.length > 0);
}

/** A message with the long outputs of its tools replaced. */
function masked(message: ToolMessage): ToolMessage {
  return { ...message, content: message.content.map(maskedResult) };
}

function maskedResult(result: ToolResultPart): ToolResultPart {
  return isLong(result) ? { ...result, output: { type: 'text', value: marker } } : result;
}

const marker = '[The output of this earlier call is left out to save space. Call the tool again if it is needed.]';

/** Whether a marker in place of the output saves anything. */
export function isLong({ output }: ToolResultPart): boolean {
  const text = typeof output.value === 'string' ? output.value : JSON.stringify(output.value);
  return text.length > 2 * marker.length;
}
