import type { Model, ModelPart } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { converseWith, forever, later } from './toolSupport.ts';

const finish: ModelPart = {
  type: 'finish',
  finishReason: { unified: 'stop' },
  usage: { inputTokens: 1, outputTokens: 1 },
};

describe('23. A stream without content for `stallTimeoutMs` (120000) fails as `stream_stalled`; empty deltas and keep-alives do not reset the clock.', () => {
  it('fails a stream that says nothing for 120 s, and aborts its signal', async () => {
    const { talk, signals } = streaming([[]]);
    const turn = talk.session.send('go');
    await talk.clock.advance(119_999);
    expect(talk.of('turn.failed')).toEqual([]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await talk.clock.advance(1);
    expect(await talk.outcomeOf(turn)).toMatchObject({
      status: 'failed',
      failure: {
        type: 'provider_unavailable',
        code: 'stream_stalled',
        retryable: true,
        provider: 'test',
        model: 'slow',
        attempt: 1,
      },
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('takes another time from stallTimeoutMs', async () => {
    const { talk } = streaming([[]], { stallTimeoutMs: 5_000 });
    const turn = talk.session.send('go');
    await talk.clock.advance(5_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({ failure: { code: 'stream_stalled' } });
  });

  it('counts from the last content', async () => {
    const { talk } = streaming([[[600, { type: 'text-delta', text: 'a' }]]]);
    const turn = talk.session.send('go');
    await talk.clock.advance(120_599);
    expect(talk.of('turn.failed')).toEqual([]);
    await talk.clock.advance(1);
    expect(await talk.outcomeOf(turn)).toMatchObject({ failure: { code: 'stream_stalled' } });
  });

  it.each<[string, ModelPart | readonly ModelPart[]]>([
    ['an empty text', { type: 'text-delta', text: '' }],
    ['an empty reasoning', { type: 'reasoning-delta', text: '' }],
    ['an empty tool input', { type: 'tool-input-delta', toolCallId: 'x', toolName: 'y', delta: '' }],
    ['usage', { type: 'usage', usage: { inputTokens: 1, outputTokens: 1 } }],
    ['a read without parts', []],
    [
      'a read of empty parts',
      [
        { type: 'text-delta', text: '' },
        { type: 'reasoning-delta', text: '' },
      ],
    ],
    ['the end of a block', { type: 'block-end', id: 'x' }],
  ])('does not take for content: %s', async (_, part) => {
    const keepAlive = Array.from({ length: 300 }, () => [1_000, part] as const);
    const { talk } = streaming([[[0, { type: 'text-delta', text: 'a' }], ...keepAlive]]);
    const turn = talk.session.send('go');
    await talk.clock.advance(120_000);
    expect(await talk.outcomeOf(turn)).toMatchObject({ failure: { code: 'stream_stalled' } });
  });

  it.each<[string, ModelPart]>([
    ['text', { type: 'text-delta', text: 'a' }],
    ['space', { type: 'text-delta', text: ' ' }],
    ['reasoning', { type: 'reasoning-delta', text: 'a' }],
    ['tool input', { type: 'tool-input-delta', toolCallId: 'x', toolName: 'y', delta: '{' }],
  ])('lets a slow stream take as long as it likes while it brings %s', async (_, part) => {
    const slow = Array.from({ length: 50 }, () => [119_999, part] as const);
    const { talk } = streaming([[...slow, [0, finish]]]);
    const turn = talk.session.send('go');
    await talk.clock.advance(50 * 119_999);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
  });

  it('repeats the call like any other provider_unavailable, clearing what was shown', async () => {
    const { talk, signals } = streaming(
      [
        [[0, { type: 'text-delta', text: 'stale' }]],
        [
          [0, { type: 'text-delta', text: 'fresh' }],
          [0, finish],
        ],
      ],
      {},
      { initialDelayMs: 100, jitter: 0, maxAttempts: 3 },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(120_100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 1, result: { text: 'fresh' } });
    expect(talk.of('message.superseded')).toHaveLength(1);
    expect(talk.of('model.retrying')).toMatchObject([
      { attempt: 1, delayMs: 100, failure: { code: 'stream_stalled' } },
    ]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it('drops what a stalled stream still says', async () => {
    const { talk } = streaming([
      [
        [130_000, { type: 'text-delta', text: 'late' }],
        [0, finish],
      ],
    ]);
    const turn = talk.session.send('go');
    await talk.clock.advance(200_000);
    expect((await talk.outcomeOf(turn)).status).toBe('failed');
    expect(talk.of('message.delta')).toEqual([]);
  });

  it.each(['completes', 'is cancelled'])('leaves no timer behind where the turn %s', async (how) => {
    const { talk } = streaming([how === 'completes' ? [[0, finish]] : []]);
    const turn = talk.session.send('go');
    await talk.clock.advance(1);
    if (how === 'is cancelled') turn.cancel();
    await talk.outcomeOf(turn);
    expect(talk.clock.pending).toBe(0);
  });

  it('counts for every attempt anew', async () => {
    const { talk, signals } = streaming(
      [[], [[119_000, finish]]],
      {},
      { initialDelayMs: 100, jitter: 0, maxAttempts: 2 },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(120_000 + 100 + 119_000);
    expect((await talk.outcomeOf(turn)).status).toBe('completed');
    expect(signals).toHaveLength(2);
  });
});

type Timed = readonly [afterMs: number, part: ModelPart | readonly ModelPart[]];

/** A model that brings its parts in time, attempt by attempt; after the last part it says nothing more, and ignores its signal. */
function streaming(
  attempts: readonly (readonly Timed[])[],
  limits: { readonly stallTimeoutMs?: number } = {},
  modelRetry: { readonly initialDelayMs?: number; readonly jitter?: number; readonly maxAttempts: number } = {
    maxAttempts: 1,
  },
) {
  const clock = new SimulatedClock();
  const signals: AbortSignal[] = [];
  const model: Model = {
    provider: 'test',
    modelId: 'slow',
    async *stream(_, { signal }) {
      const parts = attempts[signals.length] ?? [];
      signals.push(signal);
      for (const [ms, part] of parts) {
        await later(clock, ms);
        yield part;
      }
      await forever;
    },
  };
  return { talk: converseWith(model, { limits, modelRetry }, clock), signals };
}
