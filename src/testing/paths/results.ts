import type { EffectResult } from '../../effects.ts';
import type { AnswerPart, ToolOutcome } from '../../events.ts';
import { createFailure, type ModelFailureType } from '../../failure.ts';
import type { CallModelOutput, ExecuteToolOutput, PrepareToolOutput } from '../../machines/contracts.ts';
import type { AssistantPart } from '../../messages.ts';
import type { FinishReason } from '../../model.ts';
import { overBudget } from './bounds.ts';
import { type PathEvent, readCalls, readFailure, type ToolHappening } from './pathEvent.ts';

/** What the events of a path are in the machines' own terms: the results of their effects. */

export const streamed: readonly AnswerPart[] = [{ type: 'text-delta', text: 'Well, ' }];

/** How long a path waits before something is tried again, in ms. */
export const delayMs = 100;

const broken: EffectResult = { error: { name: 'Error', message: 'The runner threw.' } };

/** @returns nothing for an event that settles no model call */
export function modelResult(event: PathEvent): EffectResult | undefined {
  const calls = readCalls(event);
  if (calls !== undefined) return answer('tool-calls', calls);
  const failure = readFailure(event);
  if (failure !== undefined) return trouble(failure, 1);
  switch (event) {
    case 'model answers':
      return answer('stop', 0);
    case 'model answers nothing':
      return { value: { type: 'answer', content: [], finishReason: { unified: 'stop' }, usage: used(1) } };
    case 'model asks for 1 tool, over budget':
      return answer('tool-calls', 1, overBudget);
    case 'model is cut off in a tool call':
      return answer('length', 1);
    case 'model refuses':
      return answer('content-filter', 0);
    case 'model refuses in a tool call, over budget':
      return answer('content-filter', 1, overBudget);
    case 'model pauses':
      return answer('pause', 0);
    case 'model pauses in a tool call':
      return answer('pause', 1);
    case 'model fails, over budget':
      return trouble('provider_unavailable', overBudget);
    case 'model call breaks':
      return broken;
    default:
      return undefined;
  }
}

function answer(unified: FinishReason['unified'], calls: number, tokens = 1): { value: CallModelOutput } {
  const content: AssistantPart[] = calls > 0 ? [] : [{ type: 'text', text: 'Well, so it is.' }];
  for (let index = 0; index < calls; index += 1) {
    content.push({ type: 'tool-call', toolCallId: `call_${index + 1}`, toolName: `tool_${index + 1}`, input: {} });
  }
  return { value: { type: 'answer', content, finishReason: { unified }, usage: used(tokens) } };
}

function trouble(type: ModelFailureType, tokens: number): { value: CallModelOutput } {
  const failure = createFailure({ type, message: `The model call failed with ${type}.` });
  return { value: { type: 'trouble', failure, retry: failure.retryable && { delayMs }, usage: used(tokens) } };
}

function used(inputTokens: number) {
  return { inputTokens, outputTokens: 0 };
}

/** @returns nothing for an event that is none of a tool that is being prepared */
export function preparation(happening: ToolHappening): EffectResult<PrepareToolOutput> | undefined {
  switch (happening) {
    case 'is ready':
      return { value: { type: 'ready', sequential: false } };
    case 'is ready, to run alone':
      return { value: { type: 'ready', sequential: true } };
    case 'is refused':
      return { value: { type: 'refused', outcome: failed('There is no such tool.') } };
    case 'breaks':
      return broken as EffectResult<PrepareToolOutput>;
    default:
      return undefined;
  }
}

/** @returns nothing for an event that ends no attempt of a tool */
export function execution(happening: ToolHappening, maxAttempts: number): EffectResult<ExecuteToolOutput> | undefined {
  const output = { type: 'text' as const, value: 'Done.' };
  switch (happening) {
    case 'completes':
      return { value: { type: 'settled', outcome: { type: 'completed', output } } };
    case 'asks to be called again':
      return { value: { type: 'settled', outcome: { type: 'completed', output, retry: true } } };
    case 'fails':
      return { value: { type: 'settled', outcome: failed('It timed out.') } };
    case 'fails for now':
      return { value: { type: 'failed', outcome: failed('It threw.'), delayMs, maxAttempts } };
    case 'breaks':
      return broken as EffectResult<ExecuteToolOutput>;
    default:
      return undefined;
  }
}

function failed(message: string): ToolOutcome & { type: 'failed' } {
  return {
    type: 'failed',
    output: { type: 'error', value: message },
    failure: createFailure({ type: 'tool', code: 'tool_threw', message, retryable: false }),
  };
}
