import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { createEndpointHandler } from '@restatedev/restate-sdk';
import { connect } from '@restatedev/restate-sdk-clients';
import type { Agent } from '../agent.ts';
import {
  localBus,
  type RestateServicesOptions,
  type RestateSessions,
  restateServices,
  restateSessions,
} from '../durability/restate/index.ts';
import { type HostAndPort, urlOf } from './serveAccess.ts';

/** Sessions on Restate, and where their turns run. */
export interface RestateOptions {
  /** Where Restate takes requests. */
  readonly url: string;
  /** Where Restate reaches this process. */
  readonly replica: HostAndPort;
  /** With which Restate signs what it asks. @default it does not */
  readonly replicaKey: string | undefined;
}

/** A part of Restate that is this process: turns run here as well as in others like it. */
export class RestateReplica {
  readonly sessions: RestateSessions;
  /** Where it is, as Restate is to be told. */
  readonly url: string;
  readonly #close: (graceMs: number) => Promise<void>;

  /** @throws the error of Node where nothing can be served there */
  static async start(
    agent: Agent & RestateServicesOptions['agent'],
    { url, replica: { host, port }, replicaKey }: RestateOptions,
  ): Promise<RestateReplica> {
    // what is said here is heard here at once
    const bus = localBus();
    const connections = new Set<ServerHttp2Session>();
    const services = restateServices({ agent, bus });
    const server = createServer(
      createEndpointHandler({
        services,
        ...(replicaKey !== undefined && { identityKeys: [replicaKey] }),
        // what matters is told by events
        logger: () => undefined,
      }),
    );
    server.on('session', (connection) => {
      connections.add(connection);
      connection.on('close', () => connections.delete(connection));
    });
    server.listen(port, host);
    await once(server, 'listening');
    const sessions = restateSessions({ agent, ingress: connect({ url, retry: true }), bus });
    const isEverywhere = host === '0.0.0.0' || host === '::';
    return new RestateReplica(
      sessions,
      urlOf(isEverywhere ? hostname() : host, (server.address() as AddressInfo).port),
      async (graceMs) => {
        await services.drain({ graceMs });
        const closed = once(server, 'close');
        server.close();
        for (const connection of connections) connection.destroy();
        await closed;
      },
    );
  }

  private constructor(sessions: RestateSessions, url: string, close: (graceMs: number) => Promise<void>) {
    this.sessions = sessions;
    this.url = url;
    this.#close = close;
  }

  /** What tells Restate of it; the admin API of a server is on port 9070, where nobody has moved it. */
  registration(server: string): string {
    const admin = new URL(server);
    admin.port = '9070';
    const body = JSON.stringify({ uri: this.url });
    return `curl ${admin.origin}/deployments -H 'content-type: application/json' -d '${body}'`;
  }

  /**
   * Turns that are under way here go on in another replica, or in the next one.
   *
   * @param graceMs how long is waited for tools and model calls that are at work
   */
  close(graceMs: number): Promise<void> {
    return this.#close(graceMs);
  }
}
