import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import type { Json } from './json.ts';

/** A JSON Schema document (draft 2020-12 where we make it). */
export type JsonSchema = { readonly [key: string]: Json };

/**
 * A schema that validates and can describe itself as JSON Schema: any
 * [Standard Schema](https://standardschema.dev) with its JSON Schema extension, zod 4.2 or newer among them.
 */
export interface StandardSchema<T = unknown> {
  readonly '~standard': StandardSchemaV1.Props<unknown, T> & StandardJSONSchemaV1.Props<unknown, T>;
}

/** A schema that exists only as JSON, as MCP servers send it. Whoever made it validates: we only pass it on. */
export interface RawSchema {
  readonly jsonSchema: JsonSchema;
}

/** What tools and structured output are described with. */
export type Schema<T = unknown> = StandardSchema<T> | RawSchema;

/** The value a schema gives. */
export type InferSchema<S extends Schema> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer O }
    ? O
    : unknown
  : Json;

/** What came of checking a value: the value, possibly changed by the schema, or what is wrong with it. */
export type Validation =
  | { readonly valid: true; readonly value: unknown }
  | { readonly valid: false; readonly reason: string };

/** Whether this is a schema that we can use; the reason where it is not. */
export function schemaProblem(schema: unknown): string | undefined {
  if (typeof schema !== 'object' && typeof schema !== 'function') return 'it is not a schema';
  if (schema === null) return 'it is not a schema';
  if ('jsonSchema' in schema && !('~standard' in schema)) {
    return typeof schema.jsonSchema === 'object' && schema.jsonSchema !== null
      ? undefined
      : 'jsonSchema is not an object';
  }
  if (!('~standard' in schema)) return 'it is neither a Standard Schema (zod 4, …) nor { jsonSchema }';
  const standard = schema['~standard'];
  if (typeof standard !== 'object' || standard === null || !('validate' in standard)) return 'it cannot validate';
  if (!('jsonSchema' in standard)) return 'it cannot describe itself as JSON Schema (zod can from 4.2 on)';
  return undefined;
}

/**
 * The JSON Schema of what may be put in.
 *
 * @throws what the schema library throws for a schema that has no JSON form.
 */
export function toJsonSchema(schema: Schema): JsonSchema {
  if ('jsonSchema' in schema) return schema.jsonSchema;
  const { $schema: _dialect, ...rest } = schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' });
  return rest as JsonSchema;
}

/** Checks a value; a promise only where the schema itself is asynchronous. */
export function validate(schema: Schema, value: unknown): Validation | Promise<Validation> {
  if ('jsonSchema' in schema) return { valid: true, value };
  const result = schema['~standard'].validate(value);
  // not instanceof: a promise of another realm, read as a result, would have no issues
  return 'then' in result ? Promise.resolve(result).then(toValidation) : toValidation(result);
}

function toValidation(result: StandardSchemaV1.Result<unknown>): Validation {
  if (result.issues === undefined) return { valid: true, value: result.value };
  return { valid: false, reason: result.issues.map(describeIssue).join('; ') };
}

function describeIssue(issue: StandardSchemaV1.Issue): string {
  const path = issue.path?.map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
  return path ? `${path}: ${issue.message}` : issue.message;
}
