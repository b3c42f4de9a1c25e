import fc from 'fast-check';
import type { AssistantMessage, Message, ToolMessage } from 'turnchart';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

const user: Message = { role: 'user', id: 'u', content: [{ type: 'text', text: 'hi' }] };
const system: Message = { role: 'system', id: 's', content: 'Be brief.' };
const answer: Message = { role: 'assistant', id: 'a', content: [{ type: 'text', text: 'hello' }] };

function calling(...ids: readonly string[]): AssistantMessage {
  const content = ids.map((toolCallId) => ({ type: 'tool-call' as const, toolCallId, toolName: 'x', input: {} }));
  return { role: 'assistant', id: 'c', content: [{ type: 'text', text: 'Let me see.' }, ...content] };
}

function results(...ids: readonly string[]): ToolMessage {
  const output = { type: 'text' as const, value: '' };
  return {
    role: 'tool',
    id: 'r',
    content: ids.map((toolCallId) => ({ type: 'tool-result', toolCallId, toolName: 'x', output })),
  };
}

describe('transcriptProblems', () => {
  it.each<[string, readonly Message[]]>([
    ['nothing', []],
    ['a question and an answer', [system, user, answer]],
    ['calls with their results', [user, calling('1', '2'), results('1', '2'), answer]],
    ['one step after the other', [user, calling('1'), results('1'), calling('2'), results('2'), answer]],
    ['an id that comes back in a later answer', [user, calling('1'), results('1'), calling('1'), results('1')]],
    ['two messages of one role in a row', [user, user, answer, answer]],
    ['an answer that says nothing', [user, { role: 'assistant', id: 'e', content: [] }]],
  ])('finds nothing wrong with %s', (_, messages) => {
    expect(transcriptProblems(messages)).toEqual([]);
  });

  it.each<[string, readonly Message[], readonly string[]]>([
    ['a call without a result', [user, calling('1')], ['message 1', '1']],
    ['a call whose result comes later', [user, calling('1'), user, results('1')], ['message 1', 'message 3']],
    ['one result too few', [user, calling('1', '2'), results('1')], ['message 1', '1,2']],
    ['one result too many', [user, calling('1'), results('1', '2')], ['message 1', '1,2']],
    ['two results for one call', [user, calling('1'), results('1', '1')], ['message 1', '1,1']],
    ['results in another order', [user, calling('1', '2'), results('2', '1')], ['message 1', '2,1']],
    ['a result of another call', [user, calling('1'), results('9')], ['message 1', '9']],
    ['an empty list of results', [user, calling('1'), results()], ['message 1']],
    ['results without calls', [user, results('1')], ['message 1', 'without calls']],
    ['results at the very beginning', [results('1')], ['message 0', 'without calls']],
    ['results after an answer without calls', [user, answer, results('1')], ['message 2', 'without calls']],
    ['the same results twice', [user, calling('1'), results('1'), results('1')], ['message 3', 'without calls']],
    ['two calls of one id', [user, calling('1', '1'), results('1', '1')], ['message 1', 'share an id']],
    ['an empty user message', [{ ...user, content: [] } as Message], ['message 0', 'empty']],
    ['an empty system message', [{ ...system, content: '' } as Message], ['message 0', 'empty']],
  ])('finds %s, and says where', (_, messages, says) => {
    const problems = transcriptProblems(messages).join('\n');
    for (const words of says) expect(problems).toContain(words);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'no message'],
    ['a text', 'hi', 'no message'],
    ['another role', { role: 'robot', id: 'x', content: [] }, 'robot'],
    ['no content', { role: 'assistant', id: 'x' }, 'content'],
    ['a text for content', { role: 'user', id: 'x', content: 'hi' }, 'content'],
    ['parts for a system message', { role: 'system', id: 'x', content: [] }, 'content'],
    ['a part that is none', { role: 'assistant', id: 'x', content: [null] }, 'content'],
  ])('finds what is no message at all, wherever it stands: %s', (_, strange, says) => {
    const others: readonly Message[] = [user, calling('1'), results('1')];
    for (let index = 0; index <= others.length; index += 1) {
      const messages = others.toSpliced(index, 0, strange as Message);
      expect(transcriptProblems(messages).join('\n')).toMatch(new RegExp(`message ${index}: .*${says}`));
    }
  });

  it('finds a problem in every conversation with a result that is lost, doubled or moved', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        steps,
        fc.nat(),
        fc.nat(),
        fc.constantFrom('lost', 'doubled', 'renamed', 'gone'),
        (sizes, step, place, how) => {
          const messages: Message[] = [user];
          for (const size of sizes) {
            const ids = Array.from({ length: size }, (_, index) => `${messages.length}.${index}`);
            messages.push(calling(...ids), results(...ids));
          }
          expect(transcriptProblems(messages)).toEqual([]);
          const at = 2 + 2 * (step % sizes.length);
          const ids = (messages[at] as ToolMessage).content.map(({ toolCallId }) => toolCallId);
          const index = place % ids.length;
          const changed = {
            lost: ids.toSpliced(index, 1),
            doubled: ids.toSpliced(index, 0, ids[index] ?? ''),
            renamed: ids.with(index, 'other'),
            gone: [],
          }[how];
          if (how === 'gone') messages.splice(at, 1);
          else messages[at] = results(...changed);
          expect(transcriptProblems(messages)).not.toEqual([]);
        },
      ),
    );
  });

  it('is not misled by ids that look like lists', () => {
    expect(transcriptProblems([user, calling('1\n2'), results('1', '2')])).not.toEqual([]);
    expect(transcriptProblems([user, calling('1', '2'), results('1\n2')])).not.toEqual([]);
  });
});
