import type { EffectResult } from '../effects.ts';
import type { Failure } from '../failure.ts';
import type { HostInput } from '../host.ts';
import type {
  CallModelOutput,
  ModelName,
  PrepareStepOutput,
  PrepareToolOutput,
  SummarizeOutput,
} from '../machines/contracts.ts';
import type { AssistantPart } from '../messages.ts';
import type { FinishReason, Usage } from '../model.ts';
import type { Outcome } from './attributes.ts';

/** A model that is asked, as its effect is called: for an attempt of a step, or for a summary. */
export interface ModelCall {
  /** The turn; or, between turns, the compaction. */
  readonly owner: string;
  readonly step?: number;
  /** Of the step, from 1. */
  readonly attempt: number;
  readonly purpose: 'turn' | 'summary';
}

/** What came of it. */
export interface ModelCallEnd {
  readonly outcome: Outcome;
  readonly model?: ModelName;
  readonly usage?: Usage;
  readonly cost?: number;
  readonly finishReason?: FinishReason;
  readonly response?: { readonly id?: string; readonly modelId?: string };
  readonly content?: readonly AssistantPart[];
  readonly failure?: Pick<Failure, 'code' | 'message'>;
}

/** The model call that an effect is; nothing for other effects. */
export function readModelCall(effect: string): ModelCall | undefined {
  const [, turnId, step, attempt] = /^(.+)\.(\d+)\.model\.(\d+)$/.exec(effect) ?? [];
  if (turnId !== undefined) {
    return { owner: turnId, step: Number(step), attempt: Number(attempt), purpose: 'turn' };
  }
  const [, compaction] = /^(.+)\.summary$/.exec(effect) ?? [];
  if (compaction === undefined) return undefined;
  const [, owner, inStep] = /^(.+)\.(\d+)\.compaction\.\d+\.\d+$/.exec(compaction) ?? [];
  if (owner === undefined) return { owner: compaction, attempt: 1, purpose: 'summary' };
  return { owner, step: Number(inStep), attempt: 1, purpose: 'summary' };
}

/** The model that was planned for the step that begins with this input, if one was. */
export function plannedModel(input: HostInput): ModelName | undefined {
  if (input.type !== 'settled' || !input.effect.endsWith('.prepare')) return undefined;
  const prepared = input.result.value as PrepareStepOutput | PrepareToolOutput | undefined;
  return prepared?.type === 'ready' && 'plan' in prepared ? prepared.plan.model : undefined;
}

export function readModelCallEnd({ value, error }: EffectResult): ModelCallEnd {
  if (error !== undefined) return { outcome: 'failed', failure: { code: error.name, message: error.message } };
  const output = value as CallModelOutput | SummarizeOutput;
  const { usage, cost, model, response } = output;
  const asked = {
    usage,
    ...(cost !== undefined && { cost }),
    ...(model !== undefined && { model }),
    ...(response !== undefined && { response }),
  };
  switch (output.type) {
    case 'answer':
      return { outcome: 'completed', finishReason: output.finishReason, content: output.content, ...asked };
    case 'summarized': {
      const content = [{ type: 'text' as const, text: output.text }];
      return { outcome: 'completed', finishReason: { unified: 'stop' }, content, ...asked };
    }
    case 'denied':
      return { outcome: 'denied', ...asked };
    case 'trouble':
    case 'failed':
      return { outcome: 'failed', failure: output.failure, ...asked };
  }
}
