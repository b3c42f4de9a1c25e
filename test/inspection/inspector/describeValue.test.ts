import { describe, expect, it } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { describeValue } from '../../../src/inspection/inspector/describeValue.ts';

class Point {
  readonly x = 1;
  readonly #y = 2;
  get sum(): number {
    return this.x + this.#y;
  }
}

describe('a value of any kind', () => {
  it('is itself where it is JSON', () => {
    const value = { text: 'a', list: [1, true, null, { deep: ['b'] }], none: undefined };
    expect(describeValue(value)).toEqual({ text: 'a', list: [1, true, null, { deep: ['b'] }] });
  });

  it.each([
    [undefined, '(undefined)'],
    [Number.NaN, '(NaN)'],
    [12n, '(12)'],
    [Symbol('s'), '(Symbol(s))'],
    [() => 1, '(function without a name)'],
    [new Date(0), '(Date) 1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), '(Date) null'],
    [new URL('http://localhost/a'), '(URL) http://localhost/a'],
    [new TypeError('no'), '(TypeError) no'],
    [new Uint8Array(3), '(Uint8Array of 3 bytes)'],
    [new Map([['a', 1]]), { '(Map of 1)': [['a', 1]] }],
    [new Set(['a']), { '(Set of 1)': ['a'] }],
    [new Point(), { x: 1 }],
    [Object.create(null), {}],
    [createActor(createMachine({}), { id: 'root' }), '(actor root)'],
  ])('is described: %s', (value, described) => {
    expect(describeValue(value)).toEqual(described);
  });

  it('may contain itself, and getters that throw', () => {
    const list = [1];
    const value: Record<string, unknown> = { name: 'a', twice: [list, list] };
    value.self = [value];
    Object.defineProperty(value, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    expect(describeValue(value)).toEqual({
      name: 'a',
      twice: [[1], [1]],
      self: ['(contains itself)'],
      bad: '(cannot be read)',
    });
  });

  it('is cut where it is too much', () => {
    const text = describeValue('x'.repeat(100_000)) as string;
    expect(text.length).toBeLessThan(21_000);
    expect(text).toMatch(/… \(100000 characters\)$/);
    const list = describeValue(Array.from({ length: 100_000 }, () => ({ a: 1 }))) as readonly unknown[];
    expect(list.length).toBeLessThan(5_000);
    expect(list.at(-1)).toMatch(/^\(\d+ more\)$/);
    const wide = describeValue(Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`k${index}`, 1])));
    expect(Object.entries(wide as object).at(-1)).toEqual(['…', '(more than can be shown)']);
    let deep: unknown = 'bottom';
    for (let depth = 0; depth < 20_000; depth += 1) deep = [deep];
    expect(JSON.stringify(describeValue(deep)).length).toBeLessThan(20_000);
  });
});
