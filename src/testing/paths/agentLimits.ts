import type { AgentOptions } from '../../agent.ts';
import { defaultAttempts, defaultLimits, defaultRetries } from '../../machines/policies.ts';
import type { Model, Usage } from '../../model.ts';
import { defaultBounds, overBudget, type PathBounds } from './bounds.ts';

/** What an agent is made of; who answers is the path's business, so of a model only its name counts. */
export type PathAgentOptions = Omit<AgentOptions, 'model'> & {
  /** What `pricing` is asked about; it is not called. @default a scripted one */
  readonly model?: Pick<Model, 'provider' | 'modelId'>;
};

/**
 * How far an agent lets paths go: as far as its own limits, and no further than paths need to come by everything, which
 * takes two of each. With tighter limits than its own, {@link agentSubject} plays an agent that has those.
 *
 * @example
 * ```ts
 * const { smoke } = turnPaths(boundsOf({ tools: [weather], limits: { maxSteps: 1 } }));
 * ```
 */
export function boundsOf(options: PathAgentOptions): PathBounds {
  const own = limitsOf(options);
  return {
    ...defaultBounds,
    steps: Math.min(own.steps, defaultBounds.steps),
    attempts: Math.min(own.attempts, defaultBounds.attempts),
    toolAttempts: Math.min(own.toolAttempts, defaultBounds.toolAttempts),
    parallelTools: own.parallelTools,
    retries: Math.min(own.retries, defaultBounds.retries),
  };
}

type Limits = Pick<PathBounds, 'steps' | 'attempts' | 'toolAttempts' | 'parallelTools' | 'retries'>;

function limitsOf({ limits, modelRetry, retries, tools = [] }: PathAgentOptions): Limits {
  return {
    steps: limits?.maxSteps ?? defaultLimits.maxSteps,
    attempts: modelRetry?.maxAttempts ?? defaultAttempts.maxAttempts,
    toolAttempts: Math.max(1, ...tools.map(({ retry }) => retry?.maxAttempts ?? 1)),
    parallelTools: limits?.maxParallelTools ?? defaultLimits.maxParallelTools,
    retries: retries ?? defaultRetries,
  };
}

/** What the agent calls it; how often a tool runs again is its own business, and looked at call by call. */
const optionNames = {
  steps: 'limits.maxSteps',
  attempts: 'modelRetry.maxAttempts',
  parallelTools: 'limits.maxParallelTools',
  retries: 'retries',
} as const satisfies Partial<Record<keyof Limits, string>>;

/** Which bound lets a path go further than the agent goes; nothing where none does. */
export function boundTooWide(bounds: PathBounds, options: PathAgentOptions): string | undefined {
  const own = limitsOf(options);
  for (const [name, option] of Object.entries(optionNames) as [keyof typeof optionNames, string][]) {
    if (bounds[name] > own[name])
      return `its bound \`${name}\` is ${bounds[name]}, and the agent's \`${option}\` ${own[name]}`;
  }
  return undefined;
}

/** The agent with limits as tight as those of a path. */
export function tightened(options: PathAgentOptions, bounds: PathBounds): PathAgentOptions {
  const { tools = [], limits, modelRetry } = options;
  return {
    ...options,
    limits: { ...limits, maxSteps: bounds.steps, maxParallelTools: bounds.parallelTools },
    modelRetry: { ...modelRetry, maxAttempts: bounds.attempts },
    retries: bounds.retries,
    tools: tools.map((tool) => {
      const { retry } = tool;
      if (retry === undefined || retry.maxAttempts <= bounds.toolAttempts) return tool;
      return { ...tool, retry: { ...retry, maxAttempts: bounds.toolAttempts } };
    }),
  };
}

/** A usage that is more than the agent may spend in a turn; nothing where it may spend anything. */
export function overspendingUsage({ limits, pricing, model }: PathAgentOptions): Usage | undefined {
  const { maxTokens, maxCost } = limits ?? {};
  if (maxTokens !== undefined) {
    return { inputTokens: Math.max(overBudget, Math.floor(maxTokens) + 1), outputTokens: 0 };
  }
  if (maxCost === undefined || pricing === undefined) return undefined;
  for (let inputTokens = overBudget; inputTokens <= Number.MAX_SAFE_INTEGER; inputTokens *= 10) {
    const usage = { inputTokens, outputTokens: 0 };
    const cost = pricing(model ?? scripted, usage);
    if (cost !== undefined && cost > maxCost) return usage;
  }
  return undefined;
}

/** Who answers where nobody is named. */
export const scripted: Pick<Model, 'provider' | 'modelId'> = { provider: 'scripted', modelId: 'path' };
