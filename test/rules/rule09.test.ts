import { describe, expect, it } from 'vitest';
import { failingWith } from './providerSupport.ts';

const spent = { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } };

describe('9. Classification headers win over everything: `x-llm-error-type` (only the six model-call words; others are ignored), `x-llm-error-retryable: true|false`, `x-llm-error-reset-at` (epoch ms; non-numbers ignored), `retry-after`.', () => {
  it.each([
    'budget',
    'rate_limit',
    'provider_unavailable',
    'context_overflow',
    'auth',
    'unknown',
  ])('takes the type %s from its header, whatever body and status say', async (type) => {
    const { outcome } = await failingWith({ status: 401, body: spent, headers: { 'x-llm-error-type': type } });
    expect(outcome.failure).toMatchObject({ type, status: 401 });
  });

  it.each(['tool', 'max_steps', 'timeout', 'BUDGET', 'nonsense', ''])('ignores the type "%s"', async (type) => {
    const { outcome } = await failingWith({ status: 401, headers: { 'x-llm-error-type': type } });
    expect(outcome.failure).toMatchObject({ type: 'auth' });
  });

  it('retries what is never retried where the header says so', async () => {
    const { outcome, calls } = await failingWith({
      status: 429,
      body: spent,
      headers: { 'x-llm-error-retryable': 'true' },
    });
    expect(outcome.failure).toMatchObject({ type: 'budget', retryable: true });
    expect(calls).toBe(3);
  });

  it('retries nothing where the header says so', async () => {
    const { outcome, calls } = await failingWith({ status: 503, headers: { 'x-llm-error-retryable': 'false' } });
    expect(outcome.failure).toMatchObject({ type: 'provider_unavailable', retryable: false });
    expect(calls).toBe(1);
  });

  it.each(['yes', '1', 'TRUE', ''])('ignores "%s", which is neither true nor false', async (word) => {
    const { calls } = await failingWith({ status: 503, headers: { 'x-llm-error-retryable': word } });
    expect(calls).toBe(3);
  });

  it('takes the time of the reset from its header', async () => {
    const { outcome, start } = await failingWith((now) => ({
      status: 429,
      headers: { 'x-llm-error-reset-at': String(now + 3_600_000) },
    }));
    expect(outcome.failure).toMatchObject({ resetAt: start + 3_600_000 });
  });

  it.each(['soon', '', '-5', 'NaN', '1e99'])('ignores the reset "%s", which is no time', async (resetAt) => {
    const { outcome, calls } = await failingWith({ status: 429, headers: { 'x-llm-error-reset-at': resetAt } });
    expect(outcome.failure).not.toHaveProperty('resetAt');
    expect(calls).toBe(3);
  });

  it('takes the delay from retry-after before the one of the body', async () => {
    const { delays } = await failingWith({
      status: 429,
      headers: { 'retry-after': '9' },
      body: { error: { message: 'Please try again in 20s.' } },
    });
    expect(delays).toEqual([9_000, 9_000]);
  });
});
