import type { Compaction, Message, ToolMessage, ToolResultPart } from '../messages.ts';
import type { History } from './history.ts';

/**
 * What a model is shown: no failure notes, which are for people, no empty answers, which providers refuse, and only what
 * compactions have left.
 */
export function messagesForModel({ log, length, compaction }: History): readonly Message[] {
  if (compaction === undefined) return log.filter((message, index) => index < length && isForModel(message));
  return shortened(log.slice(0, length), compaction);
}

function shortened(messages: readonly Message[], compaction: Compaction): readonly Message[] {
  const { from, summary } = compaction;
  const shown: Message[] = [];
  const first = messages.find(({ role }) => role === 'user');
  for (const [index, message] of messages.entries()) {
    if (index === from && summary !== undefined) shown.push(summary);
    if (index < from && message.role !== 'system' && message !== first) continue;
    if (isForModel(message)) shown.push(asShown(message, index, compaction));
  }
  if (messages.length <= from && summary !== undefined) shown.push(summary);
  return shown;
}

/** Whether a model is ever shown such a message. */
export function isForModel(message: Message): boolean {
  return message.role !== 'assistant' || (message.cause !== 'failure_note' && message.content.length > 0);
}

/** A message in its place of the conversation as a model reads it: with long outputs of tools replaced, where it is old. */
export function asShown(message: Message, index: number, compaction: Pick<Compaction, 'maskedBefore'> | undefined) {
  return message.role === 'tool' && index < (compaction?.maskedBefore ?? 0) ? masked(message) : message;
}

function masked(message: ToolMessage): ToolMessage {
  return { ...message, content: message.content.map(maskedResult) };
}

function maskedResult(result: ToolResultPart): ToolResultPart {
  if (!isLong(result)) return result;
  return { ...result, output: { type: result.output.type === 'error' ? 'error' : 'text', value: marker } };
}

const marker = '[The output of this earlier call is left out to save space. Call the tool again if it is needed.]';

/** Whether a marker in place of the output saves anything. */
function isLong({ output }: ToolResultPart): boolean {
  const text = typeof output.value === 'string' ? output.value : JSON.stringify(output.value);
  return text.length > 2 * marker.length;
}
