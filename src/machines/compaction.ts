import type { CompactionReason } from '../events.ts';
import type { Compaction, Message, UserMessage } from '../messages.ts';
import { type History, messagesOf } from './history.ts';
import { asShown, isForModel, messagesForModel } from './modelView.ts';
import { tokensOf } from './tokens.ts';

/** When and how far a conversation is shortened for the model; the messages themselves stay. */
export interface CompactionPolicy {
  /** Part of the model's window that the next request may fill. From 0 to 1. @default 0.85 */
  readonly threshold: number;
  /** The latest messages, which are never shortened. @default 10 */
  readonly keepMessages: number;
  /** Tokens that fit into one request. Where it is not known, only an overflow brings a compaction. @default not known */
  readonly contextWindow?: number;
}

export const defaultCompaction: CompactionPolicy = { threshold: 0.85, keepMessages: 10 };

/** Compactions of a turn without a successful model call in between: what they cannot mend, one more cannot either. */
export const maxCompactions = 2;

/** Part of the threshold that a conversation is shortened to, so that the next step does not begin with another one. */
const roomLeft = 0.8;

/** Tokens that the next request takes, about: as the provider counted the last one, and an estimate of what came since. */
export function estimateTokens(history: History): number {
  const { measured } = history;
  if (measured === undefined) return tokensOf(messagesForModel(history));
  return measured.tokens + tokensOf(messagesOf(history, measured.length).filter(isForModel));
}

/** Whether the next request is too large to be tried. */
export function isTooLong(history: History, { threshold, contextWindow }: CompactionPolicy): boolean {
  return contextWindow !== undefined && estimateTokens(history) > threshold * contextWindow;
}

/** Whether a compaction could leave less than there is. */
export function canCompact(history: History, policy: CompactionPolicy): boolean {
  return removed(history, keptFrom(history, policy)).length > 0;
}

/** Whether a model is shown less of one history than of another. */
export function isShorter(history: History, than: History): boolean {
  return tokensOf(messagesForModel(history)) < tokensOf(messagesForModel(than));
}

/** The first of the latest messages: those after it stay. A result never stays without its call. */
export function keptFrom(history: History, { keepMessages }: CompactionPolicy): number {
  let from = Math.max(history.compaction?.from ?? 0, history.length - keepMessages);
  while (from > 0 && history.log[from]?.role === 'tool') from -= 1;
  return from;
}

/**
 * The messages that go when those from there on stay, as the model was shown them: neither system messages nor the first
 * user message are among them.
 */
export function removed(history: History, from: number): readonly Message[] {
  const { log, compaction } = history;
  const first = firstUserMessage(history);
  const gone: Message[] = [];
  for (let index = compaction?.from ?? 0; index < from; index += 1) {
    const message = log[index];
    if (message === undefined || message.role === 'system' || message === first || !isForModel(message)) continue;
    gone.push(asShown(message, index, compaction));
  }
  return gone;
}

/** The history with old outputs of tools replaced by a marker. */
export function maskOutputs(history: History, from: number): History {
  return changed(history, { maskedBefore: from });
}

/** The history with a text in place of the messages before `from`. */
export function summarize(history: History, from: number, text: string, id: string): History {
  const summary: UserMessage = { role: 'user', id, content: [{ type: 'text', text }], cause: 'summary' };
  return changed(history, { maskedBefore: from, from, summary });
}

/** Whether masking alone makes enough room. Of an overflow one only knows that it was too much. */
export function isMaskingEnough(history: History, policy: CompactionPolicy, reason: CompactionReason): boolean {
  if (reason !== 'threshold' || policy.contextWindow === undefined) return false;
  const masked = maskOutputs(history, keptFrom(history, policy));
  return estimateTokens(masked) <= policy.threshold * roomLeft * policy.contextWindow;
}

function firstUserMessage({ log }: History): Message | undefined {
  return log.find(({ role }) => role === 'user');
}

function changed(history: History, change: Pick<Compaction, 'maskedBefore'> & Partial<Compaction>): History {
  const { log, length, compaction } = history;
  const after: History = { log, length, compaction: { from: 0, ...compaction, ...change } };
  if (history.measured === undefined) return after;
  return { ...after, measured: { tokens: tokensLeft(history, after), length } };
}

/**
 * What was measured counts more than messages: instructions and tools, which stay. Where it is less than the estimate,
 * the estimate is too high, and so is what it says of the difference.
 */
function tokensLeft(before: History, after: History): number {
  const tokens = estimateTokens(before);
  const estimated = tokensOf(messagesForModel(before));
  const saved = estimated - tokensOf(messagesForModel(after));
  return Math.round(tokens - saved * Math.min(1, tokens / Math.max(1, estimated)));
}
