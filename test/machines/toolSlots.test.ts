import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grantable, type WaitingCall } from '../../src/machines/toolSlots.ts';

const states = {
  p: 'preparing',
  u: 'undecided',
  a: 'awaitingApproval',
  c: 'clientSide',
  r: 'awaitingResult',
  q: 'queued',
  x: 'executing',
  g: 'awaitingAgent',
  s: 'settled',
} as const;

/** Each letter is a call in that state; in capitals a sequential tool. */
function calls(letters: string): readonly WaitingCall[] {
  return [...letters].map((letter) => ({
    state: states[letter.toLowerCase() as keyof typeof states],
    sequential: letter !== letter.toLowerCase(),
  }));
}

describe('grantable', () => {
  it.each<[what: string, letters: string, max: number, granted: readonly number[]]>([
    ['nothing where there are no calls', '', 8, []],
    ['nothing where nothing is queued', 'psx', 8, []],
    ['all that fit, in order', 'qqq', 8, [0, 1, 2]],
    ['as many as there are slots', 'qqq', 2, [0, 1]],
    ['as many as there are slots left', 'xqxqq', 3, [1]],
    ['nothing where all slots are taken', 'xxq', 2, []],
    ['what comes after settled calls', 'ssq', 1, [2]],
    ['nothing beyond a call that still prepares', 'qpq', 8, [0]],
    ['nothing at all behind a call that still prepares', 'pqq', 8, []],
    ['a sequential call alone', 'Q', 8, [0]],
    ['a sequential call, and nothing beside it', 'Qqq', 8, [0]],
    ['nothing beside a sequential call that runs', 'Xqq', 8, []],
    ['what is before a sequential call, but not it', 'qqQq', 8, [0, 1]],
    ['nothing while calls before a sequential one run', 'xQq', 8, []],
    ['a sequential call once those before it have settled', 'ssQq', 8, [2]],
    ['what follows a sequential call that has settled', 'Sqq', 8, [1, 2]],
    ['one of two sequential calls', 'QQ', 8, [0]],
    ['the second of two sequential calls after the first', 'SQ', 8, [1]],
    ['what comes after a call that somebody is asked about', 'aqq', 8, [1, 2]],
    ['what comes after one that somebody is going to be asked about', 'uq', 8, [1]],
    ['as many as there are slots, of which a call that is asked about holds none', 'aaqq', 1, [2]],
    ['nothing behind a sequential call that somebody is asked about', 'Aqq', 8, []],
    ['nothing behind a sequential call that somebody is going to be asked about', 'Uqq', 8, []],
    ['no sequential call behind one that somebody is asked about', 'aQ', 8, []],
    ['what lies between a call that is asked about and a sequential one, but not that', 'aqQ', 8, [1]],
    ['a sequential call before one that somebody is asked about', 'Qa', 8, [0]],
    ['what comes after calls that a client runs, sequential or not', 'cCrRq', 8, [4]],
    ['a sequential call beside those that a client runs', 'crQ', 8, [2]],
    ['as many as a sub-agent that waits leaves slots', 'gqq', 2, [1]],
    ['nothing beside a sequential sub-agent that waits', 'Gq', 8, []],
  ])('grants %s', (_, letters, max, granted) => {
    expect(grantable(calls(letters), max)).toEqual(granted);
  });

  const step = fc
    .array(fc.constantFrom(...'puacrqxgsqqPUACRQXGSQ'), { maxLength: 9 })
    .map((letters) => letters.join(''));

  it('grants what a naive reading of the rule grants, for any step', () => {
    fc.assert(
      fc.property(step, fc.integer({ min: 1, max: 4 }), (letters, max) => {
        expect(grantable(calls(letters), max)).toEqual(naive(letters, max));
      }),
      { numRuns: 5_000 },
    );
  });

  it('grants nothing more once what it granted runs', () => {
    fc.assert(
      fc.property(step, fc.integer({ min: 1, max: 4 }), (letters, max) => {
        const granted = new Set(grantable(calls(letters), max));
        const running = [...letters].map((letter, index) =>
          granted.has(index) ? (letter === 'q' ? 'x' : 'X') : letter,
        );
        expect(grantable(calls(running.join('')), max)).toEqual([]);
      }),
    );
  });

  it('never leaves a step without anything to wait for', () => {
    fc.assert(
      fc.property(step, fc.integer({ min: 1, max: 4 }), (letters, max) => {
        if (!/q/i.test(letters) || /[puaxg]/i.test(letters)) return;
        expect(grantable(calls(letters), max)).not.toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Grants one call at a time, asking of each by itself whether it may start now. */
function naive(letters: string, max: number): readonly number[] {
  const now = [...letters];
  const mayStart = (index: number) => {
    const isSequential = (letter: string) => letter === letter.toUpperCase();
    const running = now.filter((letter) => /[xg]/i.test(letter));
    const before = now.slice(0, index);
    if (now[index]?.toLowerCase() !== 'q' || running.length >= max) return false;
    if (before.some((letter) => /[pqUA]/.test(letter) || letter === 'P' || letter === 'Q')) return false;
    if (running.some(isSequential)) return false;
    return !isSequential(now[index] ?? '') || (running.length === 0 && !before.some((letter) => /[ua]/.test(letter)));
  };
  const granted: number[] = [];
  for (let index = 0; index < now.length; index += 1) {
    if (!mayStart(index)) continue;
    granted.push(index);
    now[index] = now[index] === 'q' ? 'x' : 'X';
  }
  return granted;
}
