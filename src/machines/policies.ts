/** The limits a turn keeps, as data, with their defaults. */

/** @see TurnLimits for the defaults */
export interface TurnLimits {
  /** Model calls per turn; when the last of them asks for tools these still run. @default 10 */
  readonly maxSteps: number;
  /**
   * What happens when the last step asks for tools: they run, and the turn fails; or the last step gets no tools, so
   * that the model must answer; or the turn waits for `session.extend()`. @default 'fail'
   */
  readonly lastStep: 'fail' | 'answer' | 'ask';
  /** Input plus output tokens per turn, failed attempts included. @default none */
  readonly maxTokens?: number;
  /** Money per turn, in the currency of `pricing`. @default none */
  readonly maxCost?: number;
  /** Money at which the turn waits for `session.resume()` before its next step. @default none */
  readonly softCost?: number;
  /** From `turn.started` to the end, in ms. @default none */
  readonly maxDurationMs?: number;
  /** Longest silence of a streaming model, in ms. @default 120_000 */
  readonly stallTimeoutMs: number;
  /** Tools that run at the same time. @default 8 */
  readonly maxParallelTools: number;
  /** Steps in a row in which a tool failed, at which the turn fails. @default 3 */
  readonly consecutiveToolErrors: number;
  /** Tool calls of a turn that failed, at which the turn fails. @default none */
  readonly totalToolErrors?: number;
  /** Equal tool calls in a row, or pairs of them, at which the turn fails; from the third on they are not run. @default 5 */
  readonly repeatedCalls: number;
}

export const defaultLimits: TurnLimits = {
  maxSteps: 10,
  lastStep: 'fail',
  stallTimeoutMs: 120_000,
  maxParallelTools: 8,
  consecutiveToolErrors: 3,
  repeatedCalls: 5,
};

/** How the model call of a step is repeated, as far as the machine decides it. */
export interface AttemptLimits {
  /** Attempts of one request in total. @default 3 */
  readonly maxAttempts: number;
  /** Whether to repeat a call whose answer was partly shown already. @default true */
  readonly retryAfterOutput: boolean;
}

export const defaultAttempts: AttemptLimits = { maxAttempts: 3, retryAfterOutput: true };

/** Hints by which tools may ask to be called again, per turn. */
export const defaultRetries = 1;

/** Tool calls of one step that can run: as many as there are names for their actors. */
export const maxToolCalls = 128;

/** A machine that takes more steps than this without an event is caught in a loop. */
export const maxIterations = 1_000;
