/** Where sessions are kept: what a store promises, and what goes in and comes out. */

import type { Compaction, Measured, Message } from '../messages.ts';
import type { Usage } from '../model.ts';

/** Stores may answer at once or later. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Keeps sessions. Every method may be synchronous or asynchronous; what goes wrong is thrown or rejected, as a
 * {@link StoreError} wherever the store knows what it is. `storeContract` of `turnchart/testing` tests all of this.
 *
 * A session is a list of messages, which only grows, and a journal of rows: what has happened since. A checkpoint says
 * that the messages and the state given with it sum up the rows before it, so that only those after it are replayed.
 */
export interface Store {
  /**
   * Reserves a session, which need not exist yet, so that no other process runs it. Reading and writing need no lock;
   * it is the index of rows and messages that keeps two writers apart.
   *
   * @throws SessionLockedError where somebody has it already, this process included
   */
  lock(sessionId: string): MaybePromise<StoreLock>;
  /**
   * What is needed to go on with a session; `undefined` where nothing was ever written. Later writes do not change it.
   *
   * @throws StoreCorruptError where something cannot be read
   */
  read(sessionId: string): MaybePromise<StoredSession | undefined>;
  /**
   * Makes all changes, in order, or none. Once it resolves, they survive the end of the process and a power cut. One
   * write may hold changes of many sessions: all of them share its cost.
   *
   * @throws StoreConflictError naming the session whose change does not follow on what is there
   */
  write(changes: readonly StoreChange[]): MaybePromise<void>;
  /** Sessions, the one last written first. */
  list(options?: ListOptions): MaybePromise<readonly SessionSummary[]>;
  /**
   * Rows and checkpoints in the order in which they were written, those of turns that have ended included, until they
   * are trimmed. For audit and replay. Empty for a session that is not there.
   *
   * @throws StoreCorruptError where something cannot be read
   */
  journal(sessionId: string, options?: JournalOptions): MaybePromise<readonly JournalEntry[]>;
  /**
   * Removes the rows of turns that ended before a time, of all sessions; what `read` gives stays as it is.
   *
   * @returns how many rows are gone
   */
  trim(options: TrimOptions): MaybePromise<number>;
  /**
   * Removes a session with all that belongs to it. Its id can be used again.
   *
   * @throws SessionLockedError where somebody has it, this process included
   */
  delete(sessionId: string): MaybePromise<void>;
  /** Releases all locks. What is asked afterwards throws a StoreClosedError, but closing again does nothing. */
  close(): MaybePromise<void>;
}

/** A session that is reserved. */
export interface StoreLock {
  /** Lets others have it. Once is enough; again does nothing, also when others have it by now. */
  release(): MaybePromise<void>;
}

/** One change of one session. */
export type StoreChange = RowsChange | CheckpointChange | TitleChange;

/** What has happened, appended to the journal. */
export interface RowsChange {
  readonly type: 'rows';
  readonly sessionId: string;
  /** Epoch ms. */
  readonly at: number;
  /** Of the first row; the session's rows are counted from 0 and never again. */
  readonly index: number;
  /** JSON texts. A store keeps them and does not look into them. */
  readonly rows: readonly string[];
}

/**
 * Where a session rested. The first one makes the session: it sums up no rows, and holds the messages that the
 * conversation begins with.
 */
export interface CheckpointChange {
  readonly type: 'checkpoint';
  readonly sessionId: string;
  /** Epoch ms. */
  readonly at: number;
  /** How many rows it sums up, from the beginning; never fewer than the last one. */
  readonly rows: number;
  /** The messages since the last checkpoint, and the index of the first in the conversation, from 0. */
  readonly messages: { readonly index: number; readonly added: readonly Message[] };
  readonly state: SessionState;
}

/** What a session is called from now on. @default the beginning of the first user message of its checkpoints */
export interface TitleChange {
  readonly type: 'title';
  readonly sessionId: string;
  readonly title: string;
}

/** Beside the messages, all that the machines of a session are built from. */
export interface SessionState {
  /** Name of the agent. */
  readonly agent: string;
  /** `seq` of the last durable event. */
  readonly seq: number;
  /** Of all turns so far. */
  readonly usage: Usage;
  /** In the currency of `pricing`; absent where nothing is known. */
  readonly cost?: number;
  /** Tools that somebody has approved for the whole session. @default none */
  readonly approvedTools?: readonly string[];
  /** What a model is shown of the messages. @default all */
  readonly compaction?: Compaction;
  /** How large the conversation is for a model. @default not known */
  readonly measured?: Measured;
  /** How many turns have ended. */
  readonly turns: number;
  /** Of the machines that write the rows after this checkpoint. */
  readonly machineVersion: string;
}

/** A session as it is read. */
export interface StoredSession {
  readonly summary: SessionSummary;
  readonly messages: readonly Message[];
  /** Of the last checkpoint. */
  readonly state: SessionState;
  /** Of the first of `rows`: how many the last checkpoint sums up. */
  readonly rowIndex: number;
  /** After the last checkpoint: what is replayed. Each is JSON. */
  readonly rows: readonly string[];
  /** What is not as it was written, in words: a last record, say, that a power cut has torn and that is left out. */
  readonly warnings: readonly string[];
}

/** A session as lists show it. */
export interface SessionSummary {
  readonly id: string;
  /** Name of the agent. */
  readonly agent: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** When rows or a checkpoint were written last, in epoch ms. */
  readonly updatedAt: number;
  /** As given, or the beginning of the first user message; absent where there is neither. */
  readonly title?: string;
  /** How many turns have ended. */
  readonly turns: number;
  readonly status: SessionStatus;
}

/** `inTurn` where rows follow the last checkpoint: whoever opens the session has something to replay. */
export type SessionStatus = 'idle' | 'inTurn';

export interface ListOptions {
  /** @default both */
  readonly status?: SessionStatus;
  /**
   * Words, all of which are in one message of the session, or all in its title; case does not matter, and the
   * beginning of a word is enough. Words are letters and digits, and anything else stands between them; a search
   * without words finds every session.
   *
   * @default no search
   */
  readonly search?: string;
  /** How many at most. @default all */
  readonly limit?: number;
  /** The last session of the page before. @default the list begins with the newest */
  readonly before?: Pick<SessionSummary, 'id' | 'updatedAt'>;
}

export interface JournalOptions {
  /** The index of the first row that is wanted. @default that of the oldest which is kept */
  readonly from?: number;
}

export interface TrimOptions {
  /** Epoch ms. A turn ended with the checkpoint that sums it up. */
  readonly endedBefore: number;
}

/** What a journal is made of. */
export type JournalEntry = JournalRow | JournalCheckpoint;

export interface JournalRow {
  readonly type: 'row';
  readonly index: number;
  /** JSON. */
  readonly row: string;
}

/** A place from which the rows that follow can be replayed. */
export interface JournalCheckpoint {
  readonly type: 'checkpoint';
  /** Epoch ms. */
  readonly at: number;
  /** How many rows it sums up. */
  readonly rows: number;
  /** How many messages the conversation had. */
  readonly messages: number;
  readonly state: SessionState;
}

/**
 * A store could not do what it was asked.
 *
 * @example
 * ```ts
 * try {
 *   await store.lock('support-17');
 * } catch (error) {
 *   if (error instanceof SessionLockedError) console.error(`in use by process ${error.holder.processId}`);
 *   else throw error;
 * }
 * ```
 */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
}

/** Who has a session. */
export interface LockHolder {
  /** Absent where the store is not shared between processes. */
  readonly processId?: number;
  readonly host?: string;
  /** Epoch ms. */
  readonly since: number;
}

/** Somebody has the session: two cannot run it at a time. */
export class SessionLockedError extends StoreError {
  override readonly name = 'SessionLockedError';
  readonly sessionId: string;
  readonly holder: LockHolder;
  /** @param advice what to do about it, as a sentence */
  constructor(sessionId: string, holder: LockHolder, advice = 'Close it there first.') {
    const { processId, host, since } = holder;
    const who = `${processId === undefined ? 'this process' : `process ${processId}`}${host === undefined ? '' : ` on ${host}`}`;
    super(`Session "${sessionId}" is in use by ${who} since ${new Date(since).toISOString()}. ${advice}`);
    this.sessionId = sessionId;
    this.holder = holder;
  }
}

/** A change does not follow on what is there. Nothing of its write was made. */
export class StoreConflictError extends StoreError {
  override readonly name = 'StoreConflictError';
  readonly sessionId: string;
  constructor(sessionId: string, problem: string) {
    super(`Session "${sessionId}": ${problem} Read it again before you write to it.`);
    this.sessionId = sessionId;
  }
}

/** Something that was written cannot be read. It stays as it is. */
export class StoreCorruptError extends StoreError {
  override readonly name = 'StoreCorruptError';
  /** The file, and the place in it. */
  readonly place: string;
  constructor(place: string, problem: string, options?: ErrorOptions) {
    super(`${place}: ${problem}. Nothing was changed; take a backup of it, or begin anew elsewhere.`, options);
    this.place = place;
  }
}

/** The store is closed. */
export class StoreClosedError extends StoreError {
  override readonly name = 'StoreClosedError';
  constructor() {
    super('The store is closed: open another.');
  }
}
