import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { defineTool } from '../../tool.ts';
import type { ConfinedDirectory } from './directory.ts';

export interface ListLimits {
  /** Files and directories in one list. @default 1000 */
  readonly maxEntries?: number;
  /** Characters of all their names. @default 50_000 */
  readonly maxChars?: number;
}

const notOpened: ReadonlySet<string> = new Set(['node_modules', '.git']);
const maxSkippedNames = 50;

/**
 * Lists a directory for models: `{ path, recursive? }` gives
 * `{ path, files, directories, count, directoryCount, skipped?, truncated? }`, sorted, `count` counting the files.
 */
export function listFiles(directory: ConfinedDirectory, { maxEntries = 1_000, maxChars = 50_000 }: ListLimits = {}) {
  return defineTool({
    name: 'list_files',
    description:
      'Lists the files and directories in a directory. "count" is the number of files. Symbolic links are left out, and with "recursive" so is what lies in node_modules and .git; "skipped" names what was left out. "truncated" says that there is more than is listed.',
    input: z.object({
      path: z.string().max(1_000).default('.').describe('relative to the current directory'),
      recursive: z.boolean().default(false).describe('also list what lies deeper'),
    }),
    idempotent: true,
    execute: async ({ path, recursive }, { signal }) => {
      const root = await directory.find(path);
      const listing = new Listing(maxEntries, maxChars);
      // a queue rather than recursion: what lies near the top is listed first when the list is cut
      const waiting = [''];
      for (let prefix = waiting.shift(); prefix !== undefined; prefix = waiting.shift()) {
        for (const entry of await entriesOf(join(root, prefix), prefix || path, maxEntries)) {
          signal.throwIfAborted();
          const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
          if (entry.isSymbolicLink()) listing.skip(name, 'symbolic link');
          else if (entry.isFile()) listing.add('files', name);
          else if (!entry.isDirectory()) listing.skip(name, 'not a regular file');
          else {
            listing.add('directories', name);
            if (!recursive) continue;
            if (notOpened.has(entry.name)) listing.skip(name, 'not opened');
            else waiting.push(name);
          }
          if (listing.isCut) return listing.result(path);
        }
      }
      return listing.result(path);
    },
  });
}

/** A list within its limits. */
class Listing {
  readonly #found = { files: [] as string[], directories: [] as string[] };
  readonly #skipped: string[] = [];
  readonly #maxEntries: number;
  readonly #maxChars: number;
  #chars = 0;
  isCut = false;

  constructor(maxEntries: number, maxChars: number) {
    this.#maxEntries = maxEntries;
    this.#maxChars = maxChars;
  }

  add(list: 'files' | 'directories', name: string): void {
    const { files, directories } = this.#found;
    this.#chars += name.length;
    this.isCut ||= files.length + directories.length >= this.#maxEntries || this.#chars > this.#maxChars;
    if (!this.isCut) this.#found[list].push(name);
  }

  skip(name: string, why: string): void {
    if (this.#skipped.length < maxSkippedNames) this.#skipped.push(`${name} (${why})`);
    else this.isCut = true;
  }

  result(path: string) {
    const { files, directories } = this.#found;
    return {
      path,
      files: files.sort(),
      directories: directories.sort(),
      count: files.length,
      directoryCount: directories.length,
      ...(this.#skipped.length > 0 && { skipped: this.#skipped }),
      ...(this.isCut && { truncated: true }),
    };
  }
}

/** Sorted, and one more than can be listed at most, so that a directory of millions costs no more than that. */
async function entriesOf(place: string, path: string, maxEntries: number): Promise<readonly Dirent[]> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(place)) {
      entries.push(entry);
      if (entries.length > maxEntries + maxSkippedNames) break;
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOTDIR') throw new Error(`"${path}" is a file, not a directory.`, { cause: error });
    if (code === 'EACCES' || code === 'EPERM') throw new Error(`"${path}" may not be listed.`, { cause: error });
    throw error;
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}
