import { type AssistantPart, type Message, type ToolResultPart, textOf } from '../../messages.ts';
import { describeCancelled } from '../progress.ts';
import type { Block, ToolBlock } from './transcript.ts';

/** What the chat shows of messages that were said before it began. */
export function pastBlocks(messages: readonly Message[]): readonly Block[] {
  // ids of calls are the model's, and may come again in another turn: a result belongs to the call right before it
  let results = new Map<string, ToolResultPart>();
  const blocks: (readonly Block[])[] = [];
  for (const message of messages.toReversed()) {
    if (message.role === 'tool') results = new Map(message.content.map((part) => [part.toolCallId, part]));
    else blocks.push(blocksOf(message, results));
  }
  return blocks.toReversed().flat();
}

function blocksOf(
  message: Exclude<Message, { role: 'tool' }>,
  results: ReadonlyMap<string, ToolResultPart>,
): readonly Block[] {
  switch (message.role) {
    case 'user': {
      const { cause } = message;
      if (cause === undefined || cause === 'steering') {
        return [{ type: 'user', messageId: message.id, text: textOf(message), isSteering: cause === 'steering' }];
      }
      return cause === 'cancel_note' ? [{ type: 'note', text: 'cancelled', tone: 'warning' }] : [];
    }
    case 'assistant':
      if (message.cause === 'cancel_note') return [];
      if (message.cause === 'failure_note') return [{ type: 'note', text: textOf(message), tone: 'problem' }];
      return message.content.flatMap((part) => partBlocks(part, message.id, results));
    case 'system':
      return [];
  }
}

/** A part of what a model said; nothing of what only its provider understands. */
function partBlocks(
  part: AssistantPart,
  messageId: string,
  results: ReadonlyMap<string, ToolResultPart>,
): readonly Block[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'answer', messageId, text: part.text }];
    case 'reasoning':
      return [{ type: 'reasoning', messageId, text: part.text }];
    case 'tool-call': {
      const { toolCallId, toolName, input } = part;
      const result = results.get(toolCallId);
      const outcome = result === undefined ? {} : { outcome: outcomeOf(result) };
      return [{ type: 'tool', toolCallId, toolName, input, progress: [], ...outcome }];
    }
    case 'opaque':
      return [];
  }
}

function outcomeOf({ output, synthesized }: ToolResultPart): NonNullable<ToolBlock['outcome']> {
  if (synthesized === 'not_started') return { type: 'cancelled', when: describeCancelled({ started: false }) };
  if (output.type === 'error' && synthesized === 'denied') return { type: 'denied', reason: reasonOf(output.value) };
  if (output.type === 'error') return { type: 'failed', message: output.value };
  return { type: 'completed', output, asksAgain: false };
}

/** The model reads more than the reason. */
function reasonOf(denial: string): string {
  return denial.replace(/^Denied: (?:this call was not approved, and did not run\. Reason: )?/, '');
}
