import type { Failure, Model, ModelPart, Usage } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { converse, converseWith, forever, tool } from './toolSupport.ts';

const busy: Failure = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true };
const broken: Failure = { type: 'auth', code: 'auth', message: 'no key', retryable: false };
const modelRetry = { initialDelayMs: 10, jitter: 0 };

describe('25. Usage of failed attempts counts towards budgets, which are checked before each attempt. Within an attempt `usage` parts are cumulative: the last one counts. Text of an attempt that failed for good is dropped.', () => {
  it('adds the usage of failed attempts to that of the turn, the step and the session', async () => {
    const talk = converse(
      [
        { failure: busy, usage: tokens(100, 1) },
        { failure: busy, usage: tokens(20, 2) },
        { text: 'done', usage: tokens(3, 3) },
      ],
      { modelRetry },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', usage: tokens(123, 6) });
    expect(talk.of('step.finished')).toMatchObject([{ usage: tokens(123, 6) }]);
    expect(talk.of('turn.completed')).toMatchObject([{ usage: tokens(123, 6) }]);
    expect(talk.of('session.idle')).toMatchObject([{ usage: tokens(123, 6) }]);
    expect(talk.session.usage).toEqual(tokens(123, 6));
  });

  it.each([
    ['is cancelled', {}, 'cancelled'],
    ['takes too long', { maxDurationMs: 50 }, 'failed'],
  ] as const)('counts what an attempt has reported that breaks off because the turn %s', async (_, limits, status) => {
    const model: Model = {
      provider: 'p',
      modelId: 'm',
      async *stream() {
        yield used(100, 1);
        yield { type: 'text-delta', text: 'So far' };
        yield [{ type: 'text-delta', text: ' so good' }, used(100, 7)];
        await new Promise(() => {});
      },
    };
    const talk = converseWith(model, { limits });
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    turn.cancel();
    expect(await talk.outcomeOf(turn)).toMatchObject({ status, usage: tokens(100, 7) });
    expect(talk.session.usage).toEqual(tokens(100, 7));
  });

  it('counts them where the turn fails in the end', async () => {
    const talk = converse(
      [
        { failure: busy, usage: tokens(100, 1) },
        { failure: broken, usage: tokens(20, 2) },
      ],
      { modelRetry },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', usage: tokens(120, 3) });
    expect(talk.of('turn.failed')).toMatchObject([{ usage: tokens(120, 3) }]);
  });

  it('checks the budget before each attempt: not before it is passed, and then at once', async () => {
    const attempt = { failure: busy, usage: tokens(40, 0) };
    const talk = converse([attempt, attempt, attempt, 'never asked'], {
      modelRetry: { ...modelRetry, maxAttempts: 9 },
      limits: { maxTokens: 100 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(1_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({
      status: 'failed',
      failure: { type: 'budget', code: 'limit_reached' },
    });
    expect(talk.model.requests).toHaveLength(3);
    expect(talk.of('model.retrying')).toHaveLength(2);
  });

  it('counts the usage of failed attempts towards what tools may still be run', async () => {
    let ran = 0;
    const talk = converse(
      [
        { failure: busy, usage: tokens(60, 0) },
        { calls: [{ name: 'work' }], usage: tokens(60, 0) },
      ],
      { modelRetry, limits: { maxTokens: 100 }, tools: [tool('work', () => (ran += 1))] },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'budget' } });
    expect(ran).toBe(0);
  });

  it.each<[string, readonly ModelPart[], Usage]>([
    ['finish after usage', [used(5, 1), used(9, 2), finished(10, 3)], tokens(10, 3)],
    ['usage before an error', [used(5, 1), used(9, 2), { type: 'error', failure: broken }], tokens(9, 2)],
    ['usage before the stream breaks off', [used(9, 2), used(7, 4)], tokens(7, 4)],
    ['no usage at all', [{ type: 'error', failure: broken }], tokens(0, 0)],
  ])('takes the last usage of an attempt: %s', async (_, parts, usage) => {
    const talk = converse([parts], { modelRetry: { maxAttempts: 1 } });
    expect((await talk.say('go')).usage).toEqual(usage);
  });

  it('counts what a stalled attempt had reported', async () => {
    const clock = new SimulatedClock();
    const model: Model = {
      provider: 'test',
      modelId: 'stalling',
      async *stream() {
        yield used(8, 0);
        await forever;
      },
    };
    const talk = converseWith(model, { modelRetry: { maxAttempts: 1 } }, clock);
    const turn = talk.session.send('go');
    await clock.advance(120_000);
    expect((await talk.outcomeOf(turn)).usage).toEqual(tokens(8, 0));
  });

  it('adds up details only where they are known', async () => {
    const talk = converse(
      [
        { failure: busy, usage: { ...tokens(10, 1), cachedInputTokens: 4 } },
        { text: 'done', usage: { ...tokens(10, 1), cachedInputTokens: 5, reasoningTokens: 1 } },
      ],
      { modelRetry },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(10);
    expect((await talk.outcomeOf(turn)).usage).toEqual({ ...tokens(20, 2), cachedInputTokens: 9, reasoningTokens: 1 });
  });

  it.each([
    ['without a retry', [{ text: 'The answer is', failure: broken }], 1],
    [
      'after all attempts',
      [
        { text: 'The ans', failure: busy },
        { text: 'The answer is', failure: busy },
      ],
      2,
    ],
  ] as const)('drops the text of an attempt that failed for good, %s', async (_, script, maxAttempts) => {
    const talk = converse(script, { modelRetry: { ...modelRetry, maxAttempts } });
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    const outcome = await talk.outcomeOf(turn);
    expect(outcome.status).toBe('failed');
    expect(outcome.messages.map(({ role }) => role)).toEqual(['user']);
    expect(JSON.stringify(talk.session.messages)).not.toContain('The ans');
    expect(talk.of('message.completed')).toEqual([]);
  });
});

function tokens(inputTokens: number, outputTokens: number): Usage {
  return { inputTokens, outputTokens };
}

function used(inputTokens: number, outputTokens: number): ModelPart {
  return { type: 'usage', usage: tokens(inputTokens, outputTokens) };
}

function finished(inputTokens: number, outputTokens: number): ModelPart {
  return { type: 'finish', finishReason: { unified: 'stop' }, usage: tokens(inputTokens, outputTokens) };
}
