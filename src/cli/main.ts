#!/usr/bin/env node
import { type ChatCommand, type RunCommand, readArguments, usage } from './arguments.ts';
import { demoQuestion, introduceDemo } from './demo.ts';
import { chooseModel, listModels } from './model.ts';
import { openRecording, type RecordingFile } from './recordFile.ts';
import { exitCodes, runTurn } from './runTurn.ts';
import { readStandardInput } from './standardInput.ts';
import { Terminal } from './terminal.ts';
import { readVersion } from './version.ts';

const terminal = new Terminal(process.stdout, process.stderr);
const outputClosed = new AbortController();
// whoever read has read enough, as with "| head -1"; or the terminal is gone
const closedCodes: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO']);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (!closedCodes.has(error.code)) throw error;
  outputClosed.abort();
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // the answer is still wanted
  if (!closedCodes.has(error.code)) throw error;
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
    case 'models':
      terminal.write(listModels(process.env));
      return exitCodes.completed;
    case 'chart':
      return (await import('./chartCommand.ts')).chartCommand(command.words, terminal);
    case 'wrong':
      return refuse(command.message);
    case 'replay': {
      const { replayFile } = await import('./replay.ts');
      return replayFile({ ...command, terminal });
    }
    case 'chat':
      return chat(command);
    case 'run':
      return run(command);
  }
}

async function run(command: RunCommand): Promise<number> {
  const { question, isExplicit, json, model, record } = command;
  const isTerminal = process.stdin.isTTY === true;
  if (question === undefined && !isExplicit && !json && isTerminal && process.stdout.isTTY) return chat(command);
  const chosen = await chooseModel(model, process.env);
  if ('problem' in chosen) return refuse(`--model ${model}: ${chosen.problem}`);
  const ask = (text: string) =>
    recorded(record, (recording) =>
      runTurn({ question: text, json, terminal, outputClosed: outputClosed.signal, recording, ...chosen }),
    );
  if (typeof question === 'string') return ask(question);
  const isPromised = question !== undefined;
  // a person who types the question says so with "-"
  const input =
    isTerminal && !isPromised ? ({ type: 'nothing', hasWaited: false } as const) : await readStandardInput(isPromised);
  if (input.type === 'refused') return refuse(`Standard input cannot be the question: ${input.reason}.`);
  if (input.type === 'text' && input.text.trim() !== '') return ask(input.text.trim());
  if (isExplicit || isPromised) return refuse('There is no question. See turnchart --help.');
  introduceDemo(terminal, { hasWaited: input.type === 'nothing' && input.hasWaited });
  return ask(demoQuestion);
}

async function chat({ model, record }: Pick<ChatCommand, 'model' | 'record'>): Promise<number> {
  const chosen = await chooseModel(model, process.env);
  if ('problem' in chosen) return refuse(`--model ${model}: ${chosen.problem}`);
  const canDraw = process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb';
  return recorded(record, async (recording) => {
    const options = { chosen, root: process.cwd(), env: process.env, recording };
    // what draws takes long to load, and nothing else wants it
    if (canDraw) return (await import('./chat/chat.ts')).openChat(options);
    const { chatByLines } = await import('./chat/lineChat.ts');
    return chatByLines({ ...options, terminal, outputClosed: outputClosed.signal });
  });
}

async function recorded(
  file: string | undefined,
  act: (recording: RecordingFile | undefined) => Promise<number>,
): Promise<number> {
  if (file === undefined) return act(undefined);
  let recording: RecordingFile;
  try {
    recording = openRecording(file);
  } catch (error) {
    return refuse(`--record: ${error instanceof Error ? error.message : String(error)}`);
  }
  try {
    return await act(recording);
  } finally {
    await recording.close();
  }
}

function refuse(message: string): number {
  terminal.note(message, 'red');
  return exitCodes.wrongArguments;
}
