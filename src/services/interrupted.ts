import type { EffectResult, StartedEffect } from '../effects.ts';
import { createFailure } from '../failure.ts';
import type { CallModelOutput, ExecuteToolInput, ExecuteToolOutput } from '../machines/contracts.ts';
import { noUsage } from '../model.ts';

/**
 * What becomes of an effect that had begun when its process ended, and of which no result was kept. A model is asked
 * anew; a tool may have had its effect, so the model is told that it was interrupted.
 *
 * @returns nothing for what is simply run again: what has no effects, and tools that say they are idempotent
 */
export function interrupted({
  kind,
  input,
}: StartedEffect): EffectResult<CallModelOutput | ExecuteToolOutput> | undefined {
  if (kind === 'callModel') return { value: askAnew };
  if (kind !== 'executeTool') return undefined;
  return (input as ExecuteToolInput).idempotent ? undefined : { value: notRepeated };
}

/** The code of failures that only the end of a process brings. */
export const interruptedCode = 'interrupted';

const askAnew: CallModelOutput = {
  type: 'trouble',
  failure: createFailure({
    type: 'provider_unavailable',
    code: interruptedCode,
    message: 'The process ended while the model answered. It is asked anew.',
  }),
  retry: { delayMs: 0, counted: false },
  usage: noUsage,
};

const message =
  'Interrupted: the process ended while this tool was running. It may have taken effect; check before repeating it.';

const notRepeated: ExecuteToolOutput = {
  type: 'settled',
  outcome: {
    type: 'failed',
    output: { type: 'error', value: message },
    failure: createFailure({ type: 'tool', code: interruptedCode, message, retryable: false }),
    synthesized: 'interrupted',
  },
};

/** Whether an effect was ended like that. */
export function isInterruption({ value }: EffectResult): boolean {
  const result = value as CallModelOutput | ExecuteToolOutput | undefined;
  if (result?.type === 'trouble') return result.failure.code === interruptedCode;
  return (
    result?.type === 'settled' && result.outcome.type === 'failed' && result.outcome.failure.code === interruptedCode
  );
}
