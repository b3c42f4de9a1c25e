import { assign, emit, enqueueActions } from 'xstate';
import type { AgentWaits, TurnExtend, TurnResume, TurnStart, TurnSteer } from '../events.ts';
import { textOf } from '../messages.ts';
import { addUsage, noUsage } from '../model.ts';
import { addCost } from './budget.ts';
import { compactionEnded } from './compactionMachine.ts';
import { append, replaceMessages, withoutLast } from './history.ts';
import { deadlineAfter, pauseOf } from './pauses.ts';
import type { Compacted, Prepared } from './turnBase.ts';
import { compactionReason, stepLimit } from './turnContext.ts';
import { guardrailFailure, internalFailure, unexplained } from './turnFailures.ts';
import { turnGuards } from './turnGuards.ts';

/** What begins turns and steps, and what holds them up. */
export const stepActions = turnGuards.extend({
  actions: {
    beginTurn: enqueueActions(({ context, enqueue }, { turnId, message, steering, at }: TurnStart) => {
      const { maxDurationMs } = context.settings.limits;
      enqueue.assign({
        turnId,
        clock: { startedAt: at, deadlineAt: deadlineAfter(at, maxDurationMs), pausedAt: undefined },
        now: at,
        history: append(context.history, message),
        historyStart: context.history.length,
        steering: [...context.steering, ...(steering ?? [])],
        ...(context.settings.guardsInput && { unseen: [message] }),
      });
      enqueue.emit({ type: 'turn.started', messageId: message.id });
      enqueue.emit({ type: 'message.added', message, cause: 'input' });
      if (maxDurationMs === undefined) return;
      enqueue.raise({ type: 'turn.timeout' }, { id: 'deadline', delay: maxDurationMs });
    }),
    keepSteering: assign(({ context }, { message, at }: TurnSteer) => ({
      now: at,
      steering: [...context.steering, message],
    })),
    beginStep: enqueueActions(({ context, enqueue }) => {
      const step = context.step + 1;
      const { steering } = context;
      enqueue.emit({ type: 'step.started', step });
      for (const message of steering) enqueue.emit({ type: 'message.added', message, cause: 'steering' });
      if (steering.length > 0) enqueue.emit({ type: 'steering.applied', messageIds: steering.map(({ id }) => id) });
      enqueue.assign({
        step,
        current: {
          ...context.current,
          startedAt: context.now,
          usage: noUsage,
          attempt: 0,
          request: 1,
          tries: 0,
          hasOverflowed: false,
          plan: undefined,
        },
        ...(steering.length > 0 && { history: append(context.history, ...steering), steering: [] }),
        ...(context.settings.guardsInput && { unseen: [...context.unseen, ...steering] }),
      });
    }),
    tellPaused: emit(({ context }) => ({ type: 'turn.paused' as const, ...pauseOf(context) })),
    keepExtension: enqueueActions(({ context, enqueue }, { steps, at }: TurnExtend) => {
      const allowance = { ...context.allowance, steps: context.allowance.steps + steps };
      const limit = stepLimit({ ...context, allowance });
      enqueue.assign({ now: at, allowance });
      enqueue.emit({ type: 'turn.resumed', reason: 'max_steps', spent: context.step, limit });
    }),
    liftSoftCost: enqueueActions(({ context, enqueue }, { at }: TurnResume) => {
      enqueue.assign({ now: at, allowance: { ...context.allowance, isSoftCostLifted: true } });
      enqueue.emit({ type: 'turn.resumed', reason: 'soft_cost', spent: context.totals.cost ?? 0 });
    }),
    // whoever is around this turn waits as well
    pauseClock: enqueueActions(({ context: { clock, now, settings }, enqueue, self }) => {
      if (settings.depth > 0 && self._parent !== undefined) {
        enqueue.sendTo(self._parent, { type: 'agent.waits', at: now } satisfies AgentWaits);
      }
      if (clock.deadlineAt === undefined) return;
      enqueue.cancel('deadline');
      enqueue.assign({ clock: { ...clock, pausedAt: now } });
    }),
    resumeClock: enqueueActions(({ context: { clock, now, settings }, enqueue, self }) => {
      if (settings.depth > 0 && self._parent !== undefined) {
        enqueue.sendTo(self._parent, { type: 'agent.goesOn', at: now } satisfies AgentWaits);
      }
      if (clock.deadlineAt === undefined || clock.pausedAt === undefined) return;
      const deadlineAt = clock.deadlineAt + now - clock.pausedAt;
      enqueue.raise({ type: 'turn.timeout' }, { id: 'deadline', delay: deadlineAt - now });
      enqueue.assign({ clock: { ...clock, deadlineAt, pausedAt: undefined } });
    }),
    tellCompacting: emit(({ context }) => ({ type: 'compaction.started' as const, reason: compactionReason(context) })),
    keepCompaction: enqueueActions(({ context, enqueue }, { output }: Compacted) => {
      const { totals, current } = context;
      enqueue.assign({
        now: output.at ?? context.now,
        history: output.history,
        current: { ...current, usage: addUsage(current.usage, output.usage) },
        totals: {
          ...totals,
          unproven: totals.unproven + 1,
          usage: addUsage(totals.usage, output.usage),
          cost: addCost(totals.cost, output.cost),
        },
      });
      enqueue.emit(compactionEnded(output));
    }),
    keepGuarded: enqueueActions(({ context, enqueue }, { output: { value } }: Prepared) => {
      const { reports = [] } = value ?? {};
      const rewritten = (value?.type !== 'denied' && value?.rewritten) || [];
      for (const report of reports) enqueue.emit({ type: 'guardrail.triggered', ...report });
      const reason = reports.findLast(({ action }) => action === 'rewritten')?.reason ?? '';
      for (const message of rewritten) {
        enqueue.emit({ type: 'message.replaced', messageId: message.id, reason, replacement: textOf(message) });
      }
      if (rewritten.length > 0) enqueue.assign({ history: replaceMessages(context.history, rewritten) });
    }),
    keepPlan: assign(({ context }, { output }: Prepared) => ({
      now: output.at,
      current: { ...context.current, plan: output.value?.type === 'ready' ? output.value.plan : undefined },
      unseen: [],
    })),
    // no later turn shows a model what was denied, or what nobody has looked at
    withdrawUnseen: enqueueActions(({ context, enqueue }) => {
      if (context.unseen.length === 0) return;
      const history = withoutLast(context.history, context.unseen.length);
      enqueue.assign({ history, unseen: [] });
      enqueue.emit({ type: 'messages.updated', added: 0, removed: context.unseen.length, length: history.length });
    }),
    failWithDeniedInput: assign((_, { output }: Prepared) =>
      output.value?.type === 'denied' ? { now: output.at, failure: guardrailFailure(output.value.by) } : {},
    ),
    failWithPreparation: assign(({ context }, { output }: Prepared) => ({
      now: output.at,
      ...(output.value?.type === 'failed'
        ? { failure: output.value.failure, unseen: [] }
        : { failure: internalFailure(unexplained(output.error)), unseen: context.unseen }),
    })),
  },
});
