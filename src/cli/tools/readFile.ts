import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { defineTool } from '../../tool.ts';
import type { ConfinedDirectory } from './directory.ts';

export interface ReadLimits {
  /** Of a larger file the beginning is given. @default 32_768 */
  readonly maxBytes?: number;
  /** The lines of a larger file are not counted. @default 8_388_608 */
  readonly maxCountedBytes?: number;
}

/**
 * Reads a text file for models: `{ path }` gives `{ path, content, bytes, lines?, truncated? }`, `bytes` and `lines`
 * those of the whole file.
 */
export function readFile(directory: ConfinedDirectory, limits: ReadLimits = {}) {
  const { maxBytes = 32_768, maxCountedBytes = 8_388_608 } = limits;
  return defineTool({
    name: 'read_file',
    description:
      'Reads a text file. "bytes" and "lines" are those of the whole file; "truncated" says that "content" is only its beginning.',
    input: z.object({ path: z.string().max(1_000).describe('relative to the current directory') }),
    idempotent: true,
    execute: async ({ path }, { signal }) => {
      await using file = await directory.open(path);
      const { size } = await file.stat();
      // a byte more than is given, so that a file which grows meanwhile counts as cut
      const head = await readHead(file, maxBytes + 1);
      const isCut = head.length > maxBytes || size > head.length;
      const content = decode(head.subarray(0, maxBytes), isCut);
      if (content === undefined) throw new Error(`"${path}" is not a text file.`);
      const bytes = Math.max(size, head.length);
      const lines = bytes <= maxCountedBytes ? await countLines(file, signal) : undefined;
      return { path, content, bytes, ...(lines !== undefined && { lines }), ...(isCut && { truncated: true }) };
    },
  });
}

async function readHead(file: FileHandle, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** The text, or nothing where it is none. */
function decode(bytes: Uint8Array, isCut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    // a character that the cut went through is left out rather than wrong
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
  } catch {
    return undefined;
  }
}

/** Lines as an editor numbers them: a newline at the very end begins no further one. */
async function countLines(file: FileHandle, signal: AbortSignal): Promise<number> {
  const buffer = new Uint8Array(65_536);
  let lines = 0;
  let last: number | undefined;
  for (let position = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    for (let index = 0; index < bytesRead; index += 1) if (buffer[index] === 10) lines += 1;
    last = buffer[bytesRead - 1];
  }
  return last === undefined || last === 10 ? lines : lines + 1;
}
