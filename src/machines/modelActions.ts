import { assign, enqueueActions } from 'xstate';
import type { ModelParts } from '../events.ts';
import { textOf, type UserMessage } from '../messages.ts';
import { countRepeats, providerTripped, repeatTripped } from './breakers.ts';
import { recordCalls, toolFailed } from './calls.ts';
import { append, measure } from './history.ts';
import { refusedRepeat } from './loopDetection.ts';
import { answerId, answerMessage, messageStarted, newRemarks, spent, wasShown } from './modelAnswers.ts';
import { stepActions } from './stepActions.ts';
import type { Called, Checked } from './turnBase.ts';
import { noPartial } from './turnContext.ts';
import {
  guardrailFailure,
  internalFailure,
  invalidOutputFailure,
  modelFailure,
  noProgressFailure,
  repeatedCallsFailure,
  unexplained,
  withheldOutputFailure,
} from './turnFailures.ts';

/** What becomes of model calls: their parts, answers and failures, and the check of the last answer. */
export const modelActions = stepActions.extend({
  actions: {
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
        totals: { ...totals, toolCalls: totals.toolCalls + calls.length, signatures, unproven: 0 },
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
    failWithWithheldOutput: assign({ failure: withheldOutputFailure }),
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
      const tripped = providerTripped(modelFailure(output));
      if (tripped !== undefined) enqueue.emit(tripped);
    }),
    keepOverflow: enqueueActions(({ context, enqueue }, { output }: Called) => {
      if (wasShown(context, output)) {
        enqueue.emit({ type: 'message.superseded', messageId: answerId(context), attempt: context.current.attempt });
      }
      enqueue.assign({ failure: undefined, partial: noPartial, current: { ...context.current, hasOverflowed: true } });
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
    failWithRepeatedCalls: enqueueActions(({ context: { calls, settings }, enqueue }) => {
      const limit = settings.limits.repeatedCalls;
      const repeated = calls.find(({ times }) => times >= limit);
      if (repeated === undefined) return;
      enqueue.assign({ failure: repeatedCallsFailure(repeated.call.toolName, repeated.times, limit) });
      enqueue.emit(repeatTripped(repeated, limit));
    }),
    failWithNoProgress: assign(({ context }) => ({ failure: noProgressFailure(context.settings.limits.maxSteps) })),
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
      failure: output.value?.type === 'failed' ? output.value.failure : internalFailure(unexplained(output.error)),
    })),
  },
});
