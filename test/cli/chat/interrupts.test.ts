import { describe, expect, test } from 'vitest';
import { Interrupts, patienceMs } from '../../../src/cli/chat/interrupts.ts';

const idle = { isIdle: true, hasText: false };

describe('Ctrl-C', () => {
  test.each([
    ['cancels the turn that runs', { isIdle: false, hasText: true }, 'cancel'],
    ['clears the input', { isIdle: true, hasText: true }, 'clear'],
    ['says in an empty prompt that another one quits', idle, 'warn'],
  ])('%s', (_what, situation, does) => {
    expect(new Interrupts().press({ ...situation, now: 0 })).toBe(does);
  });

  test.each([
    ['a turn', { isIdle: false, hasText: false }],
    ['a text', { isIdle: true, hasText: true }],
    ['nothing', idle],
  ])('quits when it is pressed again soon, whatever the first one met: %s', (_what, situation) => {
    const interrupts = new Interrupts();
    interrupts.press({ ...situation, now: 0 });
    expect(interrupts.isPending(patienceMs - 1)).toBe(true);
    expect(interrupts.press({ ...idle, now: patienceMs - 1 })).toBe('quit');
  });

  test('does not quit when it is pressed again late, or after something else', () => {
    const late = new Interrupts();
    late.press({ ...idle, now: 0 });
    expect(late.isPending(patienceMs)).toBe(false);
    expect(late.press({ ...idle, now: patienceMs })).toBe('warn');
    late.forget();
    expect(late.press({ isIdle: false, hasText: false, now: patienceMs + 1 })).toBe('cancel');
  });
});
