import type { Clock } from '../../clock.ts';
import type { Store } from '../../durability/store.ts';
import type { TurnEvent } from '../../events.ts';
import type { UserInput } from '../../messages.ts';
import type { Session } from '../../session.ts';

/** What a host needs of a session, whatever form its answers have. */
export interface ServedSession
  extends Pick<
    Session,
    | 'id'
    | 'messages'
    | 'usage'
    | 'snapshot'
    | 'on'
    | 'cancel'
    | 'steer'
    | 'extend'
    | 'resume'
    | 'compact'
    | 'approve'
    | 'deny'
    | 'resolveTool'
    | 'close'
  > {
  /** Those that run and wait. */
  readonly turns: readonly { readonly id: string }[];
  readonly send: (content: UserInput) => { readonly id: string };
}

/** What a host needs of an agent: an `Agent` whose tools want no context. */
export interface ServedAgent {
  readonly name: string;
  readonly clock: Clock;
  readonly store: Store | undefined;
  readonly open: (options: { readonly id: string }) => Promise<ServedSession>;
  readonly events: (sessionId: string, options?: { readonly after?: number }) => Promise<readonly TurnEvent[]>;
}
