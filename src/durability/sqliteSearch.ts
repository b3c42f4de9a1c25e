import type { DatabaseSync } from 'node:sqlite';

/** Finds messages by words. */
export interface SqliteSearch {
  /** Takes a message up, once it is stored. */
  add(key: number | bigint, text: string): void;
  /** Forgets the messages of a session, before they are removed. */
  remove(session: number): void;
  /** SQL for the sessions with a message that has all words, and its one parameter. */
  find(words: readonly string[]): { readonly sql: string; readonly parameter: string };
}

/** The best search that this SQLite has. */
export function bestSearch(database: DatabaseSync): SqliteSearch {
  const fts5 = database.prepare(`SELECT 1 FROM pragma_module_list WHERE name = 'fts5'`).get();
  return fts5 === undefined ? scanSearch : indexSearch(database);
}

/** By an index of words. It holds no texts of its own, and is made anew where a SQLite without FTS5 has written. */
function indexSearch(database: DatabaseSync): SqliteSearch {
  database.exec(
    `CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5 (text, content = 'messages', content_rowid = 'key')`,
  );
  const isBehind = database
    .prepare('SELECT (SELECT max(key) FROM messages) > coalesce((SELECT max(id) FROM search_docsize), 0) AS is_behind')
    .get()?.is_behind;
  if (isBehind === 1) database.exec(`INSERT INTO search (search) VALUES ('rebuild')`);
  const add = database.prepare('INSERT INTO search (rowid, text) VALUES (?, ?)');
  const remove = database.prepare(
    `INSERT INTO search (search, rowid, text) SELECT 'delete', key, text FROM messages WHERE session = ?`,
  );
  return {
    add: (key, text) => add.run(key, text),
    remove: (session) => remove.run(session),
    find: (words) => ({
      sql: 'SELECT session FROM messages WHERE key IN (SELECT rowid FROM search WHERE search MATCH ?)',
      parameter: words.map((word) => `"${word}"*`).join(' '),
    }),
  };
}

/** By looking at every message, with the function `has_words` that the store has given to SQL. */
export const scanSearch: SqliteSearch = {
  add: () => undefined,
  remove: () => undefined,
  find: (words) => ({
    sql: 'SELECT session FROM messages WHERE has_words(text, ?)',
    parameter: words.join(' '),
  }),
};
