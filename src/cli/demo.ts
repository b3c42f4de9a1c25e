import { usage } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** A turn through two tools at once and a retry. */
export const demoQuestion = 'simulate a rate limit, then what is 17*23, and how many files are here?';

/** Says what is about to be seen, and why. */
export function introduceDemo(
  terminal: Terminal,
  { hasWaited, isTerminal }: { hasWaited: boolean; isTerminal: boolean },
): void {
  if (isTerminal) terminal.explain(`${usage}\nThere is no chat yet. A demo instead:\n`);
  else if (hasWaited)
    terminal.note('Nothing came on standard input within 300 ms, so a demo runs; see turnchart --help.');
  else terminal.note('No question, so a demo runs; see turnchart --help.');
  terminal.note(`The question is: ${demoQuestion}`, 'bold');
}
