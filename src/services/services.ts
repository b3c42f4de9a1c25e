import { compactionMachine } from '../machines/compactionMachine.ts';
import { delegation } from '../machines/delegation.ts';
import { toolCallMachine } from '../machines/toolCallMachine.ts';
import type { AnyTool } from '../tool.ts';
import { type CallModelOptions, callModel } from './callModel.ts';
import { type CheckOutputOptions, checkOutput } from './checkOutput.ts';
import { type ExecuteToolOptions, executeTool } from './executeTool.ts';
import { type PlannedModels, type PrepareStepOptions, plannedModel, prepareStep } from './prepareStep.ts';
import { type PrepareToolOptions, prepareTool } from './prepareTool.ts';
import { type SummarizeOptions, summarize } from './summarize.ts';
import { createToolbox } from './toolbox.ts';

/** What a turn works with. */
export interface ServicesOptions
  extends Omit<CallModelOptions, 'tools' | 'instructions' | 'guardrails' | 'modelOf'>,
    PrepareStepOptions,
    CheckOutputOptions,
    Omit<SummarizeOptions, 'model' | 'pricing'>,
    Omit<PrepareToolOptions, 'guardrails'>,
    ExecuteToolOptions {
  /** @default none */
  readonly tools?: readonly AnyTool[];
}

/**
 * Models and tools as the actors of a turn, to be provided once per agent.
 *
 * @throws TypeError for a tool that cannot be used, or whose name is taken.
 * @example
 * ```ts
 * const actor = createActor(turnMachine.provide(services({ model, tools: [weather] })));
 * actor.on('message.delta', ({ text }) => process.stdout.write(text));
 * actor.start();
 * actor.send({ type: 'turn.start', turnId: 'turn-1', message: userMessage('Weather in Paris?'), at: Date.now() });
 * ```
 */
export function services(options: ServicesOptions) {
  const toolbox = createToolbox(options.tools ?? []);
  const planned: PlannedModels = new WeakMap();
  const { instructions, ...others } = options;
  return {
    actors: {
      prepareStep: prepareStep(toolbox, planned, options),
      callModel: callModel({
        ...others,
        ...(typeof instructions === 'string' && { instructions }),
        tools: toolbox.specs,
        modelOf: (scope) => plannedModel(toolbox, planned, options, scope),
      }),
      checkOutput: checkOutput(options),
      compaction: compaction(options),
      toolCall: toolCallMachine.provide({
        actors: {
          prepareTool: prepareTool(toolbox, options),
          executeTool: executeTool(toolbox, options),
          agentTurn: delegation(toolbox.agents),
        },
      }),
    },
  };
}

/** A compaction with a model that summarizes: of a turn, and of the session between turns. */
export function compaction(options: SummarizeOptions) {
  return compactionMachine.provide({ actors: { summarize: summarize(options) } });
}
