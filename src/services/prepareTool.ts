import { type EffectScope, effect } from '../effects.ts';
import type { ToolOutcome } from '../events.ts';
import { createFailure, describeError } from '../failure.ts';
import { type Json, toJson } from '../json.ts';
import type { GuardrailReport, PrepareToolInput, PrepareToolOutput } from '../machines/contracts.ts';
import { maxDepth } from '../machines/delegation.ts';
import { type Validation, validate } from '../schema.ts';
import { isThenable } from '../thenable.ts';
import type { AnyTool, Run } from '../tool.ts';
import { describeRun } from './describeRun.ts';
import { ask, type Guardrails } from './guardrails.ts';
import type { Toolbox } from './toolbox.ts';

export interface PrepareToolOptions {
  readonly guardrails?: Pick<Guardrails, 'tool'>;
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
export function prepareTool({ byName, agents, inputs }: Toolbox, options: PrepareToolOptions = {}) {
  const { tool: guardrails = [] } = options.guardrails ?? {};
  const ready = (tool: AnyTool, value: unknown, asks: boolean, guarded: Guarded): PrepareToolOutput => {
    const agent = agents.get(tool.name);
    return {
      type: 'ready',
      sequential: tool.sequential ?? false,
      ...(tool.idempotent && { idempotent: true as const }),
      ...(asks && { approval: { ...options.approval } }),
      ...(agent !== undefined && { agent: { name: agent.name, prompt: promptOf(value), options: agent.options } }),
      ...(tool.execute === undefined && agent === undefined && { isClientSide: true as const }),
      ...guarded,
    };
  };
  const decide = (tool: AnyTool, value: unknown, scope: Scope, guarded: Guarded = {}): Step => {
    inputs.set(scope.input.call, value);
    if (typeof tool.approval !== 'function') return ready(tool, value, tool.approval ?? false, guarded);
    const asks = needsApproval(tool.approval, value, describeRun(scope, options.context));
    return isThenable(asks)
      ? Promise.resolve(asks).then((answer) => ready(tool, value, answer, guarded))
      : ready(tool, value, asks, guarded);
  };
  const guard = async (tool: AnyTool, value: unknown, scope: Scope): Promise<PrepareToolOutput> => {
    const { toolName, input } = scope.input.call;
    const run = describeRun(scope, options.context);
    const seen = (changed: Json) => ({ toolName, input: changed });
    const { denied, rewritten, reports } = await ask('tool', guardrails, seen(input), run, seen);
    const reported = reports.length > 0 ? { reports } : {};
    if (denied !== undefined) return { type: 'refused', outcome: notLetThrough(denied), ...reported };
    if (rewritten === undefined) return decide(tool, value, scope, reported);
    const changed = toJson(rewritten.value, 'what a guardrail gave');
    const checked = await validate(tool.input, toJson(changed));
    return checked.valid
      ? decide(tool, checked.value, scope, { ...reported, input: changed })
      : { ...misfit(tool, checked.reason), ...reported };
  };
  const judge = (tool: AnyTool, validation: Validation, scope: Scope): Step => {
    if (!validation.valid) return misfit(tool, validation.reason);
    return (guardrails.length === 0 ? decide : guard)(tool, validation.value, scope);
  };
  return effect<PrepareToolInput, PrepareToolOutput>('prepareTool', (scope) => {
    const { call } = scope.input;
    const tool = byName.get(call.toolName);
    if (tool === undefined) return refuse('unknown_tool', unknownTool(call.toolName, [...byName.keys()]));
    if (tool.agent !== undefined && scope.input.depth >= maxDepth) return refuse('too_deep', tooDeep(tool));
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

/** What guardrails have made of a call. */
type Guarded = Pick<PrepareToolOutput & { type: 'ready' }, 'input' | 'reports'>;

function notLetThrough({ name, reason }: GuardrailReport): ToolOutcome {
  return {
    type: 'denied',
    output: { type: 'error', value: `Denied: the guardrail "${name}" did not let this call through. ${reason}` },
    reason: `The guardrail "${name}" did not let it through: ${reason}`,
    synthesized: 'denied',
  };
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

/** What the agent is asked that the tool stands for. */
function promptOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'prompt' in value ? String(value.prompt) : '';
}

function tooDeep({ name }: AnyTool): string {
  return `"${name}" was not called: agents may be nested ${maxDepth} deep, and this one is that deep already.`;
}

function misfit(tool: AnyTool, reason: string): PrepareToolOutput {
  return refuse('invalid_tool_input', `The input of "${tool.name}" does not fit its schema: ${reason}`);
}

function refuse(code: 'unknown_tool' | 'invalid_tool_input' | 'too_deep', message: string): PrepareToolOutput {
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
