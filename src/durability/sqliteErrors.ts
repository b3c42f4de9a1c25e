import { StoreCorruptError, StoreError } from './store.ts';

/** Result codes of SQLite, without what extends them. */
const codes = { busy: 5, locked: 6, readOnly: 8, io: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };

/** What SQLite threw, as an error that says what to do about it. Anything else is given back as it is. */
export function toStoreError(error: unknown, file: string): unknown {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return error;
  const options = { cause: error };
  const kept = 'Nothing of this was kept.';
  switch (error.errcode & 0xff) {
    case codes.busy:
    case codes.locked:
      return new StoreError(`${file} is being written by another process, and did not become free. ${kept}`, options);
    case codes.readOnly:
      return new StoreError(`${file} cannot be written: it, or its directory, is read-only. ${kept}`, options);
    case codes.io:
      return new StoreError(
        `${file} could not be read or written (${error.message}). ${kept} Look at the disk.`,
        options,
      );
    case codes.corrupt:
      return new StoreCorruptError(file, 'the database is damaged', options);
    case codes.full:
      return new StoreError(`${file} cannot grow: the disk is full. ${kept} Make room, and try again.`, options);
    case codes.cannotOpen:
      return new StoreError(`${file} cannot be opened: does its directory exist, and may this user write it?`, options);
    case codes.notADatabase:
      return new StoreCorruptError(file, 'this is no SQLite database, or its beginning is damaged', options);
    default:
      return new StoreError(`${file}: ${error.message}. ${kept}`, options);
  }
}
