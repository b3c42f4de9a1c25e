import fc from 'fast-check';
import type { Message } from 'turnchart';
import { describe, expect, it } from 'vitest';
import {
  append,
  createHistory,
  emptyHistory,
  historyState,
  measure,
  messagesOf,
  withoutLast,
} from '../../src/machines/history.ts';

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

describe('a history that goes on elsewhere', () => {
  it('is made of its messages and its state', () => {
    const compaction = { maskedBefore: 0, from: 0 };
    const history = { ...createHistory([message('a')]), compaction, measured: { tokens: 7, length: 1 } };
    const again = createHistory(messagesOf(history), historyState(history));
    expect(again).toEqual(history);
  });

  it('takes nothing else of an object that has more', () => {
    const state = { compaction: { maskedBefore: 0, from: 0 }, usage: 1 };
    expect(createHistory([], state)).toEqual({ log: [], length: 0, compaction: state.compaction });
  });
});

describe('a measured history', () => {
  it('knows its size', () => {
    expect(measure(createHistory([message('a')]), 12)).toMatchObject({ measured: { tokens: 12, length: 1 } });
  });

  it('keeps the measure before, where a model does not say', () => {
    const history = measure(createHistory([message('a')]), 12);
    expect(measure(append(history, message('b')), 0).measured).toEqual({ tokens: 12, length: 1 });
  });
});

describe('a history without its latest messages', () => {
  it('shows those before, and grows from there', () => {
    const history = createHistory([message('a'), message('b'), message('c')]);
    const shorter = withoutLast(history, 2);
    expect(idsOf(messagesOf(shorter))).toEqual(['a']);
    expect(idsOf(messagesOf(append(shorter, message('x'))))).toEqual(['a', 'x']);
    expect(idsOf(messagesOf(history))).toEqual(['a', 'b', 'c']);
  });

  it('knows nothing beyond its end', () => {
    const state = { compaction: { maskedBefore: 1, from: 2 }, measured: { tokens: 9, length: 3 } };
    const history = createHistory([message('a'), message('b'), message('c')], state);
    expect(withoutLast(history, 2)).toMatchObject({ length: 1, compaction: { from: 1 }, measured: { length: 1 } });
    expect(withoutLast(history, 1)).toMatchObject({ length: 2, compaction: { from: 2 }, measured: { length: 2 } });
  });
});
