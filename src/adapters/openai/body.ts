import type { ToolCallPart } from '../../messages.ts';
import type { JsonSchema } from '../../schema.ts';
import { toStrictSchema } from './strictSchema.ts';

/** Which schemas are to be kept to the letter: `true` all that qualify, `false` none, else those of the output. */
export type Strictness = boolean | undefined;

/** The schema of a tool, and whether the model must keep to it. */
export function toolSchema(schema: JsonSchema, strict: Strictness): { schema: JsonSchema; strict: boolean } {
  const closed = strict === true ? toStrictSchema(schema) : undefined;
  return { schema: closed ?? schema, strict: closed !== undefined };
}

/** As a tool's, but strict unless that is switched off: nothing else makes the model keep to it. */
export function outputSchema(
  schema: JsonSchema,
  strict: Strictness,
): { name: string; schema: JsonSchema; strict: boolean } {
  return { name: 'output', ...toolSchema(schema, strict ?? true) };
}

/** The arguments of a call as JSON text. What was no JSON is wrapped: servers that read it would refuse the whole conversation. */
export function argumentsOf({ input, invalid }: ToolCallPart): string {
  return JSON.stringify(invalid ? { invalid: input } : input);
}
