import { fstatSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** How long to wait for the first byte where nobody said that there will be one, in ms. */
const patienceMs = 300;
const maxBytes = 1_048_576;

export type StandardInput =
  | { readonly type: 'text'; readonly text: string }
  /** Nothing is there, or nothing came in time. */
  | { readonly type: 'nothing'; readonly hasWaited: boolean }
  | { readonly type: 'refused'; readonly reason: string };

/**
 * Reads standard input to its end, if it looks like something to read: a file, a pipe or a socket. Scheduled jobs often
 * inherit a pipe that nobody ever writes to or closes, so a first byte that does not come in time counts as nothing;
 * after the first byte the end is waited for.
 *
 * @param isPromised Somebody said that there will be something: it is waited for.
 */
export function readStandardInput(isPromised: boolean): Promise<StandardInput> {
  if (isPromised) return readText(process.stdin, undefined);
  const kind = kindOfInput();
  if (kind === 'nothing') return Promise.resolve({ type: 'nothing', hasWaited: false });
  return readText(process.stdin, kind === 'file' ? undefined : patienceMs);
}

/** A terminal, `/dev/null` and what is closed give no text by themselves. */
function kindOfInput(): 'file' | 'pipe' | 'nothing' {
  try {
    const found = fstatSync(0);
    if (found.isFile()) return 'file';
    return found.isFIFO() || found.isSocket() ? 'pipe' : 'nothing';
  } catch {
    // a descriptor that cannot be looked at cannot be read either
    return 'nothing';
  }
}

/** All the text of a stream; nothing where the first byte does not come within that time. Lets go of the stream. */
export function readText(input: Readable, patience: number | undefined): Promise<StandardInput> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let timer: NodeJS.Timeout | undefined;
    const settle = (result: StandardInput) => {
      clearTimeout(timer);
      input.off('data', take).off('end', end).off('error', fail).destroy();
      resolve(result);
    };
    const take = (chunk: Buffer) => {
      clearTimeout(timer);
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBytes) settle({ type: 'refused', reason: `it is longer than ${maxBytes} bytes` });
    };
    const end = () => settle({ type: 'text', text: Buffer.concat(chunks).toString('utf8') });
    const fail = (error: Error) => settle({ type: 'refused', reason: error.message });
    // on a busy machine the timer may come before a first look at the stream: look once before giving up
    const giveUp = () => {
      setImmediate(() => {
        if (length === 0) settle({ type: 'nothing', hasWaited: true });
      });
    };
    if (patience !== undefined) timer = setTimeout(giveUp, patience);
    input.on('data', take).on('end', end).on('error', fail);
  });
}
