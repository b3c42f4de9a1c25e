import { createFailure, type Failure, type Model, type ModelPart } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { withFallback } from '../../src/adapters/withFallback.ts';
import { error, failureOf, finish, partsOf, readsOf, request, text, usage } from './models.ts';

const failure = (type: Failure['type'], extra: Partial<Failure> = {}) =>
  createFailure({ type, message: type, ...extra });
const down = error(failure('provider_unavailable'));

function model(modelId: string, ...reads: readonly (ModelPart | readonly ModelPart[])[]): Model & { calls: number } {
  return {
    provider: `of ${modelId}`,
    modelId,
    calls: 0,
    async *stream() {
      this.calls += 1;
      yield* reads;
    },
  };
}

describe('withFallback', () => {
  it('leaves a first model that answers to itself', async () => {
    const reads = [
      [text('Hel'), text('lo.')],
      [{ type: 'usage', usage: usage(3) } as const, finish()],
    ];
    const [a, b] = [model('a', ...reads), model('b', finish())];
    expect(await readsOf(withFallback(a, b))).toEqual(reads);
    expect(b.calls).toBe(0);
    expect(withFallback({ ...a, contextWindow: 9 }, b)).toMatchObject({
      provider: 'of a',
      modelId: 'a',
      contextWindow: 9,
    });
  });

  it.each([
    'auth',
    'budget',
    'rate_limit',
    'provider_unavailable',
    'context_overflow',
    'unknown',
  ] as const)('goes on after %s', async (type) => {
    const parts = await partsOf(withFallback(model('a', error(failure(type))), model('b', text('Hi.'), finish())));
    expect(parts).toEqual([text('Hi.'), { ...finish(), response: { modelId: 'b' } }]);
  });

  it.each<[string, readonly ModelPart[]]>([
    ['text', [text('Hel')]],
    ['reasoning', [{ type: 'reasoning-delta', text: 'Hm' }]],
    ['a tool call', [{ type: 'tool-call', toolCallId: 'c', toolName: 't', rawInput: '{}' }]],
    ['the input of a tool', [{ type: 'tool-input-delta', toolCallId: 'c', toolName: 't', delta: '{' }]],
    ['an opaque block', [{ type: 'opaque', provider: 'of a', data: {} }]],
  ])('does not go on after %s', async (_, output) => {
    const b = model('b', finish());
    for (const reads of [[...output, down], [[...output, down]]]) {
      const parts = await partsOf(withFallback(model('a', ...reads), b));
      expect(parts).toEqual([...output, down]);
    }
    expect(b.calls).toBe(0);
  });

  it.each<[string, readonly (ModelPart | readonly ModelPart[])[]]>([
    ['usage', [{ type: 'usage', usage: usage(0) }, down]],
    ['empty text', [text(''), { type: 'reasoning-delta', text: '' }, down]],
    ['both in one read', [[text(''), { type: 'usage', usage: usage(0) }, down]]],
    ['nothing at all, not even an end', []],
    ['an abort that nobody asked for', [{ type: 'aborted' }]],
  ])('goes on after %s', async (_, reads) => {
    const parts = await partsOf(withFallback(model('a', ...reads), model('b', text('Hi.'), finish(usage(2, 2)))));
    expect(parts.at(-1)).toMatchObject({ type: 'finish', response: { modelId: 'b' }, usage: usage(2, 2) });
    expect(parts.filter(({ type }) => type === 'error' || type === 'aborted')).toEqual([]);
  });

  it('asks as many models as there are, each once', async () => {
    const models = [
      model('a', down),
      model('b', down),
      model('c', text('Hi.'), finish()),
      model('d', finish()),
    ] as const;
    await partsOf(withFallback(...models));
    expect(models.map(({ calls }) => calls)).toEqual([1, 1, 1, 0]);
  });

  it('adds up what all of them have used', async () => {
    const parts = await partsOf(
      withFallback(
        model('a', { type: 'usage', usage: usage(5) }, { type: 'usage', usage: usage(7) }, down),
        model('b', [{ type: 'usage', usage: usage(10) }, down]),
        model('c', { type: 'usage', usage: usage(100) }, text('Hi.'), finish(usage(100, 3))),
      ),
    );
    expect(parts.flatMap((part) => ('usage' in part ? [part.usage.inputTokens] : []))).toEqual([5, 7, 117, 117]);
    expect(parts.at(-1)).toMatchObject({ type: 'finish', usage: usage(117, 3) });
  });

  it('tells what was used where all fail', async () => {
    const parts = await partsOf(withFallback(model('a', [{ type: 'usage', usage: usage(5) }, down])));
    expect(parts.map(({ type }) => type)).toEqual(['usage', 'error']);
    expect(parts[0]).toMatchObject({ usage: usage(5) });
  });

  it.each<[string, readonly Failure[], Partial<Failure>]>([
    ['of the last where none can be retried', [failure('auth'), failure('budget')], { type: 'budget', model: 'b' }],
    ['that can be retried', [failure('rate_limit'), failure('auth')], { type: 'rate_limit', model: 'a' }],
    [
      'that can be retried soonest',
      [failure('rate_limit', { retryAfterMs: 9_000 }), failure('provider_unavailable', { retryAfterMs: 10 })],
      { type: 'provider_unavailable', model: 'b' },
    ],
    ['that names its own model', [failure('auth', { model: 'proxied' })], { model: 'proxied', provider: 'of a' }],
  ])('fails with the failure %s', async (_, failures, expected) => {
    const [first, ...others] = failures.map((failed, index) => model('abc'.charAt(index), error(failed)));
    expect(await failureOf(withFallback(first as Model, ...others))).toMatchObject(expected);
  });

  it('says of an answer of another model that breaks off whose it was', async () => {
    const parts = await partsOf(withFallback(model('a', down), model('b', text('Hel'))));
    expect(parts.at(-1)).toMatchObject({ type: 'error', failure: { code: 'stream_truncated', model: 'b' } });
  });

  it('asks nobody else once it is aborted', async () => {
    const controller = new AbortController();
    const b = model('b', finish());
    const a: Model = {
      provider: 'p',
      modelId: 'a',
      async *stream() {
        controller.abort();
        yield down;
      },
    };
    expect((await partsOf(withFallback(a, b), request(), controller.signal)).at(-1)).toEqual({ type: 'aborted' });
    expect(b.calls).toBe(0);
  });
});
