import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { converse, forever, gate, later, tool } from './toolSupport.ts';

describe('40. Tool retry is separate from model retry: `retry: {maxAttempts, …}` and `timeoutMs` per attempt on the tool, `tool.retrying` before each wait.', () => {
  it('runs a tool that fails again, up to maxAttempts in total, and sends the result of the attempt that worked', async () => {
    const { talk, attempts } = flaky(2, { maxAttempts: 3, jitter: 0 });
    const turn = talk.session.send('go');
    await talk.clock.advance(3_000);
    await talk.outcomeOf(turn);
    expect(attempts()).toBe(3);
    expect(talk.results().map(({ output }) => output)).toEqual([{ type: 'text', value: 'worked' }]);
    expect(talk.of('tool.failed')).toEqual([]);
  });

  it('gives the model the error of the last attempt where all fail', async () => {
    const { talk, attempts } = flaky(9, { maxAttempts: 3, jitter: 0 });
    const turn = talk.session.send('go');
    await talk.clock.advance(3_000);
    await talk.outcomeOf(turn);
    expect(attempts()).toBe(3);
    expect(talk.of('tool.retrying')).toHaveLength(2);
    expect(talk.of('tool.failed')).toMatchObject([{ failure: { code: 'tool_threw', message: 'attempt 3 failed' } }]);
    expect(talk.results()[0]?.output.value).toContain('attempt 3 failed');
  });

  it('runs a tool once where it says nothing of retry', async () => {
    let attempts = 0;
    const once = tool('once', () => {
      attempts += 1;
      throw new Error('no');
    });
    const talk = converse([{ calls: [{ name: 'once' }] }, 'done'], { tools: [once] });
    await talk.say('go');
    expect(attempts).toBe(1);
    expect(talk.of('tool.retrying')).toEqual([]);
  });

  it('emits tool.retrying before each wait, saying what failed and when it goes on', async () => {
    const { talk, attempts } = flaky(2, { maxAttempts: 3, initialDelayMs: 400, jitter: 0 });
    talk.session.send('go');
    const start = talk.clock.now();
    await talk.clock.advance(0);
    const common = { toolCallId: 'call_1', toolName: 'flaky', maxAttempts: 3, step: 1 };
    const first = {
      ...common,
      attempt: 1,
      delayMs: 400,
      retryAt: start + 400,
      failure: { code: 'tool_threw', message: 'attempt 1 failed' },
    };
    expect(talk.of('tool.retrying')).toMatchObject([first]);
    await talk.clock.advance(399);
    expect(attempts()).toBe(1);
    await talk.clock.advance(1);
    expect(attempts()).toBe(2);
    const second = {
      ...common,
      attempt: 2,
      delayMs: 800,
      retryAt: start + 1_200,
      failure: { message: 'attempt 2 failed' },
    };
    expect(talk.of('tool.retrying')).toMatchObject([first, second]);
    await talk.clock.advance(800);
    expect(attempts()).toBe(3);
  });

  it('doubles the delay up to maxDelayMs', async () => {
    const { talk } = flaky(9, { maxAttempts: 6, initialDelayMs: 100, maxDelayMs: 500, jitter: 0 });
    const turn = talk.session.send('go');
    await talk.clock.advance(10_000);
    await talk.outcomeOf(turn);
    expect(talk.of('tool.retrying').map(({ delayMs }) => delayMs)).toEqual([100, 200, 400, 500, 500]);
  });

  it('waits 1 s at first by default, give or take a quarter', async () => {
    const { talk } = flaky(9, { maxAttempts: 40, maxDelayMs: 1_000 });
    const turn = talk.session.send('go');
    await talk.clock.advance(100_000);
    await talk.outcomeOf(turn);
    const delays = talk.of('tool.retrying').map(({ delayMs }) => delayMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(750);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_250);
    expect(new Set(delays).size).toBeGreaterThan(1);
  });

  it.each([
    ['exists only as JSON', { jsonSchema: { type: 'object' } }],
    ['makes objects of its own', z.object({ list: z.array(z.number()) })],
  ])('gives every attempt the same input, whatever the one before did to it, where the schema %s', async (_, input) => {
    const seen: string[] = [];
    const wild = tool(
      'wild',
      (given) => {
        seen.push(JSON.stringify(given));
        (given as { list: number[] }).list.push(2);
        throw new Error('no');
      },
      { input, retry: { maxAttempts: 3, initialDelayMs: 10, jitter: 0 } },
    );
    const talk = converse([{ calls: [{ name: 'wild', input: { list: [1] } }] }, 'done'], { tools: [wild] });
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    await talk.outcomeOf(turn);
    expect(seen).toEqual(Array(3).fill('{"list":[1]}'));
  });

  it('counts apart from the model: neither limits the other', async () => {
    const { talk, attempts } = flaky(2, { maxAttempts: 3, jitter: 0 }, { modelRetry: { maxAttempts: 1 } });
    const turn = talk.session.send('go');
    await talk.clock.advance(3_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 2 });
    expect(attempts()).toBe(3);
    expect(talk.model.requests.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(talk.of('model.retrying')).toEqual([]);
  });

  it('lets siblings run on during the wait', async () => {
    const { talk } = flaky(1, { maxAttempts: 2, jitter: 0 }, {}, [{ name: 'flaky' }, { name: 'other' }]);
    talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.completed').map(({ toolName }) => toolName)).toEqual(['other']);
  });

  it('ends the wait at once when the turn is cancelled, and leaves no timer behind', async () => {
    const { talk, attempts } = flaky(9, { maxAttempts: 3 }, {});
    const turn = talk.session.send('go');
    await talk.clock.advance(1);
    expect(talk.clock.pending).toBe(1);
    turn.cancel();
    expect((await talk.outcomeOf(turn)).status).toBe('cancelled');
    expect(talk.clock.pending).toBe(0);
    await talk.clock.advance(60_000);
    expect(attempts()).toBe(1);
  });

  it('does not run a call again that was refused before it ran', async () => {
    const { talk, attempts } = flaky(0, { maxAttempts: 3 }, {}, [{ name: 'flaky', rawInput: '{"a":' }]);
    await talk.say('go');
    expect(attempts()).toBe(0);
    expect(talk.of('tool.retrying')).toEqual([]);
  });

  describe('timeoutMs', () => {
    it('ends an attempt that takes longer, and aborts its signal with a TimeoutError', async () => {
      const signals: AbortSignal[] = [];
      const hang = tool(
        'hang',
        (_, { signal }) => {
          signals.push(signal);
          return forever;
        },
        { timeoutMs: 100 },
      );
      const talk = converse([{ calls: [{ name: 'hang' }] }, 'done'], { tools: [hang] });
      const turn = talk.session.send('go');
      await talk.clock.advance(99);
      expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
      expect(talk.of('tool.failed')).toEqual([]);
      await talk.clock.advance(1);
      await talk.outcomeOf(turn);
      expect(signals[0]?.aborted).toBe(true);
      expect(signals[0]?.reason).toMatchObject({ name: 'TimeoutError' });
      expect(talk.of('tool.failed')).toMatchObject([{ failure: { code: 'tool_timed_out' } }]);
    });

    it('counts for every attempt anew, each with a signal of its own', async () => {
      const signals: AbortSignal[] = [];
      const states: boolean[] = [];
      const hang = tool(
        'hang',
        (_, { signal }) => {
          signals.push(signal);
          states.push(signal.aborted);
          return signals.length < 3 ? forever : later(talk.clock, 90).then(() => 'in time');
        },
        { timeoutMs: 100, retry: { maxAttempts: 3, initialDelayMs: 1_000, jitter: 0 } },
      );
      const talk = converse([{ calls: [{ name: 'hang' }] }, 'done'], { tools: [hang] });
      const turn = talk.session.send('go');
      await talk.clock.advance(100 + 1_000 + 100 + 2_000 + 90);
      await talk.outcomeOf(turn);
      expect(new Set(signals).size).toBe(3);
      expect(states).toEqual([false, false, false]);
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
      expect(talk.of('tool.retrying').map(({ failure }) => failure.code)).toEqual(['tool_timed_out', 'tool_timed_out']);
      expect(talk.results()[0]?.output).toEqual({ type: 'text', value: 'in time' });
    });

    it('drops what an attempt says and gives after its time', async () => {
      const late = gate<string>();
      let say: (text: string) => void = () => {};
      let attempts = 0;
      const slow = tool(
        'slow',
        (_, { progress }) => {
          attempts += 1;
          if (attempts > 1) return later(talk.clock, 10).then(() => 'second');
          say = progress;
          return late.promise;
        },
        { timeoutMs: 100, retry: { maxAttempts: 2, initialDelayMs: 50, jitter: 0 } },
      );
      const talk = converse([{ calls: [{ name: 'slow' }] }, 'done'], { tools: [slow] });
      const turn = talk.session.send('go');
      await talk.clock.advance(155);
      say('late news');
      late.open('first');
      await talk.clock.advance(5);
      await talk.outcomeOf(turn);
      expect(talk.of('tool.progress')).toEqual([]);
      expect(talk.results().map(({ output }) => output.value)).toEqual(['second']);
    });

    it('does not count the wait for a slot', async () => {
      const talk = converse([{ calls: [{ name: 'slow' }, { name: 'quick' }] }, 'done'], {
        tools: [
          tool('slow', () => later(talk.clock, 1_000).then(() => 'slow')),
          tool('quick', () => later(talk.clock, 50).then(() => 'quick'), { timeoutMs: 100 }),
        ],
        limits: { maxParallelTools: 1 },
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(1_050);
      await talk.outcomeOf(turn);
      expect(talk.results().map(({ output }) => output.value)).toEqual(['slow', 'quick']);
    });

    it.each<[string, () => unknown]>([
      ['returns at once', () => 'ok'],
      ['resolves', async () => 'ok'],
      ['throws', () => Promise.reject(new Error('no'))],
    ])('leaves no timer behind where the tool %s', async (_, execute) => {
      const talk = converse([{ calls: [{ name: 'quick' }] }, 'done'], {
        tools: [tool('quick', execute, { timeoutMs: 60_000 })],
      });
      await talk.say('go');
      expect(talk.clock.pending).toBe(0);
    });

    it('leaves no timer behind where the turn is cancelled meanwhile', async () => {
      const talk = converse([{ calls: [{ name: 'hang' }] }], {
        tools: [tool('hang', () => forever, { timeoutMs: 60_000 })],
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(1);
      turn.cancel();
      await talk.outcomeOf(turn);
      expect(talk.clock.pending).toBe(0);
    });

    it('may be longer than timers of the platform reach', async () => {
      const talk = converse(
        [{ calls: [{ name: 'patient' }] }, 'done'],
        { tools: [tool('patient', () => later(talk.clock, 5_000).then(() => 'ok'), { timeoutMs: 2 ** 31 })] },
        new PlatformClock(),
      );
      const turn = talk.session.send('go');
      await talk.clock.advance(5_000);
      await talk.outcomeOf(turn);
      expect(talk.results()[0]?.output).toEqual({ type: 'text', value: 'ok' });
    });
  });
});

/** Does with long delays what setTimeout does in Node and browsers: fires at once. */
class PlatformClock extends SimulatedClock {
  override setTimeout(run: () => void, ms: number): number {
    return super.setTimeout(run, ms > 2 ** 31 - 1 ? 1 : ms);
  }
}

/** A tool that fails so often before it works. */
function flaky(
  failures: number,
  retry: {
    readonly maxAttempts: number;
    readonly initialDelayMs?: number;
    readonly maxDelayMs?: number;
    readonly jitter?: number;
  },
  options: Parameters<typeof converse>[1] = {},
  calls: readonly { readonly name: string; readonly rawInput?: string }[] = [{ name: 'flaky' }],
) {
  let attempts = 0;
  const execute = async () => {
    attempts += 1;
    if (attempts <= failures) throw new Error(`attempt ${attempts} failed`);
    return 'worked';
  };
  const talk = converse([{ calls }, 'done'], { ...options, tools: [tool('flaky', execute, { retry }), tool('other')] });
  return { talk, attempts: () => attempts };
}
