import type { Store } from '../../durability/store.ts';
import type { StopReason, TurnEvent } from '../../events.ts';
import type { Failure } from '../../failure.ts';
import type { UserInput } from '../../messages.ts';
import type { Model } from '../../model.ts';
import type { Session } from '../../session.ts';
import type { Turn } from '../../turn.ts';

/** What a host needs of a turn, whatever form its answer has. */
export interface ServedTurn extends Pick<Turn, 'id' | 'cancel'>, AsyncIterable<TurnEvent> {
  readonly outcome: Promise<
    | { readonly status: 'completed'; readonly stopReason: StopReason }
    | { readonly status: 'failed'; readonly failure: Failure }
    | { readonly status: 'cancelled' }
  >;
}

/** What a host needs of a session. */
export interface ServedSession
  extends Pick<Session, 'id' | 'messages' | 'approve' | 'deny' | 'resolveTool' | 'extend' | 'resume' | 'close'> {
  /** Those that run and wait. */
  readonly turns: readonly ServedTurn[];
  readonly send: (content: UserInput, options: { readonly signal: AbortSignal }) => ServedTurn;
}

/** What a host needs of an agent: an `Agent` whose tools want no context. */
export interface ServedAgent {
  readonly name: string;
  readonly model: Pick<Model, 'contextWindow'>;
  readonly store: Store | undefined;
  readonly open: (options: { readonly id: string; readonly resume: 'manual' }) => Promise<ServedSession>;
}
