import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readCommand } from './commands.ts';
import type { CommandAnswer, CommandRequest } from './feed.ts';
import type { FeedLog } from './feedLog.ts';
import { streamFeed } from './feedStream.ts';
import { readPage } from './page.ts';

export interface InspectorServerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: FeedLog;
  /** Somebody begins to read. */
  readonly onReader: () => void;
  /** What gives a session a command; nothing where the page only looks. */
  readonly perform?: ((request: CommandRequest) => CommandAnswer) | undefined;
}

/** An answer that is no success. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const maxBodyBytes = 1024 * 1024;
/** How long readers have to come to the end, in ms. */
const patienceMs = 1_000;

/** Serves the page, the feed and commands; to nobody who does not have the token, but for the page itself. */
export class InspectorServer {
  readonly #options: InspectorServerOptions;
  readonly #token = randomBytes(18).toString('base64url');
  readonly #server: Server;
  /** What ends each of those that are read. */
  readonly #streams = new Set<() => void>();
  readonly #isLocal: boolean;

  constructor(options: InspectorServerOptions) {
    this.#options = options;
    this.#isLocal = isLoopback(options.host);
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => refuse(response, error));
    });
    // whoever watches holds up nobody's end
    this.#server.unref().on('connection', (socket) => socket.unref());
  }

  /**
   * Gives the URL of the page.
   *
   * @throws Error where the address cannot be had
   */
  async listen(): Promise<string> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
      this.#server.listen(port, host, resolve);
    });
    const { address, family, port: taken } = this.#server.address() as AddressInfo;
    const name = isAny(address) ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
    // a fragment goes to no server, and into no log
    return `http://${name}:${taken}/#token=${this.#token}`;
  }

  /** Ends what is read, whole for those who keep up. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const end of this.#streams) end();
    const timer = setTimeout(() => this.#server.closeAllConnections(), patienceMs);
    await closed;
    clearTimeout(timer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    this.#checkHost(request);
    const { method, url = '/' } = request;
    const { pathname } = new URL(url, 'http://localhost');
    if (pathname === '/' && method === 'GET') {
      respond(response, 200, 'text/html; charset=utf-8', await readPage());
    } else if (pathname === '/feed' && method === 'GET') {
      this.#checkToken(request);
      this.#stream(request, response);
    } else if (pathname === '/commands' && method === 'POST') {
      this.#checkToken(request);
      respond(response, 200, 'application/json', JSON.stringify(await this.#perform(request)));
    } else {
      throw new Refusal(404, `There is no ${method} ${pathname}.`);
    }
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    const { log, onReader, perform } = this.#options;
    const hello = { type: 'hello', version: 1, commands: perform !== undefined, at: Date.now() } as const;
    onReader();
    const end = streamFeed(log, response, hello, Number(request.headers['last-event-id']) || 0);
    this.#streams.add(end);
    response.once('close', () => this.#streams.delete(end));
  }

  async #perform(request: IncomingMessage): Promise<CommandAnswer> {
    const { perform } = this.#options;
    if (perform === undefined) throw new Refusal(403, 'This inspector only looks: make it with `commands: true`.');
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      throw new Refusal(415, 'Send the command as JSON, with `Content-Type: application/json`.');
    }
    const text = await readBody(request);
    try {
      return perform(readCommand(text));
    } catch (error) {
      if (error instanceof TypeError) throw new Refusal(400, error.message);
      throw error;
    }
  }

  /** A page of somebody else's may reach this address by a name of its own, and then has that as host and origin. */
  #checkHost({ headers: { host = '', origin } }: IncomingMessage): void {
    if (this.#isLocal && !isLoopback(nameIn(host))) {
      throw new Refusal(403, `This inspector is not "${host}": use the URL that it has given.`);
    }
    if (origin !== undefined && hostOf(origin) !== host) {
      throw new Refusal(403, `Pages of ${origin} may not use this inspector.`);
    }
  }

  #checkToken({ headers: { authorization = '' } }: IncomingMessage): void {
    if (!isSame(authorization, `Bearer ${this.#token}`)) {
      throw new Refusal(401, 'The token is missing or wrong: use the URL that this inspector has given.');
    }
  }
}

/** What the page may do is said by itself; what others may do with it, here. */
const headers = {
  'content-security-policy': "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const;

function respond(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type }).end(text);
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof Refusal ? error.status : 500;
  const reason = error instanceof Error ? error.message : String(error);
  respond(response, status, 'application/json', JSON.stringify({ accepted: false, reason } satisfies CommandAnswer));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Refusal(413, `A command has at most ${maxBodyBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** With the port, where it has one; nothing for an origin that has no host. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Without the port. */
function nameIn(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const why = error.code === 'EADDRINUSE' ? 'something else listens there: choose another `port`' : error.message;
  return new Error(`The inspector cannot listen on ${host}:${port}: ${why}.`, { cause: error });
}
