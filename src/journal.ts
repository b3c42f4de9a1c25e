import {
  type SessionState,
  type Store,
  type StoreChange,
  StoreConflictError,
  StoreCorruptError,
} from './durability/store.ts';
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
    // everything that happens in this moment is one write; a turn starts in the microtask after it was sent
    queueMicrotask(() => queueMicrotask(() => this.#next()));
  }

  #next(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) {
      this.#isWriting = false;
      return;
    }
    this.#write(batch, (error) => {
      const [failed, others] = error instanceof StoreConflictError ? apart(batch, error.sessionId) : [batch, []];
      // first the others, which may be written without it
      this.#waiting.unshift(...others);
      for (const written of failed) written.settle(error);
      this.#next();
    });
  }

  #write(batch: readonly Written[], settle: (error?: unknown) => void): void {
    let result: void | Promise<void>;
    try {
      result = this.#store.write(batch.map(({ change }) => change));
    } catch (error) {
      settle(error);
      return;
    }
    if (isThenable(result)) Promise.resolve(result).then(() => settle(), settle);
    else settle();
  }
}

/** The changes of one session, and those of the others. */
function apart(batch: readonly Written[], sessionId: string): [failed: readonly Written[], others: readonly Written[]] {
  const failed = batch.filter(({ change }) => change.sessionId === sessionId);
  // a store that names a session which is not there would be asked for ever
  if (failed.length === 0) return [batch, []];
  return [failed, batch.filter(({ change }) => change.sessionId !== sessionId)];
}

/** What a journal begins with. */
export interface JournalPosition {
  /** Rows and messages that the store has. */
  readonly rows: number;
  readonly messages: number;
  /** Of the rows, those that its last checkpoint sums up. */
  readonly summedUp: number;
}

export interface JournalOptions {
  /** What a new session is begun with, when its first row is kept. @default it is there already */
  readonly begin?: () => { readonly at: number; readonly history: History; readonly state: SessionState };
  /** Told once, when something could not be written: the session is ahead of what is kept of it. */
  readonly onLost: (error: unknown) => void;
}

interface Waiting {
  /** How many changes must be safe. */
  readonly for: number;
  readonly run: () => void;
  readonly onLost: (() => void) | undefined;
}

/** Keeps one session: its inputs as they come, and at rest what they have come to. */
export class Journal {
  readonly #writer: StoreWriter;
  readonly #sessionId: string;
  readonly #options: JournalOptions;
  #hasBegun: boolean;
  #rows: number;
  #summedUp: number;
  #messages: number;
  /** Changes that were handed on, and those of them that are safe. */
  #kept = 0;
  #safe = 0;
  #waiting: Waiting[] = [];
  #isRunning = false;
  #isClosed = false;
  #isLost = false;

  constructor(writer: StoreWriter, sessionId: string, at: JournalPosition, options: JournalOptions) {
    this.#writer = writer;
    this.#sessionId = sessionId;
    this.#rows = at.rows;
    this.#summedUp = at.summedUp;
    this.#messages = at.messages;
    this.#options = options;
    this.#hasBegun = options.begin === undefined;
  }

  /** Whether nothing has happened since the last checkpoint. */
  get isSummedUp(): boolean {
    return this.#rows === this.#summedUp;
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
    this.#summedUp = this.#rows;
  }

  /**
   * Runs something as soon as all that was kept so far is safe; one after the other, in the order of the calls.
   *
   * @param onLost what is run instead where that never comes. @default nothing
   */
  whenSafe = (run: () => void, onLost?: () => void): void => {
    this.#when(this.#kept, run, onLost);
  };

  /** Runs something as soon as the next row is safe too: what led to it is kept with that. */
  whenNextIsSafe(run: () => void): void {
    this.#when(this.#kept + 1, run);
  }

  /** Keeps nothing any more; what was kept is still written. */
  close(): void {
    this.#isClosed = true;
  }

  #when(count: number, run: () => void, onLost?: () => void): void {
    if (this.#isLost) {
      onLost?.();
      return;
    }
    this.#waiting.push({ for: count, run, onLost });
    this.#runSafe();
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
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#options.onLost(error);
      for (const { onLost } of waiting) onLost?.();
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

/**
 * A row as it was kept.
 *
 * @throws StoreCorruptError for anything else
 */
export function parseRow(text: string, sessionId: string, index: number): Row {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new StoreCorruptError(`session "${sessionId}", row ${index}`, 'this is no JSON', { cause: error });
  }
  if (!isRow(row)) throw new StoreCorruptError(`session "${sessionId}", row ${index}`, 'this is no row of a journal');
  return row;
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false;
  const { at, input, began } = value as Partial<Row>;
  return typeof at === 'number' && typeof input === 'object' && input !== null && Array.isArray(began);
}
