import { createFailure, type Failure } from '../failure.ts';
import type { Usage } from '../model.ts';
import type { TurnLimits } from './policies.ts';

/** More was spent than a limit allows. */
export interface Overspent {
  readonly spent: number;
  readonly limit: number;
  readonly unit: 'tokens' | 'cost';
}

/** The limit that was passed, if one was; money first. A cost that is not known counts as nothing. */
export function overspent(limits: TurnLimits, usage: Usage, cost: number | undefined): Overspent | undefined {
  const { maxCost, maxTokens } = limits;
  if (maxCost !== undefined && cost !== undefined && cost > maxCost) {
    return { spent: cost, limit: maxCost, unit: 'cost' };
  }
  const tokens = usage.inputTokens + usage.outputTokens;
  if (maxTokens !== undefined && tokens > maxTokens) return { spent: tokens, limit: maxTokens, unit: 'tokens' };
  return undefined;
}

export function budgetFailure({ spent, limit, unit }: Overspent): Failure {
  const what = unit === 'tokens' ? 'tokens' : 'cost';
  return createFailure({
    type: 'budget',
    code: 'limit_reached',
    message: `The turn spent ${spent} of ${limit} (${what}). Raise limits.${unit === 'tokens' ? 'maxTokens' : 'maxCost'} to allow more.`,
    cause: { spent, limit },
  });
}

/** A sum of costs, where one of them may be unknown. */
export function addCost(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}
