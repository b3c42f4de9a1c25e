/** What stops a turn that goes round in circles: calls that repeat themselves, tools that fail again and again. */

import type { Failure } from '../failure.ts';
import type { CallRecord } from './calls.ts';
import type { ModelAnswer } from './contracts.ts';
import { recent, repeats, signatureOf } from './loopDetection.ts';
import type { TurnContext } from './turnContext.ts';

/** How many times in a row each call of an answer was made, and what later calls are compared with. */
export function countRepeats({ totals, settings }: TurnContext, answer: ModelAnswer) {
  const signatures = [...totals.signatures];
  const times: number[] = [];
  for (const part of answer.content) {
    if (part.type !== 'tool-call') continue;
    const isRepeatable = settings.repeatableTools.includes(part.toolName);
    // one that may be repeated equals nothing, not even itself
    signatures.push(isRepeatable ? `${totals.toolCalls + times.length}` : signatureOf(part));
    times.push(repeats(signatures));
  }
  return { times, signatures: recent(signatures, settings.limits.repeatedCalls) };
}

export function repeatTripped({ call, times }: CallRecord, limit: number) {
  const { toolCallId } = call;
  return { type: 'breaker.tripped' as const, kind: 'repeated_call' as const, count: times, limit, toolCallId };
}

/** The limit on tool errors that is reached, if one is. */
export function tooManyErrors({ totals, settings: { limits } }: TurnContext) {
  const { consecutiveToolErrors, totalToolErrors } = limits;
  if (totals.stepsWithErrors >= consecutiveToolErrors) {
    return { kind: 'consecutive_errors' as const, count: totals.stepsWithErrors, limit: consecutiveToolErrors };
  }
  if (totalToolErrors === undefined || totals.toolErrors < totalToolErrors) return undefined;
  return { kind: 'total_errors' as const, count: totals.toolErrors, limit: totalToolErrors };
}

/** What is said of a provider that is left alone for a while: `withBreaker` fails like that. */
export function providerTripped({ code, cause }: Failure) {
  if (code !== 'breaker_open' || typeof cause !== 'object' || cause === null || !('failures' in cause))
    return undefined;
  const count = Number(cause.failures);
  return { type: 'breaker.tripped' as const, kind: 'provider' as const, count, limit: count };
}
