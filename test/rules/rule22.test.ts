import type { Failure } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { failingWith, open } from './providerSupport.ts';
import { ofType } from './support.ts';

const down = { status: 503 };
const unauthorized = { status: 401 };

describe("22. A custom `decide(failure, attempt)` takes precedence over the defaults: a delay in ms, `false` for no retry, `undefined` for the default. It cannot go beyond `maxAttempts` or below the provider's own delay.", () => {
  it('gets the failure and the attempt that failed', async () => {
    const asked: [Failure, number][] = [];
    await failingWith(down, {
      decide: (failure, attempt) => {
        asked.push([failure, attempt]);
        return undefined;
      },
    });
    // the last attempt too: whether another is left is not its business
    expect(asked.map(([, attempt]) => attempt).slice(0, 2)).toEqual([1, 2]);
    for (const [failure] of asked) expect(failure).toMatchObject({ type: 'provider_unavailable', status: 503 });
  });

  it('waits as long as it says', async () => {
    const { delays } = await failingWith(down, { decide: (_, attempt) => attempt * 100 });
    expect(delays).toEqual([100, 200]);
  });

  it('retries at once where it says 0', async () => {
    const { delays, calls } = await failingWith(down, { decide: () => 0 });
    expect(delays).toEqual([0, 0]);
    expect(calls).toBe(3);
  });

  it('retries what is not retried by default', async () => {
    const { calls, outcome } = await failingWith(unauthorized, { decide: () => 10 });
    expect(calls).toBe(3);
    expect(outcome.failure).toMatchObject({ type: 'auth' });
  });

  it('does not retry where it says false', async () => {
    expect((await failingWith(down, { decide: () => false })).calls).toBe(1);
  });

  it('leaves it to the defaults where it says undefined', async () => {
    const decide = () => undefined;
    expect((await failingWith(down, { decide })).delays).toEqual([1_000, 2_000]);
    expect((await failingWith(unauthorized, { decide })).calls).toBe(1);
  });

  it('decides each failure for itself', async () => {
    const { clock, askedAt, session } = open([down, unauthorized, 'never asked'], {
      decide: ({ type }) => (type === 'auth' ? false : 5),
    });
    const turn = session.send('Hi');
    await clock.advance(10_000);
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { type: 'auth' } });
    expect(askedAt).toHaveLength(2);
  });

  it('cannot go beyond maxAttempts', async () => {
    expect((await failingWith(down, { decide: () => 1, maxAttempts: 4 })).calls).toBe(4);
  });

  it("cannot go below the provider's own delay", async () => {
    const limited = { status: 429, headers: { 'retry-after': '4' } };
    expect((await failingWith(limited, { decide: () => 1 })).delays).toEqual([4_000, 4_000]);
  });

  it('cannot wait for a delay of the provider that is too long', async () => {
    const limited = { status: 429, headers: { 'retry-after': '3600' } };
    expect((await failingWith(limited, { decide: () => 1 })).calls).toBe(1);
  });

  it('is not believed where it throws: the defaults hold, and a diagnostic says so', async () => {
    const { delays, events } = await failingWith(down, {
      decide: () => {
        throw new Error('Hm.');
      },
    });
    expect(delays).toEqual([1_000, 2_000]);
    expect(ofType(events, 'diagnostic')[0]).toMatchObject({ source: 'modelRetry.decide' });
  });
});
