import { Ajv2020 } from 'ajv/dist/2020.js';
import { createFailure } from 'turnchart';
import {
  agentErrorSchema,
  agentErrorTypes,
  failureData,
  isAgentErrorUpdate,
  isRetriable,
  providerErrorData,
} from 'turnchart/acp';
import { describe, expect, test } from 'vitest';

const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(agentErrorSchema);

describe('the error of a provider', () => {
  test.each([
    ['a classification header', { status: 500, headers: { 'x-llm-error-type': 'budget' } }, 'budget', false],
    [
      'a header of no known type',
      { status: 500, headers: { 'x-llm-error-type': 'moon' } },
      'provider_unavailable',
      true,
    ],
    [
      'a header that says whether to retry',
      { status: 429, headers: { 'x-llm-error-retryable': 'false' } },
      'rate_limit',
      false,
    ],
    ['status 400', { status: 400 }, 'unknown', false],
    ['status 401', { status: 401 }, 'auth', false],
    ['status 402', { status: 402 }, 'budget', false],
    ['status 403', { status: 403 }, 'auth', false],
    ['status 408', { status: 408 }, 'provider_unavailable', true],
    ['status 413', { status: 413 }, 'context_overflow', false],
    ['status 429', { status: 429 }, 'rate_limit', true],
    ['status 500', { status: 500 }, 'provider_unavailable', true],
    ['status 503', { status: 503 }, 'provider_unavailable', true],
    ['status 529', { status: 529 }, 'provider_unavailable', true],
    [
      'a spent quota',
      { status: 429, body: { error: { code: 'insufficient_quota', message: 'Spent.' } } },
      'budget',
      false,
    ],
    [
      'a long prompt',
      { status: 400, body: { error: { code: 'context_length_exceeded', message: 'Long.' } } },
      'context_overflow',
      false,
    ],
    ['RateLimitError', { name: 'RateLimitError' }, 'rate_limit', true],
    ['AuthenticationError', { name: 'AuthenticationError' }, 'auth', false],
    ['PermissionDeniedError', { name: 'PermissionDeniedError' }, 'auth', false],
    ['InternalServerError', { name: 'InternalServerError' }, 'provider_unavailable', true],
    ['APIConnectionError', { name: 'APIConnectionError', message: 'Connection error.' }, 'provider_unavailable', true],
    ['APIConnectionTimeoutError', { name: 'APIConnectionTimeoutError' }, 'provider_unavailable', true],
    ['OverloadedError', { name: 'OverloadedError' }, 'provider_unavailable', true],
    ['ThrottlingException', { name: 'ThrottlingException' }, 'rate_limit', true],
    ['BadRequestError', { name: 'BadRequestError' }, 'unknown', false],
    ['nothing that is known', {}, 'unknown', true],
  ] as const)('is told apart by %s', (_what, error, type, retryable) => {
    expect(providerErrorData(error, 'acme')).toMatchObject({ type, retryable, source: 'acme' });
  });

  test('says when to come again', () => {
    const headers = { 'retry-after': '20', 'x-llm-error-reset-at': '1900000000000' };
    expect(providerErrorData({ status: 429, headers }, 'acme')).toMatchObject({
      retry_after_seconds: 20,
      reset_at_epoch_ms: 1_900_000_000_000,
    });
  });

  test('keeps keys to itself', () => {
    const message = 'Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789.';
    const data = providerErrorData({ status: 401, body: { error: { message } } }, 'acme');
    expect(JSON.stringify(data)).not.toContain('abcdefghijklmnop');
  });
});

describe('the failure of a turn', () => {
  test.each([
    'tool_errors',
    'guardrail',
    'invalid_output',
    'repeated_calls',
    'timeout',
    'no_progress',
    'internal',
  ] as const)('that is %s and none of a model call is unknown, and says so', (type) => {
    const data = failureData(createFailure({ type, message: 'It failed.' }));
    expect(data).toEqual({
      type: 'unknown',
      message: 'It failed.',
      detail: { code: type, failure: type },
      retryable: false,
    });
  });

  test.each(agentErrorTypes)('that is %s of a model call keeps its type', (type) => {
    const failure = createFailure({
      type,
      message: 'It failed.',
      provider: 'acme',
      model: 'm',
      requestId: 'r',
      status: 400,
    });
    expect(failureData(failure)).toMatchObject({
      type,
      detail: { code: type, provider: 'acme', model: 'm', request_id: 'r', status: 400 },
      source: 'acme',
    });
  });

  test('is rounded up, so that nobody comes too early', () => {
    const failure = createFailure({ type: 'rate_limit', message: 'Later.', retryAfterMs: 1_001 });
    expect(failureData(failure).retry_after_seconds).toBe(2);
  });
});

describe('an agent_error update', () => {
  const error = { type: 'budget', message: 'Spent.', retryable: false };
  const update = { sessionUpdate: 'agent_error', error, stopReason: 'error' };

  test.each([
    ['the least there is', update, true],
    [
      'all there is',
      {
        ...update,
        error: {
          ...error,
          detail: { code: 'x', status: 402 },
          retry_after_seconds: 0.5,
          reset_at_epoch_ms: 1,
          source: 'a',
        },
      },
      true,
    ],
    ['more than there is', { ...update, error: { ...error, hint: 'x' }, _meta: {} }, true],
    ['another update', { sessionUpdate: 'plan', entries: [] }, false],
    ['no error', { sessionUpdate: 'agent_error', stopReason: 'error' }, false],
    ['another type', { ...update, error: { ...error, type: 'moon' } }, false],
    ['no message', { ...update, error: { ...error, message: 1 } }, false],
    ['no word on retrying', { ...update, error: { type: 'budget', message: '' } }, false],
    ['a delay that is none', { ...update, error: { ...error, retry_after_seconds: '20' } }, false],
    ['another stop reason', { ...update, stopReason: 'end_turn' }, false],
    ['nothing', undefined, false],
    ['a text', 'agent_error', false],
  ])('is known by its form and by its schema: %s', (_what, value, isOne) => {
    expect(isAgentErrorUpdate(value)).toBe(isOne);
    expect(validate(value)).toBe(isOne);
  });

  test('is made of every failure', () => {
    for (const type of agentErrorTypes) {
      const made = {
        sessionUpdate: 'agent_error',
        error: failureData(createFailure({ type, message: 'x' })),
        stopReason: 'error',
      };
      expect(isAgentErrorUpdate(made)).toBe(true);
    }
  });

  test('may pass by itself, or not, by its type', () => {
    expect(agentErrorTypes.map((type) => [type, isRetriable(type)])).toEqual([
      ['budget', false],
      ['rate_limit', true],
      ['provider_unavailable', true],
      ['context_overflow', false],
      ['auth', false],
      ['unknown', true],
    ]);
  });
});
