import { type Message, toolCallsOf } from './messages.ts';

/**
 * What would make a conversation unusable for a provider: tool calls without exactly one result right after them,
 * results without a call, ids used twice in one answer. Empty where it is fine.
 *
 * @example
 * ```ts
 * expect(transcriptProblems(request.messages)).toEqual([]);
 * ```
 */
export function transcriptProblems(messages: readonly Message[]): readonly string[] {
  const problems: string[] = [];
  for (const [index, message] of messages.entries()) {
    const misshapen = shapeProblem(message);
    if (misshapen !== undefined) {
      problems.push(`message ${index}: ${misshapen}`);
      continue;
    }
    const where = `message ${index} (${message.role})`;
    if (message.role === 'tool') {
      const before = messages[index - 1];
      const hasCalls = shapeProblem(before) === undefined && before !== undefined && toolCallsOf(before).length > 0;
      if (!hasCalls) problems.push(`${where}: results without calls before them`);
      continue;
    }
    if (message.role !== 'assistant') {
      if (message.content.length === 0) problems.push(`${where}: it is empty`);
      continue;
    }
    const calls = toolCallsOf(message).map(({ toolCallId }) => toolCallId);
    if (calls.length === 0) continue;
    if (new Set(calls).size < calls.length) problems.push(`${where}: two calls share an id`);
    const next = messages[index + 1];
    const results =
      next?.role === 'tool' && shapeProblem(next) === undefined ? next.content.map(({ toolCallId }) => toolCallId) : [];
    if (results.length !== calls.length || results.some((id, place) => id !== calls[place])) {
      problems.push(`${where}: calls [${calls}] are answered by results [${results}]`);
    }
  }
  return problems;
}

const roles: readonly unknown[] = ['system', 'user', 'assistant', 'tool'];

/** What keeps a value from being a message at all: conversations come from stores and other programs. */
function shapeProblem(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return 'it is no message';
  const { role, content } = message as { readonly role?: unknown; readonly content?: unknown };
  if (!roles.includes(role)) return `there is no role "${String(role)}"; the roles are ${roles.join(', ')}`;
  if (role === 'system') return typeof content === 'string' ? undefined : 'its content is no text';
  const isParts = Array.isArray(content) && content.every((part) => typeof part?.type === 'string');
  return isParts ? undefined : 'its content is no array of parts';
}
