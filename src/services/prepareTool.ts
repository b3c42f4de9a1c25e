import { type EffectScope, effect } from '../effects.ts';
import { createFailure, describeError } from '../failure.ts';
import { toJson } from '../json.ts';
import type { PrepareToolInput, PrepareToolOutput } from '../machines/contracts.ts';
import { type Validation, validate } from '../schema.ts';
import { isThenable } from '../thenable.ts';
import type { AnyTool, Run } from '../tool.ts';
import { describeRun } from './describeRun.ts';
import type { Toolbox } from './toolbox.ts';

export interface PrepareToolOptions {
  readonly approval?: {
    /** How long a person may take to answer, in ms; then the answer is no. @default none */
    readonly timeoutMs?: number;
  };
  /** What user functions get as `run.context` where no session has one for them. */
  readonly context?: unknown;
}

type Scope = EffectScope<PrepareToolInput, never>;
type Step = PrepareToolOutput | Promise<PrepareToolOutput>;

/** Looks up the tool of a call, checks the input, and whether somebody has to be asked, as an actor. */
export function prepareTool({ byName, inputs }: Toolbox, options: PrepareToolOptions = {}) {
  const ready = (tool: AnyTool, asks: boolean): PrepareToolOutput => ({
    type: 'ready',
    sequential: tool.sequential ?? false,
    ...(tool.idempotent && { idempotent: true as const }),
    ...(asks && { approval: { ...options.approval } }),
    ...(tool.execute === undefined && { isClientSide: true as const }),
  });
  const decide = (tool: AnyTool, value: unknown, scope: Scope): Step => {
    inputs.set(scope.input.call, value);
    if (typeof tool.approval !== 'function') return ready(tool, tool.approval ?? false);
    const asks = needsApproval(tool.approval, value, describeRun(scope, options.context));
    return isThenable(asks) ? Promise.resolve(asks).then((answer) => ready(tool, answer)) : ready(tool, asks);
  };
  const judge = (tool: AnyTool, validation: Validation, scope: Scope): Step =>
    validation.valid
      ? decide(tool, validation.value, scope)
      : refuse('invalid_tool_input', `The input of "${tool.name}" does not fit its schema: ${validation.reason}`);
  return effect<PrepareToolInput, PrepareToolOutput>('prepareTool', (scope) => {
    const { call } = scope.input;
    const tool = byName.get(call.toolName);
    if (tool === undefined) return refuse('unknown_tool', unknownTool(call.toolName, [...byName.keys()]));
    if (call.invalid) {
      return refuse('invalid_tool_input', `The input is not valid JSON: ${excerpt(String(call.input))}`);
    }
    try {
      // a copy: the tool may change it, and the call stands in the history
      const checked = validate(tool.input, toJson(call.input));
      return checked instanceof Promise
        ? checked.then(
            (validation) => judge(tool, validation, scope),
            (error) => brokenSchema(tool, error),
          )
        : judge(tool, checked, scope);
    } catch (error) {
      return brokenSchema(tool, error);
    }
  });
}

/** One that cannot say no says yes: a tool that somebody should have been asked about must not run. */
function needsApproval(
  approval: Exclude<AnyTool['approval'], boolean | undefined>,
  input: unknown,
  run: Run,
): boolean | Promise<boolean> {
  try {
    const answer: unknown = (approval as (input: unknown, run: Run) => unknown)(input, run);
    if (!isThenable(answer)) return answer !== false;
    return Promise.resolve(answer).then(
      (value) => value !== false,
      () => true,
    );
  } catch {
    return true;
  }
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
