import { createAgent, type Model, type Usage } from 'turnchart';
import { genaiPrices, withContextWindow } from 'turnchart/adapters/prices';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

const usage: Usage = { inputTokens: 1_000_000, outputTokens: 1_000_000 };
const model = (provider: string, modelId: string) => ({ provider, modelId });

describe('genaiPrices()', () => {
  const price = genaiPrices();

  it.each([
    ['openai', 'gpt-4o'],
    ['anthropic', 'claude-sonnet-4-5'],
    ['google', 'gemini-2.5-flash'],
    ['openai.responses', 'gpt-4o'],
  ])('knows what %s/%s costs', (provider, modelId) => {
    expect(price(model(provider, modelId), usage)).toBeGreaterThan(0);
  });

  it('takes less for what comes from a cache, and more for what is written into one', () => {
    const claude = model('anthropic', 'claude-sonnet-4-5');
    const plain = price(claude, { inputTokens: 100_000, outputTokens: 0 }) ?? 0;
    const cached = price(claude, { inputTokens: 100_000, outputTokens: 0, cachedInputTokens: 100_000 }) ?? 0;
    const written = price(claude, { inputTokens: 100_000, outputTokens: 0, cacheWriteTokens: 100_000 }) ?? 0;
    expect(cached).toBeLessThan(plain);
    expect(written).toBeGreaterThan(plain);
  });

  it('knows that long requests cost more where a model has tiers', () => {
    const gemini = model('google', 'gemini-2.5-pro');
    const short = price(gemini, { inputTokens: 100_000, outputTokens: 0 }) ?? 0;
    const long = price(gemini, { inputTokens: 400_000, outputTokens: 0 }) ?? 0;
    expect(long).toBeGreaterThan(4 * short);
  });

  it.each([
    ['openai', 'no-such-model'],
    ['nobody', 'gpt-4o'],
  ])('knows no price of %s/%s, which is not 0', (provider, modelId) => {
    expect(price(model(provider, modelId), usage)).toBeUndefined();
  });

  it('knows no price of a usage that contradicts itself', () => {
    expect(price(model('openai', 'gpt-4o'), { inputTokens: 1, outputTokens: 0, cachedInputTokens: 5 })).toBeUndefined();
  });

  it('prefers prices of yours', () => {
    const own = genaiPrices({ 'openai/gpt-4o': { input: 1, output: 2, cachedInput: 0.5 } });
    expect(own(model('openai', 'gpt-4o'), { ...usage, cachedInputTokens: 500_000 })).toBeCloseTo(2.75, 10);
    expect(own(model('anthropic', 'claude-sonnet-4-5'), usage)).toBeGreaterThan(0);
  });

  it('refuses prices that are none', () => {
    expect(() => genaiPrices({ 'a/b': { input: -1, output: 1 } })).toThrow(
      new TypeError('genaiPrices(): `input` of "a/b" must be a price per million tokens, from 0.'),
    );
  });

  it('puts the cost on the end of the turn', async () => {
    const known: Model = { ...scriptedModel(['Hi.']), provider: 'openai', modelId: 'gpt-4o' };
    const { cost } = await createAgent({ model: known, pricing: genaiPrices() }).run('Hi');
    expect(cost).toBeGreaterThan(0);
  });
});

describe('withContextWindow()', () => {
  const of = (modelId: string, contextWindow?: number): Model => ({
    ...scriptedModel(['Hi.']),
    provider: 'openai',
    modelId,
    ...(contextWindow !== undefined && { contextWindow }),
  });

  it('gives a model the window that is known', async () => {
    const windowed = withContextWindow(of('gpt-5'));
    expect(windowed.contextWindow).toBeGreaterThan(100_000);
    expect(await createAgent({ model: windowed }).run('Hi')).toMatchObject({ text: 'Hi.' });
  });

  it('leaves a model as it is that has one, or that nothing is known of', () => {
    const own = of('gpt-5', 1_000);
    expect(withContextWindow(own)).toBe(own);
    const unknown = of('no-such-model');
    expect(withContextWindow(unknown)).toBe(unknown);
  });
});
