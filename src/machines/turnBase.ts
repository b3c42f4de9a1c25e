import { setup } from 'xstate';
import { effect, type Settled } from '../effects.ts';
import type { AnswerPart, Payload, TurnInputEvent } from '../events.ts';
import { type CompactionOutput, compactionMachine } from './compactionMachine.ts';
import type {
  CallModelInput,
  CallModelOutput,
  CheckOutputInput,
  CheckOutputOutput,
  PrepareStepInput,
  PrepareStepOutput,
} from './contracts.ts';
import { answerReports } from './reports.ts';
import { toolCallMachine } from './toolCallMachine.ts';
import type { TurnContext, TurnMachineInput, TurnOutput } from './turnContext.ts';

const notProvided = (name: string) => () => {
  throw new Error(`${name} is not provided: use turnMachine.provide(services({ model, tools })).`);
};

export interface Prepared {
  readonly output: Settled<PrepareStepOutput>;
}
export interface Called {
  readonly output: Settled<CallModelOutput>;
}
export interface Compacted {
  readonly output: CompactionOutput;
}
export interface Checked {
  readonly output: Settled<CheckOutputOutput>;
}

/** What the chart of a turn is made of: its types, its actors and its delays. Guards and actions are added to it. */
export const turnBase = setup({
  types: {
    context: {} as TurnContext,
    input: {} as TurnMachineInput | undefined,
    output: {} as TurnOutput,
    events: {} as TurnInputEvent,
    emitted: {} as Payload,
  },
  actors: {
    prepareStep: effect<PrepareStepInput, PrepareStepOutput>('prepareStep', notProvided('prepareStep')),
    callModel: effect<CallModelInput, CallModelOutput, readonly AnswerPart[]>(
      'callModel',
      notProvided('callModel'),
      answerReports,
    ),
    compaction: compactionMachine,
    checkOutput: effect<CheckOutputInput, CheckOutputOutput>('checkOutput', notProvided('checkOutput')),
    toolCall: toolCallMachine,
  },
  delays: {
    retryDelay: ({ context }) => context.current.retryDelayMs,
  },
});
