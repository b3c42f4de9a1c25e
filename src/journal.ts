import type { SessionState, Store, StoreChange } from './durability/store.ts';
import type { Row } from './host.ts';
import { type History, messagesOf } from './machines/history.ts';
import { isThenable } from './thenable.ts';

interface Written {
  readonly change: StoreChange;
  readonly settle: (error?: unknown) => void;
}

/** Writes for all sessions of an agent: what comes while a write is under way goes together into the next one. */
export class StoreWriter {
  readonly #store: Store;
  #waiting: Written[] = [];
  #isWriting = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @param settle told when the change is safe, or why it is not */
  write(change: StoreChange, settle: (error?: unknown) => void): void {
    this.#waiting.push({ change, settle });
    if (this.#isWriting) return;
    this.#isWriting = true;
    // everything that happens in this moment is one write
    queueMicrotask(() => this.#next());
  }

  #next(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) {
      this.#isWriting = false;
      return;
    }
    const settle = (error?: unknown) => {
      for (const written of batch) written.settle(error);
      this.#next();
    };
    try {
      const result = this.#store.write(batch.map(({ change }) => change));
      if (isThenable(result)) Promise.resolve(result).then(() => settle(), settle);
      else settle();
    } catch (error) {
      settle(error);
    }
  }
}

/** What a journal begins with. */
export interface JournalPosition {
  /** Rows and messages that the store has. */
  readonly rows: number;
  readonly messages: number;
}

export interface JournalOptions {
  /** What a new session is begun with, when its first row is kept. @default it is there already */
  readonly begin?: () => { readonly at: number; readonly history: History; readonly state: SessionState };
  /** Told once, when something could not be written: the session is ahead of what is kept of it. */
  readonly onLost: (error: unknown) => void;
}

/** Keeps one session: its inputs as they come, and at rest what they have come to. */
export class Journal {
  readonly #writer: StoreWriter;
  readonly #sessionId: string;
  readonly #options: JournalOptions;
  #hasBegun: boolean;
  #rows: number;
  #messages: number;
  /** Changes that were handed on, and those of them that are safe. */
  #kept = 0;
  #safe = 0;
  #waiting: { readonly for: number; readonly run: () => void }[] = [];
  #isRunning = false;
  #isClosed = false;
  #isLost = false;

  constructor(writer: StoreWriter, sessionId: string, at: JournalPosition, options: JournalOptions) {
    this.#writer = writer;
    this.#sessionId = sessionId;
    this.#rows = at.rows;
    this.#messages = at.messages;
    this.#options = options;
    this.#hasBegun = options.begin === undefined;
  }

  keep(row: Row): void {
    if (!this.#hasBegun) this.#begin();
    const { at } = row;
    this.#add({ type: 'rows', sessionId: this.#sessionId, at, index: this.#rows, rows: [JSON.stringify(row)] });
    this.#rows += 1;
  }

  /** The session rests: all rows so far are summed up by its history and by what else there is to know. */
  checkpoint(at: number, history: History, state: SessionState): void {
    const messages = { index: this.#messages, added: messagesOf(history, this.#messages) };
    this.#add({ type: 'checkpoint', sessionId: this.#sessionId, at, rows: this.#rows, messages, state });
    this.#messages = history.length;
  }

  /** Runs something as soon as all that was kept so far is safe; one after the other, in the order of the calls. */
  whenSafe = (run: () => void): void => {
    if (this.#isLost) return;
    this.#waiting.push({ for: this.#kept, run });
    this.#runSafe();
  };

  /** Keeps nothing any more; what was kept is still written. */
  close(): void {
    this.#isClosed = true;
  }

  #begin(): void {
    this.#hasBegun = true;
    const start = this.#options.begin?.();
    if (start !== undefined) this.checkpoint(start.at, start.history, start.state);
  }

  #add(change: StoreChange): void {
    if (this.#isClosed || this.#isLost) return;
    this.#kept += 1;
    this.#writer.write(change, (error) => this.#settle(error));
  }

  #settle(error: unknown): void {
    if (this.#isLost) return;
    if (error !== undefined) {
      this.#isLost = true;
      this.#waiting = [];
      this.#options.onLost(error);
      return;
    }
    this.#safe += 1;
    this.#runSafe();
  }

  #runSafe(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#waiting[0]; next !== undefined && next.for <= this.#safe; next = this.#waiting[0]) {
        this.#waiting.shift();
        next.run();
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
