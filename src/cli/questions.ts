import { isTerminal, type TurnEvent } from '../events.ts';
import type { Json } from '../json.ts';
import { defaultLimits } from '../machines/policies.ts';
import type { Session } from '../session.ts';
import type { Admission } from '../turn.ts';
import { innerEvent } from './innerEvent.ts';

/** Something that a turn, or that of a sub-agent, waits for somebody to say. */
export type Question = ApprovalQuestion | PauseQuestion;

interface Asked {
  readonly turnId: string;
  /** The sub-agent that asks, if one does. */
  readonly agent?: string;
}

/** Whether a tool may run. */
export interface ApprovalQuestion extends Asked {
  readonly type: 'approval';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  /** When it is too late for an answer, in epoch ms. */
  readonly expiresAt?: number;
}

/** Whether a turn may go on that has taken all its steps, or has spent enough. */
export interface PauseQuestion extends Asked {
  readonly type: 'pause';
  readonly reason: 'max_steps' | 'soft_cost';
  readonly spent: number;
  readonly limit: number;
}

export type Answer =
  | { readonly type: 'yes' }
  /** To every call of that tool in this session. */
  | { readonly type: 'always' }
  | { readonly type: 'no'; readonly reason?: string };

/** How many steps a yes gives. */
const moreSteps = defaultLimits.maxSteps;

/** The questions that have no answer yet, in the order in which they were asked. */
export class OpenQuestions {
  #all: readonly Question[] = [];

  get all(): readonly Question[] {
    return this.#all;
  }

  take(told: TurnEvent): void {
    const { event, calls } = innerEvent(told);
    const { turnId } = event;
    if (turnId === undefined) return;
    const asked = { turnId, ...(calls.length > 0 && { agent: event.agent }) };
    switch (event.type) {
      case 'tool.approvalRequested': {
        const { toolCallId, toolName, input, expiresAt } = event;
        const expiry = expiresAt === undefined ? {} : { expiresAt };
        this.#all = [...this.#all, { type: 'approval', ...asked, toolCallId, toolName, input, ...expiry }];
        return;
      }
      case 'tool.approvalResolved':
      case 'tool.cancelled':
        this.#drop((question) => question.turnId === turnId && isAbout(question, event.toolCallId));
        return;
      case 'turn.paused': {
        const { reason, spent, limit } = event;
        this.#all = [...this.#all, { type: 'pause', ...asked, reason, spent, limit }];
        return;
      }
      case 'turn.resumed':
        this.#drop((question) => question.turnId === turnId && question.type === 'pause');
        return;
      default:
        // the turns of sub-agents end with that around them
        if (isTerminal(event)) this.#drop((question) => calls.length === 0 || question.turnId === turnId);
    }
  }

  #drop(isSettled: (question: Question) => boolean): void {
    this.#all = this.#all.filter((question) => !isSettled(question));
  }
}

function isAbout(question: Question, toolCallId: string): boolean {
  return question.type === 'approval' && question.toolCallId === toolCallId;
}

/** What is asked, in a line. */
export function describeQuestion(question: Question): string {
  const who = question.agent === undefined ? '' : `${question.agent}: `;
  if (question.type === 'approval') return `${who}May ${question.toolName} run?`;
  const { reason, spent, limit } = question;
  if (reason === 'soft_cost') return `${who}The turn has cost ${round(spent)}, more than ${round(limit)}. Go on?`;
  return `${who}${spent} ${spent === 1 ? 'step is' : 'steps are'} taken. Go on for ${moreSteps} more?`;
}

/** What can be typed as an answer. */
export function possibleAnswers(question: Question): readonly string[] {
  if (question.type === 'pause') return ['y', 'n (stops the turn)'];
  // a sub-agent begins anew with each call
  const always = question.agent === undefined ? 'always (in this session)' : 'always (in this call of it)';
  return ['y', 'n', 'n and the reason', always];
}

/** An input in words: `path: notes.txt`. */
export function inputInWords(input: Json): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return valueInWords(input);
  const words = Object.entries(input).map(([name, value]) => `${name}: ${valueInWords(value)}`);
  return words.length === 0 ? 'without any input' : words.join(', ');
}

/** What could be taken for something else stands in quotes. */
function valueInWords(value: Json): string {
  return typeof value === 'string' && /^[\p{L}\p{N}_./@ -]+$/u.test(value) ? value : JSON.stringify(value);
}

/** What somebody typed as an answer; nothing where it is none. */
export function readAnswer({ type }: Question, text: string): Answer | undefined {
  const [, word, rest = ''] = /^(y|yes|n|no|always)(?:[\s,.:;]+(.*))?$/is.exec(text.trim()) ?? [];
  switch (word?.toLowerCase()) {
    case 'n':
    case 'no':
      return rest === '' ? { type: 'no' } : { type: 'no', reason: rest };
    case 'y':
    case 'yes':
      return rest === '' ? { type: 'yes' } : undefined;
    case 'always':
      return rest === '' && type === 'approval' ? { type: 'always' } : undefined;
    default:
      return undefined;
  }
}

/** Gives an answer to whoever waits for it. A turn that is not to go on is cancelled. */
export function giveAnswer(session: Session, question: Question, answer: Answer): Admission {
  if (question.type === 'approval') {
    const { toolCallId } = question;
    if (answer.type === 'no') return session.deny(toolCallId, answer.reason);
    return session.approve(toolCallId, answer.type === 'always' ? { remember: 'session' } : {});
  }
  if (answer.type === 'no') return session.cancel(answer.reason ?? 'not to go on');
  return question.reason === 'max_steps' ? session.extend(moreSteps) : session.resume();
}

function round(amount: number): number {
  return Number(amount.toPrecision(3));
}
