import type { Json } from '../../json.ts';
import type { JsonSchema } from '../../schema.ts';

/** What the API knows of a schema. */
const keywords: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'anyOf', 'allOf', 'enum', 'const', '$ref'],
  ...['$defs', 'description', 'title', 'default', 'format', 'minItems'],
]);
/** What only narrows: the API refuses it, so it is told in words. */
const narrowing: ReadonlySet<string> = new Set([
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'pattern'],
  ...['maxItems', 'uniqueItems', 'minItems', 'format', 'minProperties', 'maxProperties', 'examples'],
]);
const formats: ReadonlySet<Json> = new Set([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'],
]);

/**
 * The schema as the API makes a model keep to it: objects closed, and what it cannot hold a model to said in the
 * descriptions. Nothing where it cannot be said: open objects, schemas that contain themselves, other keywords.
 */
export function toOutputFormat(schema: JsonSchema): JsonSchema | undefined {
  return containsItself(schema) ? undefined : close(schema);
}

function close(schema: Json | undefined): JsonSchema | undefined {
  if (!isObject(schema)) return undefined;
  const closed: Record<string, Json> = {};
  const words: string[] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    if (isInWords(keyword, value)) {
      words.push(`${keyword}: ${JSON.stringify(value)}`);
      continue;
    }
    const told = keywords.has(keyword) ? closeKeyword(keyword, value) : undefined;
    if (told === undefined) return undefined;
    closed[keyword] = told;
  }
  if (words.length > 0) closed.description = [schema.description, `{${words.join(', ')}}`].filter(Boolean).join(' ');
  if (schema.type !== 'object' && schema.properties === undefined) return closed;
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== false) return undefined;
  return { ...closed, additionalProperties: false };
}

function isInWords(keyword: string, value: Json): boolean {
  if (keyword === 'format') return !formats.has(value);
  return keyword === 'minItems' ? value !== 0 && value !== 1 : narrowing.has(keyword);
}

function closeKeyword(keyword: string, value: Json): Json | undefined {
  switch (keyword) {
    case 'properties':
    case '$defs':
      return isObject(value) ? closeAll(value) : undefined;
    case 'items':
      return close(value);
    case 'anyOf':
    case 'allOf': {
      const branches = Array.isArray(value) ? value.map(close) : [undefined];
      return branches.every((branch) => branch !== undefined) ? branches : undefined;
    }
    case '$ref':
      return typeof value === 'string' && value.startsWith('#/$defs/') ? value : undefined;
    default:
      return value;
  }
}

function closeAll(schemas: JsonSchema): JsonSchema | undefined {
  const closed: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const told = close(schema);
    if (told === undefined) return undefined;
    closed[name] = told;
  }
  return closed;
}

/** Whether a definition leads back to itself. */
function containsItself(schema: JsonSchema): boolean {
  const definitions = isObject(schema.$defs) ? schema.$defs : {};
  const leadsBack = (name: string, path: readonly string[]): boolean =>
    path.includes(name) || refsIn(definitions[name]).some((next) => leadsBack(next, [...path, name]));
  return Object.keys(definitions).some((name) => leadsBack(name, []));
}

function refsIn(schema: Json | undefined): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(refsIn);
  if (!isObject(schema)) return [];
  return Object.entries(schema).flatMap(([keyword, value]) =>
    keyword === '$ref' && typeof value === 'string' ? [value.replace('#/$defs/', '')] : refsIn(value),
  );
}

function isObject(value: Json | undefined): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
