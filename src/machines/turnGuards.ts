import type { TurnStart } from '../events.ts';
import { countRepeats, tooManyErrors } from './breakers.ts';
import { overspent } from './budget.ts';
import { waitsForClients, waitsForPeople } from './calls.ts';
import { isTooLong } from './compaction.ts';
import { hasCalls, isOverspentWith, isPause, isRefusal, mayRetry } from './modelAnswers.ts';
import { isSoftlyOverspent } from './pauses.ts';
import { type Called, type Checked, type Prepared, turnBase } from './turnBase.ts';
import { compactionPolicy, mayShorten, stepLimit } from './turnContext.ts';

/** Everything that decides which way a turn goes. */
export const turnGuards = turnBase.extend({
  guards: {
    wasCancelledBefore: (_, { cancelled }: TurnStart) => cancelled !== undefined,
    areRetriesSpent: ({ context }) => context.totals.hints > context.settings.retries,
    hasTooManyToolErrors: ({ context }) => tooManyErrors(context) !== undefined,
    needsExtension: ({ context }) => context.settings.limits.lastStep === 'ask' && context.step >= stepLimit(context),
    isOutOfSteps: ({ context }) => context.step >= stepLimit(context),
    needsLeaveToSpend: ({ context }) => isSoftlyOverspent(context),
    cannotAffordStep: ({ context: { settings, totals } }) =>
      overspent(settings.limits, totals.usage, totals.cost) !== undefined,
    needsCompaction: ({ context }) => {
      const policy = compactionPolicy(context);
      return policy !== false && isTooLong(context.history, policy) && mayShorten(context, policy);
    },
    mayCompact: ({ context }, { output }: Called) => {
      if (output.value?.type !== 'trouble' || output.value.failure.type !== 'context_overflow') return false;
      const policy = compactionPolicy(context);
      return policy !== false && !context.current.hasOverflowed && mayShorten(context, policy);
    },
    needsPreparation: ({ context }) => context.settings.preparesSteps && context.current.plan === undefined,
    isPrepared: (_, { output }: Prepared) => output.value?.type === 'ready',
    isInputDenied: (_, { output }: Prepared) => output.value?.type === 'denied',
    isOutputAccepted: (_, { output }: Checked) => output.value?.type === 'accepted',
    mayAskAgain: ({ context }, { output }: Checked) =>
      output.value?.type === 'rejected' && context.totals.hints < context.settings.retries,
    isOutputRejected: (_, { output }: Checked) => output.value?.type === 'rejected',
    canRetry: ({ context }, { output }: Called) => mayRetry(context, output),
    cannotAffordRetry: ({ context }, { output }: Called) =>
      mayRetry(context, output) && output.value !== undefined && isOverspentWith(context, output.value),
    isAnswerDenied: (_, { output }: Called) => output.value?.type === 'denied',
    hasFailed: (_, { output }: Called) => output.value?.type !== 'answer',
    cannotGoOn: ({ context }, { output }: Called) =>
      output.value?.type === 'answer' &&
      (hasCalls(output.value) || isPause(output)) &&
      isOverspentWith(context, output.value),
    wasRefused: (_, { output }: Called) => isRefusal(output),
    withholdsOutput: ({ context }, { output }: Called) => context.settings.output !== undefined && isRefusal(output),
    repeatsTooOften: ({ context }, { output }: Called) =>
      output.value?.type === 'answer' &&
      countRepeats(context, output.value).times.some((times) => times >= context.settings.limits.repeatedCalls),
    asksForTools: (_, { output }: Called) => output.value?.type === 'answer' && hasCalls(output.value),
    pausesTooOften: ({ context }, { output }: Called) =>
      isPause(output) && context.current.request >= context.settings.limits.maxSteps,
    hasPaused: (_, { output }: Called) => isPause(output),
    needsCheck: ({ context }) => context.settings.output !== undefined,
    areAllToolsSettled: ({ context }) => context.calls.every((call) => call.state === 'settled'),
    waitsForPeople: ({ context }) => waitsForPeople(context.calls),
    waitsForNobody: ({ context }) => !waitsForPeople(context.calls),
    waitsForClients: ({ context }) => waitsForClients(context.calls),
  },
});
