import type { GenerateContentParameters, GoogleGenAI } from '@google/genai';
import { findKey, secretsIn } from '../credentials.ts';
import { isWire } from '../wire.ts';
import { withBareErrors } from './bareErrors.ts';
import { ErrorAnswer, NotSent } from './failures.ts';
import type { GoogleOptions } from './google.ts';
import { GoogleGenAI as Client } from './sdk.ts';

type Fetch = NonNullable<GoogleOptions['fetch']>;

/** The SDK makes the requests (addresses, keys, the form of the body); sending and reading them is up to us. */
export class ApiClient {
  readonly client: GoogleGenAI;
  readonly fetch: Fetch;
  readonly secrets: readonly string[];

  /** @throws Error where there is no key; TypeError for one that cannot be sent, and for settings that contradict each other. */
  constructor(options: GoogleOptions) {
    this.client = createClient(options);
    this.fetch = options.fetch ?? fetchOf(this.client) ?? ((url, init) => fetch(url, init));
    // the key is known before the request is, whose headers it may not fit into
    const key = keyIn(options);
    this.secrets = [...secretsIn(options.headers), ...(key === undefined ? [] : [key])];
  }

  exchange(): ApiExchange {
    return new ApiExchange(this);
  }
}

/** One request and its answer. */
class ApiExchange {
  readonly #api: ApiClient;
  #headers: Headers | undefined;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** What must not appear in a failure: the key or the token of this request, and what the user put into headers. */
  get secrets(): readonly string[] {
    return [...this.#api.secrets, ...secretsIn(Object.fromEntries(this.#headers ?? []))];
  }

  /** @throws ErrorAnswer where the answer is none; NotSent where no request can be made; what `fetch` throws. */
  async send(parameters: GenerateContentParameters): Promise<Response> {
    const { url, init } = await this.#prepare(parameters);
    this.#headers = new Headers(init?.headers);
    const response = await this.#api.fetch(url, init);
    if (response.ok) return withBareErrors(response);
    throw new ErrorAnswer(response.status, response.headers, await response.text().catch(() => ''));
  }

  /**
   * The request that the SDK would send. It gets an answer that says nothing and is not read: its errors keep no headers,
   * it takes a stream that breaks off for one that ended, and it may retry.
   */
  async #prepare(parameters: GenerateContentParameters): Promise<Prepared> {
    let prepared: Prepared | undefined;
    const note: Fetch = async (url, init) => {
      prepared = { url, init };
      return new Response();
    };
    const httpOptions = { ...parameters.config?.httpOptions, fetch: note };
    try {
      const { models } = this.#api.client;
      await models.generateContentStream({ ...parameters, config: { ...parameters.config, httpOptions } });
    } catch (error) {
      if (prepared === undefined) throw new NotSent(error);
    }
    if (prepared !== undefined) return prepared;
    throw new NotSent(new TypeError('The client made no request: google() needs one of @google/genai 3.1 or newer.'));
  }
}

interface Prepared {
  readonly url: string | URL | Request;
  readonly init: RequestInit | undefined;
}

function createClient(options: GoogleOptions): GoogleGenAI {
  const { client, baseURL, apiVersion, headers } = options;
  if (client !== undefined) {
    const other = (['apiKey', 'baseURL', 'apiVersion', 'headers'] as const).find((name) => options[name] !== undefined);
    if (other === undefined) return client;
    throw new TypeError(`google(): \`client\` brings its own \`${other}\`; give one of the two.`);
  }
  if (baseURL !== undefined && !URL.canParse(baseURL)) {
    throw new TypeError(
      `google(): \`baseURL\` is no URL: ${JSON.stringify(baseURL)}. It looks like https://generativelanguage.googleapis.com.`,
    );
  }
  const apiKey = keyIn(options);
  if (apiKey === undefined || apiKey === '') {
    throw new Error(
      'No API key: set the environment variable GEMINI_API_KEY, or give google() an `apiKey`; for Vertex AI a `client`.',
    );
  }
  return new Client({
    apiKey,
    // else a variable of the environment decides whose key this is
    vertexai: false,
    ...(apiVersion !== undefined && { apiVersion }),
    httpOptions: {
      ...(baseURL !== undefined && { baseUrl: baseURL }),
      ...(headers !== undefined && { headers: { ...headers } }),
    },
  });
}

function keyIn({ client, apiKey }: GoogleOptions): string | undefined {
  return client === undefined ? findKey('google()', apiKey, 'GOOGLE_API_KEY', 'GEMINI_API_KEY') : undefined;
}

/** What the user's client would send with. */
function fetchOf(client: object): Fetch | undefined {
  const options: unknown = 'httpOptions' in client ? client.httpOptions : undefined;
  const fetch = isWire(options) ? options.fetch : undefined;
  return typeof fetch === 'function' ? (url, init) => fetch(url, init) : undefined;
}
