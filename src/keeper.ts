import type { Store, StoredSession, StoreLock } from './durability/store.ts';
import { SessionLockedError } from './durability/store.ts';
import { StoreWriter } from './journal.ts';
import { interrupted } from './services/interrupted.ts';
import type { Kept } from './session.ts';
import { isThenable } from './thenable.ts';

/** Takes sessions out of a store, for one agent. */
export class Keeper {
  readonly #store: Store;
  readonly #writer: StoreWriter;

  constructor(store: Store) {
    this.#store = store;
    this.#writer = new StoreWriter(store);
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
    return { writer: this.#writer, lock, stored, resultOf: interrupted, resume };
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
