import { createInterface, type Interface } from 'node:readline';
import { type TurnEvent, toWireEvent } from '../events.ts';
import { createAgent } from '../index.ts';
import { textOf } from '../messages.ts';
import type { Session } from '../session.ts';
import type { Turn } from '../turn.ts';
import { AnswerWriter } from './answerWriter.ts';
import { Asker, nobody } from './asker.ts';
import { commandLineAgent } from './commandLineAgent.ts';
import type { ChosenModel } from './model.ts';
import { describeFailure, ProgressWriter } from './progress.ts';
import type { RecordingFile } from './recordFile.ts';
import { introduceSession, type KeptSession } from './sessions/keptSession.ts';
import { lastTurns } from './sessions/lastTurns.ts';
import { explainRecovery, findUnfinished, type Unfinished } from './sessions/unfinished.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes of the command line. */
export const exitCodes = { completed: 0, failed: 1, wrongArguments: 2, cancelled: 130 } as const;

export interface RunTurnOptions extends ChosenModel {
  readonly question: string;
  /** Prints events as JSON lines instead of the answer. */
  readonly json: boolean;
  /** Tools that need approval have it. */
  readonly approvesAll: boolean;
  readonly terminal: Terminal;
  /** Aborts when nobody reads the output any more. */
  readonly outputClosed: AbortSignal;
  /** What the session is recorded into. */
  readonly recording?: RecordingFile | undefined;
  /** Where the session is kept, and goes on from. @default nowhere */
  readonly kept?: KeptSession | undefined;
}

/**
 * Runs one turn and shows it; gives the exit code. In a session that is kept, what was unfinished is finished first.
 *
 * @throws StoreError where the session cannot be gone on with: another process has it, say
 */
export async function runTurn({ question, json, terminal, outputClosed, ...given }: RunTurnOptions): Promise<number> {
  const { approvesAll, notice, recording, kept } = given;
  let turn: Turn | undefined;
  const options = commandLineAgent(given, process.cwd());
  const agent = createAgent({ ...options, ...(kept !== undefined && { store: kept.store }) });
  const session = agent.session(kept === undefined ? {} : { id: kept.name, resume: 'manual' });
  if (json) session.on('*', (event) => terminal.write(`${JSON.stringify(toWireEvent(event))}\n`));
  else {
    terminal.note(notice);
    if (kept !== undefined) {
      const { all } = lastTurns(session.messages);
      terminal.note(introduceSession(kept, { shown: 0, all }, session.snapshot.status));
    }
  }
  const unfinished = kept && (await findUnfinished(session, options.tools, Date.now()));
  if (!json) show(session, terminal, { unfinished, isAsked: (turnId) => turnId === turn?.id });
  let typed: Interface | undefined;
  const asker = new Asker({
    session: () => session,
    terminal,
    approvesAll,
    canAsk: process.stdin.isTTY === true,
    onAsk: () => {
      // not before there is a question: what is typed meanwhile is for the shell
      typed ??= readAnswers(asker);
    },
  });
  session.on('*', (event) => asker.take(event));
  // a tool that only waits holds no handle, and without one the process would end in the middle of the turn
  const alive = setInterval(() => undefined, 2 ** 30);
  let isStopped = false;
  const cancel = (reason: string) => {
    isStopped = true;
    for (const each of session.turns) each.cancel(reason);
  };
  const stopListening = onInterrupt(() => cancel('Ctrl-C'), terminal);
  outputClosed.addEventListener('abort', () => cancel('output closed'), { once: true });
  try {
    if (kept !== undefined) {
      const { turns } = session;
      session.resume();
      asker.goOn(unfinished?.events);
      await finish(turns, terminal);
    }
    // it could not be kept, which was said
    if (session.snapshot.status === 'closed') return exitCodes.failed;
    if (!isStopped) {
      recording?.follow(session);
      turn = session.send(question);
      const outcome = await turn.outcome;
      if (outcome.status === 'completed') return exitCodes.completed;
      if (outcome.status === 'failed') {
        terminal.note(describeFailure(outcome.failure), 'red');
        return exitCodes.failed;
      }
      if (outcome.reason === nobody) return exitCodes.failed;
    }
    if (outputClosed.aborted) return exitCodes.completed;
    terminal.note('cancelled', 'yellow');
    return exitCodes.cancelled;
  } finally {
    stopListening();
    if (typed !== undefined) {
      typed.close();
      process.stdin.destroy();
    }
    try {
      await session.close();
      await agent.close();
    } finally {
      clearInterval(alive);
    }
  }
}

async function finish(turns: readonly Turn[], terminal: Terminal): Promise<void> {
  for (const { outcome } of turns) {
    const ended = await outcome;
    if (ended.status === 'failed') terminal.note(describeFailure(ended.failure), 'red');
  }
}

/** Every line that is typed answers a question. */
function readAnswers(asker: Asker): Interface {
  const lines = createInterface({ input: process.stdin, terminal: false });
  lines.on('line', (line) => asker.answer(line));
  lines.once('close', () => asker.leave());
  return lines;
}

interface Shown {
  /** What the session goes on with first. */
  readonly unfinished: Unfinished | undefined;
  /** Whether a turn is that of the question, whose answer alone is for standard output. */
  readonly isAsked: (turnId: string | undefined) => boolean;
}

function show(session: Session, terminal: Terminal, { unfinished, isAsked }: Shown): void {
  const answer = new AnswerWriter(terminal);
  const progress = new ProgressWriter(terminal);
  session.on('*', (told: TurnEvent) => {
    const event = explainRecovery(told, unfinished);
    if (isAsked(event.turnId)) answer.take(event);
    else if (event.type === 'message.completed') terminal.note(`  ${textOf(event.message).trim()}`);
    progress.take(event, session.snapshot);
  });
}

/** npm hands on an interrupt that the terminal has sent to all of its processes already: two in a moment are one. */
export const sameInterruptMs = 250;

/** The first Ctrl-C cancels, the second one quits. */
function onInterrupt(cancel: () => void, terminal: Terminal): () => void {
  let firstAt: number | undefined;
  const interrupt = () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      cancel();
    } else if (performance.now() - firstAt > sameInterruptMs) {
      terminal.endLine();
      process.exit(exitCodes.cancelled);
    }
  };
  process.on('SIGINT', interrupt);
  return () => {
    // the second one of npm may come when the turn is over, and would kill what has been cancelled in good order
    if (firstAt === undefined) process.off('SIGINT', interrupt);
  };
}
