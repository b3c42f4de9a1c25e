/** Headers as `fetch` gives them, or as the plain object that some SDKs make of them. */
export type HeadersLike = Headers | Readonly<Record<string, string | null | undefined>>;

/** Headers by name, in lower case. */
export type ReadHeaders = ReadonlyMap<string, string>;

/** Reads headers of any form; those that come later fill only gaps. Never throws. */
export function readHeaders(...sources: readonly unknown[]): ReadHeaders {
  const found = new Map<string, string>();
  for (const source of sources) {
    try {
      for (const [name, value] of entriesOf(source)) {
        const key = String(name).toLowerCase();
        if ((typeof value === 'string' || typeof value === 'number') && !found.has(key)) {
          found.set(key, String(value).trim());
        }
      }
    } catch {
      // what cannot be read is not there
    }
  }
  return found;
}

function entriesOf(source: unknown): Iterable<readonly [unknown, unknown]> {
  if (typeof source !== 'object' || source === null) return [];
  // the Headers of another realm or of a library are no instance of ours
  if ('entries' in source && typeof source.entries === 'function') return source.entries();
  return Object.entries(source);
}
