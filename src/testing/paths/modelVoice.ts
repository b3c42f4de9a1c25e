import type { Model, ModelPart } from '../../model.ts';
import { type ScriptedAnswer, scriptedModel } from '../scriptedModel.ts';
import { type AgentPlan, modelOutput } from './agentPlan.ts';
import { overBudget as overBudgetTokens } from './bounds.ts';
import { Instructions } from './instructions.ts';

/** A model that says what the steps of a path want, each when it comes. */
export interface ModelVoice {
  readonly model: Model;
  /** Says what the step of that index wants, to the call that waits or is the next to come. */
  say(index: number): void;
  close(): Promise<void>;
}

/** What a model shows before it has said all. */
export const beginning = 'Well, ';

/**
 * The answer that a step of a path is.
 *
 * @param hasBegun whether its beginning was shown already, and only the rest is wanted
 * @throws Error where it is none
 */
export function answerAt(
  { path, calls, overBudget, denied }: AgentPlan,
  index: number,
  hasBegun: boolean,
): ScriptedAnswer {
  const event = path.steps[index]?.event;
  const output = event && modelOutput(event);
  if (output === undefined) throw new Error(`No model can do this: "${event}".`);
  const isOver = overBudget !== undefined && output.usage.inputTokens >= overBudgetTokens;
  const usage = isOver ? overBudget : output.usage;
  if (output.type === 'trouble' || output.type === 'failed') return { usage, failure: output.failure };
  if (output.type === 'summarized') return { usage, text: output.text };
  if (output.type === 'denied') return { usage, text: denied.output ?? '' };
  const text = output.content.flatMap((part) => {
    if (part.type !== 'text') return [];
    return [hasBegun && part.text.startsWith(beginning) ? part.text.slice(beginning.length) : part.text];
  });
  const planned = (calls.get(index) ?? []).map(({ name, input }, place) => {
    return { name, input, id: `call_${index + 1}_${place + 1}` };
  });
  return { usage, text, calls: planned, finish: output.finishReason.unified };
}

/** A voice that speaks for itself. */
export function scriptedVoice(plan: AgentPlan, identity: Pick<Model, 'provider' | 'modelId'>): ModelVoice {
  const said = new Instructions<number>();
  return {
    model: {
      ...identity,
      async *stream(request, { signal }): AsyncGenerator<ModelPart | readonly ModelPart[]> {
        for (let hasBegun = false; ; hasBegun = true) {
          const index = await said.next(signal);
          if (index === undefined) {
            yield { type: 'aborted' };
            return;
          }
          if (plan.path.steps[index]?.event !== 'model streams') {
            yield* scriptedModel([answerAt(plan, index, hasBegun)]).stream(request, { signal });
            return;
          }
          yield { type: 'text-delta', text: beginning };
        }
      },
    },
    say: (index) => said.give(index),
    close: async () => {},
  };
}
