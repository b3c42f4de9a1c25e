import type { SessionMachineInput } from '../../machines/sessionMachine.ts';
import type { TurnMachineInput } from '../../machines/turnMachine.ts';

/** How far paths go. A machine without bounds has infinitely many. */
export interface PathBounds {
  /** Model calls per turn: `limits.maxSteps`. @default 2 */
  readonly steps: number;
  /** Attempts of a model call: `modelRetry.maxAttempts`. @default 2 */
  readonly attempts: number;
  /** Tools that a step asks for at most. @default 2 */
  readonly tools: number;
  /** Attempts of a tool. @default 2 */
  readonly toolAttempts: number;
  /** Tools that run at the same time: `limits.maxParallelTools`. @default 8 */
  readonly parallelTools: number;
  /** How often tools may ask to be called again: `retries`. @default 1 */
  readonly retries: number;
  /** Turns of a session, the running one included. @default 2 */
  readonly turns: number;
}

export const defaultBounds: PathBounds = {
  steps: 2,
  attempts: 2,
  tools: 2,
  toolAttempts: 2,
  parallelTools: 8,
  retries: 1,
  turns: 2,
};

/** What an answer uses that is over budget, in tokens; all others use one. */
export const overBudget = 1_000;

/** When a turn has taken too long, in ms; longer than any retry of a path takes. */
export const maxDurationMs = 1_000_000;

/** The input of a turn that keeps these bounds. */
export function turnInput(bounds: PathBounds): TurnMachineInput {
  return {
    limits: {
      maxSteps: bounds.steps,
      maxParallelTools: bounds.parallelTools,
      maxTokens: overBudget - 1,
      maxDurationMs,
    },
    modelRetry: { maxAttempts: bounds.attempts },
    retries: bounds.retries,
  };
}

export function sessionInput(bounds: PathBounds): SessionMachineInput {
  return { sessionId: 'session', turn: turnInput(bounds) };
}

/** @throws TypeError naming the bound that is wrong */
export function checkBounds(bounds: Partial<PathBounds>): PathBounds {
  const known = { ...defaultBounds, ...bounds };
  for (const [name, value] of Object.entries(known)) {
    if (!(name in defaultBounds)) {
      throw new TypeError(
        `turnPaths(): there is no bound \`${name}\`. Known: ${Object.keys(defaultBounds).join(', ')}.`,
      );
    }
    const least = name === 'retries' ? 0 : 1;
    if (!Number.isInteger(value) || value < least) {
      throw new TypeError(`turnPaths(): \`${name}\` must be a whole number from ${least}, not ${String(value)}.`);
    }
  }
  return known;
}
