import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { toOutputFormat } from '../../src/adapters/anthropic/outputFormat.ts';
import { type JsonSchema, toJsonSchema } from '../../src/schema.ts';

const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const closed = { ...city, additionalProperties: false };

describe('a schema that a model is held to', () => {
  test.each<[what: string, schema: JsonSchema, sent: JsonSchema]>([
    ['closes its objects, at any depth', { type: 'array', items: city }, { type: 'array', items: closed }],
    ['closes an object without properties', { type: 'object' }, { type: 'object', additionalProperties: false }],
    [
      'keeps what is optional',
      { type: 'object', properties: { a: { type: 'string', format: 'date' }, b: { enum: ['x', null] } } },
      {
        type: 'object',
        properties: { a: { type: 'string', format: 'date' }, b: { enum: ['x', null] } },
        additionalProperties: false,
      },
    ],
    [
      'says in words what the API cannot hold a model to',
      { type: 'number', description: 'A share.', minimum: 0, maximum: 1 },
      { type: 'number', description: 'A share. {minimum: 0, maximum: 1}' },
    ],
    [
      'says a form in words that the API does not know',
      { type: 'string', format: 'isbn', pattern: '^9' },
      { type: 'string', description: '{format: "isbn", pattern: "^9"}' },
    ],
    [
      'says in words how long a list must be, beyond the one',
      {
        anyOf: [
          { type: 'array', minItems: 1 },
          { type: 'array', minItems: 2 },
        ],
      },
      {
        anyOf: [
          { type: 'array', minItems: 1 },
          { type: 'array', description: '{minItems: 2}' },
        ],
      },
    ],
    [
      'keeps definitions that are used twice',
      { type: 'object', properties: { a: { $ref: '#/$defs/city' }, b: { $ref: '#/$defs/city' } }, $defs: { city } },
      {
        type: 'object',
        properties: { a: { $ref: '#/$defs/city' }, b: { $ref: '#/$defs/city' } },
        $defs: { city: closed },
        additionalProperties: false,
      },
    ],
    [
      'keeps a property that is named as a keyword is',
      { type: 'object', properties: { minimum: { type: 'number' } } },
      { type: 'object', properties: { minimum: { type: 'number' } }, additionalProperties: false },
    ],
  ])('%s', (_what, schema, sent) => {
    expect(toOutputFormat(schema)).toEqual(sent);
  });

  test.each<[what: string, schema: JsonSchema]>([
    ['has open objects', { type: 'object', additionalProperties: { type: 'number' } }],
    ['has open objects within', { type: 'array', items: { type: 'object', additionalProperties: true } }],
    ['contains itself', { $ref: '#/$defs/a', $defs: { a: { type: 'array', items: { $ref: '#/$defs/a' } } } }],
    [
      'contains itself by way of another',
      {
        $ref: '#/$defs/a',
        $defs: { a: { type: 'array', items: { $ref: '#/$defs/b' } }, b: { anyOf: [{ $ref: '#/$defs/a' }] } },
      },
    ],
    ['refers to the whole', { type: 'object', properties: { again: { $ref: '#' } } }],
    ['refers to elsewhere', { $ref: 'https://example.com/schema.json' }],
    ['says what must not be', { not: { type: 'string' } }],
    ['has parts that are no schemas', { type: 'array', items: true }],
  ])('is none where it %s', (_what, schema) => {
    expect(toOutputFormat(schema)).toBeUndefined();
  });

  test('is made of what zod makes', () => {
    const schema = z.object({ name: z.string().min(1), age: z.int().optional(), tags: z.array(z.email()) });
    expect(toOutputFormat(toJsonSchema(schema))).toMatchObject({
      type: 'object',
      required: ['name', 'tags'],
      additionalProperties: false,
    });
    expect(toOutputFormat(toJsonSchema(z.record(z.string(), z.number())))).toBeUndefined();
  });
});
