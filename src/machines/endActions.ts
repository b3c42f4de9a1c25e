import { assign, emit, enqueueActions } from 'xstate';
import type { TurnCancel } from '../events.ts';
import { describeError } from '../failure.ts';
import type { AssistantMessage } from '../messages.ts';
import { budgetFailure, overspent } from './budget.ts';
import { resultsMessage, withUnfinished } from './calls.ts';
import { append } from './history.ts';
import { answerId, spentOnPartial } from './modelAnswers.ts';
import { toolActions } from './toolActions.ts';
import { endingOf, failureOf, noPartial, stepLimit, stopReasonOf, type TurnContext } from './turnContext.ts';
import { internalFailure, maxStepsFailure, retriesFailure, timeoutFailure } from './turnFailures.ts';

/** How turns and steps end, and what is said and kept of it. */
export const endActions = toolActions.extend({
  actions: {
    failWithBudget: assign(({ context }) => {
      const over = overspent(context.settings.limits, context.totals.usage, context.totals.cost);
      return over === undefined ? {} : { failure: budgetFailure(over) };
    }),
    failWithMaxSteps: assign(({ context }) => ({
      failure: maxStepsFailure(context.step, stepLimit(context)),
    })),
    failWithRetries: assign(({ context: { totals, settings } }) => ({
      failure: retriesFailure(totals.lastHint, settings.retries),
    })),
    failWithTimeout: assign(({ context }) => ({
      failure: timeoutFailure(context.settings.limits.maxDurationMs ?? 0),
      now: context.clock.deadlineAt ?? context.now,
      ...spentOnPartial(context),
    })),
    failWithInternal: assign((_, { error }: { error: unknown }) => ({
      failure: internalFailure(describeError(error)),
    })),
    keepCancel: assign(({ context }, { reason, at }: Pick<TurnCancel, 'reason' | 'at'>) => ({
      cancelReason: reason,
      now: at,
      ...spentOnPartial(context),
    })),
    closeCalls: enqueueActions(({ context, enqueue }) => {
      if (context.calls.length === 0) return;
      for (const { call, state } of context.calls) {
        if (state === 'settled') continue;
        enqueue.emit({
          type: 'tool.cancelled',
          toolCallId: call.toolCallId,
          toolName: call.toolName,
          started: state === 'executing' || state === 'awaitingAgent',
        });
      }
      const history = append(context.history, resultsMessage(resultsId(context), context.calls));
      const { totals } = context;
      enqueue.assign({ history, calls: [], totals: { ...totals, usage: withUnfinished(totals.usage, context.calls) } });
      enqueue.emit({ type: 'messages.updated', added: 1, removed: 0, length: history.length });
    }),
    keepPartial: enqueueActions(({ context, enqueue }) => {
      if (context.partial.text === '') return;
      const message: AssistantMessage = {
        role: 'assistant',
        id: answerId(context),
        content: [{ type: 'text', text: context.partial.text }],
        partial: true,
      };
      const history = append(context.history, message);
      enqueue.assign({ history, partial: noPartial });
      enqueue.emit({ type: 'messages.updated', added: 1, removed: 0, length: history.length });
    }),
    tellStepFinished: emit(({ context }) => ({
      type: 'step.finished' as const,
      step: context.step,
      finishReason: context.current.finishReason,
      usage: context.current.usage,
      durationMs: context.now - context.current.startedAt,
    })),
    tellCompleted: enqueueActions(({ context, enqueue }) => {
      const over = overspent(context.settings.limits, context.totals.usage, context.totals.cost);
      if (over !== undefined) enqueue.emit({ type: 'budget.warning', spent: over.spent, limit: over.limit });
      enqueue.emit({
        type: 'turn.completed',
        text: context.text,
        ...(context.output !== undefined && { output: context.output }),
        stopReason: stopReasonOf(context.current.finishReason),
        toolCalls: context.totals.toolCalls,
        ...endingOf(context),
        ...(context.firstTokenAt !== undefined && {
          timeToFirstTokenMs: context.firstTokenAt - context.clock.startedAt,
        }),
      });
    }),
    tellFailed: emit(({ context }) => ({
      type: 'turn.failed' as const,
      failure: failureOf(context),
      ...endingOf(context),
    })),
    tellCancelled: emit(({ context }) => ({
      type: 'turn.cancelled' as const,
      ...(context.cancelReason !== undefined && { reason: context.cancelReason }),
      ...endingOf(context),
    })),
  },
});

function resultsId({ turnId, step }: TurnContext): string {
  return `${turnId}.${step}.results`;
}
