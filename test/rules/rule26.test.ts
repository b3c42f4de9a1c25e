import { createAgent, createFailure, type Model } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { withBreaker } from '../../src/adapters/withBreaker.ts';
import { withFallback } from '../../src/adapters/withFallback.ts';
import { ofType, overloaded, record, typesOf, unauthorized } from './support.ts';

const down = { failure: overloaded() };
const once = { modelRetry: { maxAttempts: 1 } };

function sessionsOf(model: Model, clock: SimulatedClock, options: object = once) {
  const agent = createAgent({ model, clock, ...options });
  return [agent.session(), agent.session()] as const;
}

describe('26. `withBreaker(model, { failures, coolDownMs })`, shared by all sessions that use that model: closed → open after k consecutive `provider_unavailable` → half-open after the cool-down (one probe) → closed on success; open answers at once with `provider_unavailable` and `retryAfterMs`. `withFallback(a, b)` goes on with the next model where the first fails before any output.', () => {
  it('opens after k failures in a row, of any session, and answers at once', async () => {
    const clock = new SimulatedClock();
    const inner = scriptedModel([down, down, down]);
    const model = withBreaker(inner, { failures: 3, coolDownMs: 10_000, clock });
    const [a, b] = sessionsOf(model, clock);
    for (const session of [a, b, a]) await session.send('Hi').outcome;
    expect(model.breaker).toBe('open');
    await clock.advance(4_000);
    expect(await b.send('Hi').outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'provider_unavailable', retryable: true, retryAfterMs: 6_000, resetAt: clock.now() + 6_000 },
    });
    expect(inner.requests).toHaveLength(3);
  });

  it('says so where it answers in place of the provider', async () => {
    const clock = new SimulatedClock();
    const model = withBreaker(scriptedModel([down, down]), { failures: 2, coolDownMs: 10_000, clock });
    const [a, b] = sessionsOf(model, clock);
    const events = record(b);
    for (const session of [a, a]) await session.send('Hi').outcome;
    await b.send('Hi').outcome;
    expect(ofType(events, 'breaker.tripped')).toMatchObject([{ kind: 'provider', count: 2, limit: 2 }]);
  });

  it('lets one probe through after the cool-down, and closes when it succeeds', async () => {
    const clock = new SimulatedClock();
    const inner = scriptedModel([down, 'Hello.', 'Hello again.']);
    const model = withBreaker(inner, { failures: 1, coolDownMs: 10_000, clock });
    const [a, b] = sessionsOf(model, clock);
    await a.send('Hi').outcome;
    await clock.advance(10_000);
    const turns = [a.send('Hi'), b.send('Hi')];
    const outcomes = await Promise.all(turns.map(({ outcome }) => outcome));
    expect(outcomes.map(({ status }) => status)).toEqual(['completed', 'failed']);
    expect(inner.requests).toHaveLength(2);
    expect(model.breaker).toBe('closed');
    expect((await b.send('Hi').result).text).toBe('Hello again.');
  });

  it('opens again when the probe fails', async () => {
    const clock = new SimulatedClock();
    const inner = scriptedModel([down, down, 'Hello.']);
    const model = withBreaker(inner, { failures: 1, coolDownMs: 10_000, clock });
    const [a] = sessionsOf(model, clock);
    await a.send('Hi').outcome;
    await clock.advance(10_000);
    await a.send('Hi').outcome;
    expect(model.breaker).toBe('open');
    await clock.advance(9_999);
    expect((await a.send('Hi').outcome).status).toBe('failed');
    expect(inner.requests).toHaveLength(2);
    await clock.advance(1);
    expect((await a.send('Hi').outcome).status).toBe('completed');
  });

  it('makes a turn wait for the rest of the cool-down, and go on then', async () => {
    const clock = new SimulatedClock();
    const inner = scriptedModel([down, 'Hello.']);
    const [session] = sessionsOf(withBreaker(inner, { failures: 1, coolDownMs: 10_000, clock }), clock, {
      modelRetry: { initialDelayMs: 100, jitter: 0 },
    });
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(60_000);
    expect((await turn.result).text).toBe('Hello.');
    expect(ofType(events, 'model.retrying').map(({ delayMs }) => delayMs)).toEqual([100, 9_900]);
  });

  it('goes on with the next model where the first fails before any output', async () => {
    const clock = new SimulatedClock();
    const [first, second] = [scriptedModel([{ failure: unauthorized() }]), scriptedModel(['Hello.'])];
    const [session] = sessionsOf(withFallback(first, second), clock);
    const events = record(session);
    expect((await session.send('Hi').result).text).toBe('Hello.');
    expect(second.requests).toEqual(first.requests);
    expect(typesOf(events)).not.toContain('model.retrying');
  });

  it('does not go on once there is output: the step is repeated, from the first model on', async () => {
    const clock = new SimulatedClock();
    const first = scriptedModel([{ text: 'Hel', failure: overloaded() }, 'Hello.']);
    const second = scriptedModel(['never asked']);
    const [session] = sessionsOf(withFallback(first, second), clock, { modelRetry: { jitter: 0 } });
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(10_000);
    expect((await turn.result).text).toBe('Hello.');
    expect(second.requests).toHaveLength(0);
    expect(ofType(events, 'message.superseded')).toHaveLength(1);
  });

  it('goes by the name of the first model, and fails where all fail', async () => {
    const clock = new SimulatedClock();
    const named = (modelId: string, inner: Model): Model => ({ provider: 'acme', modelId, stream: inner.stream });
    const model = withFallback(
      named('large', scriptedModel([{ failure: createFailure({ type: 'auth', message: 'No.' }) }])),
      named('small', scriptedModel([{ failure: createFailure({ type: 'budget', message: 'Nothing left.' }) }])),
    );
    expect(model).toMatchObject({ provider: 'acme', modelId: 'large' });
    const [session] = sessionsOf(model, clock);
    expect(await session.send('Hi').outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'budget', provider: 'acme', model: 'small' },
    });
  });

  it('works as one: a provider that is down is skipped without being asked', async () => {
    const clock = new SimulatedClock();
    const first = scriptedModel([down, down]);
    const second = scriptedModel(() => 'Hello.');
    const model = withFallback(withBreaker(first, { failures: 2, clock }), second);
    const [a, b] = sessionsOf(model, clock);
    for (const session of [a, b, a, b]) expect((await session.send('Hi').result).text).toBe('Hello.');
    expect(first.requests).toHaveLength(2);
    expect(second.requests).toHaveLength(4);
  });
});
