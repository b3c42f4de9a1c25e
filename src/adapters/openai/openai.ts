import type OpenAI from 'openai';
import type { Model } from '../../model.ts';
import { SdkFailures } from '../sdkFailures.ts';
import { streamAnswer } from '../streamAnswer.ts';
import { ChatReader } from './chat/read.ts';
import { chatBody } from './chat/request.ts';
import { createClient, isOwnServer, secretsOf } from './client.ts';
import { ResponsesReader } from './responses/read.ts';
import { responsesBody } from './responses/request.ts';

/** Settings of {@link openai}. */
export interface OpenAIOptions {
  /**
   * Which of OpenAI's two APIs is spoken. The Responses API hands reasoning out and takes it back, and takes files as
   * tool results; Chat Completions is what other servers speak.
   *
   * @default 'responses' for api.openai.com, 'chat' for every other server
   */
  readonly api?: 'chat' | 'responses';
  /**
   * A key, or a function that gets one before each request; where it throws, the call fails as `auth`, and is not retried.
   * A server on this machine or in its network may go without.
   *
   * @default the environment variable OPENAI_API_KEY, whatever the server
   */
  readonly apiKey?: string | (() => Promise<string>);
  /** Where the server is. @default the environment variable OPENAI_BASE_URL, else 'https://api.openai.com/v1' */
  readonly baseURL?: string;
  /** Sent with every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Which organization pays. @default the environment variable OPENAI_ORG_ID */
  readonly organization?: string;
  /** Which project of it. @default the environment variable OPENAI_PROJECT_ID */
  readonly project?: string;
  /** What requests are sent with. @default the platform's */
  readonly fetch?: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * Your own client, an `AzureOpenAI` for example, instead of key, address and the like. Its retries are switched off.
   *
   * @default made of the other options
   */
  readonly client?: OpenAI;
  /** Tokens that fit into one request. @default not known */
  readonly contextWindow?: number;
  /**
   * Whether the provider makes the model keep to JSON schemas to the letter. `true`: those of the tools and of the
   * output; `false`: none. Schemas that do not qualify (optional properties, open objects, keywords that strict
   * answers do not know) are sent as they are, as a wish.
   *
   * @default only that of the output
   */
  readonly strict?: boolean;
  /** What Chat Completions calls `maxOutputTokens`; many compatible servers know only the older name. @default 'max_completion_tokens' */
  readonly maxTokensName?: 'max_completion_tokens' | 'max_tokens';
  /** Who this is in failures and prices, 'ollama' for example. @default 'openai' */
  readonly providerName?: string;
}

/**
 * A model of OpenAI, or of any server that speaks its language: Azure, Ollama, vLLM, LM Studio, OpenRouter.
 *
 * What the chosen API has no word for (`seed` and `stopSequences` on the Responses API, a kind of file) is a failure
 * `unknown` / `invalid_request` that names it, before anything is sent. `settings.providerOptions` are merged into the
 * request last. A refusal of the model is its text, and a finish of `content-filter`.
 *
 * On the Responses API nothing is stored at the provider: reasoning comes encrypted, and travels back with the
 * conversation. Its summary is shown where you ask for it: `providerOptions: { reasoning: { summary: 'auto' } }`.
 *
 * @throws Error that names OPENAI_API_KEY where a key is needed and none is there; TypeError naming the option that is wrong.
 * @example
 * ```ts
 * const agent = createAgent({ model: openai('gpt-5') });
 * const local = openai('qwen3', { baseURL: 'http://localhost:11434/v1', providerName: 'ollama' });
 * ```
 */
export function openai(modelId: string, options: OpenAIOptions = {}): Model {
  checkOptions(modelId, options);
  const { strict, maxTokensName = 'max_completion_tokens', providerName: provider = 'openai', contextWindow } = options;
  const client = createClient(options);
  const { api = isOwnServer(client.baseURL) ? 'responses' : 'chat' } = options;
  return {
    provider,
    modelId,
    ...(contextWindow !== undefined && { contextWindow }),
    stream(request, { signal }) {
      const failures = new SdkFailures(() => ({ provider, model: modelId, secrets: secretsOf(client, options) }));
      const { requestId } = request;
      const sending = { signal, maxRetries: 0 };
      if (api === 'chat') {
        return streamAnswer({
          prepare: () => chatBody(modelId, request, { strict, maxTokensName }),
          send: async (body) => client.chat.completions.create(body, sending).asResponse(),
          reader: new ChatReader(requestId, failures),
          failures,
          signal,
        });
      }
      return streamAnswer({
        prepare: () => responsesBody(modelId, request, { strict, provider }),
        send: async (body) => client.responses.create(body, sending).asResponse(),
        reader: new ResponsesReader(provider, requestId, failures),
        failures,
        signal,
      });
    },
  };
}

function checkOptions(modelId: unknown, { api, maxTokensName, contextWindow }: OpenAIOptions): void {
  if (typeof modelId !== 'string' || modelId === '') throw new TypeError('openai(): the name of a model is missing.');
  const refuse = (option: string, wanted: string) => {
    throw new TypeError(`openai(): \`${option}\` must be ${wanted}.`);
  };
  if (api !== undefined && api !== 'chat' && api !== 'responses') refuse('api', "'chat' or 'responses'");
  if (maxTokensName !== undefined && maxTokensName !== 'max_tokens' && maxTokensName !== 'max_completion_tokens') {
    refuse('maxTokensName', "'max_completion_tokens' or 'max_tokens'");
  }
  if (contextWindow !== undefined && !(Number.isInteger(contextWindow) && contextWindow > 0)) {
    refuse('contextWindow', 'a positive whole number of tokens');
  }
}
