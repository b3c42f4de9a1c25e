/** The failures that the turn itself comes to, in words that say what to do. */

import type { Settled } from '../effects.ts';
import { createFailure, type Failure } from '../failure.ts';
import type { CallModelOutput, GuardrailReport } from './contracts.ts';

export function maxStepsFailure(step: number, limit: number): Failure {
  return createFailure({
    type: 'max_steps',
    message: `The model still asks for tools after ${step} ${step === 1 ? 'step' : 'steps'}. Raise limits.maxSteps (${limit}) to allow more.`,
    cause: { step, limit },
  });
}

export function timeoutFailure(limit: number): Failure {
  return createFailure({
    type: 'timeout',
    message: `The turn did not end within ${limit} ms. Raise limits.maxDurationMs to allow more.`,
    cause: { limit },
  });
}

export function retriesFailure(hint: string, retries: number): Failure {
  return createFailure({
    type: 'tool_errors',
    code: 'tool_call_failed',
    message: `A tool asked to be called again, and all retries of the turn (${retries}) are spent. Its hint: ${hint}`,
    cause: { hint },
  });
}

export function toolErrorsFailure(count: number, limit: number, inARow: boolean): Failure {
  const what = inARow ? `In ${count} steps in a row a tool failed` : `${count} tool calls failed`;
  const option = inARow ? 'consecutiveToolErrors' : 'totalToolErrors';
  return createFailure({
    type: 'tool_errors',
    code: 'tool_call_failed',
    message: `${what}. Raise limits.${option} (${limit}) to allow more.`,
    cause: { count, limit },
  });
}

export function repeatedCallsFailure(toolName: string, count: number, limit: number): Failure {
  return createFailure({
    type: 'repeated_calls',
    message: `The model called "${toolName}" ${count} times in a row with the same input. Raise limits.repeatedCalls (${limit}) to allow more, or mark the tool as repeatable.`,
    cause: { toolName, count, limit },
  });
}

export function guardrailFailure({ stage, name, reason }: GuardrailReport): Failure {
  const what = stage === 'input' ? 'message' : 'answer';
  return createFailure({
    type: 'guardrail',
    message: `The guardrail "${name}" did not let the ${what} through: ${reason}`,
    cause: { stage, name, reason },
  });
}

export function invalidOutputFailure(hint: string, retries: number): Failure {
  return createFailure({
    type: 'invalid_output',
    message: `The answer does not have the form that was asked for, and all retries of the turn (${retries}) are spent. ${hint}`,
    cause: { hint },
  });
}

export const withheldOutputFailure = createFailure({
  type: 'invalid_output',
  code: 'refused',
  message: 'The answer was to have a form, and the provider withheld it or the model refused.',
});

export function noProgressFailure(limit: number): Failure {
  return createFailure({
    type: 'no_progress',
    message: `The model paused its answer ${limit} times in one step without finishing it.`,
  });
}

/** Why a model call failed, also where its runner broke its contract. */
export function modelFailure(output: Settled<CallModelOutput>): Failure {
  if (output.value?.type === 'trouble') return output.value.failure;
  return internalFailure(output.error ?? { name: 'Error', message: 'the model call ended without an answer' });
}

export function internalFailure(error: { readonly name: string; readonly message: string }): Failure {
  return createFailure({ type: 'internal', message: `Inside the engine: ${error.message}`, name: error.name });
}

/** The error of an effect that broke its contract. */
export function unexplained(error: { readonly name: string; readonly message: string } | undefined) {
  return error ?? { name: 'Error', message: 'it ended without a result' };
}
