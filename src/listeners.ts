/// <reference lib="esnext.disposable" preserve="true" />

import type { TurnEvent, TurnEventType } from './events.ts';
import { isThenable } from './thenable.ts';

export type Listener<E extends TurnEvent = TurnEvent> = (event: E) => unknown;
/** Ends a subscription; `using` does too. */
export type Unsubscribe = (() => void) & Disposable;

export function toUnsubscribe(end: () => void): Unsubscribe {
  return Object.assign(end, { [Symbol.dispose]: end });
}

/** Who listens to a session. */
export class Listeners {
  readonly #byType = new Map<TurnEventType | '*', Set<Listener<never>>>();
  readonly #onError: (event: TurnEvent, error: unknown) => void;

  /** @param onError told what listeners throw, or reject with */
  constructor(onError: (event: TurnEvent, error: unknown) => void) {
    this.#onError = onError;
  }

  get isEmpty(): boolean {
    return this.#byType.size === 0;
  }

  add(type: TurnEventType | '*', listener: Listener<never>): Unsubscribe {
    const listeners = this.#byType.get(type) ?? new Set();
    this.#byType.set(type, listeners);
    // wrapped, so that one function added twice is two subscriptions
    const own: Listener<never> = (event) => listener(event);
    listeners.add(own);
    return toUnsubscribe(() => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#byType.get(type) === listeners) this.#byType.delete(type);
    });
  }

  tell(event: TurnEvent): void {
    this.#tellAll(this.#byType.get(event.type), event);
    this.#tellAll(this.#byType.get('*'), event);
  }

  /** Tells it later to those who listen now, and still do then; nothing where nobody does. */
  later(event: TurnEvent): (() => void) | undefined {
    const told = [event.type, '*' as const].flatMap((type) => {
      const listeners = this.#byType.get(type);
      return listeners === undefined ? [] : [{ listeners, now: [...listeners] }];
    });
    if (told.length === 0) return undefined;
    return () => {
      for (const { listeners, now } of told) {
        this.#tell(
          now.filter((listener) => listeners.has(listener)),
          event,
        );
      }
    };
  }

  #tellAll(listeners: ReadonlySet<Listener<never>> | undefined, event: TurnEvent): void {
    if (listeners !== undefined) this.#tell([...listeners], event);
  }

  #tell(listeners: readonly Listener<never>[], event: TurnEvent): void {
    for (const listener of listeners) {
      try {
        const result = (listener as Listener)(event);
        if (isThenable(result)) Promise.resolve(result).catch((error: unknown) => this.#onError(event, error));
      } catch (error) {
        this.#onError(event, error);
      }
    }
  }
}
