import type { Failure } from '../failure.ts';

/** When to try a failed call again. */
export interface Backoff {
  /** Before the second attempt, in ms; doubles with every attempt. @default 1_000 */
  readonly initialDelayMs: number;
  /** The longest of these delays, in ms. @default 30_000 */
  readonly maxDelayMs: number;
  /** Part of the delay that is random, both ways, from 0 to 1. @default 0.25 */
  readonly jitter: number;
}

export const defaultBackoff: Backoff = { initialDelayMs: 1_000, maxDelayMs: 30_000, jitter: 0.25 };

/**
 * The delay before the attempt after this one, in ms: doubles with every attempt, up to the longest, give or take the
 * jitter.
 *
 * @param random from 0 to 1, 0.5 for no jitter at all
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: number): number {
  // bounded, or no delay at all would become 0 * Infinity in the end
  const doublings = Math.min(attempt - 1, 64);
  const delay = Math.min(backoff.initialDelayMs * 2 ** doublings, backoff.maxDelayMs);
  return Math.round(delay * (1 + backoff.jitter * (random * 2 - 1)));
}

/** How failed model calls are repeated, as far as it is decided before the machine counts its attempts. */
export interface RetryPolicy extends Backoff {
  /** The longest delay of a provider that is waited for; a longer one fails at once. In ms. @default 60_000 */
  readonly maxRetryAfterMs: number;
  /**
   * Takes precedence: a delay in ms, `false` for no retry, `undefined` for the default. It cannot go beyond
   * `maxAttempts`, nor below the delay that the provider asks for. `attempt` counts from 1.
   *
   * @default none
   */
  readonly decide?: (failure: Failure, attempt: number) => number | false | undefined;
}

export const defaultRetryPolicy: RetryPolicy = { ...defaultBackoff, maxRetryAfterMs: 60_000 };

/** Whether to repeat a failed model call, and when; the provider's own delay is a minimum in any case. */
export function decideRetry(
  policy: RetryPolicy,
  failure: Failure,
  attempt: number,
  random: number,
): { readonly delayMs: number } | false {
  const asked = failure.retryAfterMs ?? 0;
  const decision = policy.decide?.(failure, attempt);
  if (decision === false || (decision === undefined && !failure.retryable)) return false;
  if (asked > policy.maxRetryAfterMs) return false;
  const wanted =
    typeof decision === 'number' && Number.isFinite(decision) && decision >= 0
      ? decision
      : backoffDelay(policy, attempt, random);
  return { delayMs: Math.max(wanted, asked) };
}
