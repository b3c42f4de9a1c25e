import type { Compaction, Measured, Message } from '../messages.ts';

/**
 * A conversation as a view: the first `length` messages of a log that only grows. Machines share one log, so that no
 * step copies the conversation.
 */
export interface History {
  readonly log: readonly Message[];
  readonly length: number;
  /** What the model is shown of it, where that is not all. */
  readonly compaction?: Compaction;
  /** How large it is for the model, where a provider has said so. */
  readonly measured?: Measured;
}

/** What a history is beside its messages. */
export type HistoryState = Pick<History, 'compaction' | 'measured'>;

export const emptyHistory: History = { log: [], length: 0 };

/** A history of these messages; the array is copied. */
export function createHistory(messages: readonly Message[], state: HistoryState = {}): History {
  return { log: [...messages], length: messages.length, ...historyState(state) };
}

/** What has to be kept of a history with its messages: without it, machines that go on would decide otherwise. */
export function historyState({ compaction, measured }: HistoryState): HistoryState {
  return { ...(compaction !== undefined && { compaction }), ...(measured !== undefined && { measured }) };
}

/**
 * The history with messages added. Grows the shared log where this is its newest view; an older view, which only
 * replays and graph walks have, gets a log of its own.
 */
export function append(history: History, ...messages: readonly Message[]): History {
  const isNewest = history.log.length === history.length && history.log !== emptyHistory.log;
  const log = (isNewest ? history.log : history.log.slice(0, history.length)) as Message[];
  log.push(...messages);
  return { ...history, log, length: log.length };
}

/** The history with messages changed, by id. A log of its own: other views keep what they had. */
export function replaceMessages(history: History, changed: readonly Message[]): History {
  const byId = new Map(changed.map((message) => [message.id, message]));
  return { ...history, log: messagesOf(history).map((message) => byId.get(message.id) ?? message) };
}

/** The history without its latest messages. What is known of it ends no later than it does. */
export function withoutLast({ log, compaction, measured, ...history }: History, count: number): History {
  const length = history.length - count;
  return {
    log,
    length,
    ...(compaction !== undefined && { compaction: { ...compaction, from: Math.min(compaction.from, length) } }),
    ...(measured !== undefined && { measured: { ...measured, length: Math.min(measured.length, length) } }),
  };
}

/** The messages of a view, from `start`. */
export function messagesOf(history: History, start = 0): readonly Message[] {
  return history.log.slice(start, history.length);
}

/** The history after a model call that succeeded: now it is known how large it is. */
export function measure(history: History, tokens: number): History {
  return tokens > 0 ? { ...history, measured: { tokens, length: history.length } } : history;
}
