import fc from 'fast-check';
import { createFailure, type Failure } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { backoffDelay, decideRetry, defaultBackoff, defaultRetryPolicy } from '../../src/services/retryPolicy.ts';

const noJitter = 0.5;
const busy = createFailure({ type: 'provider_unavailable', message: 'busy' });
const hopeless = createFailure({ type: 'auth', message: 'no key' });

describe('backoffDelay', () => {
  it('doubles from 1 s up to 30 s by default', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffDelay(defaultBackoff, attempt, noJitter));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('takes off a quarter at the least, and adds one at the most', () => {
    expect(backoffDelay(defaultBackoff, 1, 0)).toBe(750);
    expect(backoffDelay(defaultBackoff, 1, 1)).toBe(1_250);
  });

  it('stays within its bounds, as a whole number, for any policy', () => {
    const policy = fc.record({
      initialDelayMs: fc.integer({ min: 0, max: 100_000 }),
      maxDelayMs: fc.integer({ min: 0, max: 1_000_000 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(policy, fc.integer({ min: 1, max: 2_000 }), random, (backoff, attempt, random) => {
        const delay = backoffDelay(backoff, attempt, random);
        const doubled = backoff.initialDelayMs === 0 ? 0 : backoff.initialDelayMs * 2 ** (attempt - 1);
        const middle = Math.min(doubled, backoff.maxDelayMs);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(middle * (1 - backoff.jitter)));
        expect(delay).toBeLessThanOrEqual(Math.ceil(middle * (1 + backoff.jitter)));
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('decideRetry', () => {
  const decide = (failure: Failure, policy: Partial<typeof defaultRetryPolicy> = {}, attempt = 1) =>
    decideRetry({ ...defaultRetryPolicy, ...policy }, failure, attempt, noJitter);
  const asking = (retryAfterMs: number) => ({ ...busy, retryAfterMs });

  it('repeats what is retryable after the backoff, and nothing else', () => {
    expect(decide(busy)).toEqual({ delayMs: 1_000 });
    expect(decide(busy, {}, 3)).toEqual({ delayMs: 4_000 });
    expect(decide(hopeless)).toBe(false);
  });

  it("obeys the failure's retryable over its type", () => {
    expect(decide({ ...busy, retryable: false })).toBe(false);
    expect(decide({ ...hopeless, retryable: true })).toEqual({ delayMs: 1_000 });
  });

  it("takes the provider's delay for the least, not for the delay itself", () => {
    expect(decide(asking(5_000))).toEqual({ delayMs: 5_000 });
    expect(decide(asking(100))).toEqual({ delayMs: 1_000 });
  });

  it('waits as long as maxRetryAfterMs for a provider, and does not repeat beyond it', () => {
    expect(decide(asking(60_000))).toEqual({ delayMs: 60_000 });
    expect(decide(asking(60_001))).toBe(false);
    expect(decide(asking(2_000), { maxRetryAfterMs: 1_999 })).toBe(false);
  });

  describe('with a decide of its own', () => {
    it('takes its delay, its no, or where it says nothing the default', () => {
      expect(decide(busy, { decide: () => 5 })).toEqual({ delayMs: 5 });
      expect(decide(busy, { decide: () => 0 })).toEqual({ delayMs: 0 });
      expect(decide(busy, { decide: () => false })).toBe(false);
      expect(decide(busy, { decide: () => undefined })).toEqual({ delayMs: 1_000 });
      expect(decide(hopeless, { decide: () => undefined })).toBe(false);
    });

    it('repeats what is not retryable where it says so', () => {
      expect(decide(hopeless, { decide: () => 5 })).toEqual({ delayMs: 5 });
    });

    it("cannot go below the provider's delay, nor above what is waited for", () => {
      expect(decide(asking(5_000), { decide: () => 5 })).toEqual({ delayMs: 5_000 });
      expect(decide(asking(60_001), { decide: () => 5 })).toBe(false);
    });

    it('is told the failure and the attempt', () => {
      const told: unknown[] = [];
      decide(busy, { decide: (...given) => void told.push(given) }, 2);
      expect(told).toEqual([[busy, 2]]);
    });

    it.each([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -1,
    ])('falls back to the backoff for a delay that is none: %d', (delay) => {
      expect(decide(busy, { decide: () => delay })).toEqual({ delayMs: 1_000 });
    });
  });

  it('never repeats earlier than the provider asks, for any policy', () => {
    const decision = fc.oneof(
      fc.constant(undefined),
      fc.constant(false as const),
      fc.integer({ min: -5, max: 100_000 }),
    );
    fc.assert(
      fc.property(
        fc.nat(200_000),
        fc.nat(200_000),
        decision,
        fc.boolean(),
        (retryAfterMs, maxRetryAfterMs, decided, retryable) => {
          const retry = decide({ ...busy, retryable, retryAfterMs }, { maxRetryAfterMs, decide: () => decided });
          if (retry === false) return;
          expect(retry.delayMs).toBeGreaterThanOrEqual(retryAfterMs);
          expect(retryAfterMs).toBeLessThanOrEqual(maxRetryAfterMs);
        },
      ),
    );
  });
});
