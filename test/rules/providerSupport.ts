import type { AgentOptions, Failure, Model, TurnEvent } from 'turnchart';
import { createAgent } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { type ProviderError, toFailure } from '../../src/adapters/failures.ts';
import { ofType, record } from './support.ts';

/** One answer of a provider: an error, or a text that is streamed, perhaps until an error. */
export type Answer = ProviderError | string | { readonly text: string; readonly error: ProviderError };

/** A provider that gives these answers, one per request, the last one again and again; and an adapter to it, by hand. */
export function provider(answers: readonly (Answer | ((now: number) => Answer))[], clock: SimulatedClock) {
  const askedAt: number[] = [];
  const model: Model = {
    provider: 'acme',
    modelId: 'large',
    async *stream() {
      const now = clock.now();
      const next = answers[Math.min(askedAt.length, answers.length - 1)] ?? '';
      askedAt.push(now);
      const answer = typeof next === 'function' ? next(now) : next;
      const text = typeof answer === 'string' ? answer : 'text' in answer ? answer.text : '';
      if (text !== '') yield { type: 'text-delta', text };
      if (typeof answer === 'string') {
        yield { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } };
      } else {
        const error = 'error' in answer ? answer.error : answer;
        yield { type: 'error', failure: toFailure(error, { provider: 'acme', model: 'large', now }) };
      }
    },
  };
  return { model, askedAt };
}

/** A session with such a provider. */
export function open(
  answers: readonly (Answer | ((now: number) => Answer))[],
  modelRetry: NonNullable<AgentOptions['modelRetry']> = {},
) {
  const clock = new SimulatedClock(Date.UTC(2026, 0, 15, 12));
  const { model, askedAt } = provider(answers, clock);
  const session = createAgent({ model, clock, modelRetry: { jitter: 0, ...modelRetry } }).session();
  return { clock, askedAt, session, events: record(session), start: clock.now() };
}

/** What becomes of a turn whose provider always answers with this error. */
export async function failingWith(
  error: ProviderError | ((now: number) => ProviderError),
  modelRetry: NonNullable<AgentOptions['modelRetry']> = {},
): Promise<{
  readonly outcome: { readonly status: string; readonly failure?: Failure };
  readonly calls: number;
  readonly delays: readonly number[];
  readonly start: number;
  readonly events: readonly TurnEvent[];
}> {
  const { clock, askedAt, session, events, start } = open([error], modelRetry);
  const turn = session.send('Hi');
  await clock.advance(600_000);
  const outcome = await turn.outcome;
  const delays = ofType(events, 'model.retrying').map(({ delayMs }) => delayMs);
  return { outcome, calls: askedAt.length, delays, start, events };
}
