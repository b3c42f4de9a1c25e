import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StoreSubject, storeContract } from 'turnchart/testing';
import { afterAll, expect, it } from 'vitest';
import {
  memoryStore,
  type Store,
  type StoreChange,
  StoreClosedError,
  sqliteStore,
} from '../../src/durability/index.ts';

// Stores that break one promise each: the contract must find it, and say so in the sentence of that promise.

const folder = mkdtempSync(join(tmpdir(), 'turnchart-planted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A store in memory, of which some methods are spoiled. */
function memory(spoil: (store: Store) => Partial<Store>): StoreSubject {
  return { open: () => spoiled(memoryStore(), spoil), forgets: true };
}

function sqlite(spoil: (store: Store) => Partial<Store>): StoreSubject {
  return { open: (name) => spoiled(sqliteStore(join(folder, name)), spoil) };
}

function spoiled(store: Store, spoil: (store: Store) => Partial<Store>): Store {
  return {
    lock: (id) => store.lock(id),
    read: (id) => store.read(id),
    write: (changes) => store.write(changes),
    list: (options) => store.list(options),
    journal: (id, options) => store.journal(id, options),
    trim: (options) => store.trim(options),
    delete: (id) => store.delete(id),
    close: () => store.close(),
    ...spoil(store),
  };
}

const planted: readonly (readonly [what: string, store: StoreSubject, sentences: readonly string[]])[] = [
  [
    'loses its last write when it is closed',
    sqlite((store) => {
      let last: readonly StoreChange[] = [];
      return {
        write: async (changes) => {
          await store.write(last);
          last = changes;
        },
      };
    }),
    ['opened again: has everything that was written, and goes on'],
  ],
  [
    'makes the changes of a write one by one',
    memory((store) => ({
      write: async (changes) => {
        for (const change of changes) await store.write([change]);
      },
    })),
    [
      'refuses what does not follow on what is there: and makes none of the changes of that write, of other sessions neither',
    ],
  ],
  [
    'skips what does not follow',
    memory((store) => ({
      write: async (changes) => {
        try {
          await store.write(changes);
        } catch (error) {
          if (error instanceof StoreClosedError) throw error;
        }
      },
    })),
    ['refuses what does not follow on what is there: rows that leave a gap'],
  ],
  [
    'throws errors of its own',
    memory((store) => ({
      write: async (changes) => {
        try {
          await store.write(changes);
        } catch (error) {
          throw new Error(String(error));
        }
      },
    })),
    ['refuses what does not follow on what is there: rows that are there already'],
  ],
  [
    'reserves nothing',
    memory(() => ({ lock: () => ({ release: () => undefined }) })),
    ['reserves sessions: once, until they are released', 'reserves sessions: against removal'],
  ],
  [
    'reserves for its own process only',
    sqlite(() => {
      const locks = memoryStore();
      return { lock: (id) => locks.lock(id) };
    }),
    ['open twice: lets one have a session at a time', 'open twice: gives a session to one of many who ask at once'],
  ],
  [
    'keeps locks when it is closed',
    sqlite(() => ({ close: () => undefined })),
    ['opened again: has no lock of one that was closed'],
  ],
  [
    'shows the oldest first',
    memory((store) => ({ list: async (options) => (await store.list(options)).toReversed() })),
    ['lists sessions: the one last written first'],
  ],
  [
    'begins every page anew',
    memory((store) => ({ list: ({ before: _, ...options } = {}) => store.list(options) })),
    ['lists sessions: page by page, of which none is missed and none comes twice'],
  ],
  [
    'searches as the words are written',
    memory((store) => ({
      list: async ({ search, ...options } = {}) =>
        search === search?.toLowerCase() ? store.list({ ...options, ...(search !== undefined && { search }) }) : [],
    })),
    ['lists sessions: by words of one message, whatever their case, of which the beginning is enough'],
  ],
  [
    'gives all rows to be replayed',
    memory((store) => ({
      read: async (id) => {
        const stored = await store.read(id);
        const journal = await store.journal(id);
        return stored && { ...stored, rows: journal.flatMap((entry) => (entry.type === 'row' ? entry.row : [])) };
      },
    })),
    ['writes and reads: sums rows up with a checkpoint, and appends its messages'],
  ],
  [
    'parses its rows and writes them anew',
    memory((store) => ({
      read: async (id) => {
        const stored = await store.read(id);
        return stored && { ...stored, rows: stored.rows.map((row) => JSON.stringify(JSON.parse(row))) };
      },
    })),
    ['writes and reads: gives the rows after the last checkpoint, as they were written'],
  ],
  [
    'forgets the turns that have ended',
    memory((store) => ({
      journal: async (id, { from = 0 } = {}) =>
        store.journal(id, { from: Math.max(from, (await store.read(id))?.rowIndex ?? 0) }),
    })),
    ['keeps a journal: of rows and checkpoints in the order of writing, those of ended turns included'],
  ],
  [
    'trims turns that ended at the very time',
    memory((store) => ({ trim: ({ endedBefore }) => store.trim({ endedBefore: endedBefore + 1 }) })),
    ['keeps a journal: which can be trimmed of ended turns, and nothing else changes'],
  ],
  [
    'removes sessions from its lists only',
    memory((store) => {
      const removed = new Set<string>();
      return {
        delete: (id) => {
          removed.add(id);
        },
        list: async (options) => (await store.list(options)).filter(({ id }) => !removed.has(id)),
      };
    }),
    ['removes sessions: with all that belongs to them, and leaves the others'],
  ],
  [
    'never closes',
    memory(() => ({ close: () => undefined })),
    ['closes: once and again, and refuses what is asked afterwards'],
  ],
];

it.each(planted)('the contract finds a store that %s', async (_, subject, sentences) => {
  const broken = await brokenSentences(subject);
  for (const sentence of sentences) expect(broken).toContain(sentence);
});

it('the contract finds nothing where nothing is spoiled', async () => {
  expect(await brokenSentences(memory(() => ({})))).toEqual([]);
  expect(await brokenSentences(sqlite(() => ({})))).toEqual([]);
});

/** What the contract says about a store, by a runner of its own. */
async function brokenSentences(subject: StoreSubject): Promise<readonly string[]> {
  const tests: { readonly sentence: string; readonly run: () => Promise<void> }[] = [];
  const groups: string[] = [];
  storeContract('planted', subject, {
    describe: (group, define) => {
      groups.push(group);
      define();
      groups.pop();
    },
    it: (words, run) => tests.push({ sentence: `${groups.at(-1)}: ${words}`, run }),
    expect,
  });
  const broken: string[] = [];
  for (const { sentence, run } of tests) {
    try {
      await run();
    } catch {
      broken.push(sentence);
    }
  }
  return broken;
}
