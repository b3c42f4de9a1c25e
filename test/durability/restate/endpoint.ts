import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { createEndpointHandler } from '@restatedev/restate-sdk';
import type { restateServices } from '../../../src/durability/restate/index.ts';

/** Services of this process, at a port that nobody else has. */
export class Endpoint implements AsyncDisposable {
  readonly port: number;
  readonly #server: Http2Server;
  readonly #sessions: Set<ServerHttp2Session>;

  static async start(services: ReturnType<typeof restateServices>): Promise<Endpoint> {
    const sessions = new Set<ServerHttp2Session>();
    const server = createServer();
    server.on('session', (session) => {
      sessions.add(session);
      session.on('close', () => sessions.delete(session));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = new Endpoint(server, sessions);
    endpoint.serve(services);
    return endpoint;
  }

  private constructor(server: Http2Server, sessions: Set<ServerHttp2Session>) {
    this.#server = server;
    this.#sessions = sessions;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('There is no port.');
    this.port = address.port;
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Puts these services in the place of those before, as a process does that was updated without a word to Restate. */
  serve(services: ReturnType<typeof restateServices>): void {
    this.#server.removeAllListeners('request');
    this.#server.on('request', createEndpointHandler({ services: [...services] }));
    this.disconnect();
  }

  /** Breaks all connections: Restate repeats what was under way. */
  disconnect(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.disconnect();
    await closed;
  }
}
