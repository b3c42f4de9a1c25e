import fc from 'fast-check';
import type { Message } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { append, createHistory, emptyHistory, messagesOf } from '../../src/machines/history.ts';
import { messagesForModel } from '../../src/machines/modelView.ts';

function message(id: string): Message {
  return { role: 'user', id, content: [{ type: 'text', text: id }] };
}

const idsOf = (messages: readonly Message[]) => messages.map(({ id }) => id);

describe('a history', () => {
  it('is a copy of the messages that it is made of', () => {
    const messages = [message('a')];
    const history = createHistory(messages);
    messages.push(message('b'));
    expect(idsOf(messagesOf(history))).toEqual(['a']);
  });

  it('grows without changing what older views show', () => {
    const one = append(emptyHistory, message('a'));
    const two = append(one, message('b'), message('c'));
    expect(idsOf(messagesOf(one))).toEqual(['a']);
    expect(idsOf(messagesOf(two))).toEqual(['a', 'b', 'c']);
    expect([one.length, two.length]).toEqual([1, 3]);
  });

  it('shares one log where the newest view grows', () => {
    const one = append(emptyHistory, message('a'));
    const two = append(one, message('b'));
    expect(two.log).toBe(one.log);
  });

  it('copies where an older view grows: both futures are right', () => {
    const one = append(emptyHistory, message('a'));
    const two = append(one, message('b'));
    const other = append(one, message('x'), message('y'));
    expect(other.log).not.toBe(one.log);
    expect(idsOf(messagesOf(two))).toEqual(['a', 'b']);
    expect(idsOf(messagesOf(other))).toEqual(['a', 'x', 'y']);
  });

  it('never grows the empty one, which everyone shares', () => {
    append(emptyHistory, message('a'));
    append(emptyHistory, message('b'));
    expect(emptyHistory).toEqual({ log: [], length: 0 });
  });

  it('is the same with nothing added', () => {
    const one = createHistory([message('a')]);
    expect(messagesOf(append(one))).toEqual(messagesOf(one));
  });

  it('shows its messages from a start on', () => {
    const history = createHistory([message('a'), message('b'), message('c')]);
    expect(idsOf(messagesOf(history, 1))).toEqual(['b', 'c']);
    expect(messagesOf(history, 3)).toEqual([]);
  });

  it('gives arrays of their own, which whoever gets them may keep', () => {
    const history = createHistory([message('a')]);
    const given = messagesOf(history);
    append(history, message('b'));
    expect(idsOf(given)).toEqual(['a']);
    expect(given).not.toBe(history.log);
  });

  it('keeps every view right, whatever is appended to which', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 3 })), { maxLength: 20 }), (steps) => {
        const views = [{ history: emptyHistory, ids: [] as readonly string[] }];
        for (const [number, [pick, count]] of steps.entries()) {
          const from = views[pick % views.length];
          if (from === undefined) continue;
          const added = Array.from({ length: count }, (_, index) => `${number}.${index}`);
          views.push({ history: append(from.history, ...added.map(message)), ids: [...from.ids, ...added] });
        }
        for (const { history, ids } of views) {
          expect(idsOf(messagesOf(history))).toEqual(ids);
          expect(history.length).toBe(ids.length);
        }
      }),
    );
  });
});

describe('messagesForModel', () => {
  const failureNote: Message = {
    role: 'assistant',
    id: 'note',
    content: [{ type: 'text', text: 'failed' }],
    cause: 'failure_note',
  };
  const cancelNote: Message = {
    role: 'assistant',
    id: 'stopped',
    content: [{ type: 'text', text: 'stopped' }],
    cause: 'cancel_note',
  };
  const empty: Message = { role: 'assistant', id: 'empty', content: [] };

  it('leaves out failure notes, and answers without content', () => {
    const history = createHistory([message('a'), failureNote, message('b'), empty, cancelNote]);
    expect(idsOf(messagesForModel(history))).toEqual(['a', 'b', 'stopped']);
  });

  it('shows no message beyond its view', () => {
    const one = append(emptyHistory, message('a'));
    append(one, message('b'));
    expect(idsOf(messagesForModel(one))).toEqual(['a']);
  });
});
