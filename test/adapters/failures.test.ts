import fc from 'fast-check';
import { createFailure, type Failure } from 'turnchart';
import { describe, expect, it } from 'vitest';
import {
  type About,
  emptyResponseFailure,
  isMistake,
  malformedFailure,
  networkFailure,
  type ProviderError,
  toFailure,
  truncatedFailure,
  unsentFailure,
} from '../../src/adapters/failures.ts';

const now = Date.UTC(2026, 0, 15, 12, 0, 0);
const about: About = { provider: 'acme', model: 'large', now };
const fail = (error: ProviderError) => toFailure(error, about);

/** The envelopes of the large providers. */
const openai = (status: number, error: object, headers: Record<string, string> = {}) =>
  fail({ status, body: { error }, headers });
const anthropic = (status: number, type: string, message: string, headers: Record<string, string> = {}) =>
  fail({ status, body: { type: 'error', error: { type, message }, request_id: 'req_body' }, headers });
const google = (code: number, status: string, message: string, details: readonly object[] = []) =>
  fail({ status: code, message: JSON.stringify({ error: { code, message, status, details } }) });

const verdict = ({ type, code, retryable }: Failure) => [type, code, retryable];
const says = (status: number, message: string) => fail({ status, body: { error: { message } } });

const quotaFailure = (quotaId: string) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [{ quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests', quotaId }],
});
const retryInfo = (retryDelay: string) => ({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay });

describe('toFailure', () => {
  it.each<[string, Failure, string, string, boolean]>([
    // a spent quota
    [
      "OpenAI's spent quota",
      openai(429, {
        code: 'insufficient_quota',
        type: 'insufficient_quota',
        message: 'You exceeded your current quota',
      }),
      'budget',
      'insufficient_quota',
      false,
    ],
    [
      "Anthropic's spent credit",
      anthropic(400, 'invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'),
      'budget',
      'insufficient_quota',
      false,
    ],
    [
      "Anthropic's own limit of spending",
      anthropic(400, 'invalid_request_error', 'You have reached your specified API usage limits.'),
      'budget',
      'insufficient_quota',
      false,
    ],
    [
      "Anthropic's limit of spending, which comes as a rate limit",
      fail({
        status: 429,
        body: {
          type: 'error',
          error: {
            type: 'rate_limit_error',
            message: 'Your organization has reached its limit.',
            details: { error_code: 'enforced_spend_limit_reached' },
          },
        },
      }),
      'budget',
      'insufficient_quota',
      false,
    ],
    ['a 402 by its status', anthropic(402, 'billing_error', 'Billing.'), 'budget', 'insufficient_quota', false],
    ["DeepSeek's 402", says(402, 'Insufficient Balance'), 'budget', 'insufficient_quota', false],
    [
      "Google's quota of a day",
      google(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota', [
        quotaFailure('GenerateRequestsPerDayPerProjectPerModel-FreeTier'),
        retryInfo('38s'),
      ]),
      'budget',
      'insufficient_quota',
      false,
    ],
    [
      "Google's quota of a minute",
      google(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check your plan and billing details', [
        quotaFailure('GenerateRequestsPerMinutePerProjectPerModel-FreeTier'),
        retryInfo('34.4s'),
      ]),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    [
      "OpenRouter's budget limit",
      says(403, 'This request exceeds the budget limit of the key'),
      'budget',
      'insufficient_quota',
      false,
    ],
    ["OpenRouter's key limit", says(403, 'Key limit exceeded (total limit).'), 'budget', 'insufficient_quota', false],
    [
      "OpenRouter's credits",
      says(402, 'This request requires more credits, or fewer max_tokens.'),
      'budget',
      'insufficient_quota',
      false,
    ],
    [
      "xAI's credits",
      fail({
        status: 429,
        body: {
          code: 'Some resource has been exhausted',
          error: 'Your team has either used all available credits or reached its monthly spending limit.',
        },
      }),
      'budget',
      'insufficient_quota',
      false,
    ],
    [
      "a gateway's budget",
      fail({
        status: 429,
        body: { error: { message: 'Budget has been exceeded!', type: 'budget_exceeded', code: '429' } },
      }),
      'budget',
      'insufficient_quota',
      false,
    ],
    // rate limits
    [
      "OpenAI's rate limit",
      openai(429, { code: 'rate_limit_exceeded', type: 'requests', message: 'Rate limit reached for gpt' }),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    [
      "Anthropic's rate limit",
      anthropic(429, 'rate_limit_error', 'This request would exceed the rate limit of your organization'),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    [
      "Bedrock's throttling, which speaks of too many tokens",
      fail({
        status: 429,
        headers: { 'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/' },
        body: { message: 'Too many tokens, please wait before trying again.' },
      }),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    [
      'the same inside a stream',
      fail({ name: 'ThrottlingException', body: { message: 'Too many tokens: context window exceeds limit' } }),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    [
      'the allowance of a plan',
      openai(429, { type: 'usage_limit_reached', message: 'The usage limit has been reached' }),
      'rate_limit',
      'usage_limit_reached',
      false,
    ],
    // overflow, beyond the table of phrasings
    [
      "OpenAI's request above the limit per minute",
      openai(429, {
        code: 'rate_limit_exceeded',
        type: 'tokens',
        message:
          'Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 39143.',
      }),
      'context_overflow',
      'request_too_large',
      false,
    ],
    [
      "Anthropic's 413",
      anthropic(413, 'request_too_large', 'Request exceeds the maximum allowed number of bytes.'),
      'context_overflow',
      'request_too_large',
      false,
    ],
    ['a 413 without words', fail({ status: 413 }), 'context_overflow', 'request_too_large', false],
    [
      'a 429 that speaks of the window',
      says(429, "This model's maximum context length is 8192 tokens."),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    // overload
    ['a 529', anthropic(529, 'overloaded_error', 'Overloaded'), 'provider_unavailable', 'overloaded', true],
    [
      'overload inside a stream',
      fail({ body: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } } }),
      'provider_unavailable',
      'overloaded',
      true,
    ],
    [
      "Google's 503",
      google(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'),
      'provider_unavailable',
      'overloaded',
      true,
    ],
    [
      "OpenAI's 503",
      openai(503, { code: 'slow_down', message: 'Slow down' }),
      'provider_unavailable',
      'overloaded',
      true,
    ],
    [
      "Moonshot's 429, which is none",
      openai(429, { type: 'engine_overloaded_error', message: 'The engine is currently overloaded' }),
      'provider_unavailable',
      'overloaded',
      true,
    ],
    [
      "Groq's 498",
      openai(498, { code: 'capacity_exceeded', message: 'No.' }),
      'provider_unavailable',
      'overloaded',
      true,
    ],
    ['a 503 without words', fail({ status: 503 }), 'provider_unavailable', 'overloaded', true],
    // other trouble of the provider
    ['a 500', openai(500, { type: 'server_error' }), 'provider_unavailable', 'provider_unavailable', true],
    [
      'a 502 in HTML',
      fail({ status: 502, body: '<html>Bad Gateway</html>' }),
      'provider_unavailable',
      'provider_unavailable',
      true,
    ],
    ['a 408', fail({ status: 408 }), 'provider_unavailable', 'provider_unavailable', true],
    ['a 409', fail({ status: 409 }), 'provider_unavailable', 'provider_unavailable', true],
    [
      'an error event of the Responses API',
      fail({ body: { type: 'error', code: 'server_error', message: 'Sorry.', param: null } }),
      'provider_unavailable',
      'provider_unavailable',
      true,
    ],
    [
      'a failed response of the Responses API',
      fail({
        body: { type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message: 'Slow down.' } } },
      }),
      'rate_limit',
      'rate_limit_exceeded',
      true,
    ],
    [
      "OpenRouter's error inside a stream, whose code is a status",
      fail({ status: 200, body: { error: { code: 502, message: 'Provider disconnected' } } }),
      'provider_unavailable',
      'provider_unavailable',
      true,
    ],
    [
      "Bedrock's failure of the model",
      fail({ status: 424, name: 'ModelErrorException', body: { message: 'Failed' } }),
      'provider_unavailable',
      'provider_unavailable',
      true,
    ],
    // keys
    ['a 401', openai(401, { code: 'invalid_api_key', type: 'invalid_request_error' }), 'auth', 'auth', false],
    ['a 403', anthropic(403, 'permission_error', 'Not allowed'), 'auth', 'auth', false],
    [
      "Anthropic's organization on hold",
      fail({
        status: 400,
        body: { error: { type: 'invalid_request_error', details: { error_code: 'organization_on_hold' } } },
      }),
      'auth',
      'auth',
      false,
    ],
    [
      "Google's bad key",
      google(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
        { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
      ]),
      'auth',
      'auth',
      false,
    ],
    [
      "xAI's bad key",
      fail({
        status: 400,
        body: { code: 'Client specified an invalid argument', error: 'Incorrect API key provided' },
      }),
      'auth',
      'auth',
      false,
    ],
    // the request itself
    [
      "Anthropic's limit of the answer",
      anthropic(
        400,
        'invalid_request_error',
        'max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens',
      ),
      'unknown',
      'invalid_request',
      false,
    ],
    [
      "OpenAI's limit of the answer",
      openai(400, {
        type: 'invalid_request_error',
        message: 'max_tokens is too large: 99999. This model supports at most 16384 completion tokens',
      }),
      'unknown',
      'invalid_request',
      false,
    ],
    [
      "Bedrock's limit of the answer",
      says(400, 'The maximum tokens you requested exceeds the model limit of 4096.'),
      'unknown',
      'invalid_request',
      false,
    ],
    [
      'a 422',
      fail({ status: 422, body: { detail: [{ msg: 'field required' }] } }),
      'unknown',
      'invalid_request',
      false,
    ],
    ['a 400 without words', fail({ status: 400 }), 'unknown', 'invalid_request', false],
    [
      "OpenAI's unknown model",
      openai(404, {
        code: 'model_not_found',
        message: 'The model `gpt-9.1` does not exist or you do not have access to it.',
      }),
      'unknown',
      'model_not_found',
      false,
    ],
    [
      'a model that one may not use',
      openai(403, { code: 'model_not_found', message: 'Project `p` does not have access to model `m`' }),
      'unknown',
      'model_not_found',
      false,
    ],
    [
      "Anthropic's unknown model",
      anthropic(404, 'not_found_error', 'model: claude-0'),
      'unknown',
      'model_not_found',
      false,
    ],
    [
      "Google's unknown model",
      google(404, 'NOT_FOUND', 'models/gemini-0.5 is not found for API version v1beta'),
      'unknown',
      'model_not_found',
      false,
    ],
    [
      "Ollama's unknown model",
      fail({ status: 404, body: { error: "model 'x' not found" } }),
      'unknown',
      'model_not_found',
      false,
    ],
    ["DeepSeek's unknown model", says(400, 'Model Not Exist'), 'unknown', 'model_not_found', false],
    ["OpenRouter's unknown model", says(400, 'foo/bar is not a valid model ID'), 'unknown', 'model_not_found', false],
    ['a 404 of something else', fail({ status: 404, body: 'no such page' }), 'unknown', 'invalid_request', false],
    // what providers do not want to answer
    [
      "Azure's filter",
      openai(400, {
        code: 'content_filter',
        message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy",
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      }),
      'unknown',
      'content_filter',
      false,
    ],
    [
      "Anthropic's filter",
      anthropic(400, 'invalid_request_error', 'Output blocked by content filtering policy'),
      'unknown',
      'content_filter',
      false,
    ],
    ["DeepSeek's filter", says(400, 'Content Exists Risk'), 'unknown', 'content_filter', false],
    [
      "OpenRouter's filter",
      says(403, 'Your chosen model requires moderation and your input was flagged for "violence"'),
      'unknown',
      'content_filter',
      false,
    ],
    // nothing known
    ['no words and no status', fail({}), 'unknown', 'unknown', true],
    ['words that are not known, inside a stream', fail({ body: { error: 'Hm.' } }), 'unknown', 'unknown', true],
    ['a redirect', fail({ status: 302 }), 'unknown', 'unknown', true],
  ])('knows %s', (_, failure, type, code, retryable) => {
    expect(verdict(failure)).toEqual([type, code, retryable]);
  });

  it.each([
    [
      'OpenAI',
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 204308 tokens.",
    ],
    ['OpenAI', 'Your input exceeds the context window of this model. Please adjust your input and try again.'],
    ['OpenAI', 'Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.'],
    ['Anthropic', 'prompt is too long: 213462 tokens > 200000 maximum'],
    ['Anthropic', 'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length'],
    ['Google', 'The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).'],
    [
      'Vertex AI',
      'Unable to submit request because the input token count is 2200000 but model only supports up to 1048576. Reduce the input token count and try again.',
    ],
    ['Google, of files', 'Request payload size exceeds the limit: 20971520 bytes.'],
    [
      'Mistral',
      'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    ],
    ['Cohere', 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.'],
    ['Groq', 'Please reduce the length of the messages or completion.'],
    [
      'Together',
      'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5864 `inputs` tokens',
    ],
    ['Together', "The input (516368 tokens) is longer than the model's context length (262144 tokens)."],
    ['DeepSeek', "This model's maximum context length is 65536 tokens. However, you requested 126674 tokens"],
    ['xAI', "This model's maximum prompt length is 131072 but the request contains 537812 tokens."],
    ['Bedrock', 'Input is too long for requested model.'],
    ['Bedrock', 'Too many input tokens. Max input tokens: 8192, request input token count: 10000'],
    ['Azure', "This model's maximum context length is 4097 tokens. However, your messages resulted in 5000 tokens."],
    ['vLLM', 'The decoder prompt (length 4100) is longer than the maximum model length of 4096.'],
    ['vLLM', "'max_tokens' is too large: 2000. This model's maximum context length is 4096 tokens"],
    ['llama.cpp', 'the request exceeds the available context size, try increasing it'],
    ['llama.cpp', 'request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it'],
    ['Ollama', 'prompt too long; exceeded max context length by 100 tokens'],
    ['Ollama', 'the input length exceeds the context length'],
    ['LM Studio', 'The number of tokens to keep from the initial prompt is greater than the context length.'],
    ['LM Studio', 'However, the model is loaded with context length of only 4096 tokens, which is not enough.'],
    ['OpenRouter', "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens"],
    ['Moonshot', 'Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)'],
    ['Fireworks', 'The prompt is too long: 140000, model maximum context length: 131071'],
    ['GitHub Copilot', 'prompt token count of 9000 exceeds the limit of 8000'],
    ['MiniMax', 'invalid params, context window exceeds limit'],
    ['Alibaba', 'Range of input length should be [1, 30720]'],
    ['Zhipu', 'Prompt exceeds max length'],
  ])('knows how %s says that the request does not fit: %s', (_, message) => {
    const expected = ['context_overflow', 'request_too_large', false];
    expect(verdict(says(400, message))).toEqual(expected);
    expect(verdict(fail({ body: { error: { message, type: 'invalid_request_error' } } }))).toEqual(expected);
    expect(verdict(fail({ status: 400, body: message }))).toEqual(expected);
    expect(verdict(fail({ status: 400, message: `400 ${message}` }))).toEqual(expected);
  });

  it.each([
    'context_length_exceeded',
    'model_context_window_exceeded',
    'exceed_context_size_error',
    'string_above_max_length',
  ])('knows %s by its code', (code) => {
    expect(openai(400, { code }).type).toBe('context_overflow');
    expect(openai(400, { type: code }).type).toBe('context_overflow');
  });

  it('finds what a gateway wraps', () => {
    const raw = JSON.stringify({ error: { message: 'prompt is too long: 2 tokens > 1 maximum' } });
    const failure = openai(400, {
      code: 400,
      message: 'Provider returned error',
      metadata: { raw, provider_name: 'X' },
    });
    expect(failure.type).toBe('context_overflow');
    expect(failure.message).toBe('Provider returned error: prompt is too long: 2 tokens > 1 maximum');
  });

  it("reads an SDK's error object where that is all there is", () => {
    class OverloadedError extends Error {
      readonly status = 529;
      readonly headers = new Headers({ 'retry-after': '3', 'request-id': 'req_sdk' });
      readonly error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    }
    expect(fail({ body: new OverloadedError('529 Overloaded'), name: 'OverloadedError' })).toMatchObject({
      type: 'provider_unavailable',
      code: 'overloaded',
      status: 529,
      retryAfterMs: 3_000,
      requestId: 'req_sdk',
      name: 'OverloadedError',
    });
  });
});

describe('headers of classification', () => {
  const spent = { code: 'insufficient_quota', message: 'You exceeded your current quota' };

  it.each([
    ['budget', 'insufficient_quota', false],
    ['rate_limit', 'rate_limit_exceeded', true],
    ['provider_unavailable', 'provider_unavailable', true],
    ['context_overflow', 'request_too_large', false],
    ['auth', 'auth', false],
    ['unknown', 'unknown', true],
  ])('say %s against body and status', (type, code, retryable) => {
    const headers = { 'x-llm-error-type': type };
    expect(verdict(fail({ status: 500, headers }))).toEqual([type, code, retryable]);
    expect(verdict(openai(429, spent, headers))).toEqual([type, code, retryable]);
  });

  it('keep the finer code of the body where it is of the same type', () => {
    const headers = { 'x-llm-error-type': 'provider_unavailable' };
    expect(anthropic(529, 'overloaded_error', 'Overloaded', headers).code).toBe('overloaded');
  });

  it.each(['tool', 'timeout', 'internal', 'Budget', '', 'constructor'])('are ignored where they say "%s"', (type) => {
    expect(fail({ status: 401, headers: { 'x-llm-error-type': type } }).type).toBe('auth');
  });

  it('decide whether it is retried, both ways', () => {
    const headers = (retryable: string) => ({ 'x-llm-error-retryable': retryable, 'x-should-retry': 'true' });
    expect(openai(429, spent, headers('true')).retryable).toBe(true);
    expect(fail({ status: 503, headers: headers('false') }).retryable).toBe(false);
    expect(fail({ status: 401, headers: { 'x-llm-error-retryable': 'perhaps' } }).retryable).toBe(false);
  });

  it('leave it to x-should-retry where they say nothing', () => {
    expect(fail({ status: 400, headers: { 'x-should-retry': 'true' } }).retryable).toBe(true);
    expect(fail({ status: 503, headers: { 'x-should-retry': 'false' } }).retryable).toBe(false);
  });

  it('are needed to retry what is spent: x-should-retry is not enough', () => {
    expect(openai(429, spent, { 'x-should-retry': 'true' }).retryable).toBe(false);
    expect(openai(429, { type: 'usage_limit_reached' }, { 'x-should-retry': 'true' }).retryable).toBe(false);
  });

  it('say when the limit is lifted', () => {
    const headers = { 'x-llm-error-reset-at': String(now + 90_000) };
    expect(fail({ status: 429, headers })).toMatchObject({ resetAt: now + 90_000, retryAfterMs: 90_000 });
    expect(fail({ status: 429, headers: { ...headers, 'retry-after': '5' } })).toMatchObject({
      resetAt: now + 90_000,
      retryAfterMs: 5_000,
    });
    expect(fail({ status: 429, headers: { 'x-llm-error-reset-at': 'tomorrow' } })).not.toHaveProperty('resetAt');
  });

  it('are found in Headers and in plain objects, in any spelling', () => {
    const plain = { 'X-LLM-Error-Type': 'auth', 'X-Request-Id': 'r', Empty: null, Missing: undefined };
    expect(fail({ status: 500, headers: plain })).toMatchObject({ type: 'auth', requestId: 'r' });
    expect(fail({ status: 500, headers: new Headers({ 'X-LLM-Error-Type': 'auth' }) }).type).toBe('auth');
  });
});

describe('the delay', () => {
  const limited = (headers: Record<string, string>, body: unknown = {}) => fail({ status: 429, headers, body });
  const date = 'Thu, 15 Jan 2026 12:00:30 GMT';

  it.each<[string, Record<string, string>, number | undefined]>([
    ['ms', { 'retry-after-ms': '1500', 'retry-after': '2' }, 1_500],
    ['a fraction of a ms, rounded up', { 'retry-after-ms': '0.5' }, 1],
    ['seconds', { 'retry-after': '2' }, 2_000],
    ['a fraction of a second', { 'retry-after': '0.25' }, 250],
    ['no delay at all', { 'retry-after': '0' }, 0],
    ['an HTTP date', { 'retry-after': date }, 30_000],
    ['an HTTP date that is past', { 'retry-after': 'Thu, 15 Jan 2026 11:00:00 GMT' }, 0],
    ['seconds where the ms are no number', { 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
    ['nothing where it is nonsense', { 'retry-after': 'soon 7' }, undefined],
    ['nothing where it is negative', { 'retry-after': '-5' }, undefined],
    ['nothing where it is beyond all numbers', { 'retry-after': '9'.repeat(400) }, undefined],
    ["Anthropic's reset", { 'anthropic-ratelimit-requests-reset': '2026-01-15T12:00:12Z' }, 12_000],
    [
      "Anthropic's reset of the limit that is spent",
      {
        'anthropic-ratelimit-requests-remaining': '40',
        'anthropic-ratelimit-requests-reset': '2026-01-15T12:00:50Z',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2026-01-15T12:00:07Z',
      },
      7_000,
    ],
    [
      'the later one of two that may be spent',
      {
        'anthropic-ratelimit-requests-reset': '2026-01-15T12:00:05Z',
        'anthropic-ratelimit-tokens-reset': '2026-01-15T12:00:09Z',
      },
      9_000,
    ],
    ['minutes and seconds', { 'x-ratelimit-reset-tokens': '6m0s' }, 360_000],
    ['a second', { 'x-ratelimit-reset-requests': '1s' }, 1_000],
    ['ms in a reset', { 'x-ratelimit-reset-requests': '12ms' }, 12],
    ['a fraction in a reset', { 'x-ratelimit-reset-requests': '2m59.56s' }, 179_560],
    [
      'the reset of what is spent',
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '8.64s',
        'x-ratelimit-remaining-tokens': '100',
        'x-ratelimit-reset-tokens': '1m0s',
      },
      8_640,
    ],
    ['seconds without a unit', { 'x-ratelimit-reset-requests': '10' }, 10_000],
    ['a reset in epoch seconds', { 'x-ratelimit-reset': String(now / 1_000 + 20) }, 20_000],
    ['a reset in epoch ms', { 'x-ratelimit-reset': String(now + 20_000) }, 20_000],
    ['retry-after before any reset', { 'retry-after': '2', 'x-ratelimit-reset-tokens': '6m0s' }, 2_000],
  ])('is read from headers: %s', (_, headers, retryAfterMs) => {
    expect(limited(headers).retryAfterMs).toBe(retryAfterMs);
  });

  it.each<[string, unknown, number | undefined]>([
    ['a sentence of OpenAI', 'Rate limit reached for gpt-4o. Please try again in 1.5s. Visit https://x', 1_500],
    ['ms in a sentence', 'Please try again in 20ms.', 20],
    ['minutes in a sentence', 'Please try again in 7m12.345s.', 432_345],
    ["Azure's words", 'Please retry after 6 seconds.', 6_000],
    ['more words', 'Retry in about 1 minute and 30 seconds', 90_000],
    ["Google's words", 'Please retry in 34.400000001s.', 34_401],
    ['no delay', 'Please try again later.', undefined],
    ['what is no delay', 'Please try again in 5 steps', undefined],
    ['a field in seconds', { error: { message: 'Slow down', retry_after: 7 } }, 7_000],
    ['a field in ms', { error: { message: 'Slow down', retry_after_ms: 70 } }, 70],
  ])('is read from bodies: %s', (_, body, retryAfterMs) => {
    expect(limited({}, body).retryAfterMs).toBe(retryAfterMs);
  });

  it("is read from Google's RetryInfo inside the JSON of a message", () => {
    const nested = JSON.stringify({
      error: { code: 429, status: 'RESOURCE_EXHAUSTED', details: [retryInfo('34.4s')] },
    });
    expect(fail({ status: 429, message: nested }).retryAfterMs).toBe(34_400);
    expect(fail({ status: 429, message: `got status: 429 Too Many Requests. ${nested}` }).retryAfterMs).toBe(34_400);
    expect(fail({ status: 429, message: JSON.stringify({ error: { message: nested } }) }).retryAfterMs).toBe(34_400);
  });

  it('is read from the headers that a gateway puts into the body', () => {
    const metadata = { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(now + 3_600_000) } };
    const failure = openai(429, { code: 429, message: 'Rate limit exceeded: free-models-per-day', metadata });
    expect(failure).toMatchObject({ type: 'rate_limit', retryAfterMs: 3_600_000, resetAt: now + 3_600_000 });
  });

  it.each([
    ['a time', { resets_at: now / 1_000 + 18_000 }],
    ['a delay', { resets_in_seconds: 18_000 }],
  ])('of a plan is %s, far away', (_, reset) => {
    expect(openai(429, { type: 'usage_limit_reached', ...reset })).toMatchObject({
      retryAfterMs: 18_000_000,
      resetAt: now + 18_000_000,
      retryable: false,
    });
  });

  it('comes with the time where the provider named one', () => {
    expect(limited({ 'retry-after': date }).resetAt).toBe(now + 30_000);
    expect(limited({ 'anthropic-ratelimit-requests-reset': '2026-01-15T12:00:12Z' }).resetAt).toBe(now + 12_000);
    expect(limited({ 'retry-after': '30' })).not.toHaveProperty('resetAt');
  });

  it('holds for a provider that is down too, where the state of limits says nothing', () => {
    const headers = { 'x-ratelimit-remaining-tokens': '100', 'x-ratelimit-reset-tokens': '6m0s' };
    expect(fail({ status: 503, headers })).not.toHaveProperty('retryAfterMs');
    expect(fail({ status: 503, headers: { ...headers, 'retry-after': '4' } }).retryAfterMs).toBe(4_000);
    expect(fail({ status: 503, body: 'Please try again in 3s' }).retryAfterMs).toBe(3_000);
  });

  it('takes the time from the platform where it is not given', () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();
    const { retryAfterMs = 0 } = toFailure(
      { status: 429, headers: { 'retry-after': inAMinute } },
      { provider: 'p', model: 'm' },
    );
    expect(retryAfterMs).toBeGreaterThan(30_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });
});

describe('what a failure says', () => {
  it("is the provider's own words, with who, what and which request", () => {
    const failure = fail({
      status: 429,
      headers: { 'x-request-id': 'req_1' },
      body: '{"error":{"message":"Slow down.","type":"requests"}}',
      message: '429 Slow down.',
      name: 'RateLimitError',
    });
    expect(failure).toEqual({
      type: 'rate_limit',
      code: 'rate_limit_exceeded',
      message: 'Slow down.',
      retryable: true,
      status: 429,
      provider: 'acme',
      model: 'large',
      requestId: 'req_1',
      name: 'RateLimitError',
      cause: { error: { message: 'Slow down.', type: 'requests' } },
    });
  });

  it.each([
    ['request-id', { 'request-id': 'a' }, 'a'],
    ['x-request-id', { 'x-request-id': 'a' }, 'a'],
    ["Amazon's", { 'x-amzn-requestid': 'a' }, 'a'],
    ["Azure's", { 'apim-request-id': 'a' }, 'a'],
    ["the body's", {}, 'req_body'],
  ])('names the request by %s', (_, headers, id) => {
    expect(anthropic(500, 'api_error', 'Sorry', headers as Record<string, string>).requestId).toBe(id);
  });

  it('is a sentence where the provider has no words', () => {
    expect(fail({ status: 502, body: '<html><body>Bad Gateway</body></html>' }).message).toBe('acme answered 502.');
    expect(fail({}).message).toBe('acme gave an error without words.');
    expect(fail({ status: 500, body: '' }).message).toBe('acme answered 500.');
  });

  it('is bounded', () => {
    const failure = fail({ status: 400, body: { error: { message: 'x'.repeat(1e6), more: ['y'.repeat(1e6)] } } });
    expect(failure.message).toHaveLength(1_000);
    expect(JSON.stringify(failure).length).toBeLessThan(6_000);
  });

  it('leaves out what is no status of an error', () => {
    expect(fail({ status: 200, body: { error: 'Hm.' } })).not.toHaveProperty('status');
    expect(fail({ status: 200, body: { error: { code: '503' } } }).status).toBe(503);
  });
});

describe('keys', () => {
  const key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';
  const others = [
    key,
    `sk-ant-api03-${'a'.repeat(40)}`,
    `AIza${'B'.repeat(35)}`,
    `gsk_${'c'.repeat(40)}`,
    `xai-${'d'.repeat(40)}`,
    `hf_${'e'.repeat(30)}`,
    `AKIA${'F'.repeat(16)}`,
    `ya29.${'g'.repeat(40)}`,
    `eyJ${'h'.repeat(20)}.eyJ${'i'.repeat(20)}.${'j'.repeat(20)}`,
    'sk-proj-abcd************wxyz',
  ];

  it.each(others)('that look like %s are taken out of messages and bodies', (secret) => {
    const text = `Incorrect API key provided: ${secret}. See https://example.com`;
    const failure = fail({
      status: 401,
      body: { error: { message: text, echoed: [secret] } },
      message: text,
      name: secret,
    });
    expect(JSON.stringify(failure)).not.toContain(secret.slice(0, 12));
    expect(failure.message).toContain('[redacted]');
    expect(JSON.stringify(networkFailure(new Error(`cannot send ${secret}`), about))).not.toContain(secret);
    expect(JSON.stringify(malformedFailure(about, `"${secret}"`))).not.toContain(secret);
    expect(JSON.stringify(emptyResponseFailure(about, secret))).not.toContain(secret);
  });

  it.each([
    ['Authorization: Bearer 0123456789abcdef'],
    ['{"authorization":"Bearer 0123456789abcdef"}'],
    ['authorization=Basic 0123456789abcdef'],
    ['sent with bearer 0123456789abcdef.'],
    ['x-api-key: 0123456789abcdef'],
    ["{'x-goog-api-key': '0123456789abcdef'}"],
    ['GET https://example.com/v1?key=0123456789abcdef&alt=sse'],
    ['https://user:0123456789abcdef@example.com/'],
  ])('are known by what stands before them: %s', (text) => {
    const failure = fail({ status: 400, body: `Refused: ${text}` });
    expect(JSON.stringify(failure)).not.toContain('0123456789abcdef');
  });

  it('are known by the name of their property', () => {
    const headers = {
      Authorization: 'abc',
      'x-api-key': 'def',
      apiKey: 'ghi',
      'Set-Cookie': 'jkl',
      access_token: 'mno',
    };
    const failure = fail({ status: 400, body: { error: { message: 'No.' }, config: { headers } } });
    expect(Object.values((failure.cause as { config: { headers: object } }).config.headers)).toEqual(
      Array.from({ length: 5 }, () => '[redacted]'),
    );
  });

  it('that nothing gives away are taken out where the adapter names them', () => {
    const secret = 'swordfish-canary';
    const failure = toFailure(
      {
        status: 401,
        body: { error: { message: `No entry for ${secret}.`, [secret]: 1 } },
        headers: { 'x-request-id': secret },
      },
      { ...about, secrets: [secret, ''] },
    );
    expect(JSON.stringify(failure)).not.toContain(secret);
    expect(failure.message).toBe('No entry for [redacted].');
  });

  it('are not cut in half where a text is cut off', () => {
    for (let length = 960; length <= 1_010; length++) {
      expect(fail({ status: 400, body: `${'x'.repeat(length)} ${key}` }).message).not.toContain('sk-proj');
    }
  });

  it('leave other words alone', () => {
    const text = 'The task-list of risk-management asks: is the API key missing? See https://example.com/a?page=2';
    expect(fail({ status: 400, body: text }).message).toBe(text);
  });
});

describe('failures without an answer', () => {
  it('name the error of the connection and the code of its cause', () => {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    expect(networkFailure(new TypeError('terminated', { cause }), about)).toEqual({
      type: 'provider_unavailable',
      code: 'network',
      message: 'The connection failed: TypeError: terminated (ECONNRESET)',
      retryable: true,
      provider: 'acme',
      model: 'large',
      name: 'TypeError',
    });
  });

  it('find the code wherever it is', () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const wrapped = new Error('Connection error.', { cause: new TypeError('fetch failed', { cause: refused }) });
    expect(networkFailure(wrapped, about).message).toContain('(ECONNREFUSED)');
    expect(networkFailure(new AggregateError([refused], ''), about).message).toContain('(ECONNREFUSED)');
    expect(networkFailure(refused, about).message).toBe('The connection failed: Error: refused (ECONNREFUSED)');
    expect(networkFailure('gone', about).message).toBe('The connection failed: string: gone');
  });

  it('are all retried as trouble of the provider', () => {
    expect(verdict(truncatedFailure(about))).toEqual(['provider_unavailable', 'stream_truncated', true]);
    expect(verdict(malformedFailure(about, 'line 3'))).toEqual(['provider_unavailable', 'stream_truncated', true]);
    expect(verdict(emptyResponseFailure(about))).toEqual(['provider_unavailable', 'empty_response', true]);
    expect(emptyResponseFailure(about, 'text/html').message).toContain('text/html');
  });
});

describe('what is thrown instead of an answer', () => {
  const coded = (error: Error, code: string) => Object.assign(error, { code });

  it.each<[string, unknown, boolean]>([
    ['a property of nothing', new TypeError("Cannot read properties of undefined (reading 'map')"), true],
    ['what is no JSON', new TypeError('Do not know how to serialize a BigInt'), true],
    ['a recursion without end', new RangeError('Maximum call stack size exceeded'), true],
    ['a name that nobody declared', new ReferenceError('body is not defined'), true],
    [
      'a fetch that failed in Node',
      new TypeError('fetch failed', { cause: coded(new Error('No.'), 'ECONNRESET') }),
      false,
    ],
    ['a fetch that failed in Chrome', new TypeError('Failed to fetch'), false],
    ['a fetch that failed in Firefox', new TypeError('NetworkError when attempting to fetch resource.'), false],
    ['a fetch that failed in Safari', new TypeError('Load failed'), false],
    ['a connection that ended', new TypeError('terminated'), false],
    ['a code of the system', coded(new TypeError('No.'), 'ECONNREFUSED'), false],
    ['an ordinary error', new Error('The token server is down.'), false],
    ['what is no error', 'No.', false],
  ])('is a mistake, or a connection that failed: %s', (_, error, mistake) => {
    expect(isMistake(error)).toBe(mistake);
  });

  it('is told without keys where no request can be made', () => {
    const error = new TypeError('The header "Bearer my-secret" is none.');
    expect(unsentFailure(error, { ...about, secrets: ['my-secret'] })).toEqual({
      type: 'unknown',
      code: 'adapter_error',
      message: 'No request can be made: TypeError: The header "Bearer [redacted]" is none.',
      retryable: false,
      provider: 'acme',
      model: 'large',
      name: 'TypeError',
    });
  });
});

describe('for any input', () => {
  const types = ['budget', 'rate_limit', 'provider_unavailable', 'context_overflow', 'auth', 'unknown'];
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('true', 'false', '5', 'insufficient_quota', 'overloaded', ...types),
  );
  const body = fc.oneof(
    fc.anything({ withNullPrototype: true, withMap: true, withDate: true, withBigInt: true }),
    fc.json(),
    fc.record({ error: fc.record({ code: text, type: text, message: text, status: text }, { requiredKeys: [] }) }),
  );
  const headers = fc.dictionary(
    fc.constantFrom(
      'retry-after',
      'retry-after-ms',
      'x-request-id',
      'x-ratelimit-reset',
      'x-llm-error-reset-at',
      'other',
    ),
    text,
  );
  const error = fc.record(
    { status: fc.oneof(fc.integer({ min: 400, max: 599 }), fc.integer()), headers, body, message: text, name: text },
    { requiredKeys: [] },
  );

  it('gives a failure that is JSON, with a type of a model call and a code', () => {
    fc.assert(
      fc.property(error, (error) => {
        const failure = fail(error);
        expect(types).toContain(failure.type);
        expect(failure.code).not.toBe('');
        expect(failure.message).not.toBe('');
        expect(JSON.parse(JSON.stringify(failure))).toEqual(failure);
        expect(failure.retryAfterMs ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('retries as the type and the code say, unless a header decides', () => {
    fc.assert(
      fc.property(error, (error) => {
        const { type, code, message, retryable } = fail(error);
        const usual = code === 'usage_limit_reached' ? false : createFailure({ type, code, message }).retryable;
        expect(retryable).toBe(usual);
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(error, fc.boolean(), (error, retryable) => {
        const told = { ...error.headers, 'x-llm-error-retryable': String(retryable) };
        expect(fail({ ...error, headers: told }).retryable).toBe(retryable);
      }),
    );
  });

  it('takes whatever was thrown for a failure of the connection', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        expect(networkFailure(thrown, about)).toMatchObject({ code: 'network', retryable: true });
      }),
    );
  });

  it('survives objects that throw when they are looked at', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    expect(fail({ status: 429, body: hostile, headers: hostile as Headers }).type).toBe('rate_limit');
    expect(fail({ status: 429, body: { error: hostile } }).type).toBe('rate_limit');
    expect(networkFailure(hostile, about).code).toBe('network');
  });

  it('takes its time for no text, however long', () => {
    const long = [
      'a'.repeat(1e6),
      'model '.repeat(2e5),
      '{'.repeat(1e6),
      'Request too large '.repeat(5e4),
      'try again in 1'.repeat(7e4),
    ];
    const start = performance.now();
    for (const body of long) fail({ status: 400, body, message: body });
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
