import { BudgetError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { failingWith, open } from './providerSupport.ts';
import { ofType } from './support.ts';

const bodies: readonly (readonly [string, unknown])[] = [
  ['insufficient_quota', { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } }],
  ['a spent quota in words', { error: { message: 'You exceeded your current quota, please check your billing.' } }],
  ['credits that are used up', { error: 'Your team has either used all available credits or …' }],
  ['a balance', { error: { message: 'Insufficient balance' } }],
  ['a budget', { error: { type: 'budget_exceeded', message: 'Budget has been exceeded!' } }],
  [
    'the quota of a day',
    {
      error: {
        status: 'RESOURCE_EXHAUSTED',
        message: 'Quota exceeded',
        details: [{ violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel' }] }],
      },
    },
  ],
];

describe('11. A 429 whose body says the quota or credit is spent is `budget`, not `rate_limit`, and is not retried.', () => {
  it.each(bodies)('knows %s', async (_, body) => {
    const { outcome, calls, delays } = await failingWith({ status: 429, body });
    expect(outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'budget', code: 'insufficient_quota', retryable: false, status: 429 },
    });
    expect(calls).toBe(1);
    expect(delays).toEqual([]);
  });

  it.each([
    ['asks to come back', { 'retry-after': '1' }],
    ['says that one should retry', { 'x-should-retry': 'true' }],
  ])('is not retried where the provider %s', async (_, headers) => {
    const { calls } = await failingWith({ status: 429, body: bodies[0]?.[1], headers });
    expect(calls).toBe(1);
  });

  it('is a BudgetError for the caller', async () => {
    const { session } = open([{ status: 429, body: bodies[0]?.[1] }]);
    await expect(session.send('Hi').result).rejects.toBeInstanceOf(BudgetError);
  });

  it('leaves a 429 that says nothing of it a rate limit', async () => {
    const { outcome, calls, events } = await failingWith({
      status: 429,
      body: { error: { message: 'Rate limit reached for requests per minute' } },
    });
    expect(outcome.failure).toMatchObject({ type: 'rate_limit', code: 'rate_limit_exceeded' });
    expect(calls).toBe(3);
    expect(ofType(events, 'model.retrying')).toHaveLength(2);
  });
});
