import { describe, expect, it } from 'vitest';
import type { ProviderError } from '../../src/adapters/failures.ts';
import { open } from './providerSupport.ts';
import { ofType } from './support.ts';

const delays: readonly (readonly [string, (now: number) => ProviderError, number])[] = [
  ['retry-after-ms', () => ({ status: 429, headers: { 'retry-after-ms': '4500', 'retry-after': '9' } }), 4_500],
  ['retry-after in seconds', () => ({ status: 503, headers: { 'retry-after': '7' } }), 7_000],
  [
    'retry-after as an HTTP date',
    (now) => ({ status: 429, headers: { 'retry-after': new Date(now + 12_000).toUTCString() } }),
    12_000,
  ],
  [
    "Anthropic's reset",
    (now) => ({
      status: 429,
      headers: { 'anthropic-ratelimit-requests-reset': new Date(now + 15_000).toISOString() },
    }),
    15_000,
  ],
  ["OpenAI's reset", () => ({ status: 429, headers: { 'x-ratelimit-reset-tokens': '0m20s' } }), 20_000],
  [
    "Google's RetryInfo",
    () => ({
      status: 429,
      message: JSON.stringify({ error: { code: 429, details: [{ '@type': 'RetryInfo', retryDelay: '34.4s' }] } }),
    }),
    34_400,
  ],
  ['words in the body', () => ({ status: 429, body: 'Rate limit reached. Please try again in 2.5s.' }), 2_500],
];

describe("18. The provider's delay is a minimum: `retry-after-ms`, `retry-after` (seconds or HTTP date), provider reset headers, and delays found in bodies; the engine never retries earlier.", () => {
  it.each(delays)('waits as long as %s says, and not a ms less', async (_, error, delayMs) => {
    const { clock, askedAt, session, events, start } = open([error, 'Hello.']);
    const turn = session.send('Hi');
    await clock.advance(delayMs - 1);
    expect(askedAt).toEqual([start]);
    await clock.advance(1);
    expect(askedAt).toEqual([start, start + delayMs]);
    expect((await turn.result).text).toBe('Hello.');
    expect(ofType(events, 'model.retrying')).toMatchObject([
      { delayMs, retryAt: start + delayMs, failure: { retryAfterMs: delayMs, resetAt: start + delayMs } },
    ]);
  });

  it('waits longer where its own backoff is longer', async () => {
    const { clock, askedAt, session, start } = open([{ status: 429, headers: { 'retry-after-ms': '10' } }, 'Hello.']);
    session.send('Hi');
    await clock.advance(10_000);
    expect(askedAt).toEqual([start, start + 1_000]);
  });

  it('is not shortened by jitter', async () => {
    for (let run = 0; run < 20; run++) {
      const limited = { status: 429, headers: { 'retry-after': '1' } };
      const { clock, askedAt, session, start } = open([limited, 'Hello.'], { jitter: 1 });
      session.send('Hi');
      await clock.advance(10_000);
      expect((askedAt[1] ?? 0) - start).toBeGreaterThanOrEqual(1_000);
    }
  });

  it('counts for each attempt anew', async () => {
    const askedToWait = (seconds: number) => ({ status: 429, headers: { 'retry-after': String(seconds) } });
    const { clock, askedAt, session, start } = open([askedToWait(30), askedToWait(5), 'Hello.']);
    session.send('Hi');
    await clock.advance(60_000);
    expect(askedAt).toEqual([start, start + 30_000, start + 35_000]);
  });
});
