import { resolve } from 'node:path';
import { openDatabase } from './sqliteDatabase.ts';
import { SqliteSessions } from './sqliteSessions.ts';
import type { LockHolder, Store } from './store.ts';

export interface SqliteStoreOptions {
  /**
   * Asked where a session is locked by a process that cannot be seen from here, on another host or in another
   * container: whether it is gone, so that its lock may be taken over. Answer yes where you know that nobody else uses
   * the file, as with a volume that belongs to one container at a time.
   *
   * @default nobody is
   */
  readonly isGone?: (holder: LockHolder) => boolean;
}

/**
 * A store in one SQLite file, with `node:sqlite`. Several processes of one machine may use it at a time, for different
 * sessions. A write is on the disk when it returns; it is synchronous, so put many changes into one.
 *
 * The file is made where it is not there, for the eyes of its user only. While it is in use two others lie beside it
 * (`-wal`, `-shm`): they belong to it. Network file systems do not do.
 *
 * Node 22 says once that its SQLite is experimental; `node --disable-warning=ExperimentalWarning` keeps it quiet.
 *
 * @throws TypeError where the path is none of a file; StoreError where the file is of something else or of a newer
 * version, cannot be opened, or there is no `node:sqlite`; StoreCorruptError where it is damaged
 * @example
 * ```ts
 * const store = sqliteStore('sessions.db');
 * ```
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  if (path === '' || path === ':memory:') {
    throw new TypeError(`sqliteStore(): "${path}" is no path of a file. memoryStore() keeps sessions in memory.`);
  }
  const file = resolve(path);
  return new SqliteSessions(file, openDatabase(file), options);
}
