import type { Message } from '../messages.ts';

/**
 * A conversation as a view: the first `length` messages of a log that only grows. Machines share one log, so that no
 * step copies the conversation.
 */
export interface History {
  readonly log: readonly Message[];
  readonly length: number;
}

export const emptyHistory: History = { log: [], length: 0 };

/** A history of these messages; the array is copied. */
export function createHistory(messages: readonly Message[]): History {
  return { log: [...messages], length: messages.length };
}

/**
 * The history with messages added. Grows the shared log where this is its newest view; an older view, which only
 * replays and graph walks have, gets a log of its own.
 */
export function append(history: History, ...messages: readonly Message[]): History {
  const isNewest = history.log.length === history.length && history.log !== emptyHistory.log;
  const log = (isNewest ? history.log : history.log.slice(0, history.length)) as Message[];
  log.push(...messages);
  return { log, length: log.length };
}

/** The history with messages changed, by id. A log of its own: other views keep what they had. */
export function replaceMessages(history: History, changed: readonly Message[]): History {
  const byId = new Map(changed.map((message) => [message.id, message]));
  return createHistory(messagesOf(history).map((message) => byId.get(message.id) ?? message));
}

/** The messages of a view, from `start`. */
export function messagesOf(history: History, start = 0): readonly Message[] {
  return history.log.slice(start, history.length);
}

/** What a model is shown: no failure notes, which are for people, and no empty answers, which providers refuse. */
export function messagesForModel(history: History): readonly Message[] {
  return history.log.filter((message, index) => index < history.length && isForModel(message));
}

function isForModel(message: Message): boolean {
  return message.role !== 'assistant' || (message.cause !== 'failure_note' && message.content.length > 0);
}
