import type { GoogleGenAI } from '@google/genai';
import type { Model } from '../../model.ts';
import { streamAnswer } from '../streamAnswer.ts';
import { ApiClient } from './client.ts';
import { GoogleFailures } from './failures.ts';
import { GoogleReader } from './read.ts';
import { googleParameters } from './request.ts';

/** Settings of {@link google}. */
export interface GoogleOptions {
  /**
   * The key of the Gemini API.
   *
   * @default the environment variable GOOGLE_API_KEY, as Google's SDK has it, else GEMINI_API_KEY
   */
  readonly apiKey?: string;
  /**
   * Where the server is, without the version of the API.
   *
   * @default the environment variable GOOGLE_GEMINI_BASE_URL, else 'https://generativelanguage.googleapis.com'
   */
  readonly baseURL?: string;
  /** Of the API, `v1beta` for what is not in `v1` yet. @default the SDK's */
  readonly apiVersion?: string;
  /** Sent with every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** What requests are sent with. @default the client's, else the platform's */
  readonly fetch?: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /**
   * Your own client instead of key, address and the like, for Vertex AI: `new GoogleGenAI({ vertexai: true, project, location })`.
   * Its retries are not used.
   *
   * @default made of the other options
   */
  readonly client?: GoogleGenAI;
  /** Tokens that fit into one request. @default not known */
  readonly contextWindow?: number;
}

/**
 * A Gemini model of Google, at the Gemini API or at Vertex AI.
 *
 * `reasoningEffort` is a thinking level (`low`, `high`), or the budget of a model before Gemini 3 as a number (`'1024'`).
 * Thoughts are shown where you ask for them, and their signatures travel back with the conversation in any case.
 * `settings.providerOptions` are merged into the body of the request last, at any depth:
 * `providerOptions: { generationConfig: { thinkingConfig: { includeThoughts: true } } }`.
 *
 * A prompt that is blocked is an answer without text, and a finish of `content-filter`. System messages in the middle of
 * a conversation, which this API does not know, are sent as the user's.
 *
 * @throws Error that names GEMINI_API_KEY where no key is there; TypeError naming the option that is wrong.
 * @example
 * ```ts
 * const agent = createAgent({ model: google('gemini-2.5-flash') });
 * const vertex = google('gemini-2.5-pro', { client: new GoogleGenAI({ vertexai: true, project, location }) });
 * ```
 */
export function google(modelId: string, options: GoogleOptions = {}): Model {
  checkOptions(modelId, options);
  const client = new ApiClient(options);
  const provider = 'google';
  const { contextWindow } = options;
  return {
    provider,
    modelId,
    ...(contextWindow !== undefined && { contextWindow }),
    stream(request, { signal }) {
      const exchange = client.exchange();
      const failures = new GoogleFailures(() => ({ provider, model: modelId, secrets: exchange.secrets }));
      return streamAnswer({
        prepare: () => googleParameters(modelId, request, signal),
        send: (parameters) => exchange.send(parameters),
        reader: new GoogleReader(request.requestId, failures),
        failures,
        signal,
      });
    },
  };
}

function checkOptions(modelId: unknown, { contextWindow }: GoogleOptions): void {
  if (typeof modelId !== 'string' || modelId === '') throw new TypeError('google(): the name of a model is missing.');
  if (contextWindow !== undefined && !(Number.isInteger(contextWindow) && contextWindow > 0)) {
    throw new TypeError('google(): `contextWindow` must be a positive whole number of tokens.');
  }
}
