import type { Message, ToolOutput } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { append, createHistory, emptyHistory } from '../../src/machines/history.ts';
import { messagesForModel } from '../../src/machines/modelView.ts';

function message(id: string): Message {
  return { role: 'user', id, content: [{ type: 'text', text: id }] };
}

function answer(id: string): Message {
  return { role: 'assistant', id, content: [{ type: 'text', text: id }] };
}

const summary = { role: 'user' as const, id: 'sum', content: [], cause: 'summary' as const };
const idsOf = (messages: readonly Message[]) => messages.map(({ id }) => id);

describe('what a model is shown', () => {
  const failureNote: Message = { ...answer('note'), cause: 'failure_note' } as Message;
  const cancelNote: Message = { ...answer('stopped'), cause: 'cancel_note' } as Message;
  const empty: Message = { role: 'assistant', id: 'empty', content: [] };

  it('has no failure notes, and no answers without content', () => {
    const history = createHistory([message('a'), failureNote, message('b'), empty, cancelNote]);
    expect(idsOf(messagesForModel(history))).toEqual(['a', 'b', 'stopped']);
  });

  it('has none of them after a compaction either', () => {
    const compaction = { maskedBefore: 1, from: 1, summary };
    const history = createHistory([message('a'), failureNote, message('b'), empty, cancelNote], { compaction });
    expect(idsOf(messagesForModel(history))).toEqual(['a', 'sum', 'b', 'stopped']);
  });

  it('has no message beyond its view', () => {
    const one = append(emptyHistory, message('a'));
    append(one, message('b'));
    expect(idsOf(messagesForModel(one))).toEqual(['a']);
  });

  it('has the summary in the place of what is left out, after system messages and the first user message', () => {
    const system: Message = { role: 'system', id: 'sys', content: 'Be brief.' };
    const messages = [answer('hello'), message('first'), answer('x'), system, message('y'), answer('kept')];
    const compaction = { maskedBefore: 5, from: 5, summary };
    expect(idsOf(messagesForModel(createHistory(messages, { compaction })))).toEqual(['first', 'sys', 'sum', 'kept']);
    const all = { ...compaction, from: 6 };
    expect(idsOf(messagesForModel(createHistory(messages, { compaction: all })))).toEqual(['first', 'sys', 'sum']);
  });
});

describe('old outputs of tools', () => {
  function shown(output: ToolOutput, maskedBefore = 1): ToolOutput | undefined {
    const result = { type: 'tool-result' as const, toolCallId: 'c', toolName: 'read', output };
    const compaction = { maskedBefore, from: 0 };
    const history = createHistory([{ role: 'tool', id: 'r', content: [result] }], { compaction });
    const [first] = messagesForModel(history);
    return first?.role === 'tool' ? first.content[0]?.output : undefined;
  }
  const long = 'x'.repeat(1_000);
  const marker = expect.stringContaining('left out to save space');

  it.each<[string, ToolOutput, ToolOutput]>([
    ['a long text', { type: 'text', value: long }, { type: 'text', value: marker }],
    ['long JSON', { type: 'json', value: { long } }, { type: 'text', value: marker }],
    [
      'a file',
      { type: 'content', value: [{ type: 'file', mediaType: 'image/png', data: long }] },
      { type: 'text', value: marker },
    ],
    ['a long error, which stays one', { type: 'error', value: long }, { type: 'error', value: marker }],
    ['a short text, which stays', { type: 'text', value: 'ok' }, { type: 'text', value: 'ok' }],
    ['short JSON, which stays', { type: 'json', value: [1] }, { type: 'json', value: [1] }],
  ])('have a marker in place of %s', (_, output, expected) => {
    expect(shown(output)).toEqual(expected);
    expect(shown(output, 0)).toEqual(output);
  });
});
