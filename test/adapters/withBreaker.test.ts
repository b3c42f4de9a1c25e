import { createFailure, type Model, type ModelPart } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { type BreakerOptions, withBreaker } from '../../src/adapters/withBreaker.ts';
import { error, failureOf, finish, partsOf, readsOf, request, text } from './models.ts';

const down = error(createFailure({ type: 'provider_unavailable', message: 'Down.' }));
const limited = error(createFailure({ type: 'rate_limit', message: 'Slow down.' }));
const fine: readonly ModelPart[] = [text('Hello.'), finish()];

type Answer = readonly ModelPart[] | 'hangs' | 'throws';

function breaker(answers: readonly Answer[], options: Partial<BreakerOptions> = {}) {
  const clock = new SimulatedClock();
  let calls = 0;
  const inner: Model = {
    provider: 'acme',
    modelId: 'large',
    contextWindow: 1_000,
    async *stream(_, { signal }) {
      const answer = answers[calls++] ?? fine;
      if (answer === 'throws') throw new Error('broken');
      if (answer === 'hangs') {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        yield { type: 'aborted' };
      } else yield* answer;
    },
  };
  const model = withBreaker(inner, { failures: 2, coolDownMs: 1_000, clock, ...options });
  return { clock, model, calls: () => calls };
}

/** Asks, and stops asking at once. */
async function abortedCall(model: Model): Promise<readonly ModelPart[]> {
  const controller = new AbortController();
  const parts = partsOf(model, request(), controller.signal);
  controller.abort();
  return parts;
}

describe('withBreaker', () => {
  it('shows its model as it is, and passes its reads on untouched', async () => {
    const { model } = breaker([fine]);
    expect(model).toMatchObject({ provider: 'acme', modelId: 'large', contextWindow: 1_000, breaker: 'closed' });
    expect(await readsOf(model)).toEqual(fine.map((part) => [part]));
  });

  it.each<[string, readonly Answer[], 'open' | 'closed']>([
    ['after as many failures in a row', [[down], [down]], 'open'],
    ['after fewer', [[down]], 'closed'],
    ['where a success comes between', [[down], fine, [down]], 'closed'],
    [
      'where another failure comes between, for which the provider must be there',
      [[down], [limited], [down]],
      'closed',
    ],
    ['after failures of another kind', [[limited], [limited], [limited]], 'closed'],
    ['after answers that break off', [[text('Hel')], []], 'open'],
    ['after answers that fail in the middle', [[text('Hel'), down], [down]], 'open'],
  ])('is as it has to be %s', async (_, answers, state) => {
    const { model } = breaker(answers);
    for (const _answer of answers) await partsOf(model);
    expect(model.breaker).toBe(state);
  });

  it('names itself in the failure, and the time that is left', async () => {
    const { clock, model } = breaker([[down], [down]]);
    await partsOf(model);
    await partsOf(model);
    await clock.advance(400);
    expect(await partsOf(model)).toHaveLength(1);
    expect(await failureOf(model)).toMatchObject({
      type: 'provider_unavailable',
      code: 'breaker_open',
      retryAfterMs: 600,
      provider: 'acme',
      model: 'large',
    });
  });

  it('stays open as long as the provider asks for, where that is longer', async () => {
    const { model } = breaker([
      [down],
      [error(createFailure({ type: 'provider_unavailable', message: 'Later.', retryAfterMs: 5_000 }))],
    ]);
    await partsOf(model);
    await partsOf(model);
    expect((await failureOf(model))?.retryAfterMs).toBe(5_000);
  });

  it('is half-open while the probe is on its way', async () => {
    const { clock, model, calls } = breaker(['hangs'], { failures: 1 });
    const controller = new AbortController();
    const opened = breaker([[down], 'hangs'], { failures: 1 });
    await partsOf(opened.model);
    await opened.clock.advance(1_000);
    const probe = partsOf(opened.model, request(), controller.signal);
    expect(opened.model.breaker).toBe('half-open');
    await opened.clock.advance(300);
    expect(await failureOf(opened.model)).toMatchObject({ code: 'breaker_open', retryAfterMs: 700 });
    controller.abort();
    await probe;
    // it said nothing, so the next call is the probe
    expect(opened.model.breaker).toBe('open');
    expect(await partsOf(opened.model)).toEqual(fine);
    expect(opened.model.breaker).toBe('closed');
    expect([clock.pending, model.breaker, calls()]).toEqual([0, 'closed', 0]);
  });

  it('closes where the probe finds the provider there, even if it refuses', async () => {
    const { clock, model } = breaker([[down], [limited]], { failures: 1 });
    await partsOf(model);
    await clock.advance(1_000);
    await partsOf(model);
    expect(model.breaker).toBe('closed');
  });

  it('sends another probe where one never comes back', async () => {
    const { clock, model } = breaker([[down], 'hangs'], { failures: 1 });
    await partsOf(model);
    await clock.advance(1_000);
    void partsOf(model);
    await clock.advance(1_000);
    expect(await partsOf(model)).toEqual(fine);
    expect(model.breaker).toBe('closed');
  });

  it('learns nothing from calls that are aborted', async () => {
    const { model } = breaker([[down], 'hangs', 'hangs', [down]]);
    await partsOf(model);
    expect(await abortedCall(model)).toEqual([{ type: 'aborted' }]);
    await abortedCall(model);
    expect(model.breaker).toBe('closed');
    await partsOf(model);
    expect(model.breaker).toBe('open');
  });

  it('learns nothing from a reader that stops early, and from a model that throws', async () => {
    const { model } = breaker([[down], [text('Hel'), down], 'throws', [down]]);
    await partsOf(model);
    for await (const _ of model.stream(request(), { signal: new AbortController().signal })) break;
    await expect(partsOf(model)).rejects.toThrow('broken');
    expect(model.breaker).toBe('closed');
    await partsOf(model);
    expect(model.breaker).toBe('open');
  });

  it('learns from a reader that stops at the last part', async () => {
    const { model } = breaker([[down]], { failures: 1 });
    for await (const _ of model.stream(request(), { signal: new AbortController().signal })) break;
    expect(model.breaker).toBe('open');
  });

  it('is not closed by an answer that was asked for before it opened', async () => {
    const { model } = breaker([[text('Hel'), finish()], [down], [down]]);
    const early = model.stream(request(), { signal: new AbortController().signal })[Symbol.asyncIterator]();
    await early.next();
    await partsOf(model);
    await partsOf(model);
    while (!(await early.next()).done);
    expect(model.breaker).toBe('open');
  });

  it.each([
    ['failures', { failures: 0 }],
    ['failures', { failures: 1.5 }],
    ['coolDownMs', { coolDownMs: -1 }],
    ['coolDownMs', { coolDownMs: Number.NaN }],
  ])('refuses %s that make no sense', (name, options) => {
    expect(() => breaker([], options)).toThrow(new RegExp(`^${name} of withBreaker\\(\\) is`));
  });

  it('needs no options', async () => {
    const model = withBreaker({ provider: 'p', modelId: 'm', stream: () => (async function* () {})() });
    for (let call = 0; call < 5; call++) await partsOf(model);
    expect(model.breaker).toBe('open');
    expect(model).not.toHaveProperty('contextWindow');
    expect((await failureOf(model))?.retryAfterMs).toBeGreaterThan(29_000);
  });
});
