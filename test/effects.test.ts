import { connectPort, effect } from 'turnchart/machines';
import { SimulatedClock, scriptedPort } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { createActor, setup, waitFor } from 'xstate';
import { type EffectResult, type RunningEffect, runEffect, type StartedEffect } from '../src/effects.ts';

const withEffect = (run: Parameters<typeof effect<{ id: string }, string, string>>[1]) =>
  setup({
    types: { events: {} as { type: 'stop' } | { type: 'told'; text: string } },
    actors: {
      work: effect<{ id: string }, string, string>('work', run, { toEvent: (text) => ({ type: 'told', text }) }),
    },
  }).createMachine({
    initial: 'working',
    states: {
      working: {
        invoke: { src: 'work', input: { id: 'w1' }, onDone: 'done' },
        on: { stop: 'stopped', told: {} },
      },
      done: {},
      stopped: {},
    },
  });

const started = (run: StartedEffect['run']): StartedEffect => ({
  id: 'e',
  kind: 'test',
  input: { id: 'e' },
  run,
  mergeReports: undefined,
  settle: () => {},
  report: () => {},
});

function start(run: StartedEffect['run'], clock = new SimulatedClock()) {
  const results: EffectResult[] = [];
  const reports: unknown[] = [];
  let running: RunningEffect | undefined;
  runEffect(
    started(run),
    { clock, context: 'ours' },
    {
      begin: (effect) => {
        running = effect;
      },
      report: (report) => reports.push(report),
      settle: (result) => results.push(result),
    },
  );
  if (running === undefined) throw new Error('The effect did not begin.');
  return { running, results, reports, clock };
}

describe('an effect', () => {
  it('runs itself where its actor system has no port', async () => {
    const actor = createActor(withEffect(async ({ input }) => `ran ${input.id}`)).start();
    await waitFor(actor, (snapshot) => snapshot.matches('done'));
  });

  it('never settles inside the transition that starts it, even if its runner is synchronous', async () => {
    const actor = createActor(withEffect(() => 'at once')).start();
    expect(actor.getSnapshot().value).toBe('working');
    await waitFor(actor, (snapshot) => snapshot.matches('done'));
  });

  it('aborts its signal when its state is left, in the same transition, and drops what comes later', async () => {
    let signal: AbortSignal | undefined;
    let finish: (value: string) => void = () => {};
    const actor = createActor(
      withEffect((scope) => {
        signal = scope.signal;
        return new Promise((resolve) => {
          finish = resolve;
        });
      }),
    ).start();
    actor.send({ type: 'stop' });
    expect(signal?.aborted).toBe(true);
    finish('late');
    await Promise.resolve();
    expect(actor.getSnapshot().value).toBe('stopped');
  });

  it('leaves whether and when it runs to a port, at any depth', () => {
    let runs = 0;
    const inner = withEffect(() => {
      runs += 1;
      return 'ran';
    });
    const outer = setup({ actors: { inner } }).createMachine({ invoke: { src: 'inner' } });
    const port = scriptedPort();
    const actor = createActor(outer);
    connectPort(actor, port);
    actor.start();
    expect(port.pending.map(({ id, kind }) => [id, kind])).toEqual([['w1', 'work']]);
    port.settle('work', 'scripted');
    expect(runs).toBe(0);
    expect(port.pending).toEqual([]);
    expect(() => port.settle('work', 'again')).toThrow(/No effect "work" is pending/);
  });

  it('tells what its runner threw, as data', async () => {
    const { results } = start(() => {
      throw new RangeError('too far');
    });
    expect(results).toEqual([{ error: { name: 'RangeError', message: 'too far' } }]);
    const later = start(async () => {
      throw new RangeError('too far');
    });
    await Promise.resolve();
    await Promise.resolve();
    expect(later.results).toEqual([{ error: { name: 'RangeError', message: 'too far' } }]);
  });

  it('makes its signal only when somebody looks at it, aborted where it is too late', () => {
    const { running } = start(() => new Promise(() => {}));
    running.stop();
    expect(running.signal.aborted).toBe(true);
  });

  it('clears its timers when it settles or is stopped', async () => {
    const stopped = start((scope) => {
      scope.after(100, () => {});
      return new Promise(() => {});
    });
    expect(stopped.clock.pending).toBe(1);
    stopped.running.stop();
    expect(stopped.clock.pending).toBe(0);
    const settled = start((scope) => {
      scope.after(100, () => {});
      return 'done';
    });
    expect(settled.clock.pending).toBe(0);
  });

  it('says nothing more once it is over', () => {
    let late: (report: unknown) => void = () => {};
    const { reports, results } = start(({ report }) => {
      report('early');
      late = report;
      return 'done';
    });
    late('late');
    expect(reports).toEqual(['early']);
    expect(results).toEqual([{ value: 'done' }]);
  });
});
