import type { Json } from 'turnchart';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { toStrictSchema } from '../../src/adapters/openai/strictSchema.ts';
import { toJsonSchema } from '../../src/schema.ts';

test('closes the objects of a schema that a model can be made to keep to', () => {
  const schema = toJsonSchema(
    z.object({
      city: z.string().describe('Where'),
      unit: z.enum(['C', 'F']).nullable(),
      days: z.array(z.object({ day: z.int().min(1), note: z.union([z.string(), z.null()]) })),
      kind: z.literal('forecast'),
    }),
  );
  const strict = toStrictSchema(schema);
  expect(strict).toMatchObject({
    additionalProperties: false,
    required: ['city', 'unit', 'days', 'kind'],
    properties: {
      city: { type: 'string', description: 'Where' },
      days: { items: { additionalProperties: false, required: ['day', 'note'] } },
    },
  });
});

test('changes nothing of the schema that it is given', () => {
  const schema = { type: 'object', properties: {} };
  expect(toStrictSchema(schema)).toEqual({ ...schema, required: [], additionalProperties: false });
  expect(schema).toEqual({ type: 'object', properties: {} });
});

test('keeps schemas that refer to themselves', () => {
  const node = {
    type: 'object',
    properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
    required: ['next'],
  };
  const strict = toStrictSchema({ ...node, $defs: { node } });
  expect(strict?.$defs).toMatchObject({ node: { additionalProperties: false } });
});

const object = (properties: { readonly [name: string]: Json }, more: object = {}) => {
  return { type: 'object', properties, required: Object.keys(properties), ...more };
};

test.each<[what: string, schema: { readonly [key: string]: Json }]>([
  ['an optional property', object({ a: { type: 'string' } }, { required: [] })],
  ['an optional property deep inside', object({ a: { type: 'array', items: object({ b: {} }, { required: [] }) } })],
  ['an open object', object({}, { additionalProperties: true })],
  ['a record', object({ a: { type: 'object', additionalProperties: { type: 'string' } } })],
  ['a default', object({ a: { type: 'string', default: 'x' } })],
  ['allOf', object({ a: { allOf: [{ type: 'string' }] } })],
  ['a format that is not known there', object({ a: { type: 'string', format: 'uri' } })],
  ['a pattern that looks ahead', object({ a: { type: 'string', pattern: '^(?!x)' } })],
  ['no object at its root', { type: 'string' }],
  ['alternatives at its root', { anyOf: [object({}), object({})] }],
  ['a keyword that nobody knows', object({ a: { type: 'string', 'x-order': 1 } })],
])('gives nothing for a schema with %s', (_what, schema) => {
  expect(toStrictSchema(schema)).toBeUndefined();
});
