import type Anthropic from '@anthropic-ai/sdk';
import type { Turn } from './conversation.ts';

/** What is sent before the conversation, and the conversation. */
export interface Prompt {
  readonly system: string | Anthropic.TextBlockParam[];
  readonly tools: Anthropic.ToolUnion[];
  readonly messages: Turn[];
}

/**
 * Two marks of how far the provider is to keep what it reads: to the end of the instructions, which the tools come
 * before, and to the end of the conversation so far. It finds both again when the conversation has grown.
 */
export function withBreakpoints({ system, tools, messages }: Prompt, ttl: '5m' | '1h'): Prompt {
  const mark = { cache_control: { type: 'ephemeral', ttl } } as const;
  const marked = { system, tools, messages: markEnd(messages, mark) };
  if (typeof system === 'string' && system !== '') {
    return { ...marked, system: [{ type: 'text', text: system, ...mark }] };
  }
  return { ...marked, tools: tools.map((tool, index) => (index === tools.length - 1 ? { ...tool, ...mark } : tool)) };
}

function markEnd(messages: Turn[], mark: { readonly cache_control: Anthropic.CacheControlEphemeral }): Turn[] {
  const turn = messages.at(-1);
  const block = turn?.content.at(-1);
  // thinking takes no mark; it is never the last either
  if (turn === undefined || block === undefined || block.type === 'thinking' || block.type === 'redacted_thinking') {
    return messages;
  }
  return [...messages.slice(0, -1), { ...turn, content: [...turn.content.slice(0, -1), { ...block, ...mark }] }];
}
