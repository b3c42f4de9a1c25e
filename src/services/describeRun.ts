import type { EffectScope } from '../effects.ts';
import { type History, messagesOf } from '../machines/history.ts';
import type { Run } from '../tool.ts';

/** What effects know that are for one step of one turn. */
interface OfAStep {
  readonly id: string;
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  readonly history: History;
}

/**
 * What user functions are told.
 *
 * @param context what they get where no session has one for them
 */
export function describeRun(scope: EffectScope<OfAStep, never>, context: unknown): Run {
  const { sessionId, turnId, step, history } = scope.input;
  return {
    context: scope.context ?? context,
    sessionId,
    turnId,
    step,
    get messages() {
      return messagesOf(history);
    },
    get signal() {
      return scope.signal;
    },
  };
}
