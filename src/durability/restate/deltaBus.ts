import type { TurnEvent } from '../../events.ts';

/**
 * What is said while it happens, from the process that runs a turn to those that watch it. Nothing depends on it: events
 * that are durable are asked for besides, and of deltas one that is late or lost is text that comes with its answer.
 */
export interface DeltaBus {
  /** Must not throw, and waits for nobody. */
  publish(sessionId: string, said: LiveEvents): void;
  /** @returns ends the subscription */
  subscribe(sessionId: string, listener: (said: LiveEvents) => void): () => void;
}

/** Events as they travel: plain JSON. */
export interface LiveEvents {
  readonly events: readonly TurnEvent[];
  /** Where they come out of an effect at work; names turn, step and attempt. */
  readonly effect?: string;
  /** When that try of the effect began, in epoch ms: what an earlier try still says is stale. */
  readonly startedAt?: number;
}

/**
 * A bus for clients that live in the process of the turns.
 *
 * @example
 * ```ts
 * const bus = localBus();
 * const services = restateServices({ agent, bus });
 * const sessions = restateSessions({ agent, ingress, bus });
 * ```
 */
export function localBus(): DeltaBus {
  const listeners = new Map<string, Set<(said: LiveEvents) => void>>();
  return {
    publish(sessionId, said) {
      for (const listener of [...(listeners.get(sessionId) ?? [])]) listener(said);
    },
    subscribe(sessionId, listener) {
      const own = listeners.get(sessionId) ?? new Set();
      listeners.set(sessionId, own);
      own.add(listener);
      return () => {
        own.delete(listener);
        if (own.size === 0 && listeners.get(sessionId) === own) listeners.delete(sessionId);
      };
    },
  };
}
