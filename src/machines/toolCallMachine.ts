import { assign, sendParent, setup } from 'xstate';
import { effect, type Settled } from '../effects.ts';
import type {
  ToolAttemptFailed,
  ToolBegan,
  ToolCallInputEvent,
  ToolOutcome,
  ToolPrepared,
  ToolProgressed,
} from '../events.ts';
import { createFailure } from '../failure.ts';
import type { ToolCallPart } from '../messages.ts';
import type { ExecuteToolInput, ExecuteToolOutput, PrepareToolInput, PrepareToolOutput } from './contracts.ts';
import type { History } from './history.ts';
import { maxIterations } from './policies.ts';
import { toolReports } from './reports.ts';
import { theEvent } from './theEvent.ts';

export interface ToolCallMachineInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  /** Place among the calls of the step. */
  readonly index: number;
  readonly call: ToolCallPart;
  readonly history: History;
}

export interface ToolCallContext extends ToolCallMachineInput {
  readonly attempt: number;
  readonly retryDelayMs: number;
  readonly outcome: ToolOutcome | undefined;
  readonly endedAt: number;
}

/** How a tool call ended. */
export interface ToolCallOutput {
  readonly index: number;
  readonly outcome: ToolOutcome;
  readonly at: number;
}

const notProvided = (name: string) => () => {
  throw new Error(`${name} is not provided: use toolCallMachine.provide(…), or services({ tools }).`);
};

/** One tool call: made ready, granted a slot, run, run again, ended. Reports to the turn that spawned it. */
export const toolCallMachine = setup({
  types: {
    context: {} as ToolCallContext,
    input: {} as ToolCallMachineInput,
    output: {} as ToolCallOutput,
    events: {} as ToolCallInputEvent,
  },
  actors: {
    prepareTool: effect<PrepareToolInput, PrepareToolOutput>('prepareTool', notProvided('prepareTool')),
    executeTool: effect<ExecuteToolInput, ExecuteToolOutput, string>(
      'executeTool',
      notProvided('executeTool'),
      toolReports,
    ),
  },
  guards: {
    isReady: (_, { output }: Prepared) => output.value?.type === 'ready',
    isDone: (_, { output }: Executed) => output.value?.type === 'settled' && output.value.outcome.type === 'completed',
    canRunAgain: ({ context }, { output }: Executed) =>
      output.value?.type === 'failed' && context.attempt < output.value.maxAttempts,
  },
  delays: {
    retryDelay: ({ context }) => context.retryDelayMs,
  },
  actions: {
    keepRefusal: assign((_, { output }: Prepared) => ({ outcome: refusalOf(output), endedAt: output.at })),
    keepOutcome: assign((_, { output }: Executed) => ({ outcome: outcomeOf(output), endedAt: output.at })),
    keepDelay: assign((_, { output }: Executed) => ({
      retryDelayMs: output.value?.type === 'failed' ? output.value.delayMs : 0,
    })),
    beginAttempt: assign(({ context }) => ({ attempt: context.attempt + 1 })),
    reportPrepared: sendParent(
      ({ context }, { output }: Prepared): ToolPrepared => ({
        type: 'tool.prepared',
        index: context.index,
        sequential: output.value?.type === 'ready' && output.value.sequential,
        at: output.at,
      }),
    ),
    reportBegan: sendParent((): ToolBegan => ({ type: 'tool.began' })),
    reportProgress: sendParent(
      ({ context }, { text }: { text: string }): ToolProgressed => ({
        type: 'tool.progressed',
        index: context.index,
        text,
      }),
    ),
    reportRetry: sendParent(
      ({ context }, { output }: Executed): ToolAttemptFailed => ({
        type: 'tool.attemptFailed',
        index: context.index,
        attempt: context.attempt,
        maxAttempts: output.value?.type === 'failed' ? output.value.maxAttempts : context.attempt,
        delayMs: context.retryDelayMs,
        retryAt: output.at + context.retryDelayMs,
        failure: failureOf(outcomeOf(output)),
      }),
    ),
  },
}).createMachine({
  id: 'toolCall',
  description: 'One tool call of a step.',
  options: { maxIterations },
  context: ({ input }) => ({ ...input, attempt: 0, retryDelayMs: 0, outcome: undefined, endedAt: 0 }),
  output: ({ context }) => ({
    index: context.index,
    outcome: context.outcome ?? unexplained('it ended without an outcome'),
    at: context.endedAt,
  }),
  initial: 'preparing',
  states: {
    preparing: {
      description: 'The tool is looked up and its input checked; nothing runs yet.',
      invoke: {
        id: 'prepareTool',
        src: 'prepareTool',
        input: ({ context }) => ({ id: `${callId(context)}.prepare`, call: context.call }),
        onDone: [
          {
            guard: { type: 'isReady', params: theEvent },
            target: 'queued',
            actions: { type: 'reportPrepared', params: theEvent },
          },
          {
            target: 'failed',
            actions: { type: 'keepRefusal', params: theEvent },
          },
        ],
      },
    },
    queued: {
      description: 'Ready; waits for the turn to grant a slot, in the order of the calls.',
      on: { 'tool.grant': 'executing' },
    },
    executing: {
      description: 'The tool runs.',
      entry: 'beginAttempt',
      invoke: {
        id: 'executeTool',
        src: 'executeTool',
        input: ({ context }) => ({
          id: `${callId(context)}.execute.${context.attempt}`,
          sessionId: context.sessionId,
          turnId: context.turnId,
          step: context.step,
          call: context.call,
          attempt: context.attempt,
          idempotencyKey: callId(context),
          history: context.history,
        }),
        onDone: [
          {
            guard: { type: 'canRunAgain', params: theEvent },
            target: 'retrying',
            actions: [
              { type: 'keepDelay', params: theEvent },
              { type: 'reportRetry', params: theEvent },
            ],
          },
          {
            guard: { type: 'isDone', params: theEvent },
            target: 'completed',
            actions: { type: 'keepOutcome', params: theEvent },
          },
          {
            target: 'failed',
            actions: { type: 'keepOutcome', params: theEvent },
          },
        ],
      },
      on: {
        'tool.tell': { actions: 'reportBegan' },
        'tool.reported': { actions: { type: 'reportProgress', params: theEvent } },
      },
    },
    retrying: {
      description: 'The tool failed; it runs again after a delay, and keeps its slot.',
      after: { retryDelay: 'executing' },
    },
    completed: {
      type: 'final',
      description: 'The tool gave a result, or a hint to be called again.',
    },
    failed: {
      type: 'final',
      description: 'The model gets an error as the result: refused, thrown or timed out.',
    },
  },
});

export interface Prepared {
  readonly output: Settled<PrepareToolOutput>;
}
export interface Executed {
  readonly output: Settled<ExecuteToolOutput>;
}

/** Names one tool call for ever: effects, and the key by which a tool knows that it runs again. */
function callId(context: ToolCallMachineInput): string {
  return `${context.turnId}.${context.step}.tool.${context.index}`;
}

function refusalOf(output: Settled<PrepareToolOutput>): ToolOutcome {
  if (output.value?.type === 'refused') return output.value.outcome;
  return unexplained(output.error?.message ?? 'it could not be prepared');
}

function outcomeOf(output: Settled<ExecuteToolOutput>): ToolOutcome {
  return output.value?.outcome ?? unexplained(output.error?.message ?? 'it ended without an outcome');
}

function failureOf(outcome: ToolOutcome) {
  return outcome.type === 'failed' ? outcome.failure : unexplained('it ended without a failure').failure;
}

/** The outcome where a runner broke its contract: the model still needs a result. */
function unexplained(message: string) {
  return {
    type: 'failed' as const,
    output: { type: 'error' as const, value: `The tool could not be run: ${message}` },
    failure: createFailure({ type: 'tool', code: 'tool_threw', message, retryable: false }),
  };
}
