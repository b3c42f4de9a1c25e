import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from 'turnchart/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryStore, type Store, sqliteStore } from '../../src/durability/index.ts';
import { openDatabase } from '../../src/durability/sqliteDatabase.ts';
import { scanSearch } from '../../src/durability/sqliteSearch.ts';
import { SqliteSessions } from '../../src/durability/sqliteSessions.ts';

const folder = mkdtempSync(join(tmpdir(), 'turnchart-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runner = { describe, it, expect };
storeContract('memoryStore', { open: () => memoryStore(), forgets: true }, runner);
storeContract('of one that answers later', { open: () => answersLater(memoryStore()), forgets: true }, runner);
storeContract('sqliteStore', { open: (name) => sqliteStore(join(folder, name)) }, runner);
storeContract(
  'sqliteStore with an SQLite that has no FTS5',
  {
    open: (name) => {
      const file = join(folder, name);
      return new SqliteSessions(file, openDatabase(file), {}, () => scanSearch);
    },
  },
  runner,
);

/** As one over a network. */
function answersLater(store: Store): Store {
  return {
    lock: async (id) => {
      const lock = await store.lock(id);
      return { release: async () => lock.release() };
    },
    read: async (id) => store.read(id),
    write: async (changes) => store.write(changes),
    list: async (options) => store.list(options),
    journal: async (id, options) => store.journal(id, options),
    trim: async (options) => store.trim(options),
    delete: async (id) => store.delete(id),
    close: async () => store.close(),
  };
}
