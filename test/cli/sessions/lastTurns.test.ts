import { describe, expect, test } from 'vitest';
import { ago } from '../../../src/cli/sessions/ago.ts';
import { introduceSession } from '../../../src/cli/sessions/keptSession.ts';
import { lastTurns } from '../../../src/cli/sessions/lastTurns.ts';
import { memoryStore } from '../../../src/durability/index.ts';
import type { Message } from '../../../src/messages.ts';

function turn(n: number): readonly Message[] {
  return [
    { role: 'user', id: `u${n}`, content: [{ type: 'text', text: `Question ${n}` }] },
    { role: 'user', id: `s${n}`, content: [{ type: 'text', text: 'Quick!' }], cause: 'steering' },
    { role: 'assistant', id: `a${n}`, content: [{ type: 'text', text: `Answer ${n}` }] },
  ];
}

describe('the last turns', () => {
  test('are all of a short conversation, and the end of a long one', () => {
    const short = [1, 2, 3].flatMap(turn);
    expect(lastTurns(short)).toEqual({ messages: short, shown: 3, all: 3 });
    const long = Array.from({ length: 14 }, (_, index) => turn(index + 1)).flat();
    expect(lastTurns(long)).toEqual({ messages: long.slice(4 * 3), shown: 10, all: 14 });
    expect(lastTurns([])).toEqual({ messages: [], shown: 0, all: 0 });
  });

  test('are introduced with their number, and that of all', () => {
    const session = { name: 'trip', store: memoryStore(), file: '~/s.db' };
    expect(introduceSession(session, { shown: 0, all: 0 }, 'idle')).toBe('Session "trip" is new, and kept in ~/s.db.');
    expect(introduceSession(session, { shown: 0, all: 0 }, 'inTurn')).toBe('Session "trip" goes on in ~/s.db.');
    expect(introduceSession(session, { shown: 1, all: 1 }, 'idle')).toBe(
      'Session "trip" of ~/s.db goes on: 1 turn so far.',
    );
    expect(introduceSession(session, { shown: 10, all: 14 }, 'inTurn')).toBe(
      'Session "trip" of ~/s.db goes on: 14 turns so far, of which these are the last 10.',
    );
  });
});

test.each([
  [-5_000, '0 s ago'],
  [59_999, '59 s ago'],
  [60_000, '1 min ago'],
  [7_199_999, '1 h ago'],
  [86_400_000, '1 day ago'],
  [200_000_000, '2 days ago'],
])('%i ms are %s', (ms, text) => {
  expect(ago(ms)).toBe(text);
});
