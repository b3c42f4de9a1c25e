#!/usr/bin/env node
import { StoreError } from '../durability/store.ts';
import { type ChatCommand, type RunCommand, readArguments, usage } from './arguments.ts';
import { demoQuestion, introduceDemo } from './demo.ts';
import { chooseModel, listModels } from './model.ts';
import { openInspector } from './openInspector.ts';
import { openRecording, type RecordingFile } from './recordFile.ts';
import { exitCodes, runTurn } from './runTurn.ts';
import type { KeptSession } from './sessions/keptSession.ts';
import { abbreviate, defaultStoreFile, openStore } from './sessions/storeFile.ts';
import { readStandardInput } from './standardInput.ts';
import { Terminal } from './terminal.ts';
import { readVersion } from './version.ts';

const terminal = new Terminal(process.stdout, process.stderr);
const outputClosed = new AbortController();
// whoever read has read enough, as with "| head -1"; or the terminal is gone
const closedCodes: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO']);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (!closedCodes.has(error.code)) {
    // a full disk, say; no answer gets through any more
    terminal.note(`Standard output cannot be written: ${error.message}.`, 'red');
    process.exit(exitCodes.failed);
  }
  outputClosed.abort();
});
// the answer is still wanted
process.stderr.on('error', () => undefined);

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
      terminal.write(await listModels(process.env));
      return exitCodes.completed;
    case 'acp':
      return (await import('./acpCommand.ts')).acpCommand(command.words, process.env, terminal);
    case 'chart':
      return (await import('./chartCommand.ts')).chartCommand(command.words, terminal);
    case 'serve':
      return (await import('./serveCommand.ts')).serveCommand(command.words, process.env, terminal);
    case 'inspect':
      return (await import('./inspectCommand.ts')).inspectCommand(command.words, process.env, terminal);
    case 'sessions':
      return (await import('./sessions/sessionsCommand.ts')).sessionsCommand(command.words, process.env, terminal);
    case 'paths':
      return (await import('./pathsCommand.ts')).pathsCommand(command.words, terminal);
    case 'wrong':
      return refuse(command.message);
    case 'replay': {
      const { replay } = await import('./replay.ts');
      return replay({ ...command, env: process.env, terminal, outputClosed: outputClosed.signal });
    }
    case 'chat':
      return chat(command);
    case 'run':
      return run(command);
  }
}

async function run(command: RunCommand): Promise<number> {
  const { question, isExplicit, json, approvesAll, model, record } = command;
  const isTerminal = process.stdin.isTTY === true;
  if (question === undefined && !isExplicit && !json && isTerminal && process.stdout.isTTY) return chat(command);
  const chosen = await chooseModel(model, process.env);
  if ('problem' in chosen) return refuse(`--model ${model}: ${chosen.problem}`);
  const ask = (text: string) =>
    kept(command, (session) =>
      recorded(record, (recording) =>
        runTurn({
          question: text,
          json,
          approvesAll,
          terminal,
          outputClosed: outputClosed.signal,
          recording,
          kept: session,
          ...chosen,
        }),
      ),
    );
  if (typeof question === 'string') return ask(question);
  const isPromised = question !== undefined;
  // a person who types the question says so with "-"
  const input =
    isTerminal && !isPromised ? ({ type: 'nothing', hasWaited: false } as const) : await readStandardInput(isPromised);
  if (input.type === 'refused') return refuse(`Standard input cannot be the question: ${input.reason}.`);
  if (input.type === 'text' && input.text.trim() !== '') return ask(input.text.trim());
  // a demo is nothing to keep
  if (isExplicit || isPromised || command.session !== undefined) {
    return refuse('There is no question. See turnchart --help.');
  }
  introduceDemo(terminal, { hasWaited: input.type === 'nothing' && input.hasWaited });
  return ask(demoQuestion);
}

async function chat(command: Omit<ChatCommand, 'type'>): Promise<number> {
  const { approvesAll, model, record } = command;
  const chosen = await chooseModel(model, process.env);
  if ('problem' in chosen) return refuse(`--model ${model}: ${chosen.problem}`);
  const canDraw = process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb';
  // whoever chats may also do so from the page
  const inspector = command.inspect && (await openInspector({ commands: true }));
  const code = await kept(command, (session) =>
    recorded(record, async (recording) => {
      const options = {
        chosen,
        approvesAll,
        root: process.cwd(),
        env: process.env,
        recording,
        kept: session,
        inspector,
      };
      // what draws takes long to load, and nothing else wants it
      if (canDraw) return (await import('./chat/chat.ts')).openChat(options);
      const { chatByLines } = await import('./chat/lineChat.ts');
      return chatByLines({ ...options, terminal, outputClosed: outputClosed.signal });
    }),
  );
  await inspector?.inspector.close();
  return code;
}

/** With the session that is to be kept, if one is. */
async function kept(
  { session: name, store: file = defaultStoreFile(process.env) }: Pick<ChatCommand, 'session' | 'store'>,
  act: (session: KeptSession | undefined) => Promise<number>,
): Promise<number> {
  if (name === undefined) return act(undefined);
  try {
    const store = await openStore(file);
    try {
      return await act({ name, store, file: abbreviate(file) });
    } finally {
      await store.close();
    }
  } catch (error) {
    // somebody else has the session, say
    if (!(error instanceof StoreError)) throw error;
    terminal.note(error.message, 'red');
    return exitCodes.failed;
  }
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
  let code: number;
  let problem: string | undefined;
  try {
    code = await act(recording);
  } finally {
    problem = recording.close();
  }
  if (problem === undefined) return code;
  terminal.note(`--record: ${problem}`, 'red');
  return code === exitCodes.completed ? exitCodes.failed : code;
}

function refuse(message: string): number {
  terminal.note(message, 'red');
  return exitCodes.wrongArguments;
}
