import type { Store, StoredSession, StoreLock } from './durability/store.ts';
import { SessionLockedError } from './durability/store.ts';
import type { EffectResult, StartedEffect } from './effects.ts';
import { StoreWriter } from './journal.ts';
import { interrupted } from './services/interrupted.ts';
import type { Kept } from './session.ts';
import { isThenable } from './thenable.ts';
import type { AnyTool } from './tool.ts';

/** Takes sessions out of a store, for one agent. */
export class Keeper {
  readonly #store: Store;
  readonly #writer: StoreWriter;
  readonly #resultOf: (effect: StartedEffect) => EffectResult | undefined;

  constructor(store: Store, tools: readonly AnyTool[]) {
    this.#store = store;
    this.#writer = new StoreWriter(store);
    this.#resultOf = (effect) => interrupted(effect, tools);
  }

  /** @throws Error where the store answers later */
  takeAtOnce(sessionId: string, resume: Kept['resume']): Kept {
    const lock = atOnce(this.#store.lock(sessionId));
    try {
      return this.#kept(lock, atOnce(this.#store.read(sessionId)), resume);
    } catch (error) {
      void lock.release();
      throw error;
    }
  }

  async take(sessionId: string, resume: Kept['resume']): Promise<Kept> {
    const lock = await this.#store.lock(sessionId);
    try {
      return this.#kept(lock, await this.#store.read(sessionId), resume);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** @returns nothing where somebody else has it open */
  async takeIfFree(sessionId: string, resume: Kept['resume']): Promise<Kept | undefined> {
    try {
      return await this.take(sessionId, resume);
    } catch (error) {
      if (error instanceof SessionLockedError) return undefined;
      throw error;
    }
  }

  /** Ids of the sessions that were in a turn. */
  async unfinished(): Promise<readonly string[]> {
    return (await this.#store.list({ status: 'inTurn' })).map(({ id }) => id);
  }

  #kept(lock: StoreLock, stored: StoredSession | undefined, resume: Kept['resume']): Kept {
    return { writer: this.#writer, lock, stored, resultOf: this.#resultOf, resume };
  }
}

function atOnce<T>(value: T | Promise<T>): T {
  if (!isThenable(value)) return value as T;
  Promise.resolve(value).then(
    (late) => {
      if (isLock(late)) void late.release();
    },
    () => undefined,
  );
  throw new Error('session(): this store answers later: use `await agent.open(…)`.');
}

function isLock(value: unknown): value is StoreLock {
  return typeof value === 'object' && value !== null && 'release' in value;
}
