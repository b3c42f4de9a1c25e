import type { Attributes } from '@opentelemetry/api';
import type { Failure } from '../failure.ts';
import type { ModelName } from '../machines/contracts.ts';
import type { FinishReason, Usage } from '../model.ts';

/** How something that has a span of its own ended. `unfinished`: nobody observes the session any more. */
export type Outcome = 'completed' | 'failed' | 'denied' | 'cancelled' | 'unfinished';

/** Providers that the conventions call otherwise than we do. */
const providers: Readonly<Record<string, string>> = {
  google: 'gcp.gen_ai',
  azure: 'azure.ai.openai',
  'azure-openai': 'azure.ai.openai',
  'amazon-bedrock': 'aws.bedrock',
  mistral: 'mistral_ai',
  moonshotai: 'moonshot_ai',
  xai: 'x_ai',
};

/** Who is asked. */
export function modelAttributes(model: ModelName | undefined): Attributes {
  if (model === undefined) return {};
  return {
    'gen_ai.provider.name': providers[model.provider] ?? model.provider,
    'gen_ai.request.model': model.modelId,
  };
}

export function usageAttributes(usage: Usage): Attributes {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    'gen_ai.usage.input_tokens': inputTokens,
    'gen_ai.usage.output_tokens': outputTokens,
    ...(cachedInputTokens !== undefined && { 'gen_ai.usage.cache_read.input_tokens': cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { 'gen_ai.usage.cache_creation.input_tokens': cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { 'gen_ai.usage.reasoning.output_tokens': reasoningTokens }),
  };
}

/** In the words of the conventions. */
export function finishReasonOf({ unified }: FinishReason): string {
  if (unified === 'tool-calls') return 'tool_call';
  return unified === 'content-filter' ? 'content_filter' : unified;
}

export function errorType(failure: Pick<Failure, 'code'> | undefined): Attributes {
  return failure === undefined ? {} : { 'error.type': failure.code };
}
