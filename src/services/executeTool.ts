import { type EffectScope, effect } from '../effects.ts';
import type { ToolOutcome } from '../events.ts';
import { createFailure, describeError } from '../failure.ts';
import { toJson } from '../json.ts';
import type { ExecuteToolInput, ExecuteToolOutput } from '../machines/contracts.ts';
import { messagesOf } from '../machines/history.ts';
import { toolReports } from '../machines/reports.ts';
import type { ToolCallPart } from '../messages.ts';
import { type Validation, validate } from '../schema.ts';
import { isThenable } from '../thenable.ts';
import { type AnyTool, Retry, type ToolRun } from '../tool.ts';
import { backoffDelay, defaultBackoff } from './retryPolicy.ts';
import type { Toolbox } from './toolbox.ts';
import { cut, defaultMaxOutputChars, toToolOutput } from './toolOutput.ts';

export interface ExecuteToolOptions {
  /** A longer output is cut in the middle. In characters. @default 100_000 */
  readonly maxOutputChars?: number;
  /** Whether the model reads the message of what a tool threw. @default true */
  readonly detailedToolErrors?: boolean;
  /** From 0 to 1, for the jitter. @default Math.random */
  readonly random?: () => number;
  /** What tools get as `run.context` where no session has one for them. */
  readonly context?: unknown;
}

type Scope = EffectScope<ExecuteToolInput, string>;
type Failed = ToolOutcome & { type: 'failed' };

/** One attempt to run a tool, as an actor. */
export function executeTool({ byName, inputs }: Toolbox, options: ExecuteToolOptions = {}) {
  const { maxOutputChars = defaultMaxOutputChars, detailedToolErrors = true, random = Math.random } = options;
  const again = (tool: AnyTool, outcome: Failed, attempt: number): ExecuteToolOutput => {
    const delayMs = backoffDelay({ ...defaultBackoff, ...tool.retry }, attempt, random());
    return { type: 'failed', outcome, delayMs, maxAttempts: tool.retry?.maxAttempts ?? 1 };
  };
  const completed = (value: unknown): ExecuteToolOutput => {
    const output = toToolOutput(value, maxOutputChars);
    if (output.type === 'error') return { type: 'settled', outcome: failed('tool_threw', output.value, output.value) };
    return { type: 'settled', outcome: { type: 'completed', output } };
  };
  const threw = (tool: AnyTool, error: unknown, attempt: number): ExecuteToolOutput => {
    if (error instanceof Retry) {
      const output = { type: 'text' as const, value: cut(error.hint, maxOutputChars) };
      return { type: 'settled', outcome: { type: 'completed', output, retry: true } };
    }
    const { name, message } = describeError(error);
    const shown = detailedToolErrors ? `The tool failed: ${cut(message, maxOutputChars)}` : 'The tool failed.';
    return again(tool, failed('tool_threw', message, shown, name), attempt);
  };
  return effect<ExecuteToolInput, ExecuteToolOutput, string>(
    'executeTool',
    (scope) => {
      const { call, attempt } = scope.input;
      const tool = byName.get(call.toolName);
      if (tool === undefined) return { type: 'settled', outcome: unavailable(call.toolName) };
      try {
        const running = run(tool, inputs, call, describeRun(scope, options.context));
        const result = tool.timeoutMs === undefined ? running : within(tool, tool.timeoutMs, running, scope);
        if (!isThenable(result)) return completed(result);
        return Promise.resolve(result).then(
          (value) => (value === timedOut ? again(tool, late(tool), attempt) : completed(value)),
          (error) => threw(tool, error, attempt),
        );
      } catch (error) {
        return threw(tool, error, attempt);
      }
    },
    toolReports,
  );
}

function run(tool: AnyTool, inputs: Toolbox['inputs'], call: ToolCallPart, about: ToolRun): unknown {
  const execute = tool.execute as ((input: unknown, run: ToolRun) => unknown) | undefined;
  if (execute === undefined) throw new TypeError(`The tool "${tool.name}" runs outside: it has no execute.`);
  if (inputs.has(call)) {
    const input = inputs.get(call);
    // an attempt may change its input: the next one gets its own
    inputs.delete(call);
    return execute(input, about);
  }
  const runChecked = (checked: Validation) => {
    if (!checked.valid) throw new TypeError(checked.reason);
    return execute(checked.value, about);
  };
  const checked = validate(tool.input, toJson(call.input));
  return checked instanceof Promise ? checked.then(runChecked) : runChecked(checked);
}

const timedOut = Symbol('timed out');

/** A tool that ignores its signal does not hold the call. */
function within(tool: AnyTool, timeoutMs: number, running: unknown, scope: Scope): unknown {
  if (!isThenable(running)) return running;
  const tooLate = new Promise<typeof timedOut>((resolve) => {
    scope.after(timeoutMs, () => {
      resolve(timedOut);
      scope.abort(new DOMException(`The tool "${tool.name}" timed out.`, 'TimeoutError'));
    });
  });
  return Promise.race([running, tooLate]);
}

function describeRun(scope: Scope, context: unknown): ToolRun {
  const { sessionId, turnId, step, call, idempotencyKey, history } = scope.input;
  return {
    context: scope.context ?? context,
    sessionId,
    turnId,
    step,
    toolCallId: call.toolCallId,
    idempotencyKey,
    get messages() {
      return messagesOf(history);
    },
    get signal() {
      return scope.signal;
    },
    progress: (text) => scope.report(String(text)),
  };
}

function failed(code: string, message: string, shown: string, name?: string): Failed {
  return {
    type: 'failed',
    output: { type: 'error', value: shown },
    failure: createFailure({ type: 'tool', code, message, retryable: false, ...(name !== undefined && { name }) }),
  };
}

function late(tool: AnyTool): Failed {
  const message = `The tool did not end within ${tool.timeoutMs} ms.`;
  const shown = `Timed out: ${message} It may have taken effect; check before repeating it.`;
  return { ...failed('tool_timed_out', message, shown), synthesized: 'timed_out' };
}

/** Only after a restart: the tool was there when the call was prepared, and had begun. */
function unavailable(name: string): Failed {
  const message = `Interrupted: the process ended while "${name}" was running, and there is no such tool any more. It may have taken effect.`;
  return { ...failed('unknown_tool', message, message), synthesized: 'interrupted' };
}
