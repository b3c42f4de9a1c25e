import type { EffectResult } from '../../effects.ts';
import type { AnswerPart, ToolOutcome } from '../../events.ts';
import { createFailure, type ModelFailureType } from '../../failure.ts';
import type {
  CallModelOutput,
  CheckOutputOutput,
  ExecuteToolOutput,
  GuardrailReport,
  PrepareStepInput,
  PrepareStepOutput,
  PrepareToolOutput,
  SummarizeOutput,
} from '../../machines/contracts.ts';
import type { AgentTurnOutput } from '../../machines/delegation.ts';
import type { AssistantPart } from '../../messages.ts';
import type { FinishReason } from '../../model.ts';
import { cost, lengthy, overBudget } from './bounds.ts';
import { type PathEvent, readCalls, readFailure, type ToolHappening } from './pathEvent.ts';

/** What the events of a path are in the machines' own terms: the results of their effects. */

export const streamed: readonly AnswerPart[] = [{ type: 'text-delta', text: 'Well, ' }];

/** How long a path waits before something is tried again, in ms. */
export const delayMs = 100;

/** How long somebody has to approve a tool, in ms. */
export const approvalMs = 10_000;

/** The tool that the model calls. */
export const toolName = 'tool';

const broken = { error: { name: 'Error', message: 'The runner threw.' } } as const;

/**
 * @param calls how many tools the turn has called so far: no call is made twice but where the event says so
 * @returns nothing for an event that settles no model call
 */
export function modelResult(event: PathEvent, calls = 0): EffectResult<CallModelOutput> | undefined {
  const count = readCalls(event);
  if (count !== undefined) return answer('tool-calls', count, { calls, isRepeated: event.includes('repeats') });
  const failure = readFailure(event);
  if (failure !== undefined) return trouble(failure, 1);
  switch (event) {
    case 'model answers':
      return answer('stop', 0);
    case 'model answers nothing':
      return { value: { type: 'answer', content: [], finishReason: { unified: 'stop' }, ...spending(1) } };
    case 'model asks for 1 tool, over budget':
      return answer('tool-calls', 1, { calls, tokens: overBudget });
    case 'model is cut off in a tool call':
      return answer('length', 1, { calls });
    case 'model refuses':
      return answer('content-filter', 0);
    case 'model refuses in a tool call, over budget':
      return answer('content-filter', 1, { calls, tokens: overBudget });
    case 'model pauses':
      return answer('pause', 0);
    case 'model pauses in a tool call':
      return answer('pause', 1, { calls });
    case 'model fails, over budget':
      return trouble('provider_unavailable', overBudget);
    case 'model call breaks':
      return broken;
    case 'answer is denied': {
      const by = reported('output', 'denied');
      return { value: { type: 'denied', by, reports: [by], ...spending(1) } };
    }
    default:
      return undefined;
  }
}

interface AnswerOptions {
  readonly calls?: number;
  readonly isRepeated?: boolean;
  readonly tokens?: number;
}

function answer(
  unified: FinishReason['unified'],
  count: number,
  { calls = 0, isRepeated = false, tokens = 1 }: AnswerOptions = {},
): { value: CallModelOutput } {
  const content: AssistantPart[] = count > 0 ? [] : [{ type: 'text', text: 'Well, so it is.' }];
  for (let index = 0; index < count; index += 1) {
    const input = { number: isRepeated ? calls : calls + index };
    content.push({ type: 'tool-call', toolCallId: `call_${index + 1}`, toolName, input });
  }
  return { value: { type: 'answer', content, finishReason: { unified }, ...spending(tokens) } };
}

function trouble(type: ModelFailureType, tokens: number): { value: CallModelOutput } {
  const failure = createFailure({ type, message: `The model call failed with ${type}.` });
  return { value: { type: 'trouble', failure, retry: failure.retryable && { delayMs }, ...spending(tokens) } };
}

function spending(inputTokens: number) {
  return { usage: { inputTokens, outputTokens: 0 }, cost };
}

/** @returns nothing for an event that settles no preparation of a step */
export function planResult(
  event: PathEvent,
  { unseen }: Pick<PrepareStepInput, 'unseen'>,
): EffectResult<PrepareStepOutput> | undefined {
  switch (event) {
    case 'step is prepared':
      return { value: { type: 'ready', plan: {} } };
    case 'step is prepared, message rewritten': {
      const rewritten = unseen.map((message) => ({ ...message, content: [{ type: 'text' as const, text: 'Hm.' }] }));
      return { value: { type: 'ready', plan: {}, rewritten, reports: [reported('input', 'rewritten')] } };
    }
    case 'input is denied': {
      const by = reported('input', 'denied');
      return { value: { type: 'denied', by, reports: [by] } };
    }
    case 'preparation fails': {
      const failure = createFailure({ type: 'internal', message: 'It threw.' });
      return { value: { type: 'failed', failure, reports: [reported('input', 'logged')] } };
    }
    case 'preparation breaks':
      return broken;
    default:
      return undefined;
  }
}

/** @returns nothing for an event that settles no check of an output */
export function checkResult(event: PathEvent): EffectResult<CheckOutputOutput> | undefined {
  switch (event) {
    case 'output is accepted':
      return { value: { type: 'accepted', output: 42 } };
    case 'output is rejected':
      return { value: { type: 'rejected', hint: 'Not like this.' } };
    case 'output check breaks':
      return broken;
    default:
      return undefined;
  }
}

/** @returns nothing for an event that settles no summary */
export function summaryResult(event: PathEvent): EffectResult<SummarizeOutput> | undefined {
  switch (event) {
    case 'summary comes':
      return { value: { type: 'summarized', text: 'So it was.', ...spending(1) } };
    case 'summary comes, over budget':
      return { value: { type: 'summarized', text: 'So it was.', ...spending(overBudget) } };
    case 'summary fails': {
      const failure = createFailure({ type: 'provider_unavailable', message: 'The summary failed.' });
      return { value: { type: 'failed', failure, ...spending(1) } };
    }
    case 'summary breaks':
      return broken;
    default:
      return undefined;
  }
}

/** @returns nothing for an event that is none of a tool that is being prepared */
export function preparation(happening: ToolHappening): EffectResult<PrepareToolOutput> | undefined {
  const ready = { type: 'ready' as const, sequential: false };
  switch (happening) {
    case 'is ready':
      return { value: ready };
    case 'is ready, to run alone':
      return { value: { ...ready, sequential: true } };
    case 'needs approval':
      return { value: { ...ready, approval: { timeoutMs: approvalMs }, reports: [reported('tool', 'logged')] } };
    case 'is for a client':
      return { value: { ...ready, isClientSide: true } };
    case 'is for an agent':
      return { value: { ...ready, agent: { name: 'other', prompt: 'Do it.' } } };
    case 'is refused':
      return {
        value: {
          type: 'refused',
          outcome: failed('Its input does not fit.'),
          reports: [reported('tool', 'logged')],
        },
      };
    case 'is denied by a guardrail':
      return { value: { type: 'refused', outcome: denied, reports: [reported('tool', 'denied')] } };
    case 'breaks':
      return broken;
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
    case 'completes at length':
      return { value: { type: 'settled', outcome: { type: 'completed', output: { ...output, value: lengthy } } } };
    case 'asks to be called again':
      return { value: { type: 'settled', outcome: { type: 'completed', output, retry: true } } };
    case 'fails':
      return { value: { type: 'settled', outcome: failed('It timed out.') } };
    case 'fails for now':
      return { value: { type: 'failed', outcome: failed('It threw.'), delayMs, maxAttempts } };
    case 'breaks':
      return broken;
    default:
      return undefined;
  }
}

/** @returns nothing for an event that does not end the turn of an agent */
export function agentResult(happening: ToolHappening, at: number): EffectResult<AgentTurnOutput> | undefined {
  const ended = { ...spending(1), at };
  switch (happening) {
    case 'completes':
      return { value: { ...ended, status: 'completed', text: 'Done.' } };
    case 'fails': {
      const failure = createFailure({ type: 'max_steps', message: 'It took too many steps.' });
      return { value: { ...ended, status: 'failed', failure } };
    }
    case 'breaks':
      return broken;
    default:
      return undefined;
  }
}

function reported(stage: GuardrailReport['stage'], action: GuardrailReport['action']): GuardrailReport {
  return { stage, name: 'guard', action, reason: 'It says so.' };
}

function failed(message: string): ToolOutcome & { type: 'failed' } {
  return {
    type: 'failed',
    output: { type: 'error', value: message },
    failure: createFailure({ type: 'tool', code: 'tool_threw', message, retryable: false }),
  };
}

const denied: ToolOutcome = {
  type: 'denied',
  output: { type: 'error', value: 'A guardrail did not let it through.' },
  reason: 'It says so.',
  synthesized: 'denied',
};
