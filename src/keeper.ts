import type { JournalEntry, Store, StoredSession, StoreLock } from './durability/store.ts';
import { SessionLockedError } from './durability/store.ts';
import type { EffectResult, StartedEffect } from './effects.ts';
import type { Row } from './host.ts';
import { parseRow, StoreWriter } from './journal.ts';
import type { Message } from './messages.ts';
import { interrupted } from './services/interrupted.ts';
import { isThenable } from './thenable.ts';

/** What is kept of a session. */
export interface KeptState extends Omit<StoredSession, 'rows'> {
  readonly rows: readonly Row[];
}

/** Where a session is kept beyond the process. */
export interface Kept {
  readonly writer: StoreWriter;
  readonly lock: StoreLock;
  /** What is there of it; nothing for a new one. */
  readonly stored: KeptState | undefined;
  /** What becomes of an effect that had begun when the process ended. */
  readonly resultOf: (effect: StartedEffect) => EffectResult | undefined;
  /** Whether an unfinished turn goes on by itself. */
  readonly resume: 'auto' | 'manual';
}

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

  /** All sessions that were in a turn, by id, but for those that somebody has open: all, or none where one cannot be read. */
  async takeUnfinished(): Promise<ReadonlyMap<string, Kept>> {
    const taken = new Map<string, Kept>();
    try {
      for (const { id } of await this.#store.list({ status: 'inTurn' })) {
        const kept = await this.#takeIfFree(id);
        if (kept !== undefined) taken.set(id, kept);
      }
    } catch (error) {
      for (const { lock } of taken.values()) await lock.release();
      throw error;
    }
    return taken;
  }

  /** What the journal of a session holds, and the messages that its checkpoints sum up. */
  async journalOf(sessionId: string): Promise<{ journal: readonly JournalEntry[]; messages: readonly Message[] }> {
    const journal = await this.#store.journal(sessionId);
    return { journal, messages: (await this.#store.read(sessionId))?.messages ?? [] };
  }

  async #takeIfFree(sessionId: string): Promise<Kept | undefined> {
    try {
      // none goes on before all are open and listened to
      const kept = await this.take(sessionId, 'manual');
      // whoever had it may have come to its end meanwhile
      if ((kept.stored?.rows.length ?? 0) > 0) return kept;
      await kept.lock.release();
    } catch (error) {
      if (!(error instanceof SessionLockedError)) throw error;
    }
    return undefined;
  }

  #kept(lock: StoreLock, stored: StoredSession | undefined, resume: Kept['resume']): Kept {
    const { rows = [], rowIndex = 0, summary } = stored ?? {};
    const parsed = rows.map((row, place) => parseRow(row, summary?.id ?? '', rowIndex + place));
    return {
      writer: this.#writer,
      lock,
      stored: stored && { ...stored, rows: parsed },
      resultOf: interrupted,
      resume,
    };
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
