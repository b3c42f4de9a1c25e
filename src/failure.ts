import type { Json } from './json.ts';
import { redactText } from './redact.ts';

/** What kind of failure; closed, so that a `switch` over it is complete. */
export type FailureType =
  | ModelFailureType
  /**
   * A tool call failed: there is no such tool, its input does not fit, it threw or timed out. Comes with `tool.failed`
   * and `tool.retrying`, and fails no turn.
   *
   * The model reads the error as the result, and goes on. Let the tool say in its error what would work.
   */
  | 'tool'
  | TurnFailureType;

/** Failures of a model call. Each says what happened, then what helps. */
export type ModelFailureType =
  /**
   * More is spent than `limits.maxTokens` or `limits.maxCost` allows, or the provider says that quota or credit is spent.
   *
   * Raise the limit, or top up the account.
   */
  | 'budget'
  /**
   * The provider takes no more requests for now.
   *
   * Send again after `resetAt`, ask for less at a time, or allow more with `modelRetry`.
   */
  | 'rate_limit'
  /**
   * The provider is down or overloaded, the connection failed, or the answer broke off or stalled.
   *
   * Send again later. `withFallback` goes on with another model, `withBreaker` spares one that is down.
   */
  | 'provider_unavailable'
  /**
   * The conversation does not fit into the model's window, and could not be shortened for it, or not enough.
   *
   * Ask for less at once, leave `compaction` on, or use a model with a larger window.
   */
  | 'context_overflow'
  /**
   * The provider does not accept the key, or not for this model; or the function that gets the key got none.
   *
   * Check the key, and what it is allowed.
   */
  | 'auth'
  /**
   * Anything else that a provider or an adapter says.
   *
   * Read `code`, `message` and `cause`. A request that is wrong in itself stays wrong.
   */
  | 'unknown';

/** Failures of the turn itself. Each says what happened, then what helps. */
export type TurnFailureType =
  /**
   * The model still asks for tools after as many steps as `limits.maxSteps` allows. The tools of the last step have run.
   *
   * Raise `limits.maxSteps`, let `limits.lastStep` say 'answer' or 'ask', or send "go on": the results are in the
   * conversation.
   */
  | 'max_steps'
  /**
   * Tools asked to be called again, by throwing `Retry`, more often than `retries` allows; or they failed in as many steps
   * in a row as `limits.consecutiveToolErrors` says, or as often as `limits.totalToolErrors` does.
   *
   * Say in the tool's description what it needs, and in its errors what would work; or raise the limit.
   */
  | 'tool_errors'
  /**
   * A guardrail did not let the message through, or the answer. `cause` has its name, its stage and its reason.
   *
   * What was refused is not in the conversation: say it in another way.
   */
  | 'guardrail'
  /**
   * The answer is not of the form that was asked for, and `retries` are spent. `cause` has the last hint.
   *
   * Raise `retries`, ask for a simpler form, or describe its fields. Code `refused`: the provider withheld it;
   * `output_not_json`: the schema or `validateOutput` gives what is no JSON.
   */
  | 'invalid_output'
  /**
   * The model made the same tool call as many times in a row as `limits.repeatedCalls` says, though it was refused before.
   *
   * Mark a tool as `repeatable` that waits for something; let the results of others say what would help.
   */
  | 'repeated_calls'
  /**
   * The turn took longer than `limits.maxDurationMs`.
   *
   * Raise the limit, or ask for less at once.
   */
  | 'timeout'
  /**
   * The model paused its answer as often in one step as `limits.maxSteps` allows steps, and did not finish it.
   *
   * Send again; ask for less at once.
   */
  | 'no_progress'
  /**
   * The engine broke, or a service of your own that a machine was provided with.
   *
   * In a session this is a bug of Turnchart: report it, with `name` and `message`. The session takes the next message.
   */
  | 'internal';

/** A failure as plain JSON: inside machines, events and journals. Callers are thrown an {@link AgentError}. */
export interface Failure {
  /** What kind of failure. */
  readonly type: FailureType;
  /** Finer than the type, open; repeats the type where nothing finer is known. Applications branch on it. */
  readonly code: string;
  /** What happened, in words; keys are taken out of it. */
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The least delay that the provider asks for, in ms. */
  readonly retryAfterMs?: number;
  /** When the limit is lifted, in epoch ms. */
  readonly resetAt?: number;
  /** HTTP status. */
  readonly status?: number;
  /** Of the model that failed. */
  readonly provider?: string;
  /** The model's name at the provider. */
  readonly model?: string;
  /** The provider's name for the request; its support asks for it. */
  readonly requestId?: string;
  /** Of the step, from 1. */
  readonly attempt?: number;
  /** The class of the error that was thrown. */
  readonly name?: string;
  /** What the provider answered, or the numbers of a limit; keys are taken out of it. */
  readonly cause?: Json;
}

const retryableTypes: ReadonlySet<FailureType> = new Set(['rate_limit', 'provider_unavailable']);
const finalCodes: ReadonlySet<string> = new Set([
  'invalid_request',
  'model_not_found',
  'content_filter',
  'adapter_error',
]);

/**
 * A failure with the defaults filled in: `code` repeats the type; `retryable` holds for `rate_limit`,
 * `provider_unavailable`, and `unknown` unless its code says that the request itself is wrong.
 */
export function createFailure(failure: Pick<Failure, 'type' | 'message'> & Partial<Failure>): Failure {
  const code = failure.code ?? failure.type;
  const retryable = retryableTypes.has(failure.type) || (failure.type === 'unknown' && !finalCodes.has(code));
  return { retryable, ...failure, code };
}

/** What anything thrown says of itself, as data: never throws, whatever it is. */
export function describeError(error: unknown): { readonly name: string; readonly message: string } {
  try {
    if (error instanceof Error) return { name: String(error.name), message: redactText(String(error.message)) };
    return { name: typeof error, message: redactText(String(error)) };
  } catch {
    return { name: typeof error, message: 'something was thrown that has no words' };
  }
}

/**
 * What `agent.run()` and `turn.result` reject with; one `catch` of this class catches all of them.
 *
 * @example
 * ```ts
 * try {
 *   await agent.run('…');
 * } catch (error) {
 *   if (error instanceof AgentError && error.failure?.type === 'rate_limit') await later(error.failure.resetAt);
 *   else throw error;
 * }
 * ```
 */
export class AgentError extends Error {
  override readonly name: string = 'AgentError';
  /** What happened, as data; absent only when the turn was cancelled. */
  readonly failure: Failure | undefined;
  constructor(message: string, failure?: Failure) {
    super(message, failure?.cause === undefined ? undefined : { cause: failure.cause });
    this.failure = failure;
  }
}

/** The turn took all the steps it may take, and the model still asks for tools. */
export class MaxStepsError extends AgentError {
  override readonly name = 'MaxStepsError';
  readonly step: number;
  readonly limit: number;
  constructor(failure: Failure) {
    super(failure.message, failure);
    this.step = numberIn(failure.cause, 'step');
    this.limit = numberIn(failure.cause, 'limit');
  }
}

/** More than the turn's budget is spent, in tokens or in money; or the provider says that its own is. */
export class BudgetError extends AgentError {
  override readonly name = 'BudgetError';
  /** `NaN` where the provider's budget is meant, which it does not tell. */
  readonly spent: number;
  readonly limit: number;
  constructor(failure: Failure) {
    super(failure.message, failure);
    this.spent = numberIn(failure.cause, 'spent');
    this.limit = numberIn(failure.cause, 'limit');
  }
}

/** The provider failed, and retrying did not help or was not allowed. */
export class ModelCallError extends AgentError {
  override readonly name = 'ModelCallError';
}

/** Tools failed too often, or asked to be called again too often. */
export class ToolError extends AgentError {
  override readonly name = 'ToolError';
}

/** A guardrail refused. */
export class GuardrailError extends AgentError {
  override readonly name = 'GuardrailError';
}

/** The answer did not become valid within the retries. */
export class InvalidOutputError extends AgentError {
  override readonly name = 'InvalidOutputError';
}

/** The turn was cancelled. No failure: somebody wanted it. */
export class TurnCancelledError extends AgentError {
  override readonly name = 'TurnCancelledError';
  readonly reason: string | undefined;
  constructor(reason?: string) {
    super(reason === undefined ? 'The turn was cancelled.' : `The turn was cancelled: ${reason}`);
    this.reason = reason;
  }
}

/** The error of the family that a failure is thrown as. */
export function toAgentError(failure: Failure): AgentError {
  switch (failure.type) {
    case 'max_steps':
      return new MaxStepsError(failure);
    case 'budget':
      return new BudgetError(failure);
    case 'rate_limit':
    case 'provider_unavailable':
    case 'context_overflow':
    case 'auth':
    case 'unknown':
      return new ModelCallError(failure.message, failure);
    case 'tool':
    case 'tool_errors':
      return new ToolError(failure.message, failure);
    case 'guardrail':
      return new GuardrailError(failure.message, failure);
    case 'invalid_output':
      return new InvalidOutputError(failure.message, failure);
    case 'repeated_calls':
    case 'timeout':
    case 'no_progress':
    case 'internal':
      return new AgentError(failure.message, failure);
  }
}

function numberIn(cause: Json | undefined, key: string): number {
  if (typeof cause !== 'object' || cause === null || Array.isArray(cause)) return Number.NaN;
  const value = (cause as { readonly [key: string]: Json })[key];
  return typeof value === 'number' ? value : Number.NaN;
}
