import type { Json } from '../../json.ts';
import type { JsonSchema } from '../../schema.ts';

/** What a strict schema may say, and what is not part of the schema. Anything else is refused by the API. */
const keywords: ReadonlySet<string> = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'anyOf', 'enum', 'const', '$ref', '$defs'],
  ...['definitions', 'description', 'title', 'pattern', 'format', 'minimum', 'maximum', 'exclusiveMinimum'],
  ...['exclusiveMaximum', 'multipleOf', 'minItems', 'maxItems'],
]);
const formats: ReadonlySet<Json> = new Set([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid'],
]);

/**
 * The schema as the API wants it for strict answers, its objects closed; nothing where it has optional properties, open
 * objects, or keywords that strict answers do not know.
 */
export function toStrictSchema(schema: JsonSchema): JsonSchema | undefined {
  return schema.type === 'object' ? close(schema) : undefined;
}

function close(schema: Json | undefined): JsonSchema | undefined {
  if (!isObject(schema)) return undefined;
  const closed: Record<string, Json> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    const strict = closeKeyword(keyword, value);
    if (strict === undefined) return undefined;
    closed[keyword] = strict;
  }
  if (schema.type !== 'object' && schema.properties === undefined) return closed;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const names = Object.keys(isObject(schema.properties) ? schema.properties : {});
  if (names.some((name) => !required.includes(name))) return undefined;
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== false) return undefined;
  return { ...closed, properties: closed.properties ?? {}, required: names, additionalProperties: false };
}

function closeKeyword(keyword: string, value: Json): Json | undefined {
  if (!keywords.has(keyword)) return undefined;
  switch (keyword) {
    case 'properties':
    case '$defs':
    case 'definitions':
      return isObject(value) ? closeAll(value) : undefined;
    case 'items':
      return close(value);
    case 'anyOf': {
      const branches = Array.isArray(value) ? value.map(close) : [undefined];
      return branches.every((branch) => branch !== undefined) ? branches : undefined;
    }
    case 'format':
      return formats.has(value) ? value : undefined;
    case 'pattern':
      // no lookaround there
      return typeof value === 'string' && !/\(\?[=!<]/.test(value) ? value : undefined;
    default:
      return value;
  }
}

function closeAll(schemas: JsonSchema): JsonSchema | undefined {
  const closed: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const strict = close(schema);
    if (strict === undefined) return undefined;
    closed[name] = strict;
  }
  return closed;
}

function isObject(value: Json | undefined): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
