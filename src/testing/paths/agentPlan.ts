import type { Json } from '../../json.ts';
import type { CallModelOutput } from '../../machines/contracts.ts';
import type { Usage } from '../../model.ts';
import { boundTooWide, overspendingUsage, type PathAgentOptions } from './agentLimits.ts';
import type { TurnPath } from './path.ts';
import { type PathEvent, type ReadyHappening, readReady, readToolEvent, type ToolHappening } from './pathEvent.ts';
import { modelResult } from './results.ts';

/** A call that the model of an agent can make. */
export interface KnownCall {
  readonly name: string;
  readonly input: Json;
  readonly sequential: boolean;
  /** What comes of its preparation: whether somebody has to be asked, or it runs outside. */
  readonly kind: ReadyHappening;
  /** How often its tool is tried, in total. */
  readonly attempts: number;
}

/** What a path needs the outside to have in store, found by looking ahead. */
export interface AgentPlan {
  readonly path: TurnPath;
  /** What the model calls, by the index of the step in which it does. */
  readonly calls: ReadonlyMap<number, readonly PlannedCall[]>;
  /** What an answer uses that is over budget. */
  readonly overBudget: Usage | undefined;
}

export interface PlannedCall {
  readonly name: string;
  readonly input: Json;
  /** There is no such tool. */
  readonly isUnknown: boolean;
}

/** What the path makes of a call. */
interface Fate {
  readonly prepared?: ToolHappening;
  readonly failsForNow: boolean;
}

/** @returns a text where the agent cannot go this way: the reason, as part of a sentence */
export function planPath(path: TurnPath, options: PathAgentOptions, known: readonly KnownCall[]): AgentPlan | string {
  const overBudget = overspendingUsage(options);
  const problem = boundTooWide(path.bounds, options) ?? retryAfterOutput(path, options);
  if (problem !== undefined) return problem;
  for (const { event } of path.steps) {
    const reason = reasonAgainst(event, options, known, overBudget);
    if (reason !== undefined) return reason;
  }
  const calls = new Map<number, readonly PlannedCall[]>();
  for (const [index, { event }] of path.steps.entries()) {
    const planned: PlannedCall[] = [];
    for (let number = 1; number <= countCalls(event); number += 1) {
      const call = chooseCall(fateOf(path, index, number), number, path, known);
      if (typeof call === 'string') return call;
      planned.push(call);
    }
    calls.set(index, planned);
  }
  return { path, calls, overBudget };
}

/** Why something cannot happen to this agent at all; nothing where it may. */
export function reasonAgainst(
  event: PathEvent,
  { limits, approval }: PathAgentOptions,
  known: readonly KnownCall[],
  overBudget: Usage | undefined,
): string | undefined {
  const happening = readToolEvent(event)?.happening;
  if (event === 'model actor is in error') return 'only other logic than ours can bring the model actor into error';
  if (event === 'model call breaks' || happening === 'breaks') {
    return 'what calls models and runs tools catches whatever is thrown';
  }
  if (event === 'time is up' && limits?.maxDurationMs === undefined) return 'the agent has no `limits.maxDurationMs`';
  if (event.endsWith(', over budget') && overBudget === undefined) {
    return 'the agent has neither `limits.maxTokens` nor a `limits.maxCost` that its pricing reaches';
  }
  if (unarranged.has(event)) return "what the application's own functions say is not arranged";
  if (happening === undefined) return undefined;
  const ready = readReady(happening);
  if (ready?.runner === 'agent' || happening.endsWith('by a guardrail')) {
    return `"${event}" is not arranged: on the paths of an agent no tool stands for another one, and guardrails let all calls through`;
  }
  if (happening === 'is not approved in time' && approval?.timeoutMs === undefined) {
    return 'the agent has no `approval.timeoutMs`';
  }
  if (ready === undefined) return undefined;
  if (known.length === 0) return 'the agent has no tools';
  if (known.some(({ kind }) => kind === happening)) return undefined;
  if (happening === 'needs approval') return 'no tool has `approval`';
  if (happening === 'is for a client') return 'every tool has `execute`';
  if (happening === 'is ready, to run alone') return 'no tool is `sequential`';
  if (happening !== 'is ready') return `there is no tool of which one could say that it ${happening}`;
  return known.every(({ sequential }) => sequential)
    ? 'all tools are `sequential`'
    : 'no tool runs without being asked about, here';
}

const unarranged: ReadonlySet<PathEvent> = new Set([
  'step is prepared, message rewritten',
  'input is denied',
  'preparation fails',
  'preparation breaks',
  'answer is denied',
]);

function retryAfterOutput({ steps }: TurnPath, { modelRetry }: PathAgentOptions): string | undefined {
  if (modelRetry?.retryAfterOutput !== false) return undefined;
  let isShown = false;
  for (const { event, state } of steps) {
    if (event === 'model streams') isShown = true;
    else if (isShown && modelOutput(event)?.type === 'trouble' && state.includes('working.retrying')) {
      return "the agent's `modelRetry.retryAfterOutput` is false";
    } else if (event.startsWith('model ')) isShown = false;
  }
  return undefined;
}

/** What an event of a path is to the machines; nothing where it ends no model call, or breaks it. */
export function modelOutput(event: PathEvent): CallModelOutput | undefined {
  return modelResult(event)?.value as CallModelOutput | undefined;
}

function countCalls(event: PathEvent): number {
  const output = modelOutput(event);
  return output?.type === 'answer' ? output.content.filter(({ type }) => type === 'tool-call').length : 0;
}

/** What becomes of a call, up to the next model call. */
function fateOf({ steps }: TurnPath, index: number, number: number): Fate {
  let fate: Fate = { failsForNow: false };
  for (const { event } of steps.slice(index + 1)) {
    if (event.startsWith('model ')) break;
    const tool = readToolEvent(event);
    if (tool?.number !== number) continue;
    const { happening } = tool;
    if (happening === 'is refused' || readReady(happening) !== undefined) fate = { ...fate, prepared: happening };
    else if (happening === 'fails for now') fate = { ...fate, failsForNow: true };
  }
  return fate;
}

function chooseCall(
  { prepared, failsForNow }: Fate,
  number: number,
  { bounds }: TurnPath,
  known: readonly KnownCall[],
): PlannedCall | string {
  if (prepared === 'is refused' || (prepared === undefined && known.length === 0)) {
    return { name: unknownName(known), input: {}, isUnknown: true };
  }
  const fitting = prepared === undefined ? known : known.filter(({ kind }) => kind === prepared);
  // the tool itself may allow more: it gets the path's number
  const lasting = failsForNow ? fitting.filter(({ attempts }) => attempts >= bounds.toolAttempts) : fitting;
  const call = lasting[(number - 1) % lasting.length];
  if (call === undefined) return `none of these tools has a \`retry.maxAttempts\` of ${bounds.toolAttempts}`;
  return { name: call.name, input: call.input, isUnknown: false };
}

function unknownName(known: readonly KnownCall[]): string {
  let name = 'no_such_tool';
  while (known.some((call) => call.name === name)) name += '_';
  return name;
}
