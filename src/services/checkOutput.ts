import { effect } from '../effects.ts';
import { createFailure, describeError } from '../failure.ts';
import { parseModelJson, toJson } from '../json.ts';
import type { CheckOutputInput, CheckOutputOutput } from '../machines/contracts.ts';
import { type Schema, toJsonSchema, validate } from '../schema.ts';
import { Retry, type Run } from '../tool.ts';
import { callUser } from './callUser.ts';
import { describeRun } from './describeRun.ts';
import { outputForm } from './outputForm.ts';

/**
 * Looks at an output that fits its schema. What it returns takes its place; with `throw new Retry('hint')` the model is
 * asked again.
 */
export type ValidateOutput = (output: never, run: Run<never>) => unknown;

export interface CheckOutputOptions {
  /** The form of the answer. @default none: the output is its text */
  readonly output?: Schema;
  /** @default every output that fits its schema is taken */
  readonly validateOutput?: ValidateOutput;
  /** Schemas of turns that have one of their own. */
  readonly outputs?: OutputSchemas;
  /** What user functions get as `run.context` where no session has one for them. */
  readonly context?: unknown;
}

/** Schemas by turn: they do not travel as JSON. After a restart any JSON is taken for an answer to such a turn. */
export type OutputSchemas = Map<string, Schema>;

/** Reads the answer in the form that was asked for, as an actor. */
export function checkOutput({ output, validateOutput, outputs, context }: CheckOutputOptions) {
  const own = JSON.stringify(outputForm(output).schema);
  const schemaOf = ({ turnId, schema }: CheckOutputInput): Schema | undefined => {
    const known = outputs?.get(turnId);
    if (known !== undefined || schema === undefined || JSON.stringify(schema) === own) return known ?? output;
    return { jsonSchema: schema };
  };
  return effect<CheckOutputInput, CheckOutputOutput>('checkOutput', async (scope) => {
    const { text } = scope.input;
    const schema = schemaOf(scope.input);
    const read = schema === undefined ? { value: text } : await readAs(schema, text);
    if ('hint' in read) return { type: 'rejected', hint: read.hint };
    try {
      const run = describeRun(scope, context) as Run<never>;
      const corrected = await callUser('validateOutput', () => validateOutput?.(read.value as never, run));
      return corrected === undefined ? accept(read.value, 'the schema') : accept(corrected, '`validateOutput`');
    } catch (error) {
      if (error instanceof Retry) return { type: 'rejected', hint: error.hint };
      throw error;
    }
  });
}

function accept(value: unknown, from: string): CheckOutputOutput {
  try {
    return { type: 'accepted', output: toJson(value, 'the output') };
  } catch (error) {
    const message = `What ${from} made of the answer is no JSON: ${describeError(error).message}. Have it give texts, numbers, lists and plain objects only.`;
    return { type: 'failed', failure: createFailure({ type: 'invalid_output', code: 'output_not_json', message }) };
  }
}

/** Says the form once more: there are servers that pass over a schema without a word. */
function notJson(schema: Schema): string {
  return `The answer must be JSON that is valid against this JSON Schema, and nothing else: ${JSON.stringify(toJsonSchema(schema))}`;
}

async function readAs(schema: Schema, text: string): Promise<{ readonly value: unknown } | { readonly hint: string }> {
  const value = text.trim() === '' ? undefined : parseModelJson(text);
  if (value === undefined) return { hint: notJson(schema) };
  const checked = await validate(schema, value);
  if (checked.valid) return { value: checked.value };
  return {
    hint: `The answer does not have the form that was asked for: ${checked.reason}. Answer again, in that form.`,
  };
}
