import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, type Ingress } from '@restatedev/restate-sdk-clients';

/** A Restate server of its own: on loopback, with ports and a folder that nobody else has. */
export class RestateServer implements AsyncDisposable {
  /** Where it keeps everything. */
  readonly folder = mkdtempSync(join(tmpdir(), 'turnchart-restate-'));
  readonly #ports: Ports;
  readonly #place: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  #said = '';

  /** @param place what its environment says beside that */
  static async start(place: NodeJS.ProcessEnv = {}): Promise<RestateServer> {
    const server = new RestateServer(await freePorts(), { RESTATE_NODE_NAME: 'test', ...place });
    await server.begin();
    return server;
  }

  /** Three servers that are one: two of them keep everything, so each of them may be lost. */
  static async startCluster(): Promise<readonly RestateServer[]> {
    const ports = [await freePorts(), await freePorts(), await freePorts()];
    const addresses = ports.map(({ node }) => `http://127.0.0.1:${node}`);
    const nodes = ports.map(
      (own, index) =>
        new RestateServer(own, {
          RESTATE_NODE_NAME: `test-${index}`,
          RESTATE_CLUSTER_NAME: 'test',
          RESTATE_AUTO_PROVISION: String(index === 0),
          RESTATE_DEFAULT_REPLICATION: '2',
          RESTATE_METADATA_CLIENT__ADDRESSES: JSON.stringify(addresses),
        }),
    );
    await Promise.all(nodes.map((node) => node.begin()));
    return nodes;
  }

  private constructor(ports: Ports, place: NodeJS.ProcessEnv) {
    this.#ports = ports;
    this.#place = place;
  }

  get ingressPort(): number {
    return this.#ports.ingress;
  }

  get ingressUrl(): string {
    return `http://127.0.0.1:${this.#ports.ingress}`;
  }

  get ingress(): Ingress {
    return ingressAt(this.ingressUrl);
  }

  /** What it has printed. */
  get said(): string {
    return this.#said;
  }

  get processId(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it, with what it has kept. */
  async begin(): Promise<void> {
    const { ingress, admin, node } = this.#ports;
    const child = spawn(binary(), ['--base-dir', this.folder, '--no-logo'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        RESTATE_DO_NOT_TRACK: '1',
        // where it leaves folders of its own when it is killed
        TMPDIR: this.folder,
        RESTATE_LISTEN_MODE: 'tcp',
        RESTATE_LOG_FILTER: 'warn',
        ...this.#place,
        RESTATE_DEFAULT_NUM_PARTITIONS: '2',
        RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
        RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
        RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
        RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      },
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text;
      });
    }
    await this.#until(async () => {
      if (child.exitCode !== null) throw new Error(`The Restate server ended. ${this.#said}`);
      const answers = await Promise.all([
        fetch(`http://127.0.0.1:${admin}/health`),
        fetch(`http://127.0.0.1:${ingress}/restate/health`),
      ]);
      return answers.every(({ ok }) => ok);
    });
  }

  /**
   * Makes known where services are: what begins from then on begins there.
   *
   * @returns the id of the deployment
   */
  async register(uri: string): Promise<string> {
    const { id } = (await this.#admin('deployments', { uri, force: true })) as { readonly id: string };
    return id;
  }

  /** Ends an invocation for good. */
  async killInvocation(id: string): Promise<void> {
    await this.#admin(`invocations/${id}/kill`, undefined, 'PATCH');
  }

  /** Gives up trying to go on with an invocation, until it is moved. */
  async pauseInvocation(id: string): Promise<void> {
    await this.#admin(`invocations/${id}/pause`, undefined, 'PATCH');
  }

  /** Lets an invocation go on elsewhere that waits, or is paused. */
  async moveInvocation(id: string, deployment: string): Promise<void> {
    await this.#admin(`invocations/${id}/resume?deployment=${deployment}`, undefined, 'PATCH');
  }

  /** What SQL finds, as in `select id, status from sys_invocation`. */
  async query(query: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { rows } = (await this.#admin('query', { query })) as { rows: readonly Record<string, unknown>[] };
    return rows;
  }

  /** Ends it in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #admin(path: string, body: object | undefined, method = 'POST'): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.admin}/${path}`, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  async #until(isSo: () => Promise<boolean>): Promise<void> {
    for (;;) {
      if (await isSo().catch(isRefused)) return;
      await wait(20);
    }
  }
}

/** Of a server that may be killed, and is back soon, or another in its place. */
export function ingressAt(url: string): Ingress {
  return connect({ url, retry: { maxAttempts: false, initialInterval: 20, maxInterval: 200 } });
}

interface Ports {
  readonly ingress: number;
  readonly admin: number;
  readonly node: number;
}

function isRefused(error: unknown): boolean {
  if (error instanceof TypeError) return false;
  throw error;
}

/** The program itself: what npm links starts it as a child, which would outlive a SIGKILL. */
function binary(): string {
  const name = `restate-server-${process.platform}-${process.arch}`;
  const file = fileURLToPath(new URL(`server/node_modules/@restatedev/${name}/bin/restate-server`, import.meta.url));
  if (existsSync(file)) return file;
  throw new Error('There is no Restate server: run `npm run restate:install` first.');
}

async function freePorts(): Promise<Ports> {
  return { ingress: await freePort(), admin: await freePort(), node: await freePort() };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('There is no port.');
  return address.port;
}
