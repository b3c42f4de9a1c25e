import { effect } from '../effects.ts';
import { createFailure, describeError } from '../failure.ts';
import { toJson } from '../json.ts';
import type { PrepareToolInput, PrepareToolOutput } from '../machines/contracts.ts';
import { type Validation, validate } from '../schema.ts';
import type { AnyTool } from '../tool.ts';
import type { Toolbox } from './toolbox.ts';

/** Looks up the tool of a call and checks the input, as an actor. */
export function prepareTool({ byName, inputs }: Toolbox) {
  return effect<PrepareToolInput, PrepareToolOutput>('prepareTool', ({ input: { call } }) => {
    const tool = byName.get(call.toolName);
    if (tool === undefined) return refuse('unknown_tool', unknownTool(call.toolName, [...byName.keys()]));
    if (call.invalid) {
      return refuse('invalid_tool_input', `The input is not valid JSON: ${excerpt(String(call.input))}`);
    }
    const keep = (value: unknown) => inputs.set(call, value);
    try {
      // a copy: the tool may change it, and the call stands in the history
      const checked = validate(tool.input, toJson(call.input));
      return checked instanceof Promise
        ? checked.then(
            (validation) => judge(tool, validation, keep),
            (error) => brokenSchema(tool, error),
          )
        : judge(tool, checked, keep);
    } catch (error) {
      return brokenSchema(tool, error);
    }
  });
}

function judge(tool: AnyTool, validation: Validation, keep: (input: unknown) => void): PrepareToolOutput {
  if (!validation.valid) {
    return refuse('invalid_tool_input', `The input of "${tool.name}" does not fit its schema: ${validation.reason}`);
  }
  keep(validation.value);
  return { type: 'ready', sequential: tool.sequential ?? false };
}

function brokenSchema(tool: AnyTool, error: unknown): PrepareToolOutput {
  return refuse(
    'invalid_tool_input',
    `The input of "${tool.name}" could not be checked: ${describeError(error).message}`,
  );
}

function refuse(code: 'unknown_tool' | 'invalid_tool_input', message: string): PrepareToolOutput {
  return {
    type: 'refused',
    outcome: {
      type: 'failed',
      output: { type: 'error', value: message },
      failure: createFailure({ type: 'tool', code, message, retryable: false }),
    },
  };
}

function unknownTool(name: string, known: readonly string[]): string {
  const list = known.length === 0 ? 'There are no tools.' : `The tools are: ${known.join(', ')}.`;
  return `There is no tool "${name}". ${list}`;
}

function excerpt(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
