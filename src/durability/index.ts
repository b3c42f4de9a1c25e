/** Where sessions are kept. */

export { memoryStore } from './memoryStore.ts';
export { type SqliteStoreOptions, sqliteStore } from './sqliteStore.ts';
export * from './store.ts';
