import type { Ingress } from '@restatedev/restate-sdk-clients';
import type { Agent } from '../../agent.ts';
import type { Clock } from '../../clock.ts';
import type { TurnEvent } from '../../events.ts';
import type { DeltaBus } from './deltaBus.ts';
import { type Kept, serviceNames, setupFor } from './protocol.ts';
import { RemoteSession } from './remoteSession.ts';
import { SessionClient } from './sessionClient.ts';

export interface RestateSessionsOptions<TOutput = undefined> {
  /** The agent whose services run on Restate: of it, only its name and its options are used here. */
  readonly agent: Agent<never, TOutput>;
  /** Where Restate takes requests: `connect({ url })` of `@restatedev/restate-sdk-clients`. */
  readonly ingress: Ingress;
  /** The bus that the services publish on. @default none: text comes with its answer */
  readonly bus?: DeltaBus;
  /** How often is asked for what a turn has said, in ms; what comes over the bus comes sooner. @default 500 */
  readonly pollMs?: number;
}

export interface OpenOptions {
  /** The `seq` of the last event that is known already: those after it are told, as far as they are kept. @default those so far are */
  readonly after?: number;
}

/** What `httpApp({ agent })` takes as well as an agent: any number of hosts may serve the same sessions. */
export interface RestateSessions<TOutput = undefined> {
  /** Of the agent. */
  readonly name: string;
  /** The agent's. */
  readonly clock: Clock;
  /**
   * Opens a conversation: a new one, or one that there is. Several may have it open.
   *
   * @param id a random one by default
   */
  open(id?: string, options?: OpenOptions): Promise<RemoteSession<TOutput>>;
  /** Whether there is a session of that id: one that was made, or spoken to. */
  has(id: string): Promise<boolean>;
  /** Makes a session before anybody speaks to it, which is not needed otherwise; false where there is one. */
  create(id: string): Promise<boolean>;
  /** Durable events after a `seq`, as far as they are kept: those of the running turn, and of some before it. */
  events(id: string, options?: { readonly after?: number }): Promise<readonly TurnEvent[]>;
  /** Cancels what runs and waits in a session, and deletes it; there need not be one. */
  delete(id: string): Promise<void>;
}

/**
 * The sessions of an agent whose turns run on Restate.
 *
 * @throws TypeError for an agent that `createAgent()` did not make, or whose name is no name of a service
 * @example
 * ```ts
 * import { connect } from '@restatedev/restate-sdk-clients';
 *
 * const sessions = restateSessions({ agent, ingress: connect({ url: 'http://localhost:8080' }) });
 * const session = await sessions.open('customer-17');
 * const turn = await session.send('What is 17*23?');
 * console.log((await turn.result).text);
 * session.close();
 * ```
 */
export function restateSessions<TOutput = undefined>(
  options: RestateSessionsOptions<TOutput>,
): RestateSessions<TOutput> {
  const { agent, ingress, bus, pollMs = 500 } = options;
  const setup = setupFor('restateSessions()', agent);
  if (!(pollMs > 0)) throw new TypeError('restateSessions(): `pollMs` must be a number above 0.');
  const client = new SessionClient(ingress, serviceNames(agent.name));
  return {
    name: agent.name,
    clock: setup.clock,
    async open(id = `session_${crypto.randomUUID()}`, { after } = {}) {
      return RemoteSession.open<TOutput>({ id, client, setup, bus, pollMs, after });
    },
    has: async (id) => (await client.look(id)).isThere,
    create: (id) => client.create(id),
    events: async (id, { after = 0 } = {}) => (await client.events(id, after)).events,
    async delete(id) {
      if (isBusy(await client.look(id))) {
        await client.ask(id, { command: { type: 'session.close' } });
        while (isBusy(await client.look(id))) await wait(setup.clock, endingMs);
      }
      await client.erase(id);
    },
  };
}

/** How often is looked whether all turns have ended, in ms. */
const endingMs = 50;

function isBusy({ snapshot: { status, queued } }: Kept): boolean {
  return status === 'inTurn' || status === 'compacting' || queued > 0;
}

function wait(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
}
