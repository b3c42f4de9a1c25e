import { describe, expect, it } from 'vitest';
import { failingWith } from './providerSupport.ts';

const phrasings = [
  ['OpenAI', "This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens."],
  ['OpenAI Responses', 'Your input exceeds the context window of this model.'],
  ['Anthropic', 'prompt is too long: 213462 tokens > 200000 maximum'],
  ['Google', 'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).'],
  ['Mistral', 'Prompt contains 40000 tokens, too large for model with 32768 maximum context length'],
  ['Cohere', 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.'],
  ['Groq', 'Please reduce the length of the messages or completion.'],
  ['Together', '`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5864 `inputs` tokens'],
  ['xAI', "This model's maximum prompt length is 131072 but the request contains 537812 tokens."],
  ['Bedrock', 'Input is too long for requested model.'],
  ['vLLM', 'The decoder prompt (length 4100) is longer than the maximum model length of 4096.'],
  ['llama.cpp', 'the request exceeds the available context size, try increasing it'],
  ['Ollama', 'prompt too long; exceeded max context length by 100 tokens'],
  ['OpenRouter', "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens"],
] as const;

const overflow = { type: 'context_overflow', code: 'request_too_large', retryable: false };

describe('12. Overflow is recognised from 413, `context_length_exceeded`, and the phrasings of at least ten providers (table-driven test).', () => {
  it.each(phrasings)('knows how %s puts it', async (_, message) => {
    const { outcome, calls } = await failingWith({ status: 400, body: { error: { message } } });
    expect(outcome).toMatchObject({ status: 'failed', failure: overflow });
    expect(calls).toBe(1);
  });

  it('knows the words of ten providers at least', () => {
    expect(phrasings.length).toBeGreaterThanOrEqual(10);
  });

  it.each([
    ['a 413', { status: 413 }],
    ['context_length_exceeded as a code', { status: 400, body: { error: { code: 'context_length_exceeded' } } }],
    ['context_length_exceeded inside a stream', { body: { error: { code: 'context_length_exceeded' } } }],
    [
      'a request above the limit of a minute',
      { status: 429, body: { error: { message: 'Request too large for gpt-4o on tokens per min (TPM): Limit 1' } } },
    ],
  ])('knows %s', async (_, error) => {
    const { outcome, calls } = await failingWith(error);
    expect(outcome.failure).toMatchObject(overflow);
    expect(calls).toBe(1);
  });

  it.each([
    [
      'a limit of the answer',
      400,
      'max_tokens: 9 > 8, which is the maximum allowed number of output tokens',
      'unknown',
    ],
    ['throttling by tokens', 429, 'Too many tokens, please wait before trying again.', 'rate_limit'],
    ['any 429', 429, "This model's maximum context length is 8192 tokens.", 'rate_limit'],
  ])('does not take %s for it', async (_, status, message, type) => {
    const { outcome } = await failingWith({ status, body: { error: { message } } });
    expect(outcome.failure?.type).toBe(type);
  });
});
