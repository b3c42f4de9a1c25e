#!/usr/bin/env node
import { type RunCommand, readArguments, usage } from './arguments.ts';
import { demoQuestion, introduceDemo } from './demo.ts';
import { chooseModel } from './model.ts';
import { exitCodes, runTurn } from './runTurn.ts';
import { readStandardInput } from './standardInput.ts';
import { Terminal } from './terminal.ts';
import { readVersion } from './version.ts';

const terminal = new Terminal(process.stdout, process.stderr);
const outputClosed = new AbortController();
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // whoever read has read enough, as with "| head -1"
  if (error.code !== 'EPIPE') throw error;
  outputClosed.abort();
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // the answer is still wanted
  if (error.code !== 'EPIPE') throw error;
});

// not process.exit(): what was written to a pipe must still get through
process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const command = readArguments(words);
  switch (command.type) {
    case 'help':
      terminal.write(usage);
      return exitCodes.completed;
    case 'version':
      terminal.write(`${readVersion()}\n`);
      return exitCodes.completed;
    case 'wrong':
      return refuse(command.message);
    case 'run':
      return run(command);
  }
}

async function run({ question, isExplicit, json, model }: RunCommand): Promise<number> {
  const chosen = await chooseModel(model, process.env);
  if ('problem' in chosen) return refuse(chosen.problem);
  const options = { json, terminal, outputClosed: outputClosed.signal, ...chosen };
  if (typeof question === 'string') return runTurn({ ...options, question });
  const isPromised = question !== undefined;
  const isTerminal = process.stdin.isTTY === true;
  // a person who types the question says so with "-"
  const input =
    isTerminal && !isPromised ? ({ type: 'nothing', hasWaited: false } as const) : await readStandardInput(isPromised);
  if (input.type === 'refused') return refuse(`Standard input cannot be the question: ${input.reason}.`);
  if (input.type === 'text' && input.text.trim() !== '') return runTurn({ ...options, question: input.text.trim() });
  if (isExplicit || isPromised) return refuse('There is no question. See turnchart --help.');
  introduceDemo(terminal, { hasWaited: input.type === 'nothing' && input.hasWaited, isTerminal });
  return runTurn({ ...options, question: demoQuestion });
}

function refuse(message: string): number {
  terminal.note(message, 'red');
  return exitCodes.wrongArguments;
}
