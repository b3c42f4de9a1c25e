import type { AgentOptions } from '../../agent.ts';
import { defaultAttempts, defaultLimits, defaultRetries } from '../../machines/policies.ts';
import type { Model, Usage } from '../../model.ts';
import { preparesSteps } from '../../services/prepareStep.ts';
import type { AnyTool } from '../../tool.ts';
import { defaultBounds, keepMessages, overBudget, type PathBounds, type PathFeature } from './bounds.ts';

/**
 * What an agent is made of. Who answers is the path's business, so of a model only its name counts; and what, so that
 * answers are of no form.
 */
export type PathAgentOptions = Omit<AgentOptions, 'model' | 'output' | 'validateOutput'> & {
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
    toolErrors: Math.min(own.toolErrors, defaultBounds.toolErrors),
    totalToolErrors: own.totalToolErrors,
    parallelTools: own.parallelTools,
    retries: Math.min(own.retries, defaultBounds.retries),
    features: featuresOf(options),
  };
}

/** What the agent has of all that a turn may have, but for compaction: nearly every agent has it, and it multiplies paths. */
function featuresOf(options: PathAgentOptions): readonly PathFeature[] {
  const { tools = [] } = options;
  return [
    ...(tools.some(needsApproval) ? (['approvals'] as const) : []),
    ...(tools.some(isClientSide) ? (['clients'] as const) : []),
    ...(tools.some(({ agent }) => agent !== undefined) ? (['agents'] as const) : []),
    ...(preparesSteps(options) ? (['preparation'] as const) : []),
    ...(options.limits?.lastStep === 'ask' ? (['extensions'] as const) : []),
    ...(options.limits?.softCost !== undefined && costsAnything(options) ? (['spending'] as const) : []),
  ];
}

function costsAnything({ pricing, model = scripted }: PathAgentOptions): boolean {
  return (pricing?.(model, { inputTokens: 1, outputTokens: 0 }) ?? 0) > 0;
}

export function needsApproval({ approval = false }: AnyTool): boolean {
  return approval !== false;
}

export function isClientSide({ execute, agent }: AnyTool): boolean {
  return execute === undefined && agent === undefined;
}

type Limits = Pick<
  PathBounds,
  'steps' | 'attempts' | 'toolAttempts' | 'toolErrors' | 'totalToolErrors' | 'parallelTools' | 'retries'
>;

function limitsOf({ limits, modelRetry, retries, tools = [] }: PathAgentOptions): Limits {
  return {
    steps: limits?.maxSteps ?? defaultLimits.maxSteps,
    attempts: modelRetry?.maxAttempts ?? defaultAttempts.maxAttempts,
    toolAttempts: Math.max(1, ...tools.map(({ retry }) => retry?.maxAttempts ?? 1)),
    toolErrors: limits?.consecutiveToolErrors ?? defaultLimits.consecutiveToolErrors,
    totalToolErrors: limits?.totalToolErrors ?? defaultBounds.totalToolErrors,
    parallelTools: limits?.maxParallelTools ?? defaultLimits.maxParallelTools,
    retries: retries ?? defaultRetries,
  };
}

/** What the agent calls it; how often a tool runs again is its own business, and looked at call by call. */
const optionNames = {
  steps: 'limits.maxSteps',
  attempts: 'modelRetry.maxAttempts',
  toolErrors: 'limits.consecutiveToolErrors',
  totalToolErrors: 'limits.totalToolErrors',
  parallelTools: 'limits.maxParallelTools',
  retries: 'retries',
} as const satisfies Partial<Record<keyof Limits, string>>;

/** Which bound lets a path go further than the agent goes; nothing where none does. */
export function boundTooWide(
  bounds: PathBounds,
  options: PathAgentOptions,
  features: readonly PathFeature[],
): string | undefined {
  const own = limitsOf(options);
  const has = [...features, ...(options.compaction === false ? [] : (['compaction'] as const))];
  const missing = bounds.features.find((feature) => !has.includes(feature));
  if (missing !== undefined) return `it has to do with ${missing}, and paths of the agent do not`;
  if (has.includes('preparation') && !bounds.features.includes('preparation')) {
    return "its steps are not prepared, and the agent's are: bounds: { features: ['preparation'] }";
  }
  for (const [name, option] of Object.entries(optionNames) as [keyof typeof optionNames, string][]) {
    if (bounds[name] > own[name])
      return `its bound \`${name}\` is ${bounds[name]}, and the agent's \`${option}\` ${own[name]}`;
  }
  return undefined;
}

/** The agent with limits as tight as those of a path. */
export function tightened(options: PathAgentOptions, bounds: PathBounds): PathAgentOptions {
  const { tools = [], limits: { softCost: _, ...limits } = {}, modelRetry, compaction } = options;
  const { prompt } = compaction || {};
  return {
    ...options,
    compaction: bounds.features.includes('compaction') && { keepMessages, ...(prompt !== undefined && { prompt }) },
    limits: {
      ...limits,
      lastStep: bounds.features.includes('extensions') ? 'ask' : 'fail',
      ...(bounds.features.includes('spending') && { softCost: 0 }),
      maxSteps: bounds.steps,
      maxParallelTools: bounds.parallelTools,
      consecutiveToolErrors: bounds.toolErrors,
      totalToolErrors: bounds.totalToolErrors,
    },
    modelRetry: { ...modelRetry, maxAttempts: bounds.attempts },
    retries: bounds.retries,
    tools: tools.map((tool) => {
      // a path calls what it is given again and again
      const { retry, ...others } = { ...tool, repeatable: true };
      if (retry === undefined) return others;
      return { ...others, retry: { ...retry, maxAttempts: Math.min(retry.maxAttempts, bounds.toolAttempts) } };
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
