import { AgentError, type StandardSchema } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { type Conversation, converse, converseWith, forever, later, tool } from './toolSupport.ts';

const busy = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
const hangingSchema: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: () => forever,
    jsonSchema: { input: () => ({}), output: () => ({}) },
  },
};
const limits = { maxDurationMs: 1_000 };

describe('50. `maxDurationMs` ends the turn with `timeout`.', () => {
  const signals: AbortSignal[] = [];
  const hang = tool('hang', (_, { signal }) => {
    signals.push(signal);
    return forever;
  });
  const flaky = tool('flaky', () => Promise.reject(new Error('no')), {
    retry: { maxAttempts: 9, initialDelayMs: 9_000 },
  });
  const states: readonly (readonly [state: string, toolState: string | undefined, () => Conversation])[] = [
    ['callingModel', undefined, () => converse([{ text: 'Let me think', hangs: true }], { limits })],
    ['retrying', undefined, () => converse([{ failure: { ...busy, retryAfterMs: 50_000 } }], { limits })],
    [
      'runningTools',
      'preparing',
      () =>
        converse([{ calls: [{ name: 'slow' }] }], {
          limits,
          tools: [tool('slow', undefined, { input: hangingSchema })],
        }),
    ],
    [
      'runningTools',
      'queued',
      () =>
        converse(
          [{ calls: [{ name: 'late' }, { name: 'hang' }] }].map(({ calls }) => ({ calls: calls.toReversed() })),
          {
            limits: { ...limits, maxParallelTools: 1 },
            tools: [tool('late'), hang],
          },
        ),
    ],
    ['runningTools', 'executing', () => converse([{ calls: [{ name: 'hang' }] }], { limits, tools: [hang] })],
    ['runningTools', 'retrying', () => converse([{ calls: [{ name: 'flaky' }] }], { limits, tools: [flaky] })],
  ];

  it.each(states)('ends a turn that is in %s (tool: %s)', async (state, toolState, open) => {
    const talk = open();
    const turn = talk.session.send('go');
    await talk.clock.advance(999);
    expect(talk.session.snapshot.turn).toMatchObject({ state });
    if (toolState !== undefined) expect(talk.session.snapshot.turn?.tools.at(-1)?.state).toBe(toolState);
    expect(talk.of('turn.failed')).toEqual([]);
    await talk.clock.advance(1);
    const outcome = await talk.outcomeOf(turn);
    expect(outcome).toMatchObject({
      status: 'failed',
      stopReason: 'failed',
      failure: {
        type: 'timeout',
        code: 'timeout',
        retryable: false,
        message: expect.stringMatching(/1000 ms.*maxDurationMs/),
      },
    });
    expect(talk.of('turn.failed')).toMatchObject([{ durationMs: 1_000 }]);
    const error: unknown = await turn.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AgentError);
    expect(talk.clock.pending).toBe(0);
    expect(talk.session.snapshot).toMatchObject({ status: 'idle' });
  });

  it('aborts what runs, and drops what it still says', async () => {
    signals.length = 0;
    const talk = converse([{ calls: [{ name: 'hang' }] }, 'never asked'], { limits, tools: [hang] });
    const turn = talk.session.send('go');
    await talk.clock.advance(1_000);
    await talk.outcomeOf(turn);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(talk.results().map(({ synthesized }) => synthesized)).toEqual(['interrupted']);
    await talk.clock.advance(10_000);
    expect(talk.model.requests).toHaveLength(1);
    expect(talk.events.at(-1)?.type).toBe('session.idle');
  });

  it('aborts the model call, and does not keep what it had said', async () => {
    const talk = converse([{ text: 'Let me think', hangs: true }], { limits });
    const turn = talk.session.send('go');
    await talk.clock.advance(1_000);
    const { messages } = await talk.outcomeOf(turn);
    expect(talk.model.signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(JSON.stringify(messages)).not.toContain('Let me think');
  });

  it('is not held up by a model that ignores its signal', async () => {
    const clock = new SimulatedClock();
    const deaf = {
      provider: 'test',
      modelId: 'deaf',
      stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => forever }) }),
    };
    const talk = converseWith(deaf, { limits }, clock);
    const turn = talk.session.send('go');
    await clock.advance(1_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'timeout' } });
  });

  it('counts from the start of the turn, over all its steps', async () => {
    const talk = converse((_, index) => ({ calls: [{ name: 'slow', input: { index } }] }), {
      limits,
      tools: [tool('slow', () => later(talk.clock, 300))],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(1_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', steps: 4, failure: { type: 'timeout' } });
  });

  it('counts for every turn anew, from when it starts and not from when it was sent', async () => {
    const talk = converse((_, index) => ({ calls: [{ name: 'slow', input: { index } }] }), {
      limits: { ...limits, maxSteps: 2 },
      tools: [tool('slow', () => later(talk.clock, 400))],
    });
    const first = talk.session.send('one');
    const second = talk.session.send('two');
    await talk.clock.advance(1_600);
    expect(await talk.outcomeOf(first)).toMatchObject({ failure: { type: 'max_steps' } });
    expect(await talk.outcomeOf(second)).toMatchObject({ failure: { type: 'max_steps' } });
  });

  it.each(['completes', 'fails', 'is cancelled'])('leaves no timer behind where the turn %s before', async (how) => {
    const failure = { type: 'auth', code: 'auth', message: 'no key', retryable: false } as const;
    const talk = converse([how === 'fails' ? { failure } : { text: 'hi', hangs: how === 'is cancelled' }], { limits });
    const turn = talk.session.send('go');
    await talk.clock.advance(1);
    if (how === 'is cancelled') turn.cancel();
    await talk.outcomeOf(turn);
    expect(talk.clock.pending).toBe(0);
    await talk.clock.advance(10_000);
    expect(talk.of('turn.failed')).toHaveLength(how === 'fails' ? 1 : 0);
  });

  it('leaves a session that takes the next message', async () => {
    const talk = converse([{ calls: [{ name: 'hang' }] }, 'Here I am.'], { limits, tools: [hang] });
    const turn = talk.session.send('go');
    await talk.clock.advance(1_000);
    await talk.outcomeOf(turn);
    expect(await talk.say('still there?')).toMatchObject({ status: 'completed', result: { text: 'Here I am.' } });
  });

  it('sets no limit by default', async () => {
    const talk = converse([{ calls: [{ name: 'slow' }] }, 'done'], {
      tools: [tool('slow', () => later(talk.clock, 7 * 24 * 3_600_000))],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(7 * 24 * 3_600_000);
    expect((await talk.outcomeOf(turn)).status).toBe('completed');
  });
});
