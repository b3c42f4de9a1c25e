import { isTerminal, type StopReason, type TurnEvent } from './events.ts';
import { type AgentError, type Failure, TurnCancelledError, toAgentError } from './failure.ts';
import type { Json } from './json.ts';
import { messagesOf } from './machines/history.ts';
import type { TurnOutput } from './machines/turnMachine.ts';
import { type Message, type ToolCallPart, toolCallsOf } from './messages.ts';
import type { Usage } from './model.ts';

/** What is known of a turn that has ended, however it did. */
export interface TurnSummary {
  readonly turnId: string;
  /** Of this turn, the user's first. */
  readonly messages: readonly Message[];
  readonly stopReason: StopReason;
  readonly steps: number;
  readonly usage: Usage;
  /** In the currency of `pricing`; absent where nothing is known. */
  readonly cost?: number;
  /** All tools that were called, in order. */
  readonly toolCalls: readonly ToolCallPart[];
}

/** A completed turn. */
export interface TurnResult<TOutput = undefined> extends TurnSummary {
  /** Text of the last message. */
  readonly text: string;
  /** What the answer says, where a form was asked for: a turn that completes has it. */
  readonly output: TOutput;
}

/** How a turn ended, as a value: nothing to catch. */
export type TurnOutcome<TOutput = undefined> =
  | (TurnSummary & { readonly status: 'completed'; readonly result: TurnResult<TOutput> })
  | (TurnSummary & { readonly status: 'failed'; readonly failure: Failure })
  | (TurnSummary & { readonly status: 'cancelled'; readonly reason?: string });

/**
 * A turn under way. Iterating it gives its events from the first one, however late one begins, and ends after the
 * terminal event; not iterating it costs nothing.
 */
export class Turn<TOutput = undefined> implements AsyncIterable<TurnEvent> {
  readonly id: string;
  /** How the turn ended. Never rejects. */
  readonly outcome: Promise<TurnOutcome<TOutput>>;
  readonly #cancel: (reason: string | undefined) => Admission;
  readonly #unread: TurnEvent[] = [];
  #isEnded = false;
  #isTaken = false;
  #wake: (() => void) | undefined;
  #resolve: (outcome: TurnOutcome<TOutput>) => void = () => {};
  #result: Promise<TurnResult<TOutput>> | undefined;

  constructor(id: string, cancel: (reason: string | undefined) => Admission) {
    this.id = id;
    this.#cancel = cancel;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The answer, or a rejection with an `AgentError`. Unawaited, it is no unhandled rejection. */
  get result(): Promise<TurnResult<TOutput>> {
    if (this.#result === undefined) {
      this.#result = this.outcome.then((outcome) => {
        if (outcome.status === 'completed') return outcome.result;
        throw toError(outcome);
      });
      this.#result.catch(() => {});
    }
    return this.#result;
  }

  /** Ends this turn, running or waiting. Does nothing once it has ended. */
  cancel(reason?: string): Admission {
    return this.#cancel(reason);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TurnEvent, void, void> {
    if (this.#isTaken) {
      throw new Error(
        `The events of turn "${this.id}" are read already: a turn is iterated once. Use session.on('*', …) for more listeners.`,
      );
    }
    this.#isTaken = true;
    try {
      for (;;) {
        const event = this.#unread.shift();
        if (event !== undefined) {
          yield event;
          if (isTerminal(event)) return;
        } else if (this.#isEnded) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      // whoever stops reading changes nothing, but what comes now is kept for nobody
      this.#isEnded = true;
      this.#unread.length = 0;
    }
  }

  /** @internal Takes in an event of this turn. */
  push(event: TurnEvent): void {
    if (this.#isEnded) return;
    if (event.type === 'tool.progress') dropEarlierProgress(this.#unread, event);
    const last = this.#unread.at(-1);
    const merged = last === undefined ? undefined : mergeDeltas(last, event);
    if (merged === undefined) this.#unread.push(event);
    else this.#unread[this.#unread.length - 1] = merged;
    this.#wakeUp();
  }

  /** @internal The turn has ended like that. */
  end(outcome: TurnOutcome<TOutput>): void {
    this.#resolve(outcome);
    if (this.#unread.length === 0) this.#isEnded = true;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Whether a command was taken. */
export type Admission =
  | { readonly accepted: true; readonly reason?: undefined }
  | { readonly accepted: false; readonly reason: string };

/** Text that nobody has read yet is one delta: a slow reader costs no more than the text. */
function mergeDeltas(last: TurnEvent, event: TurnEvent): TurnEvent | undefined {
  if (last.type !== event.type || last.seq !== event.seq) return undefined;
  if (last.type === 'message.delta' && event.type === 'message.delta') {
    return last.messageId === event.messageId ? { ...event, text: last.text + event.text } : undefined;
  }
  if (last.type === 'reasoning.delta' && event.type === 'reasoning.delta') {
    return last.messageId === event.messageId ? { ...event, text: last.text + event.text } : undefined;
  }
  return undefined;
}

/** Of progress the latest counts, also where several tools report in turn. */
function dropEarlierProgress(unread: TurnEvent[], { toolCallId, seq }: TurnEvent & { type: 'tool.progress' }): void {
  for (let index = unread.length - 1; unread[index]?.seq === seq; index -= 1) {
    const earlier = unread[index];
    if (earlier?.type !== 'tool.progress' || earlier.toolCallId !== toolCallId) continue;
    unread.splice(index, 1);
    return;
  }
}

/** What a turn's machine put out, as callers read it. */
export function toOutcome(output: TurnOutput): TurnOutcome<Json | undefined> {
  const messages = messagesOf(output.history, output.historyStart);
  const summary: TurnSummary = {
    turnId: output.turnId,
    messages,
    stopReason: output.stopReason,
    steps: output.steps,
    usage: output.usage,
    ...(output.cost !== undefined && { cost: output.cost }),
    toolCalls: messages.flatMap(toolCallsOf),
  };
  switch (output.status) {
    case 'completed':
      return { status: 'completed', ...summary, result: { ...summary, text: output.text, output: output.output } };
    case 'failed':
      return { status: 'failed', ...summary, failure: output.failure };
    case 'cancelled':
      return { status: 'cancelled', ...summary, ...(output.reason !== undefined && { reason: output.reason }) };
  }
}

function toError(outcome: Exclude<TurnOutcome<unknown>, { status: 'completed' }>): AgentError {
  return outcome.status === 'failed' ? toAgentError(outcome.failure) : new TurnCancelledError(outcome.reason);
}
