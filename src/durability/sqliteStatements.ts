import type { DatabaseSync, StatementSync } from 'node:sqlite';

export type SqliteStatements = { readonly [name in keyof typeof texts]: StatementSync };

/** A session with its last checkpoint, without which it is damaged. */
export const sessionsWithCheckpoint = `
  SELECT s.key, s.id, s.created_at, s.updated_at, s.title, s.row_count,
    c.row_count AS summed_up, c.message_count, c.agent, c.turns, c.state
  FROM sessions s LEFT JOIN checkpoints c ON c.key = (SELECT max(key) FROM checkpoints WHERE session = s.key)`;

const texts = {
  session: `${sessionsWithCheckpoint} WHERE s.id = ?`,
  messages: 'SELECT n, json FROM messages WHERE session = ? ORDER BY n',
  rows: 'SELECT n, row FROM journal WHERE session = ? AND n >= ? ORDER BY n',
  checkpoints: `
    SELECT at, row_count, message_count, state
    FROM checkpoints WHERE session = ? AND row_count >= ? ORDER BY key`,

  addSession: 'INSERT INTO sessions (id, created_at, updated_at, row_count) VALUES (?, ?, ?, 0) RETURNING key',
  touchSession: 'UPDATE sessions SET updated_at = ?, row_count = ? WHERE key = ?',
  nameSession: 'UPDATE sessions SET title = ? WHERE id = ?',
  removeSession: 'DELETE FROM sessions WHERE key = ?',
  addRow: 'INSERT INTO journal (session, n, row) VALUES (?, ?, ?)',
  addMessage: 'INSERT INTO messages (session, n, json, text) VALUES (?, ?, ?, ?)',
  addCheckpoint: `
    INSERT INTO checkpoints
      (session, at, row_count, message_count, agent, turns, state)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,

  ended: 'SELECT session, max(row_count) AS row_count FROM checkpoints WHERE at < ? GROUP BY session',
  trimRows: 'DELETE FROM journal WHERE session = ? AND n < ?',
  trimCheckpoints: 'DELETE FROM checkpoints WHERE session = ? AND row_count < ?',

  locked: 'SELECT since, process_id, host, boot, container, start FROM locks WHERE session_id = ?',
  addLock: `
    INSERT OR REPLACE INTO locks (session_id, token, since, process_id, host, boot, container, start)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  removeLock: 'DELETE FROM locks WHERE token = ?',
};

/** All statements that are used again and again. */
export function sqliteStatements(database: DatabaseSync): SqliteStatements {
  const prepared = Object.entries(texts).map(([name, text]) => [name, database.prepare(text)]);
  return Object.fromEntries(prepared) as SqliteStatements;
}
