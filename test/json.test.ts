import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, parseModelJson, toJson } from '../src/json.ts';

/** Any JSON; -0 left out, which JSON.stringify writes as 0. */
const json = fc
  .jsonValue({ noUnicodeString: false, maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json);

describe('parseModelJson', () => {
  it('reads any JSON as it was written', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(parseModelJson(JSON.stringify(value))).toEqual(value);
      }),
    );
  });

  it('reads any JSON that is indented, fenced or surrounded by space', () => {
    const wrap = fc.constantFrom(
      (text: string) => `\`\`\`json\n${text}\n\`\`\``,
      (text: string) => `\`\`\`\n${text}\n\`\`\`\n`,
      (text: string) => `  \n\`\`\`JSON\n${text}\`\`\``,
      (text: string) => `\n ${text}\t`,
    );
    fc.assert(
      fc.property(json, wrap, fc.constantFrom(0, 2), (value, around, indent) => {
        expect(parseModelJson(around(JSON.stringify(value, null, indent)))).toEqual(value);
      }),
    );
  });

  it('reads any JSON with commas before closing brackets, whatever its texts contain', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(',', ' ,', ',\n '), (value, comma) => {
        expect(parseModelJson(withTrailingCommas(value, comma))).toEqual(value);
      }),
    );
  });

  it('takes nothing for {}, and nothing else', () => {
    for (const nothing of ['', ' ', '\n\t ']) expect(parseModelJson(nothing)).toEqual({});
  });

  it('never gives {} for a text that says something else', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]",:1a`\n \\'.split('')), minLength: 1, maxLength: 12 }),
        (text) => {
          const value = parseModelJson(text);
          const isEmptyObject = value !== undefined && JSON.stringify(value) === '{}';
          if (isEmptyObject)
            expect(text.replace(/^\s*```[a-z]*\s*\n|\n?\s*```\s*$/g, '').replace(/\s/g, '')).toMatch(/^(\{\})?$/);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('gives undefined for JSON that was cut anywhere before its end', () => {
    const cut = fc.dictionary(fc.string(), json, { minKeys: 1 }).chain((value) => {
      const text = JSON.stringify(value);
      return fc.integer({ min: 1, max: text.length - 1 }).map((end) => text.slice(0, end));
    });
    fc.assert(
      fc.property(cut, (text) => {
        expect(parseModelJson(text)).toBeUndefined();
      }),
    );
  });

  it('gives undefined or what JSON.parse gives, where nothing had to be mended', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const value = parseModelJson(text);
        try {
          expect(value).toEqual(JSON.parse(text));
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
        }
      }),
    );
  });

  it.each([
    '{,}',
    '[,]',
    '[1,,]',
    '[,1]',
    '{"a":1,,}',
    ',',
    '{"a":,}',
    '[1,]]',
    "{'a':1}",
    '{a:1}',
    '// x\n{}',
    'null,',
  ])('does not guess what this was meant to be: %s', (text) => {
    expect(parseModelJson(text)).toBeUndefined();
  });

  it('keeps null, false, 0 and the empty text apart from nothing', () => {
    for (const value of [null, false, 0, '']) expect(parseModelJson(JSON.stringify(value))).toBe(value);
    expect(parseModelJson('```json\nnull\n```')).toBeNull();
  });

  it('reads a property called __proto__ as a property', () => {
    const value = parseModelJson('{"__proto__":{"admin":true},}') as { readonly admin?: boolean };
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value.admin).toBeUndefined();
  });

  it('takes no longer than the text is long for texts that are made to be slow', () => {
    const slow = [
      '"'.repeat(50_000),
      '\\'.repeat(50_000),
      ', '.repeat(50_000),
      `{${' '.repeat(50_000)}`,
      '```\n'.repeat(20_000),
    ];
    const start = performance.now();
    for (const text of slow) expect(parseModelJson(text)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('toJson', () => {
  it('gives any JSON back as it is', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(toJson(value)).toEqual(value);
      }),
    );
  });

  it('gives what JSON.stringify and JSON.parse would give, for anything that it takes', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withSparseArray: true,
          withNullPrototype: true,
          withBigInt: true,
          withDate: true,
          withMap: true,
        }),
        (value) => {
          let given: Json;
          try {
            given = toJson(value);
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError);
            return;
          }
          expect(JSON.stringify(given)).toBe(JSON.stringify(value));
          expect(hasOnlyJson(given)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('copies, so that changing the one changes not the other', () => {
    const value = { list: [{ a: 1 }] };
    const copy = toJson(value);
    value.list[0] = { a: 2 };
    value.list.push({ a: 3 });
    expect(copy).toEqual({ list: [{ a: 1 }] });
  });

  it('leaves out properties that are undefined', () => {
    expect(Object.keys(toJson({ a: undefined, b: 1 }) as object)).toEqual(['b']);
  });

  it('takes one object in two places, which is no cycle', () => {
    const shared = { a: 1 };
    expect(toJson([shared, { shared }])).toEqual([{ a: 1 }, { shared: { a: 1 } }]);
  });

  const cycle: { self?: unknown } = {};
  cycle.self = [cycle];
  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'the value is undefined'],
    ['a function', { run: () => {} }, 'the value.run is a function'],
    ['a symbol', [Symbol('x')], 'the value[0] is a symbol'],
    ['a BigInt', { n: 1n }, 'the value.n is a bigint'],
    ['NaN', [[Number.NaN]], 'the value[0][0] is NaN'],
    ['Infinity', -Number.POSITIVE_INFINITY, 'the value is -Infinity'],
    ['a date', { at: new Date(0) }, 'the value.at is a Date'],
    ['an instance', new (class Cat {})(), 'the value is a Cat'],
    ['an undefined item', [1, undefined], 'the value[1] is undefined'],
    ['a hole', Object.assign([1], { 2: 1 }), 'the value[1] is undefined'],
    ['a cycle', cycle, 'the value.self[0] contains itself'],
  ])('says where it found what JSON has no word for: %s', (_, value, message) => {
    expect(() => toJson(value)).toThrow(new TypeError(message));
  });

  it('calls the value what it is told to', () => {
    expect(() => toJson({ at: new Date(0) }, 'the output')).toThrow('the output.at is a Date');
  });
});

function withTrailingCommas(value: Json, comma: string): string {
  if (Array.isArray(value)) {
    const items = value.map((item: Json) => withTrailingCommas(item, comma));
    return items.length === 0 ? '[]' : `[${items.join(',')}${comma}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, item]) => `${JSON.stringify(key)}:${withTrailingCommas(item, comma)}`,
    );
    return entries.length === 0 ? '{}' : `{${entries.join(',')}${comma}}`;
  }
  return JSON.stringify(value);
}

function hasOnlyJson(value: unknown): boolean {
  if (value === null || ['string', 'boolean'].includes(typeof value)) return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return false;
  return Array.isArray(value) ? Array.from(value).every(hasOnlyJson) : Object.values(value).every(hasOnlyJson);
}
