import type { Dialect } from './dialects/dialect.ts';
import type { Fault } from './faults.ts';

/** How providers say that a request does not fit. Whatever server is behind an API, its words come through. */
export const overflowPhrasings: Readonly<Record<string, string>> = {
  OpenAI:
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130012 tokens. Please reduce the length of the messages.",
  'OpenAI Responses': 'Your input exceeds the context window of this model. Please adjust your input and try again.',
  Anthropic: 'prompt is too long: 213462 tokens > 200000 maximum',
  Google: 'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).',
  xAI: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
  Groq: 'Please reduce the length of the messages or completion.',
  OpenRouter:
    "This endpoint's maximum context length is 131072 tokens. However, you requested about 200135 tokens (199111 of text input, 1024 in the output).",
  Mistral: 'Prompt contains 150021 tokens and 0 draft tokens, too large for model with 131072 maximum context length',
  Bedrock: 'Input is too long for requested model.',
  'llama.cpp': 'the request exceeds the available context size (4096 tokens), try increasing it',
  'LM Studio': 'The number of tokens to keep from the initial prompt is greater than the context length.',
  Cohere: 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.',
  Moonshot: 'Invalid request: Your request exceeded model token limit: 262144 (requested: 300012)',
};

/** One way of saying when to come back, and what it comes to. */
export interface DelayForm {
  /** Reads after "a 429 with". */
  readonly name: string;
  /** Made when it is sent: some name a time. */
  fault(): Fault;
  readonly retryAfterMs: number;
  /** How much less it may be, where a time is named, which comes nearer. @default 0 */
  readonly tolerance?: number;
}

/** How providers say when to come back: headers of their own and of HTTP, and words. */
export function delayForms(dialect: Dialect): readonly DelayForm[] {
  const withHeader = (header: string, value: string | (() => string), retryAfterMs: number, tolerance = 0) => ({
    name: `${header}: ${typeof value === 'string' ? value : 'a date'}`,
    fault: () => {
      const headers = { [header]: typeof value === 'string' ? value : value() };
      return { type: 'error' as const, kind: 'rate_limit' as const, headers };
    },
    retryAfterMs,
    tolerance,
  });
  const later = (ms: number) => new Date(Date.now() + ms);
  return [
    withHeader('retry-after-ms', '1234', 1_234),
    withHeader('retry-after', '7', 7_000),
    withHeader('retry-after', () => later(30_000).toUTCString(), 30_000, 5_000),
    withHeader('x-ratelimit-reset-requests', '6m0s', 360_000),
    withHeader('x-ratelimit-reset-tokens', '1s', 1_000),
    withHeader('x-ratelimit-reset-tokens', '12ms', 12),
    withHeader('anthropic-ratelimit-requests-reset', () => later(30_000).toISOString(), 30_000, 5_000),
    {
      name: 'both of retry-after-ms and retry-after, of which the finer counts',
      fault: () => ({ type: 'error', kind: 'rate_limit', headers: { 'retry-after-ms': '1500', 'retry-after': '2' } }),
      retryAfterMs: 1_500,
    },
    {
      name: '"try again in 1.5s" in its message',
      fault: () => ({
        type: 'error',
        kind: 'rate_limit',
        message: 'Rate limit reached on tokens per min (TPM): Limit 30000, Used 29999. Please try again in 1.5s.',
      }),
      retryAfterMs: 1_500,
    },
    {
      name: 'RetryInfo in its body',
      fault: () => {
        const { status, body } = dialect.error('rate_limit');
        const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' }];
        const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : {};
        return { type: 'status', status, body: { error: { ...(error as object), details } } };
      },
      retryAfterMs: 34_400,
    },
  ];
}
