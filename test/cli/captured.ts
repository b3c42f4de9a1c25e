import { Writable } from 'node:stream';
import { Terminal } from '../../src/cli/terminal.ts';
import type { Ended } from './turnchart.ts';

class Sink extends Writable {
  readonly isTTY = false;
  text = '';
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs a part of the command line in this process, and gives what it writes. */
export async function captured(act: (terminal: Terminal) => Promise<number>): Promise<Ended> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const code = await act(new Terminal(stdout, stderr));
  return { code, stdout: stdout.text, stderr: stderr.text };
}
