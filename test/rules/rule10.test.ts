import type { FailureType } from 'turnchart';
import { describe, expect, it } from 'vitest';
import type { ProviderError } from '../../src/adapters/failures.ts';
import { failingWith } from './providerSupport.ts';

const byStatus: readonly (readonly [status: number, type: FailureType, calls: number])[] = [
  [401, 'auth', 1],
  [403, 'auth', 1],
  [402, 'budget', 1],
  [413, 'context_overflow', 1],
  [429, 'rate_limit', 3],
  [408, 'provider_unavailable', 3],
  [409, 'provider_unavailable', 3],
  [500, 'provider_unavailable', 3],
  [502, 'provider_unavailable', 3],
  [503, 'provider_unavailable', 3],
  [504, 'provider_unavailable', 3],
  [529, 'provider_unavailable', 3],
  [599, 'provider_unavailable', 3],
  [400, 'unknown', 1],
  [404, 'unknown', 1],
  [418, 'unknown', 1],
  [422, 'unknown', 1],
  [302, 'unknown', 3],
];

const againstStatus: readonly (readonly [string, ProviderError, FailureType, string])[] = [
  ['a bad key', { status: 400, body: { error: { code: 'API_KEY_INVALID' } } }, 'auth', 'auth'],
  [
    'a spent balance',
    { status: 400, body: { error: { message: 'Your credit balance is too low' } } },
    'budget',
    'insufficient_quota',
  ],
  [
    'an overflow',
    { status: 400, body: { error: { type: 'invalid_request_error', message: 'prompt is too long: 9 tokens > 8' } } },
    'context_overflow',
    'request_too_large',
  ],
  [
    'an overload',
    { status: 429, body: { error: { type: 'engine_overloaded_error' } } },
    'provider_unavailable',
    'overloaded',
  ],
  ['an unknown model', { status: 403, body: { error: { code: 'model_not_found' } } }, 'unknown', 'model_not_found'],
  ['a filter', { status: 403, body: { error: { code: 'content_filter' } } }, 'unknown', 'content_filter'],
];

describe('10. Then the body (code, type, message), then the status: 401/403 → `auth`, 402 → `budget`, 413 → `context_overflow`, 429 → `rate_limit`, 408/409/5xx → `provider_unavailable`, else `unknown`.', () => {
  it.each(byStatus)('takes a %i without words for %s', async (status, type, calls) => {
    const failed = await failingWith({ status });
    expect(failed.outcome).toMatchObject({ status: 'failed', failure: { type, status } });
    expect(failed.calls).toBe(calls);
  });

  it.each(againstStatus)('believes the body that says %s', async (_, error, type, code) => {
    const { outcome } = await failingWith(error);
    expect(outcome.failure).toMatchObject({ type, code });
  });

  it('needs no status: an error inside a stream is known by its body', async () => {
    const { outcome, calls } = await failingWith({ body: { type: 'error', error: { type: 'overloaded_error' } } });
    expect(outcome.failure).toMatchObject({ type: 'provider_unavailable', code: 'overloaded' });
    expect(outcome.failure).not.toHaveProperty('status');
    expect(calls).toBe(3);
  });

  it('names the provider, the model, the attempt and the request', async () => {
    const { outcome } = await failingWith({ status: 500, headers: { 'request-id': 'req_1' } });
    expect(outcome.failure).toMatchObject({ provider: 'acme', model: 'large', attempt: 3, requestId: 'req_1' });
  });

  it('has a code where nothing finer than the type is known', async () => {
    const { outcome } = await failingWith({ status: 401 });
    expect(outcome.failure?.code).toBe('auth');
  });
});
