import { createInterface } from 'node:readline';
import { textOf } from '../../messages.ts';
import type { Turn } from '../../turn.ts';
import { AnswerWriter } from '../answerWriter.ts';
import { Asker, nobody } from '../asker.ts';
import { Lines } from '../lines.ts';
import { describeFailure, ProgressWriter } from '../progress.ts';
import { exitCodes, sameInterruptMs } from '../runTurn.ts';
import { introduceSession, type KeptSession } from '../sessions/keptSession.ts';
import { lastTurns } from '../sessions/lastTurns.ts';
import { shorten, type Terminal } from '../terminal.ts';
import { type CommandContext, readInput, runCommand } from './commands.ts';
import { Conversation, type ConversationOptions, introduce } from './conversation.ts';
import { pastBlocks } from './pastBlocks.ts';
import type { Block } from './transcript.ts';

export interface LineChatOptions extends Omit<ConversationOptions, 'onEvent'> {
  readonly terminal: Terminal;
  /** Tools that need approval have it. */
  readonly approvesAll: boolean;
  /** Aborts when nobody reads the output any more. */
  readonly outputClosed: AbortSignal;
}

/**
 * The chat without a terminal that can be drawn on: every line of standard input is a message or a command, and the
 * next one is read when its turn has ended; typed lines answer its questions meanwhile. Gives the exit code of the last turn, or that of quitting where the lines
 * are typed.
 */
export async function chatByLines({
  terminal,
  approvesAll,
  outputClosed,
  ...options
}: LineChatOptions): Promise<number> {
  const answer = new AnswerWriter(terminal);
  const progress = new ProgressWriter(terminal);
  const isTyped = process.stdin.isTTY === true;
  const asker = new Asker({ session: () => conversation.session, terminal, approvesAll, canAsk: isTyped });
  const conversation = new Conversation({
    ...options,
    onEvent: (event) => {
      answer.take(event);
      progress.take(event, conversation.session.snapshot);
      asker.take(event);
    },
  });
  const lines = createInterface({
    input: process.stdin,
    terminal: false,
    prompt: '> ',
    ...(isTyped && { output: process.stdout }),
  });
  // from now on, or what comes while an unfinished turn goes on would be lost
  const read = new Lines(lines, (line) => asker.answer(line));
  let isClosed = false;
  lines.once('close', () => {
    isClosed = true;
    asker.leave();
  });
  const messages: string[] = [];
  let code: number = exitCodes.completed;
  let isOver = false;
  const quit = () => {
    isOver = true;
    lines.close();
  };
  const context: CommandContext = {
    conversation,
    env: options.env,
    say: (text, tone) => (tone === 'problem' ? terminal.note(text, 'red') : terminal.write(`${text}\n`)),
    queue: (text) => messages.push(text),
    quit,
  };
  const stopListening = onInterrupt(() => {
    if (!conversation.isAtWork) {
      code = exitCodes.cancelled;
      quit();
      return;
    }
    conversation.session.cancel('Ctrl-C');
    // whoever stops a pipe means all of it
    if (!isTyped) quit();
  });
  outputClosed.addEventListener('abort', () => {
    conversation.session.cancel('output closed');
    quit();
  });
  // a tool that only waits holds no handle, and without one the process would end in the middle of the turn
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    for (const line of introduce(options)) terminal.note(line);
    if (options.kept !== undefined) code = await goOn(conversation, options.kept, { terminal, asker });
    if (isTyped && !isClosed) lines.prompt();
    for await (const line of read) {
      if (isOver) break;
      const input = readInput(line);
      if ('command' in input) await runCommand(input.command, input.argument, context);
      else if (input.message !== '') messages.push(input.message);
      for (let message = messages.shift(); message !== undefined && !isOver; message = messages.shift()) {
        code = await finish(conversation.send(message), terminal);
        // it could not be kept, which was said
        if (conversation.isClosed) quit();
      }
      if (isOver) break;
      if (isTyped && !isClosed) lines.prompt();
    }
    // who quits by hand has seen how the last turn ended
    return outputClosed.aborted || isTyped ? exitCodes.completed : code;
  } finally {
    clearInterval(alive);
    stopListening();
    lines.close();
    process.stdin.destroy();
    await conversation.close();
  }
}

/** Shows where a kept session stands, and goes on with the turns that it was at; gives the exit code of the last. */
async function goOn(
  conversation: Conversation,
  kept: KeptSession,
  { terminal, asker }: { readonly terminal: Terminal; readonly asker: Asker },
): Promise<number> {
  const past = lastTurns(conversation.session.messages);
  terminal.note(introduceSession(kept, past, conversation.session.snapshot.status));
  for (const block of pastBlocks(past.messages)) noteBlock(block, terminal);
  const unfinished = await conversation.findUnfinished();
  for (const event of unfinished?.events ?? []) {
    if (event.type === 'message.added') terminal.note(`> ${shorten(textOf(event.message).trim())}`);
  }
  const { turns } = conversation.session;
  conversation.goOn();
  asker.goOn(unfinished?.events);
  let code: number = exitCodes.completed;
  for (const turn of turns) code = await finish(turn, terminal);
  return code;
}

/** What was said before, a line each; the answers of this process are the only ones on standard output. */
function noteBlock(block: Block, terminal: Terminal): void {
  if (block.type !== 'user' && block.type !== 'answer' && block.type !== 'note') return;
  terminal.note(`${block.type === 'user' ? '> ' : '  '}${shorten(block.text.trim())}`);
}

async function finish(turn: Turn, terminal: Terminal): Promise<number> {
  const outcome = await turn.outcome;
  if (outcome.status === 'failed') terminal.note(describeFailure(outcome.failure), 'red');
  if (outcome.status === 'cancelled') {
    terminal.note('cancelled', 'yellow');
    if (outcome.reason === nobody) return exitCodes.failed;
  }
  return exitCodes[outcome.status];
}

/** Listens to Ctrl-C. npm hands it on to a process that has it from the terminal already: two in a moment are one. */
function onInterrupt(act: () => void): () => void {
  let lastAt = Number.NEGATIVE_INFINITY;
  const interrupt = () => {
    const now = performance.now();
    if (now - lastAt > sameInterruptMs) act();
    lastAt = now;
  };
  process.on('SIGINT', interrupt);
  return () => process.off('SIGINT', interrupt);
}
