import { closeSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { toStoreError } from './sqliteErrors.ts';
import { StoreError } from './store.ts';

/** How long a statement waits for other processes, in ms. */
const busyTimeoutMs = 5_000;
/** Stands in the head of the file, so that no other program's database is taken for one of these: "turn". */
const applicationId = 0x7475726e;

/** Each script brings the schema to its next version. Ones that were published never change. */
const migrations: readonly string[] = [
  `
  CREATE TABLE sessions (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    title TEXT,
    -- ever written, those trimmed included
    row_count INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX sessions_newest ON sessions (updated_at DESC, id DESC);

  CREATE TABLE checkpoints (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
    at REAL NOT NULL,
    -- how many rows it sums up, and how many messages there were
    row_count INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    -- what lists show of the state
    agent TEXT NOT NULL,
    turns INTEGER NOT NULL,
    -- all of it, as JSON
    state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX checkpoints_of_session ON checkpoints (session);

  CREATE TABLE messages (
    -- never used again, so that the search index can be seen to be behind
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
    n INTEGER NOT NULL,
    json TEXT NOT NULL,
    -- what is searched
    text TEXT NOT NULL,
    UNIQUE (session, n)
  ) STRICT;

  CREATE TABLE journal (
    session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
    n INTEGER NOT NULL,
    row TEXT NOT NULL,
    PRIMARY KEY (session, n)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE locks (
    session_id TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    since REAL NOT NULL,
    -- see processIdentity.ts
    process_id INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot TEXT,
    container TEXT,
    start TEXT
  ) STRICT;
  `,
];

/**
 * Opens the database of a store, makes it if need be, and brings its schema up to date.
 *
 * @throws StoreError where it is none of these, is newer than this code, or cannot be opened
 */
export function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    const { DatabaseSync } = loadSqlite();
    createPrivately(file);
    database = new DatabaseSync(file, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
    // before anything is changed
    checkOrigin(database, file);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    // where syncing a file leaves it in the memory of the disk: macOS
    database.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;');
    migrate(database, file);
    return database;
  } catch (error) {
    database?.close();
    throw toStoreError(error, file);
  }
}

/** Not before a store is opened: Node 22 warns of it when it is loaded, and other platforms may not have it. */
function loadSqlite(): typeof import('node:sqlite') {
  // its type says that it is there, but it came with a version of Node
  const sqlite: typeof import('node:sqlite') | undefined = process.getBuiltinModule('node:sqlite');
  if (sqlite === undefined) throw new StoreError('There is no node:sqlite here. Node has it from 22.13 on.');
  return sqlite;
}

/** What a session said is for its user's eyes only. SQLite gives the files beside it the same mode. */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'ax', 0o600));
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === 'EEXIST') return;
      const reason = `${file} cannot be made (${error.message}): does its directory exist, and may this user write it?`;
      throw new StoreError(reason, { cause: error });
    }
    throw error;
  }
}

function checkOrigin(database: DatabaseSync, file: string): void {
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (!isEmpty && pragma(database, 'application_id') !== applicationId) {
    throw new StoreError(`${file} is the database of another program. Name another file.`);
  }
  const version = pragma(database, 'user_version');
  if (version > migrations.length) {
    throw new StoreError(
      `${file} has version ${version} of the schema, and this Turnchart knows ${migrations.length}. Update Turnchart, or name another file.`,
    );
  }
}

function migrate(database: DatabaseSync, file: string): void {
  if (pragma(database, 'user_version') === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    // somebody else may have done it meanwhile
    checkOrigin(database, file);
    for (const script of migrations.slice(pragma(database, 'user_version'))) database.exec(script);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function pragma(database: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
