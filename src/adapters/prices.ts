import type { PriceCalculation } from '@pydantic/genai-prices';
import type { Model, Usage } from '../model.ts';
import { loadPeer } from './peer.ts';
import { identityOf } from './wrapping.ts';

const { calcPrice } = await loadPeer('prices', '@pydantic/genai-prices', () => import('@pydantic/genai-prices'));

/** Prices of one model, per million tokens, in any currency. */
export interface ModelPrices {
  readonly input: number;
  readonly output: number;
  /** Of input tokens that come from a cache. @default as input */
  readonly cachedInput?: number;
  /** Of input tokens that are written into a cache. @default as input */
  readonly cacheWrite?: number;
}

/** Who answers, as prices are looked up. */
type Priced = Pick<Model, 'provider' | 'modelId'>;

/**
 * Prices of the models that are known to `@pydantic/genai-prices`, in US dollars, for `createAgent({ pricing })`: cached
 * tokens and tiers included, from the data in the package, without any network. A model that is not known costs
 * `undefined`.
 *
 * @param own prices by `provider/model`, which take precedence
 * @throws TypeError for a price of yours that is no number from 0
 * @example
 * ```ts
 * const agent = createAgent({ model: openai('gpt-5'), pricing: genaiPrices() });
 * const { cost } = await agent.run('Hello');
 * ```
 */
export function genaiPrices(
  own: { readonly [model: string]: ModelPrices } = {},
): (model: Priced, usage: Usage) => number | undefined {
  checkPrices(own);
  return (model, usage) => {
    const prices = own[`${model.provider}/${model.modelId}`];
    return prices === undefined ? find(model, usage)?.total_price : costOf(prices, usage);
  };
}

/**
 * A model with the context window that `@pydantic/genai-prices` knows of it, so that conversations are compacted before they
 * overflow. One that has a window, or of which none is known, is given back as it is.
 */
export function withContextWindow(model: Model): Model {
  const contextWindow = model.contextWindow ?? contextWindowOf(model);
  if (contextWindow === undefined || contextWindow === model.contextWindow) return model;
  return { ...identityOf(model), contextWindow, stream: (request, options) => model.stream(request, options) };
}

/** How many tokens fit into one request, as far as `@pydantic/genai-prices` knows the model. */
export function contextWindowOf(model: Priced): number | undefined {
  return find(model, { inputTokens: 1, outputTokens: 1 })?.model.context_window;
}

function costOf({ input, output, cachedInput = input, cacheWrite = input }: ModelPrices, usage: Usage): number {
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0 } = usage;
  const plain = inputTokens - cachedInputTokens - cacheWriteTokens;
  return (
    (plain * input + cachedInputTokens * cachedInput + cacheWriteTokens * cacheWrite + outputTokens * output) / 1e6
  );
}

function find({ provider, modelId }: Priced, usage: Usage): PriceCalculation | undefined {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens } = usage;
  const tokens = {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    ...(cachedInputTokens !== undefined && { cache_read_tokens: cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cache_write_tokens: cacheWriteTokens }),
  };
  // the AI SDK has names like "openai.responses"
  const [providerId = provider] = provider.split('.');
  try {
    return calcPrice(tokens, modelId, { providerId }) ?? undefined;
  } catch {
    // a usage that contradicts itself has no price
    return undefined;
  }
}

function checkPrices(own: { readonly [model: string]: ModelPrices }): void {
  for (const [model, prices] of Object.entries(own)) {
    for (const name of ['input', 'output', 'cachedInput', 'cacheWrite'] as const) {
      const price = prices[name];
      if (price === undefined && name !== 'input' && name !== 'output') continue;
      if (typeof price === 'number' && Number.isFinite(price) && price >= 0) continue;
      throw new TypeError(`genaiPrices(): \`${name}\` of "${model}" must be a price per million tokens, from 0.`);
    }
  }
}
