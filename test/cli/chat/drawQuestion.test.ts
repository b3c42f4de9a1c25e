import { PassThrough } from 'node:stream';
import { visibleWidth } from '@earendil-works/pi-tui';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { drawQuestion } from '../../../src/cli/chat/drawQuestion.ts';
import { createTheme } from '../../../src/cli/chat/theme.ts';
import type { Question } from '../../../src/cli/questions.ts';

vi.stubEnv('FORCE_COLOR', undefined);
afterAll(() => vi.unstubAllEnvs());
const theme = createTheme(Object.assign(new PassThrough(), { isTTY: false }));

const input = { path: 'notes.txt' };
const approval: Question = { type: 'approval', turnId: 't', toolCallId: 'c', toolName: 'delete_file', input };
const pause: Question = { type: 'pause', turnId: 't', reason: 'max_steps', spent: 10, limit: 10 };

function draw(questions: readonly Question[], width = 60, isUnfolded = false): readonly string[] {
  return drawQuestion(questions, 2_500, { width, isUnfolded, theme });
}

describe('a question in the chat', () => {
  test('has the tool, its input, and what can be answered', () => {
    expect(draw([approval])).toEqual([
      'May delete_file run?',
      '  path: notes.txt',
      '  y · n · n and the reason · always (in this session)',
    ]);
  });

  test('says when it is too late', () => {
    expect(draw([{ ...approval, expiresAt: 10_000 }], 80).at(-1)).toBe(
      '  y · n · n and the reason · always (in this session) · 8 s left',
    );
  });

  test('is asked alone, and says how many follow', () => {
    expect(draw([approval, pause])[0]).toBe('May delete_file run? (1 more to answer)');
    expect(draw([pause])).toEqual(['10 steps are taken. Go on for 10 more?', '  y · n (stops the turn)']);
    expect(draw([])).toEqual([]);
  });

  test('says that there is more of an input than is shown, and unfolds it', () => {
    const long: Question = { ...approval, input: { words: 'on and '.repeat(80) } };
    expect(draw([long]).at(-2)).toMatch(/^ {2}… \d+ more lines · Ctrl-O unfolds$/);
    expect(draw([long])).toHaveLength(7);
    expect(draw([long], 60, true).length).toBeGreaterThan(7);
  });

  test.each([1, 2, 7, 20, 60])('fits into %i columns, and lets nobody drive the terminal', (width) => {
    const wild = 'a\u001b[2J\u009bb\u0007\tc 漢字漢字 https://example.com/a/very/long/address';
    for (const line of draw([{ ...approval, agent: wild, toolName: wild, input: { [wild]: wild } }], width)) {
      expect(visibleWidth(line)).toBeLessThanOrEqual(width);
      expect(line.replaceAll('\u001b[0m', '')).not.toMatch(/\p{Cc}/u);
    }
  });
});
