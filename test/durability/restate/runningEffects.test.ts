import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { RunningEffects } from '../../../src/durability/restate/runningEffects.ts';
import type { EffectInput, EffectRunner, StartedEffect } from '../../../src/effects.ts';

function effect(run: EffectRunner<EffectInput, unknown, unknown>): StartedEffect {
  return { id: 'e', kind: 'k', input: { id: 'e' }, run, mergeReports: undefined, settle: () => {}, report: () => {} };
}

function arrange() {
  const clock = new SimulatedClock();
  return { clock, running: new RunningEffects(clock), world: { clock, context: undefined } };
}

describe('the effects at work in a process', () => {
  it('are run once, however often somebody asks what becomes of them', async () => {
    const { running, world } = arrange();
    let runs = 0;
    running.reserve('invocation', ['e']);
    const work = effect(() => ++runs);
    const held = running.find('invocation', 'e');
    expect(await held?.done(work, world)).toMatchObject({ type: 'settled', result: { value: 1 } });
    expect(await held?.done(work, world)).toMatchObject({ type: 'settled', result: { value: 1 } });
  });

  it('go on while an attempt is repeated soon, and are stopped where none comes', async () => {
    const { clock, running, world } = arrange();
    let isAborted = false;
    running.reserve('invocation', ['e']);
    const done = running.find('invocation', 'e')?.done(
      effect(({ signal }) => new Promise(() => signal.addEventListener('abort', () => (isAborted = true)))),
      world,
    );
    const end = running.join('invocation');
    end();
    const endSecond = running.join('invocation');
    // the first may notice late that it is over
    end();
    await clock.advance(120_000);
    expect(isAborted).toBe(false);
    endSecond();
    await clock.advance(120_000);
    expect(isAborted).toBe(true);
    expect(await done).toMatchObject({ type: 'lost' });
    // it has begun here, so it must not begin again
    expect(running.find('invocation', 'e')).toBeUndefined();
  });

  it('are known by what they have reported, and when first', async () => {
    const { clock, running, world } = arrange();
    running.reserve('invocation', ['e']);
    const held = running.find('invocation', 'e');
    let told = 0;
    if (held !== undefined) held.onReport = () => (told += 1);
    const first = clock.now();
    const done = held?.done(
      effect(({ report, after }) => {
        report('one');
        return new Promise((resolve) =>
          after(10, () => {
            report('two');
            resolve('done');
          }),
        );
      }),
      world,
    );
    await clock.advance(10);
    expect(held?.reports).toEqual([
      { report: 'one', at: first },
      { report: 'two', at: first + 10 },
    ]);
    expect(told).toBe(2);
    expect(await done).toEqual({ type: 'settled', result: { value: 'done' }, at: first + 10, reportedAt: first });
  });

  it('are waited for where nothing more is to begin, but not for ever', async () => {
    const { clock, running } = arrange();
    running.reserve('invocation', ['e']);
    running.reserve('other', ['f']);
    let isDrained = false;
    const drained = running.drain(10_000).then(() => {
      isDrained = true;
    });
    expect(() => running.reserve('invocation', ['g'])).toThrow('This replica is stopping');
    running.drop('invocation', 'e');
    await clock.advance(9_999);
    expect([isDrained, running.size]).toEqual([false, 1]);
    running.release('other');
    await drained;
    expect([running.size, clock.pending]).toEqual([0, 0]);

    const { clock: later, running: stuck } = arrange();
    stuck.reserve('invocation', ['e']);
    const givenUp = stuck.drain(10_000);
    await later.advance(10_000);
    await givenUp;
    expect(stuck.size).toBe(1);
  });

  it('are gone when their result is journaled, and with their invocation', () => {
    const { running } = arrange();
    running.reserve('invocation', ['e', 'f']);
    running.drop('invocation', 'e');
    expect(running.find('invocation', 'e')).toBeUndefined();
    expect(running.find('invocation', 'f')).toBeDefined();
    running.release('invocation');
    expect(running.find('invocation', 'f')).toBeUndefined();
  });
});
