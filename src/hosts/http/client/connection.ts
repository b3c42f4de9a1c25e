import { ConnectionError, toError } from './errors.ts';

/** Timers, as a client waits with them. */
export interface Timers {
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(id: unknown): void;
}

export interface ConnectionOptions {
  /** Where the app is served, such as `http://localhost:8080`. */
  readonly baseUrl: string;
  /** Sent as `Authorization: Bearer …`; a function is called for every request. @default none */
  readonly token?: string | (() => string | Promise<string>);
  /** What requests are made with. @default the platform's */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** What streams wait with before they connect again. @default the platform's */
  readonly timers?: Timers;
}

export interface RequestOptions {
  /** Gives up when it aborts. @default none */
  readonly signal?: AbortSignal;
}

export interface PostOptions extends RequestOptions {
  /** A request that comes again with the same key is carried out once. @default none */
  readonly idempotencyKey?: string;
}

interface SendOptions extends PostOptions {
  /** @default 'application/json' */
  readonly accept?: string;
  readonly body?: unknown;
}

/** Makes requests to one server. */
export class Connection {
  readonly timers: Timers;
  readonly #baseUrl: string;
  readonly #token: ConnectionOptions['token'];
  readonly #fetch: NonNullable<ConnectionOptions['fetch']>;

  constructor(options: ConnectionOptions) {
    const { baseUrl, token, fetch: ask = (url, init) => fetch(url, init), timers = systemTimers } = options;
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    this.#token = token;
    this.#fetch = ask;
    this.timers = timers;
  }

  get<T>(path: string, { signal }: RequestOptions): Promise<T> {
    return this.#json('GET', path, signal === undefined ? {} : { signal });
  }

  post<T>(path: string, body: object, { signal, idempotencyKey }: PostOptions): Promise<T> {
    return this.#json('POST', path, {
      body,
      ...(signal !== undefined && { signal }),
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    });
  }

  /** @throws HttpError, or what the signal aborts with */
  async send(method: Method, path: string, options: SendOptions): Promise<Response> {
    const { accept = 'application/json', body, idempotencyKey, signal } = options;
    const headers: Record<string, string> = { accept };
    const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    const init: RequestInit = {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    };
    const url = `${this.#baseUrl}${path}`;
    const response = await orConnectionError(`${method} ${path}`, signal, () => this.#fetch(url, init));
    if (!response.ok) throw await toError(response);
    return response;
  }

  async #json<T>(method: Method, path: string, options: SendOptions): Promise<T> {
    const response = await this.send(method, path, options);
    return (await orConnectionError(`${method} ${path}`, options.signal, () => response.json())) as T;
  }
}

type Method = 'GET' | 'POST' | 'DELETE';

const systemTimers: Timers = {
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (id) => clearTimeout(id as ReturnType<typeof setTimeout>),
};

async function orConnectionError<T>(what: string, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw signal?.aborted ? signal.reason : new ConnectionError(`${what} got no answer, or not all of it.`, { cause });
  }
}
