import { describe, expect, it } from 'vitest';
import type { ProviderError } from '../../src/adapters/failures.ts';
import { failingWith, open } from './providerSupport.ts';
import { endings } from './support.ts';

const hour = 3_600_000;
const farAway: readonly (readonly [string, (now: number) => ProviderError])[] = [
  ['seconds', () => ({ status: 429, headers: { 'retry-after': '3600' } })],
  ['a date', (now) => ({ status: 429, headers: { 'retry-after': new Date(now + hour).toUTCString() } })],
  ['a duration', () => ({ status: 429, headers: { 'x-ratelimit-reset-requests': '1h0m0s' } })],
  [
    'the header of the classification',
    (now) => ({ status: 503, headers: { 'x-llm-error-reset-at': String(now + hour) } }),
  ],
  [
    'the allowance of a plan',
    () => ({ status: 429, body: { error: { type: 'usage_limit_reached', resets_in_seconds: 3_600 } } }),
  ],
];

describe('19. A provider delay above `maxRetryAfterMs` fails at once with `resetAt` set, instead of sleeping or retrying early.', () => {
  it.each(farAway)('fails at once where %s asks for an hour', async (_, error) => {
    const { clock, askedAt, session, events, start } = open([error]);
    const turn = session.send('Hi');
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.failed']);
    expect(clock.now()).toBe(start);
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { resetAt: start + hour } });
    await clock.advance(2 * hour);
    expect(askedAt).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('waits up to the limit, and not beyond', async () => {
    const askedToWait = (ms: number) => failingWith({ status: 429, headers: { 'retry-after-ms': String(ms) } });
    expect((await askedToWait(60_000)).delays).toEqual([60_000, 60_000]);
    expect((await askedToWait(60_001)).calls).toBe(1);
  });

  it.each([
    [5_000, 1],
    [10_000, 3],
  ])('takes the limit of the agent: %i ms', async (maxRetryAfterMs, calls) => {
    const failed = await failingWith({ status: 429, headers: { 'retry-after': '8' } }, { maxRetryAfterMs });
    expect(failed.calls).toBe(calls);
  });

  it('lets the next turn ask again', async () => {
    const { session } = open([{ status: 429, headers: { 'retry-after': '3600' } }, 'Hello.']);
    expect((await session.send('Hi').outcome).status).toBe('failed');
    expect((await session.send('Hi').result).text).toBe('Hello.');
  });
});
