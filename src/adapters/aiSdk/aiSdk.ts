import type { Model } from '../../model.ts';
import { secretsIn } from '../credentials.ts';
import { isWire } from '../wire.ts';
import { AiSdkFailures } from './failures.ts';
import { PartReader } from './read.ts';
import { callOptions } from './request.ts';
import { streamParts } from './streamParts.ts';

/** A language model of any provider package of the AI SDK: what of it is used. */
export interface AiSdkModel {
  /** `v3` since version 6 of the AI SDK, `v4` since version 7. */
  readonly specificationVersion: 'v3' | 'v4';
  readonly provider: string;
  readonly modelId: string;
  doStream(options: never): PromiseLike<{
    readonly stream: ReadableStream<unknown>;
    readonly response?: { readonly headers?: Readonly<Record<string, string>> };
  }>;
}

/** Settings of {@link aiSdk}. */
export interface AiSdkOptions {
  /** Tokens that fit into one request. @default not known */
  readonly contextWindow?: number;
}

/**
 * A model of a provider package of the AI SDK, version 6 or 7. Keys, addresses and headers are the package's business;
 * of the AI SDK itself nothing is needed.
 *
 * Failures are read from status, headers and body as those of every adapter, whatever the package thinks may be retried.
 * Settings that a package does not know it leaves out, and says so in warnings, which are not passed on.
 * `reasoningEffort` needs a model of version 7 (`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`), and
 * `settings.providerOptions` are by provider, as there: `{ openai: { serviceTier: 'flex' } }`. System messages in the
 * middle of a conversation, which not every provider takes, are sent as the user's.
 *
 * `provider` is what stands before the dot of theirs: `openai` of `openai.responses`.
 *
 * @throws TypeError for what is no such model, or one of an older version.
 * @example
 * ```ts
 * import { anthropic } from '@ai-sdk/anthropic';
 *
 * const agent = createAgent({ model: aiSdk(anthropic('claude-sonnet-4-5')) });
 * ```
 */
export function aiSdk(model: AiSdkModel, options: AiSdkOptions = {}): Model {
  checkModel(model);
  const { contextWindow } = options;
  if (contextWindow !== undefined && !(Number.isInteger(contextWindow) && contextWindow > 0)) {
    throw new TypeError('aiSdk(): `contextWindow` must be a positive whole number of tokens.');
  }
  const { modelId } = model;
  const provider = model.provider.split('.')[0] ?? model.provider;
  return {
    provider,
    modelId,
    ...(contextWindow !== undefined && { contextWindow }),
    stream(request, { signal }) {
      const failures = new AiSdkFailures(() => ({ provider, model: modelId, secrets: secretsOf(model) }));
      return streamParts({
        prepare: () => callOptions(model, request, signal),
        send: async (options) => model.doStream(options as never),
        reader: new PartReader(model.provider, request.requestId, failures),
        failures,
        signal,
      });
    },
  };
}

function checkModel(model: unknown): void {
  const { specificationVersion: version, doStream } = Object(model) as Partial<Record<keyof AiSdkModel, unknown>>;
  if (typeof doStream !== 'function' || typeof version !== 'string') {
    throw new TypeError("aiSdk(): this is no language model of the AI SDK. Give it one, such as openai('gpt-5').");
  }
  if (version === 'v3' || version === 'v4') return;
  const way = /^v[12]$/.test(version)
    ? 'Update its provider package to the one for AI SDK 6 or newer.'
    : 'Use a provider package for AI SDK 6 or 7, or a newer Turnchart.';
  throw new TypeError(`aiSdk(): the model is of specification ${version}, and v3 and v4 are spoken here. ${way}`);
}

/**
 * What must not appear in a failure. The packages keep their headers in a field that is not for others, so what cannot
 * be read there is known by its form only.
 */
function secretsOf(model: object): readonly string[] {
  try {
    const config: unknown = 'config' in model ? model.config : undefined;
    const make = isWire(config) ? config.headers : undefined;
    const headers: unknown = typeof make === 'function' ? make.call(config) : make;
    const texts = Object.entries(isWire(headers) ? headers : {}).filter(([, value]) => typeof value === 'string');
    return secretsIn(Object.fromEntries(texts) as Readonly<Record<string, string>>);
  } catch {
    return [];
  }
}
