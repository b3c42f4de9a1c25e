import type { Ingress } from '@restatedev/restate-sdk-clients';
import type { Agent } from '../../agent.ts';
import type { DeltaBus } from './deltaBus.ts';
import { serviceNames, setupFor } from './protocol.ts';
import { RemoteSession } from './remoteSession.ts';

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

export interface RestateSessions<TOutput = undefined> {
  /**
   * Opens a conversation: a new one, or one that there is. Several may have it open.
   *
   * @param id a random one by default
   */
  open(id?: string, options?: OpenOptions): Promise<RemoteSession<TOutput>>;
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
  const names = serviceNames(agent.name);
  return {
    async open(id = `session_${crypto.randomUUID()}`, { after } = {}) {
      return RemoteSession.open<TOutput>({ id, names, setup, ingress, bus, pollMs, after });
    },
  };
}
