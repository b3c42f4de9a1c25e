import type { Json } from './json.ts';
import { redactText } from './redact.ts';

/** What kind of failure; closed, so that a `switch` over it is complete. */
export type FailureType = ModelFailureType | 'tool' | TurnFailureType;

/** Failures of a model call. */
export type ModelFailureType =
  | 'budget'
  | 'rate_limit'
  | 'provider_unavailable'
  | 'context_overflow'
  | 'auth'
  | 'unknown';

/** Failures of the turn itself. */
export type TurnFailureType =
  | 'max_steps'
  | 'tool_errors'
  | 'guardrail'
  | 'invalid_output'
  | 'repeated_calls'
  | 'timeout'
  | 'no_progress'
  | 'internal';

/** A failure as plain JSON: inside machines, events and journals. Callers are thrown an {@link AgentError}. */
export interface Failure {
  readonly type: FailureType;
  /** Finer than the type, open; repeats the type where nothing finer is known. Applications branch on it. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  /** The least delay that the provider asks for, in ms. */
  readonly retryAfterMs?: number;
  /** When the limit is lifted, in epoch ms. */
  readonly resetAt?: number;
  /** HTTP status. */
  readonly status?: number;
  readonly provider?: string;
  readonly model?: string;
  readonly requestId?: string;
  readonly attempt?: number;
  /** The class of the error that was thrown. */
  readonly name?: string;
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
