import type { Settled } from '../effects.ts';
import type { AssistantMessage } from '../messages.ts';
import { addUsage } from '../model.ts';
import { addCost, overspent } from './budget.ts';
import type { CallModelOutput, ModelAnswer, Remark } from './contracts.ts';
import type { TurnContext } from './turnContext.ts';

export function answerId({ turnId, step, current }: TurnContext): string {
  return `${turnId}.${step}.${current.attempt}`;
}

export function messageStarted(context: TurnContext, at: number) {
  const { step } = context;
  const { attempt } = context.current;
  return { type: 'message.started' as const, messageId: answerId(context), step, attempt, at };
}

export function answerMessage(context: TurnContext, answer: ModelAnswer): AssistantMessage {
  const isFinal = !hasCalls(answer) && answer.finishReason.unified !== 'pause';
  return {
    role: 'assistant',
    id: answerId(context),
    content: answer.content,
    phase: isFinal ? 'final_answer' : 'commentary',
  };
}

export function hasCalls(answer: ModelAnswer): boolean {
  return answer.content.some((part) => part.type === 'tool-call');
}

export function isPause({ value }: Settled<CallModelOutput>): boolean {
  return value?.type === 'answer' && value.finishReason.unified === 'pause';
}

export function isRefusal({ value }: Settled<CallModelOutput>): boolean {
  return value?.type === 'answer' && value.finishReason.unified === 'content-filter';
}

/** Whether anything of the answer was shown. In a replay its parts are missing, and only the result tells. */
export function wasShown({ partial }: TurnContext, { reportedAt }: Settled<CallModelOutput>): boolean {
  return partial.shown || reportedAt !== undefined;
}

export function mayRetry(context: TurnContext, output: Settled<CallModelOutput>): boolean {
  const { tries } = context.current;
  const { modelRetry } = context.settings;
  if (output.value?.type !== 'trouble' || output.value.retry === false) return false;
  if (output.value.retry.counted === false) return true;
  return tries < modelRetry.maxAttempts && (modelRetry.retryAfterOutput || !wasShown(context, output));
}

export function newRemarks(
  { totals: { remarks } }: TurnContext,
  output: CallModelOutput | undefined,
): readonly Remark[] {
  return output?.remarks?.filter(({ message }) => !remarks.includes(message)) ?? [];
}

/** What the context keeps of any model call, answered or not. */
export function spent(context: TurnContext, output: CallModelOutput): Pick<TurnContext, 'current' | 'totals'> {
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
export function spentOnPartial({ totals, partial }: TurnContext): Pick<TurnContext, 'totals'> {
  return { totals: { ...totals, usage: addUsage(totals.usage, partial.usage) } };
}

export function isOverspentWith(context: TurnContext, output: CallModelOutput): boolean {
  const { usage, cost } = spent(context, output).totals;
  return overspent(context.settings.limits, usage, cost) !== undefined;
}
