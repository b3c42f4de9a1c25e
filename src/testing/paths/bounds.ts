import { createHistory, type History } from '../../machines/history.ts';
import { defaultLimits } from '../../machines/policies.ts';
import type { SessionMachineInput } from '../../machines/sessionMachine.ts';
import type { TurnMachineInput } from '../../machines/turnMachine.ts';
import { type Message, userMessage } from '../../messages.ts';

/** How far paths go, and what of the machines is in use. A machine without bounds has infinitely many. */
export interface PathBounds {
  /** Model calls per turn: `limits.maxSteps`. @default 2 */
  readonly steps: number;
  /** Attempts of a model call: `modelRetry.maxAttempts`. @default 2 */
  readonly attempts: number;
  /** Tools that a step asks for at most. @default 2 */
  readonly tools: number;
  /** Attempts of a tool. @default 2 */
  readonly toolAttempts: number;
  /** Steps in a row in which a tool fails: `limits.consecutiveToolErrors`. @default 3 */
  readonly toolErrors: number;
  /** Calls of tools that fail in a turn: `limits.totalToolErrors`. @default 100, which no path comes to */
  readonly totalToolErrors: number;
  /** Tools that run at the same time: `limits.maxParallelTools`. @default 8 */
  readonly parallelTools: number;
  /** How often tools may ask to be called again, and answers be rejected: `retries`. @default 1 */
  readonly retries: number;
  /** Turns of a session, the running one included. @default 2 */
  readonly turns: number;
  /** What may happen beside what happens in every turn. @default `turnPaths()`: each in paths of its own; else none */
  readonly features: readonly PathFeature[];
}

/**
 * What a turn has only where somebody has asked for it: tools that need approval, are run by clients or stand for agents;
 * guardrails, of answers and tools; steps that are prepared; output of a form; pauses, for more steps and money, or of
 * them extensions only, or spending; compaction; calls that the model repeats.
 */
export type PathFeature = (typeof pathFeatures)[number];
export const pathFeatures = [
  'approvals',
  'clients',
  'agents',
  'guardrails',
  'preparation',
  'output',
  'pauses',
  'extensions',
  'spending',
  'compaction',
  'repetition',
] as const;

export const defaultBounds: PathBounds = {
  steps: 2,
  attempts: 2,
  tools: 2,
  toolAttempts: 2,
  toolErrors: defaultLimits.consecutiveToolErrors,
  totalToolErrors: 100,
  parallelTools: 8,
  retries: 1,
  turns: 2,
  features: [],
};

/** What an answer uses that is over budget, in tokens; all others use one. Far less than a model takes in. */
export const overBudget = 100;

/** When a turn has taken too long, in ms; longer than any retry and question of a path takes. */
export const maxDurationMs = 1_000_000;

/** Equal calls in a row that end a turn. */
export const repeatedCalls = 4;

/** What every answer costs; more than a turn may cost that pauses for it. */
export const cost = 1;

/** Of the output of a tool that completes at length: more characters than tokens fit into the model's window. */
export const lengthy = 'So it goes. '.repeat(400);

/** What of a conversation is never shortened, and what of it fits into the model. */
export const keepMessages = 1;
export const contextWindow = lengthy.length / 4;

/** The input of a turn that keeps these bounds. */
export function turnInput(bounds: PathBounds): TurnMachineInput {
  const has = (feature: PathFeature) => bounds.features.includes(feature);
  return {
    limits: {
      maxSteps: bounds.steps,
      maxParallelTools: bounds.parallelTools,
      maxTokens: overBudget - 1,
      maxDurationMs,
      consecutiveToolErrors: bounds.toolErrors,
      totalToolErrors: bounds.totalToolErrors,
      repeatedCalls,
      ...((has('pauses') || has('extensions')) && { lastStep: 'ask' }),
      ...((has('pauses') || has('spending')) && { softCost: cost - 1 }),
    },
    modelRetry: { maxAttempts: bounds.attempts },
    retries: bounds.retries,
    compaction: has('compaction') && { keepMessages, contextWindow },
    ...(has('preparation') && { preparesSteps: true, guardsInput: true }),
    ...(has('output') && { output: {} }),
  };
}

export function sessionInput(bounds: PathBounds): SessionMachineInput {
  return { sessionId: 'session', turn: turnInput(bounds), history: historyBefore(bounds) };
}

/** What was said before a path begins: something to be shortened, where that is what it is about. */
export function historyBefore({ features }: PathBounds): History {
  if (!features.includes('compaction')) return createHistory([]);
  return createHistory(earlier, { measured: { tokens: 1, length: earlier.length } });
}

const earlier: readonly Message[] = [
  userMessage('Message 0', 'message-0'),
  {
    role: 'assistant',
    id: 'turn-0.1.1',
    content: [{ type: 'tool-call', toolCallId: 'call_0', toolName: 'tool', input: { number: 0 } }],
  },
  {
    role: 'tool',
    id: 'turn-0.1.results',
    content: [
      { type: 'tool-result', toolCallId: 'call_0', toolName: 'tool', output: { type: 'text', value: lengthy } },
    ],
  },
  { role: 'assistant', id: 'turn-0.2.1', content: [{ type: 'text', text: 'Well, so it was.' }] },
];

/** @throws TypeError naming the bound that is wrong */
export function checkBounds(bounds: Partial<PathBounds>): PathBounds {
  const known = { ...defaultBounds, ...bounds };
  for (const [name, value] of Object.entries<unknown>(known)) {
    if (!(name in defaultBounds)) {
      throw new TypeError(
        `turnPaths(): there is no bound \`${name}\`. Known: ${Object.keys(defaultBounds).join(', ')}.`,
      );
    }
    if (name === 'features') {
      checkFeatures(value);
      continue;
    }
    const least = name === 'retries' ? 0 : 1;
    if (!Number.isInteger(value) || Number(value) < least) {
      throw new TypeError(`turnPaths(): \`${name}\` must be a whole number from ${least}, not ${String(value)}.`);
    }
  }
  return known;
}

function checkFeatures(features: unknown): void {
  const list: readonly unknown[] = Array.isArray(features) ? features : [features];
  const names: readonly unknown[] = pathFeatures;
  for (const feature of list) {
    if (Array.isArray(features) && names.includes(feature)) continue;
    throw new TypeError(`turnPaths(): there is no feature \`${String(feature)}\`. Known: ${pathFeatures.join(', ')}.`);
  }
}
