import { giveAnswer, OpenQuestions, readAnswer } from '../questions.ts';
import { exitCodes } from '../runTurn.ts';
import { introduceSession, type KeptSession } from '../sessions/keptSession.ts';
import { lastTurns } from '../sessions/lastTurns.ts';
import { readVersion } from '../version.ts';
import { type CommandContext, readInput, runCommand } from './commands.ts';
import { Conversation, type ConversationOptions, introduce } from './conversation.ts';
import { Interrupts, patienceMs } from './interrupts.ts';
import { pastBlocks } from './pastBlocks.ts';
import { Screen } from './screen.ts';
import { Status } from './status.ts';
import { createTheme } from './theme.ts';
import { type NoteBlock, Transcript } from './transcript.ts';
import { WaitingMessages } from './waiting.ts';

/** Exit codes of a process that a signal ends: 128 and its number. */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export interface ChatOptions extends Omit<ConversationOptions, 'onEvent'> {
  /** Tools that need approval have it. */
  readonly approvesAll: boolean;
}

/**
 * The chat in a terminal, until somebody quits; gives the exit code. However it ends, the terminal is as it was before,
 * and nothing runs any more.
 *
 * @throws whatever broke it, after that
 */
export async function openChat({ approvesAll, ...options }: ChatOptions): Promise<number> {
  const { env, kept } = options;
  const transcript = new Transcript();
  const status = new Status();
  const waiting = new WaitingMessages();
  const questions = new OpenQuestions();
  const interrupts = new Interrupts();
  const ended = Promise.withResolvers<number>();
  const conversation = new Conversation({
    ...options,
    onEvent: (event) => {
      transcript.take(event, conversation.chosen.model.contextWindow);
      status.take(event);
      waiting.take(event);
      questions.take(event);
      approve();
      screen.update();
    },
  });
  const screen = new Screen({
    theme: createTheme(process.stdout),
    blocks: () => transcript.blocks,
    waiting: () => waiting.all,
    questions: () => questions.all,
    status: () => status.describe(conversation.session.snapshot, Date.now()),
    footer: () => [conversation.chosen.name, ...(kept ? [kept.name] : []), '/help shows what can be typed'].join(' · '),
    hint: () => (interrupts.isPending(performance.now()) ? 'Ctrl-C again quits' : undefined),
    onSubmit: submit,
    onInterrupt: interrupt,
    onEndOfInput: () => ended.resolve(exitCodes.completed),
  });
  const say = (text: string, tone?: NoteBlock['tone']) => {
    transcript.note(text, tone);
    screen.update();
  };
  const context: CommandContext = {
    conversation,
    env,
    say,
    queue: (text) => {
      if (!canSend()) return;
      const { isIdle } = conversation;
      const { id: turnId } = conversation.send(text);
      if (!isIdle) waiting.add({ type: 'queued', text, turnId });
    },
    quit: () => ended.resolve(exitCodes.completed),
  };

  async function showPast(session: KeptSession): Promise<void> {
    const past = lastTurns(conversation.session.messages);
    transcript.note(introduceSession(session, past, conversation.session.snapshot.status), 'quiet');
    transcript.add(pastBlocks(past.messages));
    const unfinished = await conversation.findUnfinished();
    for (const event of unfinished?.events ?? []) {
      transcript.take(event);
      status.take(event);
      questions.take(event);
    }
    for (const queued of conversation.queued) waiting.add(queued);
  }

  function submit(text: string): void {
    interrupts.forget();
    if (answer(text)) return;
    const input = readInput(text);
    if ('message' in input) {
      deliver(input.message);
      return;
    }
    // what a command prints stands below it; of one that prints nothing one sees what it does
    let isShown = false;
    const reply: CommandContext['say'] = (...said) => {
      if (!isShown) transcript.note(`› ${text}`, 'quiet');
      isShown = true;
      say(...said);
    };
    runCommand(input.command, input.argument, { ...context, say: reply }).catch(ended.reject);
  }

  /** Takes what was typed as the answer to the question that is shown, if there is one and it is. */
  function answer(text: string): boolean {
    const question = screen.shownQuestion;
    const given = question && readAnswer(question, text);
    if (question === undefined || given === undefined) return false;
    if (!questions.all.includes(question)) {
      say('That was settled before the answer came.', 'problem');
      return true;
    }
    const admission = giveAnswer(conversation.session, question, given);
    if (!admission.accepted) say(admission.reason, 'problem');
    screen.update();
    return true;
  }

  function approve(): void {
    if (!approvesAll) return;
    for (const question of questions.all) {
      if (question.type === 'approval') giveAnswer(conversation.session, question, { type: 'yes' });
    }
  }

  function deliver(message: string): void {
    if (!conversation.isInTurn) {
      context.queue(message);
    } else if (canSend()) {
      conversation.session.steer(message);
      waiting.add({ type: 'steering', text: message });
    }
    screen.update();
  }

  /** Says so where it cannot. */
  function canSend(): boolean {
    if (conversation.isClosed) {
      say('The session is closed. Start the chat again to go on with what is kept of it.', 'problem');
    }
    return !conversation.isClosed;
  }

  function interrupt(): void {
    const isIdle = !conversation.isAtWork;
    switch (interrupts.press({ isIdle, hasText: screen.hasText, now: performance.now() })) {
      case 'cancel':
        conversation.session.cancel('Ctrl-C');
        break;
      case 'clear':
        screen.clearText();
        break;
      case 'quit':
        ended.resolve(exitCodes.completed);
        return;
      case 'warn':
    }
    // the hint goes away by itself
    setTimeout(() => screen.update(), patienceMs).unref();
  }

  const stopWatching = watchForEnd(ended, () => screen.restore());
  try {
    transcript.note(`Turnchart ${readVersion()}`, 'title');
    transcript.note(introduce(options).join('\n'), 'quiet');
    if (kept !== undefined) await showPast(kept);
    screen.start();
    conversation.goOn();
    approve();
    const code = await ended.promise;
    if (kept !== undefined && endsFromOutside(code) && !conversation.isIdle) {
      // the turn is not cancelled but left as it is, to be gone on with
      await screen.close();
      process.exit(code);
    }
    // so that the conversation shows how its last turn ended
    await conversation.close();
    await screen.close();
    return code;
  } finally {
    screen.restore();
    await conversation.close();
    stopWatching();
  }
}

/** Whether the terminal or the machine ended the chat, rather than whoever typed. */
function endsFromOutside(code: number): boolean {
  return code === signals.SIGHUP || code === signals.SIGTERM;
}

/** Follows what ends the chat from outside: signals, errors that nobody caught, a terminal that is gone. */
function watchForEnd(ended: PromiseWithResolvers<number>, restore: () => void): () => void {
  const crash = (error: unknown) => {
    restore();
    ended.reject(error);
  };
  const hangUp = () => ended.resolve(signals.SIGHUP);
  process.once('uncaughtException', crash);
  process.stdin.once('end', hangUp).once('error', hangUp);
  const handlers = Object.entries(signals).map(([signal, code]) => {
    const end = () => ended.resolve(code);
    process.once(signal, end);
    return () => process.off(signal, end);
  });
  return () => {
    process.off('uncaughtException', crash);
    process.stdin.off('end', hangUp).off('error', hangUp);
    for (const off of handlers) off();
  };
}
