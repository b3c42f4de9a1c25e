import { createFailure, type Failure } from '../failure.ts';
import type { Model } from '../model.ts';
import { type EndPart, endIn, identityOf } from './wrapping.ts';

export interface BreakerOptions {
  /** How many calls in a row must find the provider unavailable until it is left alone. @default 5 */
  readonly failures?: number;
  /** How long it is left alone, in ms. @default 30_000 */
  readonly coolDownMs?: number;
  /** What it reads the time from, epoch ms. @default the clock of the platform */
  readonly clock?: { now(): number };
}

/** A model that is left alone while its provider is down. */
export interface BreakerModel extends Model {
  /** Closed: calls pass. Open: they are answered at once. Half-open: one of them is on its way to see whether it is over. */
  readonly breaker: 'closed' | 'open' | 'half-open';
}

type State =
  | { readonly name: 'closed'; failures: number }
  | { readonly name: 'open'; readonly until: number }
  /** Until then others wait for the probe; a probe that takes longer may never come back. */
  | { readonly name: 'half-open'; readonly until: number };

type Outcome = 'available' | 'unavailable' | 'unknown';

const systemTime = { now: () => Date.now() };

/**
 * A model that spares a provider that is down: after so many calls in a row that ended with `provider_unavailable`, it
 * answers at once with that failure and the time that is left as `retryAfterMs`. After the cool-down one call goes
 * through to probe: another `provider_unavailable` opens it again, any other answer closes it. Calls that are aborted say
 * nothing of the provider.
 *
 * Everything that uses the wrapped model shares its state: wrap it once, not once per session.
 *
 * @throws RangeError naming the option that is wrong.
 * @example
 * ```ts
 * const agent = createAgent({ model: withBreaker(openai('gpt-…'), { failures: 5, coolDownMs: 30_000 }) });
 * ```
 */
export function withBreaker(model: Model, options: BreakerOptions = {}): BreakerModel {
  const { failures = 5, coolDownMs = 30_000, clock = systemTime } = options;
  if (!Number.isInteger(failures) || failures < 1) {
    throw new RangeError(`failures of withBreaker() is ${failures}; give it a whole number from 1`);
  }
  if (!Number.isFinite(coolDownMs) || coolDownMs < 0) {
    throw new RangeError(`coolDownMs of withBreaker() is ${coolDownMs}; give it a number of ms from 0`);
  }
  let state: State = { name: 'closed', failures: 0 };

  const open = (failure: Failure | undefined): State => {
    const rest = Math.max(coolDownMs, failure?.retryAfterMs ?? 0);
    return { name: 'open', until: clock.now() + rest };
  };
  /** What a call that began in a state has found out; of no interest once the state is another. */
  const report = (began: State, outcome: Outcome, failure?: Failure) => {
    if (state !== began) return;
    switch (outcome) {
      case 'available':
        state = { name: 'closed', failures: 0 };
        return;
      case 'unavailable':
        if (state.name === 'closed' && state.failures + 1 < failures) state.failures += 1;
        else state = open(failure);
        return;
      case 'unknown':
        // a probe without a result: the next call is the probe
        if (state.name === 'half-open') state = { name: 'open', until: clock.now() };
    }
  };
  /** How long to stay away, in ms; nothing where the call may go through. */
  const restOf = (): number | undefined => {
    if (state.name === 'closed') return undefined;
    const rest = state.until - clock.now();
    if (rest > 0) return rest;
    state = { name: 'half-open', until: clock.now() + coolDownMs };
    return undefined;
  };

  return {
    ...identityOf(model),
    get breaker() {
      return state.name;
    },
    async *stream(request, { signal }) {
      const rest = restOf();
      if (rest !== undefined) {
        yield { type: 'error', failure: openFailure(model, rest, failures) };
        return;
      }
      const began = state;
      let end: EndPart | undefined;
      // of a model that throws nothing is known
      let outcome: Outcome = 'unknown';
      try {
        for await (const read of model.stream(request, { signal })) {
          end ??= endIn(read);
          if (end !== undefined) outcome = outcomeOf(end);
          yield read;
        }
        if (end === undefined) outcome = 'unavailable';
      } finally {
        // whoever reads may stop at the last part, so this is the one place that is always passed
        if (signal.aborted && outcome !== 'available') outcome = 'unknown';
        report(began, outcome, end?.type === 'error' ? end.failure : undefined);
      }
    },
  };
}

function outcomeOf(end: EndPart): Outcome {
  if (end.type === 'aborted') return 'unknown';
  return end.type === 'error' && end.failure.type === 'provider_unavailable' ? 'unavailable' : 'available';
}

function openFailure({ provider, modelId }: Model, retryAfterMs: number, failures: number): Failure {
  return createFailure({
    type: 'provider_unavailable',
    code: 'breaker_open',
    message: `${provider}/${modelId} failed several times in a row and is not asked for another ${retryAfterMs} ms.`,
    retryAfterMs,
    provider,
    model: modelId,
    cause: { failures },
  });
}
