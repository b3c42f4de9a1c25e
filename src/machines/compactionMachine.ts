import { assign, setup } from 'xstate';
import { effect, type Settled } from '../effects.ts';
import type { CompactionReason } from '../events.ts';
import { createFailure, type Failure } from '../failure.ts';
import { type Message, textOf } from '../messages.ts';
import { addUsage, noUsage, type Usage } from '../model.ts';
import { addCost } from './budget.ts';
import {
  type CompactionPolicy,
  estimateTokens,
  isMaskingEnough,
  isShorter,
  keptFrom,
  maskOutputs,
  removed,
  summarize,
} from './compaction.ts';
import type { SummarizeInput, SummarizeOutput } from './contracts.ts';
import type { History } from './history.ts';
import { maxIterations } from './policies.ts';
import { theEvent } from './theEvent.ts';

export interface CompactionMachineInput {
  /** Names the compaction: of its effect, and of the summary. */
  readonly id: string;
  readonly sessionId: string;
  readonly reason: CompactionReason;
  readonly history: History;
  readonly policy: CompactionPolicy;
  /** Longest silence of the model that summarizes, in ms. */
  readonly stallTimeoutMs: number;
}

export interface CompactionContext extends CompactionMachineInput {
  /** The first message that stays as it is. */
  readonly from: number;
  /** The history as it is afterwards; nothing before. */
  readonly shortened: History | undefined;
  readonly failure: Failure | undefined;
  readonly usage: Usage;
  readonly cost: number | undefined;
  /** When the summary was there; nothing where none was needed. */
  readonly at: number | undefined;
}

/** What came of a compaction. */
export interface CompactionOutput
  extends Pick<CompactionContext, 'reason' | 'history' | 'failure' | 'usage' | 'cost' | 'at'> {
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  readonly removed: number;
}

export interface Summarized {
  readonly output: Settled<SummarizeOutput>;
}

function notProvided(): never {
  throw new Error('summarize is not provided: use turnMachine.provide(services({ model })).');
}

/** Shortens a conversation for the model, the cheapest way that helps first. A summary that saves nothing is none. */
export const compactionMachine = setup({
  types: {
    context: {} as CompactionContext,
    input: {} as CompactionMachineInput,
    output: {} as CompactionOutput,
  },
  actors: {
    summarize: effect<SummarizeInput, SummarizeOutput>('summarize', notProvided),
  },
  guards: {
    isMaskingEnough: ({ context: { history, policy, reason } }) => isMaskingEnough(history, policy, reason),
    isNothingRemoved: ({ context: { history, from } }) => removed(history, from).length === 0,
    isSummaryShorter: ({ context }, { output }: Summarized) =>
      summaryOf(output) !== undefined && isShorter(summarized(context, output), context.history),
    isForced: ({ context }) => context.reason !== 'manual',
  },
  actions: {
    maskOutputs: assign(({ context: { history, from } }) => ({ shortened: maskOutputs(history, from) })),
    keepSummary: assign(({ context }, { output }: Summarized) => ({
      ...paid(context, output),
      shortened: summarized(context, output),
    })),
    dropOldest: assign(({ context }, { output }: Summarized) => ({
      ...paid(context, output),
      failure: failureOf(output),
      shortened: summarize(context.history, context.from, noticeFor(context.history), summaryId(context)),
    })),
    keepAsItIs: assign(({ context }, { output }: Summarized) => ({
      ...paid(context, output),
      failure: failureOf(output),
    })),
  },
}).createMachine({
  id: 'compaction',
  description: 'A conversation is shortened for the model; no message is lost.',
  options: { maxIterations },
  context: ({ input }) => ({
    ...input,
    from: keptFrom(input.history, input.policy),
    shortened: undefined,
    failure: undefined,
    usage: noUsage,
    cost: undefined,
    at: undefined,
  }),
  output: ({ context }) => outputOf(context),
  initial: 'masking',
  states: {
    masking: {
      description: 'Would it be enough to leave out old outputs of tools?',
      always: [
        { guard: 'isMaskingEnough', target: 'done', actions: 'maskOutputs' },
        { guard: 'isNothingRemoved', target: 'done', actions: 'maskOutputs' },
        { target: 'summarizing' },
      ],
    },
    summarizing: {
      description: 'A model writes down what the oldest messages come to.',
      invoke: {
        id: 'summarize',
        src: 'summarize',
        input: ({ context }) => ({
          id: `${context.id}.summary`,
          sessionId: context.sessionId,
          messages: messagesToSummarize(context),
          stallTimeoutMs: context.stallTimeoutMs,
        }),
        onDone: [
          {
            guard: { type: 'isSummaryShorter', params: theEvent },
            target: 'done',
            actions: { type: 'keepSummary', params: theEvent },
          },
          {
            guard: 'isForced',
            target: 'trimmed',
            actions: { type: 'dropOldest', params: theEvent },
          },
          {
            target: 'unchanged',
            actions: { type: 'keepAsItIs', params: theEvent },
          },
        ],
      },
    },
    done: {
      type: 'final',
      description: 'The model is shown less from now on.',
    },
    trimmed: {
      type: 'final',
      description: 'There is no summary, but too much for the model: the oldest messages are left out all the same.',
    },
    unchanged: {
      type: 'final',
      description: 'There is no summary that saves anything, and nothing that forces to go without.',
    },
  },
});

const heading = 'Summary of the conversation so far, whose messages are left out here:\n';
const notice =
  'Earlier messages of this conversation are left out here for lack of space. Ask for what you need to know of them.';

/** What the messages left out before came to is not lost with the new ones. */
function noticeFor({ compaction }: History): string {
  const before = compaction?.summary === undefined ? '' : textOf(compaction.summary);
  if (before.endsWith(notice)) return before;
  return before === '' ? notice : `${before}\n\n${notice}`;
}

function summaryId({ id }: CompactionContext): string {
  return `${id}.summary`;
}

function summarized(context: CompactionContext, output: Settled<SummarizeOutput>): History {
  return summarize(context.history, context.from, `${heading}${summaryOf(output) ?? ''}`, summaryId(context));
}

function messagesToSummarize({ history, from }: CompactionContext): readonly Message[] {
  const { summary } = history.compaction ?? {};
  return [...(summary === undefined ? [] : [summary]), ...removed(history, from)];
}

function summaryOf({ value }: Settled<SummarizeOutput>): string | undefined {
  return value?.type === 'summarized' && value.text.trim() !== '' ? value.text : undefined;
}

function paid({ usage, cost }: CompactionContext, { value, at }: Settled<SummarizeOutput>) {
  return { usage: addUsage(usage, value?.usage ?? noUsage), cost: addCost(cost, value?.cost), at };
}

function failureOf(output: Settled<SummarizeOutput>): Failure {
  const { value, error } = output;
  if (value?.type === 'failed') return value.failure;
  if (summaryOf(output) !== undefined) {
    const message = 'The summary is no shorter than what it stands for.';
    return createFailure({ type: 'unknown', code: 'nothing_saved', message, retryable: false });
  }
  const message = error?.message ?? 'The summary is empty.';
  return createFailure({ type: 'unknown', code: 'no_summary', message, retryable: false });
}

function outputOf({
  history,
  shortened = history,
  reason,
  failure,
  usage,
  cost,
  at,
}: CompactionContext): CompactionOutput {
  const gone = shortened === history ? [] : removed(history, shortened.compaction?.from ?? 0);
  return {
    reason,
    history: shortened,
    failure,
    usage,
    cost,
    at,
    tokensBefore: estimateTokens(history),
    tokensAfter: estimateTokens(shortened),
    removed: gone.length,
  };
}

/** How a compaction ended, as it is told. */
export function compactionEnded({ reason, failure, tokensBefore, tokensAfter, removed }: CompactionOutput) {
  const sizes = { reason, tokensBefore, tokensAfter, removed };
  return failure === undefined
    ? { type: 'compaction.completed' as const, ...sizes }
    : { type: 'compaction.failed' as const, ...sizes, failure };
}
