import type { Json } from '../../json.ts';
import type { JsonSchema } from '../../schema.ts';

/** What there is to fill a schema with. */
interface Known {
  /** The question. */
  readonly text: string;
  /** What tools have given. */
  readonly values: readonly Json[];
}

/**
 * JSON that fits a simple schema. A field gets what a tool gave under the same name; else numbers and quoted words of the
 * question, in their order; else, where it is a text, what the model would have said.
 */
export function fillSchema(schema: JsonSchema, known: Known, says: string): string {
  return JSON.stringify(createFiller(known, says)(schema, ''), undefined, 2);
}

function createFiller({ text, values }: Known, says: string): (schema: JsonSchema, name: string) => Json {
  const numbers = [
    ...values.filter((value) => typeof value === 'number'),
    ...(text.match(/(?<![\w.])-?\d+(?:\.\d+)?/g) ?? []).map(Number),
  ];
  const quotes = [...text.matchAll(/["“`]([^"”`\n]+)["”`]/g)].map(([, quoted = '']) => quoted);

  const fill = (schema: JsonSchema, name: string): Json => {
    if (schema.const !== undefined) return schema.const;
    if (Array.isArray(schema.enum)) return choose(schema.enum, text);
    const [choice] = [schema.anyOf, schema.oneOf].flatMap((choices) => schemasIn(choices));
    if (choice !== undefined) return fill(choice, name);
    const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
    const given = values.map((value) => fieldOf(value, name)).find((value) => value !== undefined && isOf(type, value));
    if (given !== undefined) return given;
    switch (type) {
      case 'number':
      case 'integer':
        return within(schema, type === 'integer' ? Math.round(numbers.shift() ?? 0) : (numbers.shift() ?? 0));
      case 'boolean':
        return new RegExp(`\\b${name.replace(/\W/g, '')}\\b`, 'i').test(text);
      case 'array':
        return schemasIn([schema.items ?? {}]).map((items) => fill(items, name));
      case 'object':
        return Object.fromEntries(
          Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
            schemasIn([value]).map((property) => [key, fill(property, key)]),
          ),
        );
      case 'null':
        return null;
      default:
        return (quotes.shift() ?? says).slice(0, typeof schema.maxLength === 'number' ? schema.maxLength : undefined);
    }
  };
  return fill;
}

/** The one that the question names, or else the first. */
function choose(choices: readonly Json[], text: string): Json {
  const isNamed = (choice: Json) => text.toLowerCase().includes(String(choice).toLowerCase());
  return choices.find(isNamed) ?? choices[0] ?? null;
}

function within({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: JsonSchema, value: number): number {
  const least =
    typeof minimum === 'number' ? minimum : typeof exclusiveMinimum === 'number' ? exclusiveMinimum + 1 : value;
  const most =
    typeof maximum === 'number' ? maximum : typeof exclusiveMaximum === 'number' ? exclusiveMaximum - 1 : value;
  return Math.min(Math.max(value, least), Math.max(least, most));
}

function isOf(type: Json | undefined, value: Json): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  return typeof value === type && value !== null && !Array.isArray(value);
}

function fieldOf(value: Json, name: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function schemasIn(value: Json | undefined): readonly JsonSchema[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: Json): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
