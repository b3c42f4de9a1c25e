import type { Clock } from '../../clock.ts';
import type { MaybePromise, Store } from '../../durability/store.ts';
import type { TurnEvent } from '../../events.ts';
import type { UserInput } from '../../messages.ts';
import type { Session } from '../../session.ts';

/** What a session is at. */
export interface Seen extends Pick<Session, 'messages' | 'usage' | 'snapshot'> {
  /** Those that run and wait. */
  readonly turns: readonly { readonly id: string }[];
}

/** Commands of a session, with a promise where it is elsewhere. */
type Commands = {
  readonly [K in 'cancel' | 'steer' | 'extend' | 'resume' | 'compact' | 'approve' | 'deny' | 'resolveTool']: (
    ...args: Parameters<Session[K]>
  ) => MaybePromise<ReturnType<Session[K]>>;
};

interface SessionPort extends Commands {
  readonly id: string;
  readonly on: (type: '*', listener: (event: TurnEvent) => void) => () => void;
  readonly send: (content: UserInput) => MaybePromise<{ readonly id: string }>;
  /** Lets it go; one of this process ends with that, one that is elsewhere does not. */
  readonly close: () => MaybePromise<void>;
}

/** A session of this process, as it is at any moment. */
export type LocalSession = SessionPort & Seen;

/** A session that is elsewhere, and has to be asked. */
export interface SessionElsewhere extends SessionPort {
  /** What it is at, after the event with that `seq`; undefined where it was deleted. */
  readonly look: () => Promise<(Seen & { readonly seq: number }) | undefined>;
}

/** What a host needs of a session, whatever form its answers have. */
export type ServedSession = LocalSession | SessionElsewhere;

/** What a host needs of an agent: an `Agent` whose tools want no context. */
export interface ServedAgent {
  readonly name: string;
  readonly clock: Clock;
  readonly store: Store | undefined;
  readonly open: (options: { readonly id: string }) => Promise<LocalSession>;
  readonly events: (sessionId: string, options?: { readonly after?: number }) => Promise<readonly TurnEvent[]>;
}

/**
 * What a host needs of sessions that are elsewhere, where several hosts may serve them: `restateSessions()` gives that,
 * for one.
 */
export interface SessionsElsewhere {
  readonly name: string;
  readonly clock: Clock;
  readonly has: (id: string) => Promise<boolean>;
  /** Makes a new one; false where there is one already. */
  readonly create: (id: string) => Promise<boolean>;
  readonly open: (id: string) => Promise<SessionElsewhere>;
  /** Durable events after a `seq`, as far as they are kept. */
  readonly events: (id: string, options: { readonly after: number }) => Promise<readonly TurnEvent[]>;
  /** Cancels what runs in it, and deletes it. */
  readonly delete: (id: string) => Promise<void>;
}
