import type { OutputForm } from '../events.ts';
import { type Schema, toJsonSchema } from '../schema.ts';

/**
 * What the machines are told of the form of an answer.
 *
 * @throws TypeError for a schema that has no JSON Schema form
 */
export function outputForm(schema: Schema | undefined): OutputForm {
  if (schema === undefined) return {};
  try {
    return { schema: toJsonSchema(schema) };
  } catch (error) {
    throw new TypeError('`output` has no JSON Schema form.', { cause: error });
  }
}
