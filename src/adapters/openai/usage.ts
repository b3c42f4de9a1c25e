import type { Usage } from '../../model.ts';
import { isWire, numberIn, type Wire } from '../wire.ts';

/** The tokens of an answer, by the names of either API. */
export function usageIn(usage: Wire): Usage {
  const input = detailsIn(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const output = detailsIn(usage.completion_tokens_details ?? usage.output_tokens_details);
  const cachedInputTokens = numberIn(input.cached_tokens);
  const cacheWriteTokens = numberIn(input.cache_write_tokens);
  const reasoningTokens = numberIn(output.reasoning_tokens);
  return {
    inputTokens: numberIn(usage.prompt_tokens ?? usage.input_tokens) ?? 0,
    outputTokens: numberIn(usage.completion_tokens ?? usage.output_tokens) ?? 0,
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function detailsIn(details: unknown): Wire {
  return isWire(details) ? details : {};
}
