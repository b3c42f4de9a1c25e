import type { Terminal } from './terminal.ts';

/** A turn through two tools at once and a retry. */
export const demoQuestion = 'simulate a rate limit, then what is 17*23, and how many files are here?';

/** Says what is about to be seen, and why. */
export function introduceDemo(terminal: Terminal, { hasWaited }: { hasWaited: boolean }): void {
  const reason = hasWaited ? 'Nothing came on standard input within 300 ms' : 'No question';
  terminal.note(`${reason}, so a demo runs; see turnchart --help.`);
  terminal.note(`The question is: ${demoQuestion}`, 'bold');
}
