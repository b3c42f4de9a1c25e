import type Anthropic from '@anthropic-ai/sdk';
import type { Model } from '../../model.ts';
import { SdkFailures } from '../sdkFailures.ts';
import { streamAnswer } from '../streamAnswer.ts';
import { connect } from './client.ts';
import { MessagesReader } from './read.ts';
import { messagesBody } from './request.ts';

/** Settings of {@link anthropic}. */
export interface AnthropicOptions {
  /**
   * A key, or a function that gets one before each request; where it throws, the call fails as `auth`, and is not retried.
   * A server on this machine or in its network may go without.
   *
   * @default the environment variable ANTHROPIC_API_KEY, whatever the server
   */
  readonly apiKey?: string | (() => Promise<string>);
  /** Where the server is, without the `/v1`. @default the environment variable ANTHROPIC_BASE_URL, else 'https://api.anthropic.com' */
  readonly baseURL?: string;
  /** Sent with every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** What requests are sent with. @default the platform's */
  readonly fetch?: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * Your own client, that of Bedrock or Vertex for example, instead of key, address and the like. Its retries are switched off.
   *
   * @default made of the other options
   */
  readonly client?: MessagesClient;
  /** Tokens that fit into one request. @default not known */
  readonly contextWindow?: number;
  /**
   * How long the provider keeps what it has read, to read it again at a lower price: the tools with the instructions,
   * and the conversation so far. Writing costs a little more than reading without it.
   *
   * @default nothing is kept
   */
  readonly cache?: '5m' | '1h';
  /** Whether the model may ask for several tools at once. @default true */
  readonly parallelToolCalls?: boolean;
  /** Who this is in failures and prices, 'bedrock' for example. @default 'anthropic' */
  readonly providerName?: string;
}

/** What of a client is used: those for other platforms, such as `AnthropicBedrock`, have it too. */
export interface MessagesClient {
  readonly messages: Pick<Anthropic['messages'], 'create'>;
  readonly apiKey?: string | null;
  readonly authToken?: string | null;
}

/**
 * A model of Anthropic, or of any server that speaks its Messages API.
 *
 * `temperature`, `topP` and `seed` are unknown to that API, and so are some kinds of files: that is a failure `unknown`
 * / `invalid_request` that names it, before anything is sent. `settings.reasoningEffort` is the API's `effort`. Without
 * `settings.maxOutputTokens` an answer may have 32,000 tokens, for the API insists on a number.
 * `settings.providerOptions` are merged into the request last, and their `tools` (web search and other tools that run
 * at the provider) are added to those of the agent. A refusal is a finish of `content-filter`.
 *
 * Thinking is shown where the model thinks by itself, or where you ask for it:
 * `providerOptions: { thinking: { type: 'adaptive', display: 'summarized' } }`. It travels back with the conversation.
 *
 * @throws Error that names ANTHROPIC_API_KEY where a key is needed and none is there; TypeError naming the option that is wrong.
 * @example
 * ```ts
 * const agent = createAgent({ model: anthropic('claude-sonnet-5-5', { cache: '5m' }) });
 * ```
 */
export function anthropic(modelId: string, options: AnthropicOptions = {}): Model {
  checkOptions(modelId, options);
  const { cache, parallelToolCalls, providerName: provider = 'anthropic', contextWindow } = options;
  const { client, secrets } = connect(options);
  return {
    provider,
    modelId,
    ...(contextWindow !== undefined && { contextWindow }),
    stream(request, { signal }) {
      const failures = new SdkFailures(() => ({ provider, model: modelId, secrets: secrets() }));
      return streamAnswer({
        prepare: () => messagesBody(modelId, request, { provider, cache, parallelToolCalls }),
        send: async (body) => client.messages.create(body, { signal, maxRetries: 0 }).asResponse(),
        reader: new MessagesReader(provider, request.requestId, failures),
        failures,
        signal,
      });
    },
  };
}

function checkOptions(modelId: unknown, { cache, contextWindow }: AnthropicOptions): void {
  if (typeof modelId !== 'string' || modelId === '')
    throw new TypeError('anthropic(): the name of a model is missing.');
  const refuse = (option: string, wanted: string) => {
    throw new TypeError(`anthropic(): \`${option}\` must be ${wanted}.`);
  };
  if (cache !== undefined && cache !== '5m' && cache !== '1h') refuse('cache', "'5m' or '1h'");
  if (contextWindow !== undefined && !(Number.isInteger(contextWindow) && contextWindow > 0)) {
    refuse('contextWindow', 'a positive whole number of tokens');
  }
}
