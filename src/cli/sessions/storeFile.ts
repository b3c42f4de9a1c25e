import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { type Store, StoreError } from '../../durability/store.ts';

/** Where the sessions of this user are, unless said otherwise. */
export function defaultStoreFile({ XDG_DATA_HOME }: Readonly<Record<string, string | undefined>>): string {
  // one that is relative is to be ignored
  return XDG_DATA_HOME !== undefined && isAbsolute(XDG_DATA_HOME)
    ? join(XDG_DATA_HOME, 'turnchart', 'sessions.db')
    : join(homedir(), '.turnchart', 'sessions.db');
}

/**
 * Opens the store in a file; makes it, and its folder, for the eyes of this user only.
 *
 * @throws StoreError where it cannot be made, or is of something else
 */
export async function openStore(file: string): Promise<Store> {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StoreError(`${file} cannot be made: ${error instanceof Error ? error.message : String(error)}.`);
  }
  // takes a moment to load, and most commands do without
  const { sqliteStore } = await import('../../durability/sqliteStore.ts');
  return sqliteStore(file);
}

/** The store in a file, if there is one. */
export async function findStore(file: string): Promise<Store | undefined> {
  return existsSync(file) ? openStore(file) : undefined;
}

/** A file as one writes it: the home directory is `~`. */
export function abbreviate(file: string): string {
  const home = join(homedir(), '/');
  return file.startsWith(home) ? `~/${file.slice(home.length)}` : file;
}
