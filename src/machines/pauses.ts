/** When a turn waits for people before it goes on, and the clock that stands still meanwhile. */

import { stepLimit, type TurnContext } from './turnContext.ts';

export function deadlineAfter(at: number, maxDurationMs: number | undefined): number | undefined {
  return maxDurationMs === undefined ? undefined : at + maxDurationMs;
}

export function isSoftlyOverspent({ totals, settings, allowance }: TurnContext): boolean {
  const { softCost } = settings.limits;
  return softCost !== undefined && !allowance.isSoftCostLifted && (totals.cost ?? 0) > softCost;
}

/** What a turn waits for that cannot begin its next step. */
export function pauseOf(context: TurnContext) {
  const { limits } = context.settings;
  return context.step >= stepLimit(context)
    ? { reason: 'max_steps' as const, spent: context.step, limit: stepLimit(context) }
    : { reason: 'soft_cost' as const, spent: context.totals.cost ?? 0, limit: limits.softCost ?? 0 };
}
