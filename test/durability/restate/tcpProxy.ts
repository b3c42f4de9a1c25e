import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** One address for several replicas: each connection goes to one of them, in turn; those that are gone are passed over. */
export class TcpProxy implements AsyncDisposable {
  /** Ports of the replicas that are there. */
  targets: readonly number[] = [];
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #next = 0;

  static async start(): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('There is no port.');
    this.port = address.port;
    server.on('connection', (client) => this.#connect(client));
  }

  get uri(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks all connections, so that what comes next is dealt out anew. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.disconnect();
    await closed;
  }

  #connect(client: Socket): void {
    const target = this.targets[this.#next++ % Math.max(this.targets.length, 1)];
    if (target === undefined) {
      client.destroy();
      return;
    }
    const replica = dial(target, '127.0.0.1');
    for (const [from, to] of [
      [client, replica],
      [replica, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}
