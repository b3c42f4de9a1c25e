import type { TurnEvent } from '../events.ts';
import type { Session } from '../session.ts';
import {
  type Answer,
  describeQuestion,
  giveAnswer,
  inputInWords,
  OpenQuestions,
  possibleAnswers,
  type Question,
  readAnswer,
} from './questions.ts';
import type { Terminal } from './terminal.ts';

/** The reason that is given for a no where nobody can say yes. */
export const nobody = 'nobody can be asked';

export interface AskerOptions {
  readonly session: () => Session;
  readonly terminal: Terminal;
  /** Tools that need approval have it. */
  readonly approvesAll: boolean;
  /** Somebody is there who types answers. */
  readonly canAsk: boolean;
  /** Told when there is something to answer. @default nobody */
  readonly onAsk?: () => void;
}

/**
 * Asks on standard error what a turn waits for, one question after the other. Where nobody can be asked, a tool is
 * denied, and a turn that has paused is cancelled.
 */
export class Asker {
  readonly #options: AskerOptions;
  readonly #questions = new OpenQuestions();
  /** What has an answer is still open for a moment. */
  readonly #answered = new WeakSet<Question>();
  #asked: Question | undefined;
  #canAsk: boolean;

  constructor(options: AskerOptions) {
    this.#options = options;
    this.#canAsk = options.canAsk;
  }

  take(event: TurnEvent): void {
    this.#questions.take(event);
    // what comes with it is shown first
    if (this.#questions.all.length > 0) queueMicrotask(() => this.#proceed());
  }

  /** Takes what a turn had asked that goes on now. */
  goOn(events: readonly TurnEvent[] = []): void {
    for (const event of events) this.#questions.take(event);
    this.#proceed();
  }

  /** Takes a line that was typed; says whether it was for a question. */
  answer(line: string): boolean {
    const [question] = this.#questions.all;
    if (question === undefined || !this.#canAsk) return false;
    const answer = readAnswer(question, line);
    if (answer === undefined) this.#say(`  ${possibleAnswers(question).join(' · ')}`);
    else this.#give(question, answer);
    return true;
  }

  /** Nobody types any more. */
  leave(): void {
    this.#canAsk = false;
    this.#proceed();
  }

  #proceed(): void {
    for (const [index, question] of this.#questions.all.entries()) {
      if (this.#options.approvesAll && question.type === 'approval') this.#give(question, { type: 'yes' });
      else if (!this.#canAsk) this.#refuse(question);
      else if (index === 0 && question !== this.#asked) this.#ask(question);
    }
  }

  #ask(question: Question): void {
    this.#asked = question;
    const input = question.type === 'approval' ? ` ${inputInWords(question.input)}` : '';
    this.#say(`${describeQuestion(question)}${input}`);
    this.#say(`  ${possibleAnswers(question).join(' · ')}`);
    this.#options.onAsk?.();
  }

  #refuse(question: Question): void {
    if (this.#answered.has(question)) return;
    this.#say(
      question.type === 'approval'
        ? `${question.toolName} needs approval, and ${nobody}: denied. With --yes it would run.`
        : `${describeQuestion(question)} It ends here: ${nobody}.`,
    );
    this.#give(question, { type: 'no', reason: nobody });
  }

  #give(question: Question, answer: Answer): void {
    if (this.#answered.has(question)) return;
    this.#answered.add(question);
    const admission = giveAnswer(this.#options.session(), question, answer);
    if (!admission.accepted) this.#say(admission.reason);
  }

  #say(text: string): void {
    this.#options.terminal.note(text, 'yellow');
  }
}
