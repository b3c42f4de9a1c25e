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
import { type AssistantPart, type UserMessage, userMessage } from '../../messages.ts';
import { cost, lengthy, overBudget } from './bounds.ts';
import {
  type AnswerRead,
  forFree,
  type PathEvent,
  readAnswer,
  readCalls,
  readFailure,
  readReady,
  type ToolHappening,
} from './pathEvent.ts';

/** What the events of a path are in the machines' own terms: the results of their effects. */

export const streamed: readonly AnswerPart[] = [{ type: 'text-delta', text: 'Well, ' }];

/** How long a path waits before something is tried again, in ms. */
export const delayMs = 100;

/** How long somebody has to approve a tool, in ms. */
export const approvalMs = 10_000;

/** The tool that the model calls. */
export const toolName = 'tool';

/** What a person says. */
export function saidMessage(number: number, isLong = false): UserMessage {
  // so much that it is not enough to mask what tools have said
  return userMessage(isLong ? lengthy.repeat(2) : `Message ${number}`, `message-${number}`);
}

const broken = { error: { name: 'Error', message: 'The runner threw.' } } as const;

/**
 * @param calls how many tools the turn has called so far: no call is made twice but where the event says so
 * @returns nothing for an event that settles no model call
 */
export function modelResult(event: PathEvent, calls = 0): EffectResult<CallModelOutput> | undefined {
  const result = pricedModelResult(event, calls);
  return event.endsWith(forFree) ? free(result) : result;
}

function free<T extends object>(result: EffectResult<T> | undefined): EffectResult<T> | undefined {
  return result?.value === undefined ? result : { value: { ...result.value, cost: undefined } };
}

function overspent<T extends object>(result: EffectResult<T> | undefined): EffectResult<T> | undefined {
  return result?.value === undefined ? result : { value: { ...result.value, ...spending(overBudget) } };
}

function pricedModelResult(event: PathEvent, calls: number): EffectResult<CallModelOutput> | undefined {
  const read = readAnswer(event);
  if (read !== undefined) return answer(read, calls);
  const failure = readFailure(event);
  if (failure !== undefined) return trouble(failure, 1);
  switch (event) {
    case 'model repeats a call':
    case 'model repeats a call too often': {
      const asks = { finish: 'tool-calls', isEmpty: false, isOverBudget: false, isLong: false } as const;
      return answer({ ...asks, calls: readCalls(event) ?? 0 }, calls, true);
    }
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

function answer(
  { finish: unified, calls: count, isEmpty, isOverBudget, isLong }: AnswerRead,
  calls: number,
  isRepeated = false,
): { value: CallModelOutput } {
  const isSilent = !isLong && (count > 0 || isEmpty);
  const text = isLong ? lengthy.repeat(2) : 'Well, so it is.';
  const content: AssistantPart[] = isSilent ? [] : [{ type: 'text', text }];
  for (let index = 0; index < count; index += 1) {
    const input = { number: isRepeated ? calls : calls + index };
    content.push({ type: 'tool-call', toolCallId: `call_${index + 1}`, toolName, input });
  }
  // how long it is follows from its text where nothing is said of tokens
  const tokens = isLong ? 0 : isOverBudget ? overBudget : 1;
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
    case 'summary comes, for free':
      return free(summaryResult('summary comes'));
    case 'summary fails, for free':
      return free(summaryResult('summary fails'));
    case 'summary comes':
      return { value: { type: 'summarized', text: 'So it was.', ...spending(1) } };
    case 'summary comes, over budget':
      return overspent(summaryResult('summary comes'));
    case 'summary fails, over budget':
      return overspent(summaryResult('summary fails'));
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
  const ready = readReady(happening);
  if (ready !== undefined) {
    const { needsApproval, runner, runsAlone, isNoted } = ready;
    return {
      value: {
        type: 'ready',
        sequential: runsAlone,
        ...(needsApproval && { approval: { timeoutMs: approvalMs } }),
        ...(runner === 'client' && { isClientSide: true }),
        ...(runner === 'agent' && { agent: { name: 'other', prompt: 'Do it.', options: {} } }),
        ...(isNoted && { reports: [reported('tool', 'logged')] }),
      },
    };
  }
  switch (happening) {
    case 'is refused':
      return { value: { type: 'refused', outcome: failed('Its input does not fit.') } };
    case 'is refused, noted by a guardrail': {
      const reports = [reported('tool', 'logged')];
      return { value: { type: 'refused', outcome: failed('Its input does not fit.'), reports } };
    }
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
    case 'completes, for free':
      return free(agentResult('completes', at));
    case 'fails, for free':
      return free(agentResult('fails', at));
    case 'completes, over budget':
      return overspent(agentResult('completes', at));
    case 'fails, over budget':
      return overspent(agentResult('fails', at));
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
