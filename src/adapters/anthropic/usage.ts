import type { Usage } from '../../model.ts';
import { isWire, numberIn, type Wire } from '../wire.ts';

/**
 * The tokens of an answer, by what was told of them before and now. Numbers are cumulative, and some servers tell them
 * at the beginning only, others at the end: the largest counts.
 */
export function usageIn(told: Wire, before: Usage | undefined): Usage {
  const { output_tokens_details: details } = told;
  const read = numberIn(told.cache_read_input_tokens);
  const written = numberIn(told.cache_creation_input_tokens);
  const cachedInputTokens = largest(read, before?.cachedInputTokens);
  const cacheWriteTokens = largest(written, before?.cacheWriteTokens);
  const reasoningTokens = largest(
    isWire(details) ? numberIn(details.thinking_tokens) : undefined,
    before?.reasoningTokens,
  );
  // the API counts what it cached beside the rest
  const uncached = largest(numberIn(told.input_tokens), uncachedOf(before)) ?? 0;
  return {
    inputTokens: uncached + (cachedInputTokens ?? 0) + (cacheWriteTokens ?? 0),
    outputTokens: largest(numberIn(told.output_tokens), before?.outputTokens) ?? 0,
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function uncachedOf(usage: Usage | undefined): number | undefined {
  if (usage === undefined) return undefined;
  return usage.inputTokens - (usage.cachedInputTokens ?? 0) - (usage.cacheWriteTokens ?? 0);
}

function largest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
