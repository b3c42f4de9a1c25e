import { assign, emit, enqueueActions, setup } from 'xstate';
import { effect, type Settled } from '../effects.ts';
import type {
  AgentWaits,
  AnswerPart,
  ModelParts,
  Payload,
  ToolAgentWaits,
  ToolApproved,
  ToolAttemptFailed,
  ToolEmitted,
  ToolForward,
  ToolGuarded,
  ToolPrepared,
  ToolProgressed,
  ToolSettled,
  TurnApprove,
  TurnCancel,
  TurnDeny,
  TurnExtend,
  TurnInputEvent,
  TurnResolveTool,
  TurnResume,
  TurnStart,
  TurnSteer,
} from '../events.ts';
import { describeError, type Failure } from '../failure.ts';
import { type AssistantMessage, textOf, type UserMessage } from '../messages.ts';
import { addUsage, noUsage } from '../model.ts';
import { addCost, budgetFailure, overspent } from './budget.ts';
import {
  type CallRecord,
  changeCall,
  givenUp,
  isToolError,
  recordCalls,
  resultsMessage,
  waiting,
  waitsForClients,
  waitsForPeople,
} from './calls.ts';
import { canCompact, isTooLong } from './compaction.ts';
import { type CompactionOutput, compactionEnded, compactionMachine } from './compactionMachine.ts';
import type {
  CallModelInput,
  CallModelOutput,
  CheckOutputInput,
  CheckOutputOutput,
  ModelAnswer,
  PrepareStepInput,
  PrepareStepOutput,
  Remark,
} from './contracts.ts';
import { append, measure, replaceMessages, withoutLast } from './history.ts';
import { recent, refusedRepeat, repeats, signatureOf } from './loopDetection.ts';
import { answerReports } from './reports.ts';
import { toolCallMachine } from './toolCallMachine.ts';
import { grantable } from './toolSlots.ts';
import {
  compactionPolicy,
  compactionReason,
  endingOf,
  failureOf,
  noPartial,
  stepLimit,
  stopReasonOf,
  type TurnContext,
  type TurnMachineInput,
  type TurnOutput,
} from './turnContext.ts';
import {
  guardrailFailure,
  internalFailure,
  invalidOutputFailure,
  maxStepsFailure,
  modelFailure,
  noProgressFailure,
  repeatedCallsFailure,
  retriesFailure,
  timeoutFailure,
  toolErrorsFailure,
} from './turnFailures.ts';

const notProvided = (name: string) => () => {
  throw new Error(`${name} is not provided: use turnMachine.provide(services({ model, tools })).`);
};

export interface Prepared {
  readonly output: Settled<PrepareStepOutput>;
}
export interface Called {
  readonly output: Settled<CallModelOutput>;
}
export interface Compacted {
  readonly output: CompactionOutput;
}
export interface Checked {
  readonly output: Settled<CheckOutputOutput>;
}

/** Everything the chart of a turn names: types, actors, delays, guards and actions. */
export const turnSetup = setup({
  types: {
    context: {} as TurnContext,
    input: {} as TurnMachineInput | undefined,
    output: {} as TurnOutput,
    events: {} as TurnInputEvent,
    emitted: {} as Payload,
  },
  actors: {
    prepareStep: effect<PrepareStepInput, PrepareStepOutput>('prepareStep', notProvided('prepareStep')),
    callModel: effect<CallModelInput, CallModelOutput, readonly AnswerPart[]>(
      'callModel',
      notProvided('callModel'),
      answerReports,
    ),
    compaction: compactionMachine,
    checkOutput: effect<CheckOutputInput, CheckOutputOutput>('checkOutput', notProvided('checkOutput')),
    toolCall: toolCallMachine,
  },
  delays: {
    retryDelay: ({ context }) => context.current.retryDelayMs,
  },
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
      return policy !== false && isTooLong(context.history, policy) && canCompact(context.history, policy);
    },
    mayCompact: ({ context }, { output }: Called) => {
      if (output.value?.type !== 'trouble' || output.value.failure.type !== 'context_overflow') return false;
      const policy = compactionPolicy(context);
      return policy !== false && !context.current.hasOverflowed && canCompact(context.history, policy);
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
    wasRefused: (_, { output }: Called) =>
      output.value?.type === 'answer' && output.value.finishReason.unified === 'content-filter',
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
    keepOverflow: enqueueActions(({ context, enqueue }, { output }: Called) => {
      if (wasShown(context, output)) {
        enqueue.emit({ type: 'message.superseded', messageId: answerId(context), attempt: context.current.attempt });
      }
      enqueue.assign({ failure: undefined, partial: noPartial, current: { ...context.current, hasOverflowed: true } });
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
    failWithDeniedAnswer: enqueueActions(({ context, enqueue }, { output }: Called) => {
      if (output.value?.type !== 'denied') return;
      const { by, reports } = output.value;
      const { reportedAt } = output;
      if (!context.partial.shown && reportedAt !== undefined) enqueue.emit(messageStarted(context, reportedAt));
      for (const report of reports) enqueue.emit({ type: 'guardrail.triggered', ...report });
      if (wasShown(context, output)) {
        const messageId = answerId(context);
        enqueue.emit({ type: 'message.replaced', messageId, reason: by.reason, replacement: '' });
      }
      for (const remark of newRemarks(context, output.value)) enqueue.emit({ type: 'diagnostic', ...remark });
      enqueue.assign({
        now: output.at,
        failure: guardrailFailure(by),
        firstTokenAt: context.firstTokenAt ?? reportedAt,
        partial: noPartial,
        ...spent(context, output.value),
      });
    }),
    keepOutput: assign((_, { output }: Checked) => ({
      now: output.at,
      output: output.value?.type === 'accepted' ? output.value.output : undefined,
    })),
    askAgain: enqueueActions(({ context, enqueue }, { output }: Checked) => {
      if (output.value?.type !== 'rejected') return;
      const { hint } = output.value;
      const { totals, settings, turnId, step } = context;
      const message: UserMessage = {
        role: 'user',
        id: `${turnId}.${step}.hint`,
        content: [{ type: 'text', text: hint }],
        cause: 'output_hint',
      };
      const hints = totals.hints + 1;
      enqueue.emit({ type: 'output.rejected', reason: hint, retriesLeft: settings.retries - hints });
      enqueue.emit({ type: 'message.added', message, cause: 'output_hint' });
      enqueue.assign({
        now: output.at,
        history: append(context.history, message),
        totals: { ...totals, hints, lastHint: hint },
      });
    }),
    failWithInvalidOutput: enqueueActions(({ context: { settings }, enqueue }, { output }: Checked) => {
      if (output.value?.type !== 'rejected') return;
      const { hint } = output.value;
      enqueue.emit({ type: 'output.rejected', reason: hint, retriesLeft: 0 });
      enqueue.assign({ now: output.at, failure: invalidOutputFailure(hint, settings.retries) });
    }),
    failWithUncheckedOutput: assign((_, { output }: Checked) => ({
      now: output.at,
      failure: internalFailure(unexplained(output.error)),
    })),
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
    beginAttempt: assign(({ context }) => ({
      current: {
        ...context.current,
        attempt: context.current.attempt + 1,
        tries: context.current.tries + 1,
        retryAt: undefined,
      },
      partial: noPartial,
    })),
    followParts: enqueueActions(({ context, enqueue }, { parts, at }: ModelParts) => {
      const { step } = context;
      const { attempt } = context.current;
      const messageId = answerId(context);
      let { text, usage } = context.partial;
      if (!context.partial.shown) enqueue.emit(messageStarted(context, at));
      for (const part of parts) {
        if (part.type === 'text-delta') {
          text += part.text;
          enqueue.emit({ type: 'message.delta', messageId, step, attempt, text: part.text });
        } else if (part.type === 'reasoning-delta') {
          enqueue.emit({ type: 'reasoning.delta', messageId, text: part.text });
        } else if (part.type === 'usage') {
          usage = part.usage;
        }
      }
      enqueue.assign({ partial: { shown: true, text, usage }, firstTokenAt: context.firstTokenAt ?? at });
    }),
    keepAnswer: enqueueActions(({ context, enqueue }, { output }: Called) => {
      if (output.value?.type !== 'answer') return;
      const { value, at, reportedAt } = output;
      const { step } = context;
      const { attempt } = context.current;
      const message = answerMessage(context, value);
      const { current, totals } = spent(context, value);
      const { times, signatures } = countRepeats(context, value);
      const calls = recordCalls(value.content, value.finishReason, times, context.current.plan?.tools);
      if (!context.partial.shown && (reportedAt !== undefined || message.content.length > 0)) {
        enqueue.emit(messageStarted(context, reportedAt ?? at));
      }
      for (const report of value.reports ?? []) enqueue.emit({ type: 'guardrail.triggered', ...report });
      if (value.rewritten !== undefined && wasShown(context, output)) {
        const { reason } = value.rewritten;
        enqueue.emit({ type: 'message.replaced', messageId: message.id, reason, replacement: textOf(message) });
      }
      for (const remark of newRemarks(context, value)) enqueue.emit({ type: 'diagnostic', ...remark });
      for (const repair of value.repairs ?? []) enqueue.emit({ type: 'transcript.repaired', ...repair });
      enqueue.assign({
        now: at,
        history: measure(append(context.history, message), value.usage.inputTokens + value.usage.outputTokens),
        text: textOf(message),
        partial: noPartial,
        firstTokenAt: context.firstTokenAt ?? reportedAt,
        current: { ...current, finishReason: value.finishReason },
        calls,
        totals: { ...totals, toolCalls: totals.toolCalls + calls.length, signatures },
      });
      enqueue.emit({
        type: 'message.completed',
        messageId: message.id,
        step,
        attempt,
        message,
        phase: message.phase ?? 'final_answer',
      });
      for (const [index, { call }] of calls.entries()) {
        enqueue.emit({
          type: 'tool.called',
          toolCallId: call.toolCallId,
          toolName: call.toolName,
          input: call.input,
          index,
        });
      }
      const { repeatedCalls } = context.settings.limits;
      for (const record of calls) {
        const { call, outcome, times } = record;
        if (outcome?.type !== 'failed') continue;
        if (times >= refusedRepeat && times < repeatedCalls) enqueue.emit(repeatTripped(record, refusedRepeat));
        enqueue.emit(toolFailed(call, outcome.failure));
      }
    }),
    repeatStep: assign(({ context }) => ({
      current: { ...context.current, request: context.current.request + 1, tries: 0 },
    })),
    keepTrouble: enqueueActions(({ context, enqueue }, { output }: Called) => {
      const { reportedAt } = output;
      if (!context.partial.shown && reportedAt !== undefined) enqueue.emit(messageStarted(context, reportedAt));
      enqueue.assign({
        now: output.at,
        failure: modelFailure(output),
        firstTokenAt: context.firstTokenAt ?? output.reportedAt,
        ...(output.value && spent(context, output.value)),
      });
      for (const remark of newRemarks(context, output.value)) enqueue.emit({ type: 'diagnostic', ...remark });
    }),
    planRetry: enqueueActions(({ context, enqueue }, { output }: Called) => {
      if (output.value?.type !== 'trouble' || output.value.retry === false) return;
      const { step } = context;
      const { attempt } = context.current;
      const { maxAttempts } = context.settings.modelRetry;
      const { delayMs, counted } = output.value.retry;
      const retryAt = output.at + delayMs;
      if (wasShown(context, output))
        enqueue.emit({ type: 'message.superseded', messageId: answerId(context), attempt });
      enqueue.emit({
        type: 'model.retrying',
        step,
        attempt,
        maxAttempts,
        delayMs,
        retryAt,
        failure: output.value.failure,
      });
      enqueue.assign({
        current: {
          ...context.current,
          retryDelayMs: delayMs,
          retryAt,
          ...(counted === false && { tries: context.current.tries - 1 }),
        },
        failure: undefined,
        partial: noPartial,
      });
    }),
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
    failWithToolErrors: enqueueActions(({ context, enqueue }) => {
      const over = tooManyErrors(context);
      if (over === undefined) return;
      const { kind, count, limit } = over;
      enqueue.assign({ failure: toolErrorsFailure(count, limit, kind === 'consecutive_errors') });
      enqueue.emit({ type: 'breaker.tripped', kind, count, limit });
    }),
    failWithRepeatedCalls: enqueueActions(({ context: { calls, settings }, enqueue }) => {
      const limit = settings.limits.repeatedCalls;
      const repeated = calls.find(({ times }) => times >= limit);
      if (repeated === undefined) return;
      enqueue.assign({ failure: repeatedCallsFailure(repeated.call.toolName, repeated.times, limit) });
      enqueue.emit(repeatTripped(repeated, limit));
    }),
    failWithTimeout: assign(({ context }) => ({
      failure: timeoutFailure(context.settings.limits.maxDurationMs ?? 0),
      now: context.clock.deadlineAt ?? context.now,
      ...spentOnPartial(context),
    })),
    failWithNoProgress: assign(({ context }) => ({ failure: noProgressFailure(context.settings.limits.maxSteps) })),
    failWithInternal: assign((_, { error }: { error: unknown }) => ({
      failure: internalFailure(describeError(error)),
    })),
    keepCancel: assign(({ context }, { reason, at }: Pick<TurnCancel, 'reason' | 'at'>) => ({
      cancelReason: reason,
      now: at,
      ...spentOnPartial(context),
    })),
    spawnTools: enqueueActions(({ context, enqueue }) => {
      for (const [index, { call, state }] of context.calls.entries()) {
        if (state === 'settled') continue;
        enqueue.spawnChild('toolCall', {
          id: toolActorId(index),
          input: {
            sessionId: context.settings.sessionId,
            turnId: context.turnId,
            step: context.step,
            index,
            call,
            history: context.history,
            depth: context.settings.depth,
          },
        });
      }
    }),
    // whoever reports that it is ready is still at it and runs only afterwards: those behind it have to wait for that
    takePrepared: enqueueActions(({ context, enqueue }, prepared: ToolPrepared) => {
      const { type: _, index, at, ...ready } = prepared;
      const isAsked = ready.approval !== undefined && !isApproved(context, index);
      const calls = changeCall(context.calls, index, { ...ready, state: isAsked ? 'undecided' : waiting(ready) });
      const [first, ...others] = grantable(calls, context.settings.limits.maxParallelTools);
      if (first === undefined) {
        enqueue.assign({ now: at, calls });
        return;
      }
      enqueue.assign({ now: at, calls: markExecuting(calls, first) });
      enqueue.emit({ type: 'tool.started', ...namesOf(context, first) });
      enqueue.sendTo(toolActorId(first), { type: 'tool.grant', at });
      if (others.length > 0) enqueue.sendTo(toolActorId(first), { type: 'tool.tell' });
    }),
    tellGuards: enqueueActions(({ enqueue }, { reports }: ToolGuarded) => {
      for (const report of reports) enqueue.emit({ type: 'guardrail.triggered', ...report });
    }),
    keepWaiting: assign(({ context }, { type, index, at }: ToolAgentWaits) => ({
      now: at,
      calls: changeCall(context.calls, index, { state: type === 'tool.agentWaits' ? 'awaitingAgent' : 'executing' }),
    })),
    tellAgent: emit(({ context }, { index, event }: ToolEmitted) => ({
      type: 'agent.event' as const,
      toolCallId: namesOf(context, index).toolCallId,
      event,
    })),
    passToAgents: enqueueActions(({ context, enqueue }, event: ToolForward['event']) => {
      if ('toolCallId' in event && context.calls.some(({ call }) => call.toolCallId === event.toolCallId)) return;
      for (const [index, { state }] of context.calls.entries()) {
        if (state === 'executing' || state === 'awaitingAgent') {
          enqueue.sendTo(toolActorId(index), { type: 'tool.forward', event });
        }
      }
    }),
    tellProgress: emit(({ context }, { index, text }: ToolProgressed) => ({
      type: 'tool.progress' as const,
      ...namesOf(context, index),
      text,
    })),
    tellRetry: emit(({ context }, { index, attempt, maxAttempts, delayMs, retryAt, failure }: ToolAttemptFailed) => ({
      type: 'tool.retrying' as const,
      ...namesOf(context, index),
      step: context.step,
      attempt,
      maxAttempts,
      delayMs,
      retryAt,
      failure,
    })),
    keepAgentUsage: assign(({ context: { totals, current } }, { output: { usage, cost } }: ToolSettled) =>
      usage === undefined
        ? {}
        : {
            current: { ...current, usage: addUsage(current.usage, usage) },
            totals: { ...totals, usage: addUsage(totals.usage, usage), cost: addCost(totals.cost, cost) },
          },
    ),
    keepSettled: enqueueActions(({ context, enqueue }, { output: { index, outcome, at } }: ToolSettled) => {
      const calls = changeCall(context.calls, index, { state: 'settled', outcome });
      const names = namesOf(context, index);
      if (outcome.type === 'failed') {
        enqueue.assign({ now: at, calls });
        enqueue.emit({ type: 'tool.failed', ...names, failure: outcome.failure });
        return;
      }
      if (outcome.type === 'denied') {
        const { by, reason, synthesized } = outcome;
        enqueue.assign({ now: at, calls });
        if (by !== undefined) enqueue.emit({ type: 'tool.approvalResolved', ...names, decision: synthesized, by });
        enqueue.emit({ type: 'tool.denied', ...names, reason });
        return;
      }
      const isHint = outcome.retry === true;
      enqueue.assign({
        now: at,
        calls,
        ...(isHint && {
          totals: {
            ...context.totals,
            hints: context.totals.hints + 1,
            lastHint: String(outcome.output.value),
          },
        }),
      });
      enqueue.emit({
        type: 'tool.completed',
        ...names,
        output: outcome.output,
        ...(isHint && { retry: true as const }),
      });
    }),
    grantSlots: enqueueActions(({ context, enqueue }) => {
      const granted = grantable(context.calls, context.settings.limits.maxParallelTools);
      if (granted.length === 0) return;
      for (const index of granted) {
        enqueue.emit({ type: 'tool.started', ...namesOf(context, index) });
        enqueue.sendTo(toolActorId(index), { type: 'tool.grant', at: context.now });
      }
      enqueue.assign({ calls: granted.reduce(markExecuting, context.calls) });
    }),
    askForApprovals: enqueueActions(({ context, enqueue }) => {
      if (context.calls.some(({ state }) => state === 'preparing')) return;
      let { calls } = context;
      for (const [index, { call, input = call.input, state, approval }] of calls.entries()) {
        if (state !== 'undecided') continue;
        const { timeoutMs } = approval ?? {};
        calls = changeCall(calls, index, { state: 'awaitingApproval' });
        enqueue.emit({
          type: 'tool.approvalRequested',
          ...namesOf(context, index),
          input,
          ...(timeoutMs !== undefined && { expiresAt: context.now + timeoutMs }),
        });
        enqueue.sendTo(toolActorId(index), { type: 'tool.ask', at: context.now });
      }
      if (calls !== context.calls) enqueue.assign({ calls });
    }),
    passApproval: enqueueActions(({ context, enqueue }, { toolCallId, remember, at }: TurnApprove) => {
      const asked = context.calls.find(({ call }) => call.toolCallId === toolCallId);
      if (asked?.state !== 'awaitingApproval') return;
      const { toolName } = asked.call;
      if (remember !== undefined) {
        enqueue.assign({ allowance: { ...context.allowance, tools: [...context.allowance.tools, toolName] } });
      }
      for (const [index, { call, state }] of context.calls.entries()) {
        if (state !== 'awaitingApproval') continue;
        if (call.toolCallId === toolCallId)
          enqueue.sendTo(toolActorId(index), { type: 'tool.approve', by: 'user', at });
        else if (remember !== undefined && call.toolName === toolName) {
          enqueue.sendTo(toolActorId(index), { type: 'tool.approve', by: 'session', at });
        }
      }
    }),
    passDenial: enqueueActions(({ context, enqueue }, { toolCallId, reason, at }: TurnDeny) => {
      const index = indexOf(context, toolCallId, 'awaitingApproval');
      if (index === -1) return;
      enqueue.sendTo(toolActorId(index), { type: 'tool.deny', ...(reason !== undefined && { reason }), at });
    }),
    passResult: enqueueActions(({ context, enqueue }, { toolCallId, output, at }: TurnResolveTool) => {
      const index = indexOf(context, toolCallId, 'awaitingResult');
      if (index !== -1) enqueue.sendTo(toolActorId(index), { type: 'tool.resolve', output, at });
    }),
    takeApproved: enqueueActions(({ context, enqueue }, { index, by, at }: ToolApproved) => {
      const record = context.calls[index];
      if (record === undefined) return;
      enqueue.assign({ now: at, calls: changeCall(context.calls, index, { state: waiting(record) }) });
      enqueue.emit({ type: 'tool.approvalResolved', ...namesOf(context, index), decision: 'approved', by });
    }),
    requestResults: enqueueActions(({ context, enqueue }) => {
      if (
        context.calls.some(({ state }) => state !== 'settled' && state !== 'clientSide' && state !== 'awaitingResult')
      ) {
        return;
      }
      let { calls } = context;
      for (const [index, { call, input = call.input, state }] of calls.entries()) {
        if (state !== 'clientSide') continue;
        calls = changeCall(calls, index, { state: 'awaitingResult' });
        enqueue.emit({ type: 'tool.resultRequested', ...namesOf(context, index), input });
        enqueue.sendTo(toolActorId(index), { type: 'tool.request' });
      }
      if (calls !== context.calls) enqueue.assign({ calls });
    }),
    giveUpResults: enqueueActions(({ context, enqueue }) => {
      const calls = context.calls.map((record): CallRecord => {
        return record.state === 'settled' ? record : { ...record, state: 'settled', outcome: givenUp };
      });
      enqueue.assign({ calls });
      for (const [index, { state }] of context.calls.entries()) {
        if (state !== 'settled') enqueue.emit({ type: 'tool.cancelled', ...namesOf(context, index), started: false });
      }
    }),
    countToolErrors: assign(({ context: { calls, totals } }) => {
      const errors = calls.filter(isToolError).length;
      return {
        totals: {
          ...totals,
          toolErrors: totals.toolErrors + errors,
          stepsWithErrors: errors === 0 ? 0 : totals.stepsWithErrors + 1,
        },
      };
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
    stopTools: enqueueActions(({ context, enqueue }) => {
      for (const index of context.calls.keys()) enqueue.stopChild(toolActorId(index));
    }),
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
      enqueue.assign({ history, calls: [] });
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

function markExecuting(calls: readonly CallRecord[], index: number): readonly CallRecord[] {
  return changeCall(calls, index, { state: 'executing' });
}

/** Where the call is that waits for an answer; -1 where it does not. */
function indexOf({ calls }: TurnContext, toolCallId: string, waits: CallRecord['state']): number {
  return calls.findIndex(({ call, state }) => call.toolCallId === toolCallId && state === waits);
}

/** Names from a fixed set: a machine keeps every name it has ever heard of. */
function toolActorId(index: number): string {
  return `tool.${index}`;
}

function answerId({ turnId, step, current }: TurnContext): string {
  return `${turnId}.${step}.${current.attempt}`;
}

function resultsId({ turnId, step }: TurnContext): string {
  return `${turnId}.${step}.results`;
}

function mayRetry(context: TurnContext, output: Settled<CallModelOutput>): boolean {
  const { tries } = context.current;
  const { modelRetry } = context.settings;
  if (output.value?.type !== 'trouble' || output.value.retry === false) return false;
  if (output.value.retry.counted === false) return true;
  return tries < modelRetry.maxAttempts && (modelRetry.retryAfterOutput || !wasShown(context, output));
}

/** Whether anything of the answer was shown. In a replay its parts are missing, and only the result tells. */
function wasShown({ partial }: TurnContext, { reportedAt }: Settled<CallModelOutput>): boolean {
  return partial.shown || reportedAt !== undefined;
}

function messageStarted(context: TurnContext, at: number) {
  const { step } = context;
  const { attempt } = context.current;
  return { type: 'message.started' as const, messageId: answerId(context), step, attempt, at };
}

function deadlineAfter(at: number, maxDurationMs: number | undefined): number | undefined {
  return maxDurationMs === undefined ? undefined : at + maxDurationMs;
}

function isSoftlyOverspent({ totals, settings, allowance }: TurnContext): boolean {
  const { softCost } = settings.limits;
  return softCost !== undefined && !allowance.isSoftCostLifted && (totals.cost ?? 0) > softCost;
}

/** What a turn waits for that cannot begin its next step. */
function pauseOf(context: TurnContext) {
  const { limits } = context.settings;
  return context.step >= stepLimit(context)
    ? { reason: 'max_steps' as const, spent: context.step, limit: stepLimit(context) }
    : { reason: 'soft_cost' as const, spent: context.totals.cost ?? 0, limit: limits.softCost ?? 0 };
}

function unexplained(error: { readonly name: string; readonly message: string } | undefined) {
  return error ?? { name: 'Error', message: 'it ended without a result' };
}

/** How many times in a row each call of an answer was made, and what later calls are compared with. */
function countRepeats({ totals, settings }: TurnContext, answer: ModelAnswer) {
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

function repeatTripped({ call, times }: CallRecord, limit: number) {
  const { toolCallId } = call;
  return { type: 'breaker.tripped' as const, kind: 'repeated_call' as const, count: times, limit, toolCallId };
}

/** The limit on tool errors that is reached, if one is. */
function tooManyErrors({ totals, settings: { limits } }: TurnContext) {
  const { consecutiveToolErrors, totalToolErrors } = limits;
  if (totals.stepsWithErrors >= consecutiveToolErrors) {
    return { kind: 'consecutive_errors' as const, count: totals.stepsWithErrors, limit: consecutiveToolErrors };
  }
  if (totalToolErrors === undefined || totals.toolErrors < totalToolErrors) return undefined;
  return { kind: 'total_errors' as const, count: totals.toolErrors, limit: totalToolErrors };
}

function isApproved({ calls, allowance }: TurnContext, index: number): boolean {
  return allowance.tools.includes(calls[index]?.call.toolName ?? '');
}

function hasCalls(answer: ModelAnswer): boolean {
  return answer.content.some((part) => part.type === 'tool-call');
}

function isPause({ value }: Settled<CallModelOutput>): boolean {
  return value?.type === 'answer' && value.finishReason.unified === 'pause';
}

function answerMessage(context: TurnContext, answer: ModelAnswer): AssistantMessage {
  const isFinal = !hasCalls(answer) && answer.finishReason.unified !== 'pause';
  return {
    role: 'assistant',
    id: answerId(context),
    content: answer.content,
    phase: isFinal ? 'final_answer' : 'commentary',
  };
}

function newRemarks({ totals: { remarks } }: TurnContext, output: CallModelOutput | undefined): readonly Remark[] {
  return output?.remarks?.filter(({ message }) => !remarks.includes(message)) ?? [];
}

/** What the context keeps of any model call, answered or not. */
function spent(context: TurnContext, output: CallModelOutput): Pick<TurnContext, 'current' | 'totals'> {
  const { current, totals } = context;
  const { usage, cost } = output;
  const made = newRemarks(context, output).map(({ message }) => message);
  return {
    current: { ...current, usage: addUsage(current.usage, usage) },
    totals: {
      ...totals,
      usage: addUsage(totals.usage, usage),
      cost: addCost(totals.cost, cost),
      ...(made.length > 0 && { remarks: [...totals.remarks, ...made] }),
    },
  };
}

/** What the answer has used that is broken off here; its cost is not known before its end. */
function spentOnPartial({ totals, partial }: TurnContext): Pick<TurnContext, 'totals'> {
  return { totals: { ...totals, usage: addUsage(totals.usage, partial.usage) } };
}

function isOverspentWith(context: TurnContext, output: CallModelOutput): boolean {
  const { usage, cost } = spent(context, output).totals;
  return overspent(context.settings.limits, usage, cost) !== undefined;
}

function namesOf(context: TurnContext, index: number): { toolCallId: string; toolName: string } {
  const call = context.calls[index]?.call;
  return { toolCallId: call?.toolCallId ?? '', toolName: call?.toolName ?? '' };
}

function toolFailed(call: { readonly toolCallId: string; readonly toolName: string }, failure: Failure) {
  return { type: 'tool.failed' as const, toolCallId: call.toolCallId, toolName: call.toolName, failure };
}
