import { randomUUID } from 'node:crypto';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { type Message, textOf } from '../messages.ts';
import { fateOf, type ProcessIdentity, thisProcess } from './processIdentity.ts';
import { hasWords, searchWords } from './searchWords.ts';
import { advance, type SessionHead } from './sessionHead.ts';
import { sessionTitle } from './sessionTitle.ts';
import { toStoreError } from './sqliteErrors.ts';
import { SqliteRow } from './sqliteRow.ts';
import { bestSearch, type SqliteSearch } from './sqliteSearch.ts';
import { type SqliteStatements, sessionsWithCheckpoint, sqliteStatements } from './sqliteStatements.ts';
import type { SqliteStoreOptions } from './sqliteStore.ts';
import {
  type JournalCheckpoint,
  type JournalEntry,
  type JournalOptions,
  type JournalRow,
  type ListOptions,
  type LockHolder,
  SessionLockedError,
  type SessionState,
  type SessionSummary,
  type Store,
  type StoreChange,
  StoreClosedError,
  StoreCorruptError,
  type StoredSession,
  type StoreLock,
  type TrimOptions,
} from './store.ts';

/** A store in an open database. */
export class SqliteSessions implements Store {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #isGone: (holder: LockHolder) => boolean;
  readonly #search: SqliteSearch;
  readonly #sql: SqliteStatements;
  readonly #me = thisProcess();
  /** Of the locks that are held. */
  readonly #tokens = new Set<string>();

  constructor(file: string, database: DatabaseSync, options: SqliteStoreOptions = {}, createSearch = bestSearch) {
    this.#file = file;
    this.#database = database;
    this.#isGone = options.isGone ?? (() => false);
    try {
      database.function('has_words', { deterministic: true }, (text, words) =>
        Number(hasWords(String(text), String(words).split(' '))),
      );
      this.#search = createSearch(database);
      this.#sql = sqliteStatements(database);
    } catch (error) {
      database.close();
      throw toStoreError(error, file);
    }
  }

  lock(sessionId: string): StoreLock {
    const token = randomUUID();
    this.#transaction('IMMEDIATE', () => {
      this.#checkFree(sessionId);
      const { processId, host, boot = null, container = null, start = null } = this.#me;
      this.#sql.addLock.run(sessionId, token, Date.now(), processId, host, boot, container, start);
    });
    this.#tokens.add(token);
    return {
      release: () => {
        if (!this.#tokens.has(token)) return;
        this.#transaction('IMMEDIATE', () => this.#sql.removeLock.run(token));
        this.#tokens.delete(token);
      },
    };
  }

  read(sessionId: string): StoredSession | undefined {
    return this.#transaction('DEFERRED', () => {
      const session = this.#session(sessionId);
      if (session === undefined) return undefined;
      const { key, head } = session;
      const rows = this.#rows(sessionId, key, head.summedUp);
      // a gap between them has been seen already
      if (rows.length !== head.rows - head.summedUp) throw this.#missing(sessionId, 'a row at the end, or the first,');
      return {
        summary: session.summary,
        messages: this.#messages(sessionId, session),
        state: session.state,
        rowIndex: head.summedUp,
        rows: rows.map(({ row }) => row),
        warnings: [],
      };
    });
  }

  write(changes: readonly StoreChange[]): void {
    this.#transaction('IMMEDIATE', () => {
      for (const change of changes) this.#make(change);
    });
  }

  list({ status, search, limit, before }: ListOptions = {}): readonly SessionSummary[] {
    const conditions: string[] = [];
    const parameters: (string | number)[] = [];
    if (status !== undefined) conditions.push(`s.row_count ${status === 'idle' ? '=' : '>'} c.row_count`);
    if (before !== undefined) {
      conditions.push('(s.updated_at, s.id) < (?, ?)');
      parameters.push(before.updatedAt, before.id);
    }
    const words = searchWords(search);
    if (words.length > 0) {
      const found = this.#search.find(words);
      conditions.push(`(has_words(coalesce(s.title, ''), ?) OR s.key IN (${found.sql}))`);
      parameters.push(words.join(' '), found.parameter);
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const sql = `${sessionsWithCheckpoint} ${where} ORDER BY s.updated_at DESC, s.id DESC LIMIT ?`;
    // a limit below 0 is none
    return this.#guard(() => this.#database.prepare(sql).all(...parameters, limit ?? -1)).map((values) =>
      summaryIn(new SqliteRow(values, this.#place(String(values.id)))),
    );
  }

  journal(sessionId: string, { from = 0 }: JournalOptions = {}): readonly JournalEntry[] {
    return this.#transaction('DEFERRED', () => {
      const session = this.#session(sessionId);
      if (session === undefined) return [];
      const { key } = session;
      const entries: JournalEntry[] = [];
      const rows = this.#rows(sessionId, key, from).values();
      let next = rows.next();
      for (const values of this.#sql.checkpoints.all(key, from)) {
        const checkpoint = this.#checkpoint(sessionId, values);
        for (; !next.done && next.value.index < checkpoint.rows; next = rows.next()) entries.push(next.value);
        entries.push(checkpoint);
      }
      for (; !next.done; next = rows.next()) entries.push(next.value);
      return entries;
    });
  }

  trim({ endedBefore }: TrimOptions): number {
    return this.#transaction('IMMEDIATE', () => {
      let trimmed = 0;
      for (const values of this.#sql.ended.all(endedBefore)) {
        const row = new SqliteRow(values, `${this.#file}, checkpoints`);
        const [session, ended] = [row.number('session'), row.number('row_count')];
        trimmed += Number(this.#sql.trimRows.run(session, ended).changes);
        this.#sql.trimCheckpoints.run(session, ended);
      }
      return trimmed;
    });
  }

  delete(sessionId: string): void {
    this.#transaction('IMMEDIATE', () => {
      this.#checkFree(sessionId);
      const session = this.#session(sessionId);
      if (session === undefined) return;
      this.#search.remove(session.key);
      this.#sql.removeSession.run(session.key);
    });
  }

  close(): void {
    if (!this.#database.isOpen) return;
    try {
      if (this.#tokens.size > 0) {
        this.#transaction('IMMEDIATE', () => {
          for (const token of this.#tokens) this.#sql.removeLock.run(token);
        });
      }
    } finally {
      this.#tokens.clear();
      this.#database.close();
    }
  }

  #make(change: StoreChange): void {
    const { sessionId } = change;
    const session = this.#session(sessionId);
    const head = advance(session?.head, change);
    if (change.type === 'title') {
      this.#sql.nameSession.run(change.title, sessionId);
      return;
    }
    const key = session?.key ?? this.#addSession(sessionId, change.at);
    this.#sql.touchSession.run(change.at, head.rows, key);
    if (change.type === 'rows') {
      for (const [place, row] of change.rows.entries()) this.#sql.addRow.run(key, change.index + place, row);
      return;
    }
    const { at, rows, messages, state } = change;
    for (const [place, message] of messages.added.entries()) this.#addMessage(key, messages.index + place, message);
    const { agent, turns } = state;
    this.#sql.addCheckpoint.run(key, at, rows, head.messages, agent, turns, JSON.stringify(state));
    if (session?.summary.title !== undefined) return;
    const title = sessionTitle(messages.added);
    if (title !== undefined) this.#sql.nameSession.run(title, sessionId);
  }

  #addSession(sessionId: string, at: number): number {
    return new SqliteRow(this.#sql.addSession.get(sessionId, at, at) ?? {}, this.#file).number('key');
  }

  #addMessage(session: number, n: number, message: Message): void {
    const text = textOf(message);
    const { lastInsertRowid } = this.#sql.addMessage.run(session, n, JSON.stringify(message), text);
    this.#search.add(lastInsertRowid, text);
  }

  #session(sessionId: string): SqliteSession | undefined {
    const values = this.#sql.session.get(sessionId);
    if (values === undefined) return undefined;
    const row = new SqliteRow(values, this.#place(sessionId));
    const head = {
      rows: row.number('row_count'),
      summedUp: row.number('summed_up'),
      messages: row.number('message_count'),
    };
    return { key: row.number('key'), head, summary: summaryIn(row), state: stateIn(row) };
  }

  #messages(sessionId: string, { key, head }: SqliteSession): readonly Message[] {
    const messages = this.#sql.messages.all(key).map((values, n) => {
      const row = new SqliteRow(values, this.#place(sessionId, `message ${n}`));
      if (row.number('n') !== n) throw this.#missing(sessionId, `message ${n}`);
      return row.json('json') as Message;
    });
    if (messages.length !== head.messages) throw this.#missing(sessionId, `message ${messages.length}`);
    return messages;
  }

  /** The rows of a journal from an index on, all that are kept. */
  #rows(sessionId: string, key: number, from: number): readonly JournalRow[] {
    const found = this.#sql.rows.all(key, from);
    const first = found[0] === undefined ? from : new SqliteRow(found[0], this.#place(sessionId)).number('n');
    return found.map((values, place) => {
      const index = first + place;
      const row = new SqliteRow(values, this.#place(sessionId, `row ${index}`));
      if (row.number('n') !== index) throw this.#missing(sessionId, `row ${index}`);
      return { type: 'row', index, row: row.jsonText('row') };
    });
  }

  #checkpoint(sessionId: string, values: SqliteValues): JournalCheckpoint {
    const row = new SqliteRow(values, this.#place(sessionId, 'checkpoints'));
    return {
      type: 'checkpoint',
      at: row.number('at'),
      rows: row.number('row_count'),
      messages: row.number('message_count'),
      state: stateIn(row),
    };
  }

  #checkFree(sessionId: string): void {
    const values = this.#sql.locked.get(sessionId);
    if (values === undefined) return;
    const row = new SqliteRow(values, this.#place(sessionId, 'lock'));
    const identity = identityIn(row);
    const { processId, host } = identity;
    const holder: LockHolder = { processId, host, since: row.number('since') };
    const fate = fateOf(identity, this.#me);
    if (fate === 'gone' || (fate === 'unknown' && this.#isGone(holder))) return;
    throw new SessionLockedError(
      sessionId,
      holder,
      fate === 'alive'
        ? undefined
        : 'It is out of sight, on another host or in another container: if it is gone, say so with the option `isGone`.',
    );
  }

  /** Runs it in one transaction, of which nothing is left where it throws. */
  #transaction<T>(kind: 'DEFERRED' | 'IMMEDIATE', run: () => T): T {
    return this.#guard(() => {
      this.#database.exec(`BEGIN ${kind}`);
      try {
        const result = run();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        // some failures have rolled it back already
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #guard<T>(run: () => T): T {
    if (!this.#database.isOpen) throw new StoreClosedError();
    try {
      return run();
    } catch (error) {
      throw toStoreError(error, this.#file);
    }
  }

  #place(sessionId: string, what?: string): string {
    return `${this.#file}, session "${sessionId}"${what === undefined ? '' : `, ${what}`}`;
  }

  #missing(sessionId: string, what: string): StoreCorruptError {
    return new StoreCorruptError(this.#place(sessionId), `${what} should be there and is not`);
  }
}

type SqliteValues = Readonly<Record<string, SQLOutputValue>>;

interface SqliteSession {
  readonly key: number;
  readonly head: SessionHead;
  readonly summary: SessionSummary;
  readonly state: SessionState;
}

function summaryIn(row: SqliteRow): SessionSummary {
  const title = row.optionalText('title');
  return {
    id: row.text('id'),
    agent: row.text('agent'),
    createdAt: row.number('created_at'),
    updatedAt: row.number('updated_at'),
    ...(title !== undefined && { title }),
    turns: row.number('turns'),
    status: row.number('row_count') > row.number('summed_up') ? 'inTurn' : 'idle',
  };
}

function stateIn(row: SqliteRow): SessionState {
  return row.json('state') as unknown as SessionState;
}

function identityIn(row: SqliteRow): ProcessIdentity {
  const [boot, container, start] = [row.optionalText('boot'), row.optionalText('container'), row.optionalText('start')];
  return {
    processId: row.number('process_id'),
    host: row.text('host'),
    ...(boot !== undefined && { boot }),
    ...(container !== undefined && { container }),
    ...(start !== undefined && { start }),
  };
}
