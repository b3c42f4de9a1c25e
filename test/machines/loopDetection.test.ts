import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recent, repeats, signatureOf } from '../../src/machines/loopDetection.ts';

describe('the signature of a call', () => {
  const of = (input: Parameters<typeof signatureOf>[0]['input'], toolName = 'look') => signatureOf({ toolName, input });

  it.each<[string, Parameters<typeof of>[0], Parameters<typeof of>[0]]>([
    ['whatever the order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['whatever the order of keys within', { a: { x: [{ p: 1, q: 2 }], y: 0 } }, { a: { y: 0, x: [{ q: 2, p: 1 }] } }],
    ['for empty inputs', {}, {}],
    ['for texts', 'x', 'x'],
    ['for null', null, null],
  ])('is the same %s', (_, one, other) => {
    expect(of(one)).toBe(of(other));
  });

  it.each<[string, Parameters<typeof of>[0], Parameters<typeof of>[0]]>([
    ['another value', { a: 1 }, { a: 2 }],
    ['another key', { a: 1 }, { b: 1 }],
    ['a key more', { a: 1 }, { a: 1, b: 1 }],
    ['another order of a list', [1, 2], [2, 1]],
    ['a number as a text', { a: 1 }, { a: '1' }],
    ['a list for an object', ['a'], { 0: 'a' }],
    ['null for nothing', { a: null }, {}],
    ['what looks like the end of a key', { 'a":1,"b': 2 }, { a: 1, b: 2 }],
    ['what looks like the end of an item', ['a","b'], ['a', 'b']],
  ])('is another one for %s', (_, one, other) => {
    expect(of(one)).not.toBe(of(other));
  });

  it('is another one for another tool', () => {
    expect(of({ a: 1 })).not.toBe(of({ a: 1 }, 'find'));
    expect(of('b', 'look a')).not.toBe(of('a b', 'look'));
  });

  it('tells any two inputs apart that are not equal, and no others', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
        const [a, b] = [asJson(one), asJson(other)];
        expect(of(a)).toBe(of(asJson(a)));
        expect(of(a) === of(b)).toBe(isEqual(a, b));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('how often a call repeats itself', () => {
  it.each<[calls: string, times: number]>([
    ['A', 1],
    ['AA', 2],
    ['AAA', 3],
    ['AAAAA', 5],
    ['AB', 1],
    ['ABC', 1],
    ['AAB', 1],
    ['BAA', 2],
    ['ABA', 2],
    ['ABAB', 2],
    ['ABABA', 3],
    ['ABABAB', 3],
    ['ABABABA', 4],
    ['ABABABABA', 5],
    ['CABAB', 2],
    ['CABABA', 3],
    ['ABABB', 2],
    ['ABABC', 1],
    ['ABCABCABC', 1],
    ['AABAAB', 1],
    ['AAABA', 2],
    ['BBBAAA', 3],
  ])('%s ends with %i', (calls, times) => {
    expect(repeats([...calls])).toBe(times);
  });

  it('is as often as a naive count says', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('A', 'B', 'C'), { minLength: 1, maxLength: 14 }), (calls) => {
        expect(repeats(calls)).toBe(Math.max(inARow(calls), inPairs(calls)));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([2, 3, 5])('is known from the recent calls alone, up to the limit of %i', (limit) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('A', 'B'), { minLength: 1, maxLength: 30 }), (calls) => {
        const all = repeats(calls);
        const few = repeats([...recent(calls.slice(0, -1), limit), ...calls.slice(-1)]);
        expect(Math.min(few, limit)).toBe(Math.min(all, limit));
        expect(Math.min(few, 3)).toBe(Math.min(all, 3));
      }),
      { numRuns: 1_000 },
    );
  });
});

function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key as never], b[key as never]));
}

/** The length of the row of equal calls at the end. */
function inARow(calls: readonly string[]): number {
  let count = 1;
  while (count < calls.length && calls.at(-1 - count) === calls.at(-1)) count += 1;
  return count;
}

/** How often the last call stands at the end in turn with the one before it. */
function inPairs(calls: readonly string[]): number {
  const [before, last] = calls.slice(-2);
  if (last === undefined) return 1;
  let length = 2;
  while (length < calls.length && calls.at(-1 - length) === (length % 2 === 0 ? last : before)) length += 1;
  return Math.ceil(length / 2);
}
