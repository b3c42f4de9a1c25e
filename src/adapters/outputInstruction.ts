import type { JsonSchema } from '../schema.ts';

/** What a model is told where nothing makes it keep to a schema. */
export function outputInstruction(schema: JsonSchema): string {
  return `Answer with nothing but JSON, without a code fence around it, that is valid against this JSON Schema:\n${JSON.stringify(schema)}`;
}
