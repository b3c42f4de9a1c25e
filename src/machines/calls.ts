import type { ToolOutcome } from '../events.ts';
import { createFailure } from '../failure.ts';
import type { AssistantPart, SynthesizedResult, ToolCallPart, ToolMessage, ToolResultPart } from '../messages.ts';
import type { FinishReason } from '../model.ts';
import { maxToolCalls } from './policies.ts';
import type { WaitingCall } from './toolSlots.ts';

/** What the turn knows of one tool call of its step. The call's own states live in its actor. */
export interface CallRecord extends WaitingCall {
  readonly call: ToolCallPart;
  /** There once the call is settled. */
  readonly outcome: ToolOutcome | undefined;
}

/** The calls of an answer; those that cannot run are settled from the start. */
export function recordCalls(content: readonly AssistantPart[], finishReason: FinishReason): readonly CallRecord[] {
  return content
    .filter((part) => part.type === 'tool-call')
    .map((call, index) => {
      const outcome = refusalAtOnce(index, finishReason);
      return { call, outcome, state: outcome === undefined ? 'preparing' : 'settled', sequential: false };
    });
}

function refusalAtOnce(index: number, { unified }: FinishReason): ToolOutcome | undefined {
  if (unified === 'length') {
    return notRun('The answer was cut off at the token limit, so this call may be incomplete. It was not run.');
  }
  if (unified === 'content-filter')
    return notRun('The provider withheld the rest of the answer. This call was not run.');
  if (index >= maxToolCalls) return notRun(`Only ${maxToolCalls} tool calls of one answer are run. This one was not.`);
  return undefined;
}

function notRun(message: string): ToolOutcome {
  return {
    type: 'failed',
    output: { type: 'error', value: message },
    failure: createFailure({ type: 'tool', code: 'invalid_tool_input', message, retryable: false }),
  };
}

/** The records with one of them changed. */
export function changeCall(
  calls: readonly CallRecord[],
  index: number,
  change: Partial<CallRecord>,
): readonly CallRecord[] {
  const changed = calls.slice();
  const record = calls[index];
  if (record !== undefined) changed[index] = { ...record, ...change };
  return changed;
}

/** The message that answers all calls of a step, in their order; calls without an outcome get a result that says why. */
export function resultsMessage(id: string, calls: readonly CallRecord[]): ToolMessage {
  return { role: 'tool', id, content: calls.map(resultOf) };
}

function resultOf({ call, outcome, state }: CallRecord): ToolResultPart {
  const { toolCallId, toolName } = call;
  if (outcome === undefined) return { type: 'tool-result', toolCallId, toolName, ...closing(state === 'executing') };
  const synthesized = outcome.type === 'failed' ? outcome.synthesized : undefined;
  return {
    type: 'tool-result',
    toolCallId,
    toolName,
    output: outcome.output,
    ...(synthesized !== undefined && { synthesized }),
  };
}

function closing(started: boolean): { output: { type: 'error'; value: string }; synthesized: SynthesizedResult } {
  return started
    ? {
        output: {
          type: 'error',
          value:
            'Interrupted: the turn ended while this tool was running. It may have taken effect; check before repeating it.',
        },
        synthesized: 'interrupted',
      }
    : {
        output: {
          type: 'error',
          value: 'Not started: the turn ended first. The tool had no effect; it is safe to call it again.',
        },
        synthesized: 'not_started',
      };
}
