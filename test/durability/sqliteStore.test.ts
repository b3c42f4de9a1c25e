import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Store, StoreCorruptError, StoreError, sqliteStore } from '../../src/durability/index.ts';
import { openDatabase } from '../../src/durability/sqliteDatabase.ts';
import { scanSearch } from '../../src/durability/sqliteSearch.ts';
import { SqliteSessions } from '../../src/durability/sqliteSessions.ts';
import { checkpoint, rows, user } from './changes.ts';

let folder: string;
let file: string;
let opened: { close(): unknown }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-sqlite-'));
  file = join(folder, 'sessions.db');
  opened = [];
});

afterEach(() => {
  for (const each of opened) each.close();
  rmSync(folder, { recursive: true, force: true });
});

function open(): Store {
  const store = sqliteStore(file);
  opened.push(store);
  return store;
}

/** A store in a database that a test has its hands on. */
function openIn(database: DatabaseSync): Store {
  const store = new SqliteSessions(file, database);
  opened.push(store);
  return store;
}

/** Changes the closed file behind the back of the store. */
function change(sql: string, ...parameters: readonly SQLInputValue[]): void {
  const database = new DatabaseSync(file);
  try {
    expect(database.prepare(sql).run(...parameters).changes).toBe(1);
  } finally {
    database.close();
  }
}

async function fill(): Promise<void> {
  const store = open();
  await store.write([checkpoint('s', 0, 0, user('First'), user('Second')), rows('s', 0, '"zero"', '"one"', '"two"')]);
  await store.close();
}

async function thrownBy(run: () => unknown): Promise<StoreError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  return expect.fail('nothing was thrown');
}

describe('the file of a sqliteStore', () => {
  it('is made for the eyes of its user only, and so are those beside it', async () => {
    const store = open();
    await store.write([checkpoint('s')]);
    const files = readdirSync(folder).sort();
    expect(files).toEqual(['sessions.db', 'sessions.db-shm', 'sessions.db-wal']);
    // Windows has other means
    const mode = process.platform === 'win32' ? 0o666 : 0o600;
    for (const each of files) expect(statSync(join(folder, each)).mode & 0o777).toBe(mode);
    await store.close();
    expect(readdirSync(folder)).toEqual(['sessions.db']);
  });

  it('syncs every write', () => {
    const database = openDatabase(file);
    opened.push(database);
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(database.prepare('PRAGMA fullfsync').get()).toEqual({ fullfsync: 1 });
  });

  it.each(['', ':memory:'])('is needed: "%s" is refused', (path) => {
    expect(() => sqliteStore(path)).toThrow(
      new TypeError(`sqliteStore(): "${path}" is no path of a file. memoryStore() keeps sessions in memory.`),
    );
  });

  it('in a directory that is not there is refused by its name', async () => {
    const path = join(folder, 'nowhere', 'sessions.db');
    const error = await thrownBy(() => sqliteStore(path));
    expect(error.message).toContain(`${path} cannot be made`);
    expect(error.message).toContain('does its directory exist');
  });

  it('holds thousands of rows in one write', async () => {
    const texts = Array.from({ length: 10_000 }, (_, index) => JSON.stringify({ index, text: 'x'.repeat(100) }));
    const store = open();
    await store.write([checkpoint('s'), rows('s', 0, ...texts)]);
    expect((await store.read('s'))?.rows).toEqual(texts);
    expect(await store.journal('s', { from: 9_999 })).toEqual([{ type: 'row', index: 9_999, row: texts[9_999] }]);
  });
});

describe('a file that is not of this store', () => {
  /** What became of the file when it was asked for. */
  async function refused(): Promise<StoreError> {
    const before = readFileSync(file);
    const error = await thrownBy(open);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(['sessions.db']);
    expect(error.message).toContain(file);
    return error;
  }

  it('but the database of another program is left as it is', async () => {
    const database = new DatabaseSync(file);
    database.exec('CREATE TABLE sessions (id TEXT)');
    database.close();
    expect((await refused()).message).toContain('is the database of another program. Name another file.');
  });

  it('but no database at all is left as it is', async () => {
    writeFileSync(file, 'Dear diary, '.repeat(500));
    const error = await refused();
    expect(error).toBeInstanceOf(StoreCorruptError);
    expect(error.message).toContain('this is no SQLite database');
  });

  it('but of a newer version is left as it is', async () => {
    await fill();
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 7');
    database.close();
    expect((await refused()).message).toContain(
      'has version 7 of the schema, and this Turnchart knows 1. Update Turnchart, or name another file.',
    );
  });
});

describe('a file that cannot be written', () => {
  it('because it is read-only is still read', async () => {
    await fill();
    const store = openIn(new DatabaseSync(file, { readOnly: true }));
    expect((await store.read('s'))?.rows).toEqual(['"zero"', '"one"', '"two"']);
    expect(await store.list({ search: 'second' })).toHaveLength(1);
    for (const write of [() => store.write([rows('s', 3, '"three"')]), () => store.lock('s')]) {
      expect((await thrownBy(write)).message).toBe(
        `${file} cannot be written: it, or its directory, is read-only. Nothing of this was kept.`,
      );
    }
  });

  it('because the disk is full keeps nothing of the write, and takes it when there is room', async () => {
    await fill();
    const database = openDatabase(file);
    const store = openIn(database);
    const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count);
    database.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const before = await store.read('s');
    const more = [
      rows('s', 3, '"three"'),
      checkpoint('s', 4, 2, user('Third')),
      rows('s', 4, JSON.stringify('x'.repeat(100_000))),
    ];
    expect((await thrownBy(() => store.write(more))).message).toBe(
      `${file} cannot grow: the disk is full. Nothing of this was kept. Make room, and try again.`,
    );
    expect(await store.read('s')).toEqual(before);
    expect(await store.list({ search: 'third' })).toEqual([]);
    database.exec(`PRAGMA max_page_count = ${pages + 1_000}`);
    await store.write(more);
    expect((await store.read('s'))?.rows).toHaveLength(1);
    expect(await store.list({ search: 'third' })).toHaveLength(1);
  });

  it('because another process writes for too long says so', async () => {
    const other = openDatabase(file);
    opened.push(other);
    const database = openDatabase(file);
    database.exec('PRAGMA busy_timeout = 0');
    const store = openIn(database);
    other.exec('BEGIN IMMEDIATE');
    expect((await thrownBy(() => store.write([checkpoint('s')]))).message).toBe(
      `${file} is being written by another process, and did not become free. Nothing of this was kept.`,
    );
    other.exec('ROLLBACK');
    await store.write([checkpoint('s')]);
  });
});

describe('a damaged file', () => {
  it.each([
    ['a row that is no JSON', `UPDATE journal SET row = '{"torn": ' WHERE n = 1`, 'row 1: "row" is no JSON'],
    ['a row that is missing', 'DELETE FROM journal WHERE n = 1', 'row 1 should be there and is not'],
    ['the last row missing', 'DELETE FROM journal WHERE n = 2', 'a row at the end, or the first, should be there'],
    ['the first row missing', 'DELETE FROM journal WHERE n = 0', 'a row at the end, or the first, should be there'],
    ['a message that is no JSON', `UPDATE messages SET json = 'x' WHERE n = 1`, 'message 1: "json" is no JSON'],
    ['a message that is missing', 'DELETE FROM messages WHERE n = 0', 'message 0 should be there and is not'],
    ['the last message missing', 'DELETE FROM messages WHERE n = 1', 'message 1 should be there and is not'],
    ['no checkpoint', 'DELETE FROM checkpoints', '"summed_up" is missing'],
    ['a state that is no JSON', `UPDATE checkpoints SET state = ''`, '"state" is no JSON'],
  ])('with %s is refused, and named with its session and place', async (_, sql, problem) => {
    await fill();
    change(sql);
    const before = readFileSync(file);
    const store = open();
    const error = await thrownBy(() => store.read('s'));
    expect(error).toBeInstanceOf(StoreCorruptError);
    expect(error.message).toContain(`${file}, session "s"`);
    expect(error.message).toContain(problem);
    expect(error.message).toContain('Nothing was changed; take a backup of it, or begin anew elsewhere.');
    await store.close();
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('does not keep other sessions from being read', async () => {
    await fill();
    change(`UPDATE journal SET row = 'x' WHERE n = 1`);
    const store = open();
    await store.write([checkpoint('t', 0, 0, user('Well'))]);
    expect((await store.read('t'))?.messages).toEqual([user('Well')]);
    expect(await thrownBy(() => store.journal('s'))).toBeInstanceOf(StoreCorruptError);
    expect(await store.journal('s', { from: 2 })).toHaveLength(1);
  });

  it('with any page overwritten is refused, or read as it was written', async () => {
    const store = open();
    const texts = Array.from({ length: 60 }, (_, index) => JSON.stringify({ index, text: 'x'.repeat(500) }));
    await store.write([checkpoint('s', 0, 0, user('First')), rows('s', 0, ...texts)]);
    const written = [await store.read('s'), await store.journal('s')];
    await store.close();
    const whole = readFileSync(file);
    const pageSize = 4_096;
    let refused = 0;
    for (let start = 0; start < whole.length; start += pageSize) {
      const damaged = Buffer.from(whole).fill(0, start, start + pageSize);
      writeFileSync(file, damaged);
      try {
        const later = open();
        try {
          expect([await later.read('s'), await later.journal('s')]).toEqual(written);
        } finally {
          await later.close();
        }
      } catch (error) {
        if (!(error instanceof StoreCorruptError)) throw error;
        expect(error.message).toContain(file);
        // what can be saved is left for whoever can
        expect(readFileSync(file).equals(damaged)).toBe(true);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(whole.length / pageSize / 3);
  });
});

describe('the search of a sqliteStore', () => {
  it('finds what was written with an SQLite that has no FTS5', async () => {
    const plain = new SqliteSessions(file, openDatabase(file), {}, () => scanSearch);
    // the first is its title, which is found without an index
    plain.write([checkpoint('s', 0, 0, user('First'), user('Some larder'))]);
    plain.close();
    const store = open();
    expect(await store.list({ search: 'larder' })).toHaveLength(1);
  });

  it('keeps no word of a session that was removed', async () => {
    await fill();
    const database = openDatabase(file);
    const store = openIn(database);
    const indexed = database.prepare(`SELECT rowid FROM search WHERE search MATCH 'second'`);
    expect(indexed.all()).toHaveLength(1);
    await store.delete('s');
    expect(indexed.all()).toEqual([]);
  });

  it('does not take the words of a search for its own', async () => {
    await fill();
    const store = open();
    for (const search of ['first OR nothing', 'NOT nothing', 'text: first', 'fir* -third', 'NEAR(first)']) {
      expect(await store.list({ search }), search).toEqual([]);
    }
    for (const search of ['(first)', '"first', 'first*']) expect(await store.list({ search }), search).toHaveLength(1);
  });
});
