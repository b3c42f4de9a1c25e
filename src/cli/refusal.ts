import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

/** Says what is wrong with the words of a command, and where they are explained; gives the exit code. */
export function refusal(command: string, terminal: Terminal): (problem: string) => number {
  return (problem) => {
    terminal.note(`${problem} See turnchart ${command} --help.`, 'red');
    return exitCodes.wrongArguments;
  };
}
