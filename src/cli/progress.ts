import {
  isEphemeral,
  isTerminal,
  type ToolApprovalResolved,
  type ToolCancelled,
  type TurnCompleted,
  type TurnEvent,
} from '../events.ts';
import type { Failure } from '../failure.ts';
import type { ToolOutput } from '../messages.ts';
import { findToolCalls, type SessionSnapshot, type TurnSnapshot } from '../snapshot.ts';
import { innerEvent } from './innerEvent.ts';
import { noticeOf } from './notices.ts';
import { inputInWords } from './questions.ts';
import { type Style, shorten, type Terminal } from './terminal.ts';

/**
 * Shows on standard error what a turn does: the states it is in, its tool calls, its retries, and how it ended. What
 * sub-agents do stands indented below the call that they work on.
 */
export class ProgressWriter {
  readonly #terminal: Terminal;
  /** Of each turn that runs, those of sub-agents included. */
  readonly #shownStates = new Map<string, string>();
  #reasoning = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  take(told: TurnEvent, snapshot: SessionSnapshot): void {
    const { event, calls } = innerEvent(told);
    if (event.type === 'turn.started') this.#shownStates.delete(event.turnId ?? '');
    if (calls.length > 0) {
      // what it says comes back as the output of its tool
      if (!isEphemeral(event)) this.#takeInner(event, calls, snapshot);
      return;
    }
    if (event.type === 'reasoning.delta') {
      this.#reasoning += event.text;
      return;
    }
    if (this.#reasoning !== '') this.#terminal.note(`  reasoning: ${this.#reasoning.trim()}`);
    this.#reasoning = '';
    const line = describe(event);
    if (line !== undefined) this.#terminal.note(line.text, line.style);
    if (event.type !== 'message.delta') this.#showState(snapshot.turn);
  }

  #takeInner(event: TurnEvent, calls: readonly string[], { turn }: SessionSnapshot): void {
    const margin = `${'  '.repeat(calls.length)}${event.agent} `;
    const line = isTerminal(event) ? undefined : describe(event);
    if (line !== undefined) this.#terminal.note(`${margin}${line.text}`, line.style);
    this.#showState(
      calls.reduce<TurnSnapshot | undefined>((outer, id) => findToolCalls(outer, id)[0]?.agent, turn),
      margin,
    );
  }

  #showState(turn: TurnSnapshot | undefined, margin = ''): void {
    if (turn === undefined) return;
    const { id, state, step, attempt } = turn;
    const shown = `${state} (step ${step}${attempt > 1 ? `, attempt ${attempt}` : ''})`;
    // waiting is described by its own event, with the time and the reason
    if (shown === this.#shownStates.get(id) || state === 'retrying' || step === 0) return;
    this.#shownStates.set(id, shown);
    this.#terminal.note(`${margin}[${shown}]`);
  }
}

interface Line {
  readonly text: string;
  readonly style?: Style;
}

function describe(event: TurnEvent): Line | undefined {
  switch (event.type) {
    case 'model.retrying':
    case 'tool.retrying': {
      const what = event.type === 'tool.retrying' ? `${event.toolName}: ` : '';
      const { delayMs, failure, attempt, maxAttempts } = event;
      const text = `[${what}retrying in ${seconds(delayMs)} (${failure.code})] attempt ${attempt} of ${maxAttempts}: ${failure.message}`;
      return { text, style: 'yellow' };
    }
    case 'tool.called':
      return { text: `→ ${event.toolName} ${shorten(JSON.stringify(event.input))}`, style: 'cyan' };
    case 'tool.progress':
      return { text: `  ${event.toolName} ${event.text}` };
    case 'tool.completed':
      return {
        text: `✓ ${event.toolName}${event.retry ? ' asks again' : ''}: ${shorten(showOutput(event.output))}`,
        style: 'green',
      };
    case 'tool.failed':
      return { text: `✗ ${event.toolName} failed: ${shorten(event.failure.message)}`, style: 'red' };
    case 'tool.cancelled':
      return { text: `✗ ${event.toolName} ${describeCancelled(event)}`, style: 'yellow' };
    case 'tool.approvalRequested':
    case 'tool.resultRequested':
      return {
        text: `? ${event.toolName} ${describeWaiting(event)}: ${shorten(inputInWords(event.input))}`,
        style: 'yellow',
      };
    case 'tool.approvalResolved':
      return event.decision === 'approved' ? { text: `  ${event.toolName} ${describeApproval(event)}` } : undefined;
    case 'tool.denied':
      return { text: `✗ ${event.toolName} denied: ${shorten(event.reason)}`, style: 'yellow' };
    case 'turn.completed':
    case 'turn.failed':
    case 'turn.cancelled':
      return { text: `usage: ${describeEnding(event).join(', ')}` };
    default: {
      const notice = noticeOf(event);
      return notice && { text: notice.text, ...(notice.tone === 'warning' && { style: 'yellow' }) };
    }
  }
}

/** What a tool call waits for. */
export function describeWaiting(event: { readonly type: WaitingType; readonly expiresAt?: number }): string {
  if (event.type === 'tool.resultRequested') return 'waits for a client to run it';
  const { expiresAt } = event;
  const until = expiresAt === undefined ? '' : `, until ${new Date(expiresAt).toTimeString().slice(0, 8)}`;
  return `waits for approval${until}`;
}

type WaitingType = 'tool.approvalRequested' | 'tool.resultRequested';

/** Who has allowed a tool call. */
export function describeApproval({ by }: Pick<ToolApprovalResolved, 'by'>): string {
  return by === 'session' ? 'approved for this session' : 'approved';
}

/** When a tool call ended that somebody cancelled. */
export function describeCancelled({ started }: Pick<ToolCancelled, 'started'>): string {
  return `cancelled ${started ? 'while it ran' : 'before it began'}`;
}

/** What a turn took, fact by fact. */
export function describeEnding({ usage, steps, durationMs, cost }: Ending): readonly string[] {
  return [
    `${usage.inputTokens} input tokens`,
    `${usage.outputTokens} output tokens`,
    `${steps} ${steps === 1 ? 'step' : 'steps'}`,
    seconds(durationMs),
    ...(cost === undefined ? [] : [`cost ${Number(cost.toPrecision(3))}`]),
  ];
}

type Ending = Pick<TurnCompleted, 'usage' | 'steps' | 'durationMs' | 'cost'>;

/** What a failure means for whoever typed the question, in one line. */
export function describeFailure(failure: Failure): string {
  const code = failure.code === failure.type ? failure.type : `${failure.type}, ${failure.code}`;
  return `failed: ${failure.message} (${code}) ${adviceFor(failure)}`;
}

function adviceFor({ type, retryable }: Failure): string {
  switch (type) {
    case 'rate_limit':
      return 'Wait a little, then ask again.';
    case 'provider_unavailable':
      return 'Ask again later.';
    case 'budget':
      return 'Raise the limit, or top up the account.';
    case 'context_overflow':
      return 'Ask for less at once.';
    case 'auth':
      return 'Check the key of the model.';
    case 'max_steps':
      return 'Ask for less at once.';
    default:
      return retryable ? 'Ask again.' : 'Ask in another way; turnchart run --json shows every event.';
  }
}

/** A time in seconds, to a tenth. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** What a tool gave, as text; JSON on one line, or indented. */
export function showOutput(output: ToolOutput, indent = 0): string {
  switch (output.type) {
    case 'content':
      return `${output.value.length} parts`;
    case 'json':
      return JSON.stringify(output.value, null, indent);
    default:
      return output.value;
  }
}
