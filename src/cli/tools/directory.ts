import { constants, realpathSync } from 'node:fs';
import { type FileHandle, lstat, open, realpath, stat, unlink } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

/**
 * A directory that paths cannot lead out of: `..`, absolute paths elsewhere and symbolic links are refused.
 *
 * @throws Error at once where the root does not exist.
 */
export class ConfinedDirectory {
  readonly #given: string;
  readonly #root: string;
  readonly #opensHidden: boolean;

  /** @param options.opensHidden whether files may be opened whose path has a name with a dot before it; they often hold keys */
  constructor(root: string, { opensHidden }: { readonly opensHidden: boolean }) {
    this.#opensHidden = opensHidden;
    this.#given = resolve(root);
    this.#root = realpathSync(this.#given);
  }

  /**
   * The place that a path names.
   *
   * @throws Error for a path that leads out, or over a symbolic link, or nowhere.
   */
  async find(path: string): Promise<string> {
    if (path === '' || path.includes('\0')) throw new Error('The path is empty or no path.');
    const segments = this.#relative(path)
      .split(sep === '\\' ? /[\\/]/ : '/')
      .filter((segment) => segment !== '' && segment !== '.');
    if (segments.includes('..')) throw outside(path);
    let place = this.#root;
    for (const segment of segments) {
      place = resolve(place, segment);
      const found = await lstat(place).catch((error: unknown) => {
        throw explain(error, path);
      });
      if (found.isSymbolicLink())
        throw new Error(`"${path}" is a symbolic link or lies behind one: links are not followed.`);
    }
    return place;
  }

  /**
   * Opens a regular file for reading; the caller closes it.
   *
   * @throws Error for what `find()` refuses, and for what is no regular file.
   */
  async open(path: string): Promise<FileHandle> {
    return this.#openAt(await this.find(path), path);
  }

  /**
   * Deletes a regular file.
   *
   * @throws Error for what `open()` refuses, and for what may not be deleted.
   */
  async delete(path: string): Promise<void> {
    const place = await this.find(path);
    // what cannot be looked at is not deleted either
    await using _file = await this.#openAt(place, path);
    await unlink(place).catch((error: unknown) => {
      throw explain(error, path);
    });
  }

  async #openAt(place: string, path: string): Promise<FileHandle> {
    if (
      !this.#opensHidden &&
      relative(this.#root, place)
        .split(sep)
        .some((name) => name.startsWith('.'))
    ) {
      throw new Error(`"${path}" is hidden: such files often hold keys, and are not touched for a provider.`);
    }
    // not blocking, or opening a named pipe would wait for a writer
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    const file = await open(place, flags).catch((error: unknown) => {
      throw explain(error, path);
    });
    try {
      const opened = await file.stat();
      if (opened.isDirectory()) throw new Error(`"${path}" is a directory: list it instead.`);
      if (!opened.isFile()) throw new Error(`"${path}" is not a regular file.`);
      // what was checked by its path may have been replaced before it was opened
      const real = await realpath(place);
      const now = await stat(real);
      if (!isInside(this.#root, real) || now.ino !== opened.ino || now.dev !== opened.dev) throw outside(path);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** An absolute path counts from the root, under the name that the root was given or its real one. */
  #relative(path: string): string {
    if (!isAbsolute(path)) return path;
    // resolve() would hide the dots that are refused
    if (path.split(/[\\/]/).includes('..')) throw outside(path);
    for (const root of [this.#given, this.#root]) {
      if (isInside(root, path)) return relative(root, path);
    }
    throw outside(path);
  }
}

function isInside(root: string, place: string): boolean {
  const path = relative(root, place);
  return path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

function outside(path: string): Error {
  return new Error(`"${path}" leads out of the directory: only what lies in it can be read, without "..".`);
}

function explain(error: unknown, path: string): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new Error(`"${path}" does not exist.`);
    case 'EACCES':
    case 'EPERM':
      return new Error(`"${path}": permission denied.`);
    case 'ELOOP':
      return new Error(`"${path}" is a symbolic link: links are not followed.`);
    case 'ENAMETOOLONG':
      return new Error('The path is too long.');
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}
