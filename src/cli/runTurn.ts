import { type TurnEvent, toWireEvent } from '../events.ts';
import { createAgent } from '../index.ts';
import type { Model } from '../model.ts';
import type { Session } from '../session.ts';
import type { Turn } from '../turn.ts';
import { AnswerWriter } from './answerWriter.ts';
import { describeFailure, ProgressWriter } from './progress.ts';
import type { RecordingFile } from './recordFile.ts';
import type { Terminal } from './terminal.ts';
import { commandLineTools } from './tools/commandLineTools.ts';

/** Exit codes of the command line. */
export const exitCodes = { completed: 0, failed: 1, wrongArguments: 2, cancelled: 130 } as const;

export interface RunTurnOptions {
  readonly question: string;
  /** Prints events as JSON lines instead of the answer. */
  readonly json: boolean;
  readonly terminal: Terminal;
  /** Aborts when nobody reads the output any more. */
  readonly outputClosed: AbortSignal;
  readonly model: Model;
  readonly isSimulated: boolean;
  /** Who answers, in a line. */
  readonly notice: string;
  /** What the session is recorded into. */
  readonly recording?: RecordingFile | undefined;
}

/** Runs one turn and shows it; gives the exit code. */
export async function runTurn({ question, json, terminal, outputClosed, ...options }: RunTurnOptions): Promise<number> {
  const { model, isSimulated, notice, recording } = options;
  const agent = createAgent({
    name: 'turnchart',
    model,
    tools: commandLineTools({ root: process.cwd(), isLocal: isSimulated }),
  });
  const session = agent.session();
  recording?.follow(session);
  if (json) session.on('*', (event) => terminal.write(`${JSON.stringify(toWireEvent(event))}\n`));
  else show(session, terminal, notice);
  // a tool that only waits holds no handle, and without one the process would end in the middle of the turn
  const alive = setInterval(() => undefined, 2 ** 30);
  const turn = session.send(question);
  const stopListening = cancelOnInterrupt(turn, terminal);
  outputClosed.addEventListener('abort', () => turn.cancel('output closed'), { once: true });
  try {
    const outcome = await turn.outcome;
    if (outcome.status === 'completed') return exitCodes.completed;
    if (outcome.status === 'failed') {
      terminal.note(describeFailure(outcome.failure), 'red');
      return exitCodes.failed;
    }
    if (outputClosed.aborted) return exitCodes.completed;
    terminal.note('cancelled', 'yellow');
    return exitCodes.cancelled;
  } finally {
    stopListening();
    await session.close();
    await agent.close();
    clearInterval(alive);
  }
}

function show(session: Session, terminal: Terminal, notice: string): void {
  terminal.note(notice);
  const answer = new AnswerWriter(terminal);
  const progress = new ProgressWriter(terminal);
  session.on('*', (event: TurnEvent) => {
    answer.take(event);
    progress.take(event, session.snapshot);
  });
}

/** npm hands on an interrupt that the terminal has sent to all of its processes already: two in a moment are one. */
export const sameInterruptMs = 250;

/** The first Ctrl-C cancels the turn, the second one quits. */
function cancelOnInterrupt(turn: Turn<undefined>, terminal: Terminal): () => void {
  let firstAt: number | undefined;
  const interrupt = () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      turn.cancel('Ctrl-C');
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
