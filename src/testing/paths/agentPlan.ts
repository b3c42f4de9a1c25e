import type { Json } from '../../json.ts';
import type { CallModelOutput, SummarizeOutput } from '../../machines/contracts.ts';
import type { Usage } from '../../model.ts';
import type { ScriptedCall } from '../scriptedModel.ts';
import { boundTooWide, type PathAgentOptions } from './agentLimits.ts';
import { lengthy, type PathFeature } from './bounds.ts';
import type { TurnPath } from './path.ts';
import { type PathEvent, type ReadyHappening, readReady, readToolEvent, type ToolHappening } from './pathEvent.ts';
import { modelResult, summaryResult } from './results.ts';

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

/** What the guardrails of an agent deny. */
export interface DeniedByGuardrails {
  /** A message. @default none */
  readonly input?: string;
  /** An answer. @default none */
  readonly output?: string;
  /** A call. @default none */
  readonly tool?: Pick<ScriptedCall, 'name' | 'input'>;
}

/** An agent, as far as paths have to know it. */
export interface KnownAgent {
  readonly options: PathAgentOptions;
  readonly features: readonly PathFeature[];
  readonly calls: readonly KnownCall[];
  readonly denied: DeniedByGuardrails;
  /** What an answer uses that is over budget; nothing where there is no budget. */
  readonly overBudget: Usage | undefined;
}

/** What a path needs the outside to have in store, found by looking ahead. */
export interface AgentPlan {
  readonly path: TurnPath;
  /** What the model calls, by the index of the step in which it does. */
  readonly calls: ReadonlyMap<number, readonly PlannedCall[]>;
  /** What an answer uses that is over budget. */
  readonly overBudget: Usage | undefined;
  readonly denied: DeniedByGuardrails;
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
export function planPath(path: TurnPath, agent: KnownAgent): AgentPlan | string {
  const { options, features, overBudget, denied } = agent;
  for (const { event } of path.steps) {
    const reason = reasonAgainst(event, agent);
    if (reason !== undefined) return cannotHappen(event, reason);
  }
  const problem = retryAfterOutput(path, options) ?? boundTooWide(path.bounds, options, features);
  if (problem !== undefined) return problem;
  const calls = new Map<number, readonly PlannedCall[]>();
  for (const [index, { event }] of path.steps.entries()) {
    const planned: PlannedCall[] = [];
    for (let number = 1; number <= countCalls(event); number += 1) {
      const call = chooseCall(fateOf(path, index, number), number, path, agent);
      if (typeof call === 'string') return call;
      planned.push(call);
    }
    calls.set(index, planned);
  }
  return { path, calls, overBudget, denied };
}

/** Of a path that cannot be played, what of it is the reason. */
export function cannotHappen(event: PathEvent, reason: string): string {
  return `"${event}" cannot happen: ${reason}`;
}

/** Why something cannot happen to this agent at all; nothing where it may. */
export function reasonAgainst(
  event: PathEvent,
  { options: { limits, approval }, calls: known, denied, overBudget }: KnownAgent,
): string | undefined {
  const happening = readToolEvent(event)?.happening;
  if (event === 'model actor is in error') return 'only other logic than ours can bring the model actor into error';
  if (event === 'compaction actor is in error') return 'only other logic than ours can bring a compaction into error';
  if (event === 'model call breaks' || event === 'summary breaks' || happening === 'breaks') {
    return 'what calls models and runs tools catches whatever is thrown';
  }
  if (event === 'time is up' && limits?.maxDurationMs === undefined) return 'the agent has no `limits.maxDurationMs`';
  if (happening?.endsWith(', over budget')) return 'what another agent spends is not arranged';
  if (event.endsWith(', over budget') && overBudget === undefined) {
    return 'the agent has neither `limits.maxTokens` nor a `limits.maxCost` that its pricing reaches';
  }
  if (happening === 'completes at length' && (limits?.maxOutputChars ?? lengthy.length) < lengthy.length) {
    return `the agent's \`limits.maxOutputChars\` is less than ${lengthy.length}`;
  }
  if (unarranged.has(event)) return "that the application's own functions throw is not arranged";
  if (event === 'step is prepared, message rewritten' || happening?.endsWith(', noted by a guardrail')) {
    return 'what guardrails only note, or put in place of something, is not arranged';
  }
  if (event === 'input is denied' && denied.input === undefined) return saysNothingOf('input');
  if (event === 'answer is denied' && denied.output === undefined) return saysNothingOf('output');
  if (happening === undefined) return undefined;
  if (happening === 'is denied by a guardrail') return denied.tool === undefined ? saysNothingOf('tool') : undefined;
  const ready = readReady(happening);
  if (happening === 'is not approved in time' && approval?.timeoutMs === undefined) {
    return 'the agent has no `approval.timeoutMs`';
  }
  if (ready === undefined) return undefined;
  if (known.length === 0) return 'the agent has no tools';
  if (known.some(({ kind }) => kind === happening)) return undefined;
  if (happening === 'needs approval') return 'no tool has `approval`';
  if (happening === 'is for a client') return 'every tool has `execute`';
  if (happening === 'is for an agent') return 'no tool stands for another agent';
  if (happening === 'is ready, to run alone') return 'no tool is `sequential`';
  if (happening !== 'is ready') return `there is no tool of which one could say that it ${happening}`;
  return known.every(({ sequential }) => sequential)
    ? 'all tools are `sequential`'
    : 'no tool runs without being asked about, here';
}

const unarranged: ReadonlySet<PathEvent> = new Set(['preparation fails', 'preparation breaks']);

function saysNothingOf(stage: keyof DeniedByGuardrails): string {
  return `nothing says what its guardrails of ${stage} deny: \`denied.${stage}\``;
}

function retryAfterOutput({ steps }: TurnPath, { modelRetry }: PathAgentOptions): string | undefined {
  if (modelRetry?.retryAfterOutput !== false) return undefined;
  let isShown = false;
  for (const { event, state } of steps) {
    if (event === 'model streams') isShown = true;
    else if (isShown && modelOutput(event)?.type === 'trouble' && state.includes('working.retrying')) {
      return cannotHappen(event, "the agent's `modelRetry.retryAfterOutput` is false");
    } else if (event.startsWith('model ')) isShown = false;
  }
  return undefined;
}

/** What an event of a path is to the machines; nothing where it ends no call of a model, or breaks it. */
export function modelOutput(event: PathEvent): CallModelOutput | SummarizeOutput | undefined {
  return (modelResult(event) ?? summaryResult(event))?.value;
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
    if (ends.has(happening) || readReady(happening) !== undefined) fate = { ...fate, prepared: happening };
    else if (happening === 'fails for now') fate = { ...fate, failsForNow: true };
  }
  return fate;
}

/** What ends a call before it runs. */
const ends: ReadonlySet<ToolHappening> = new Set(['is refused', 'is denied by a guardrail']);

function chooseCall(
  { prepared, failsForNow }: Fate,
  number: number,
  { bounds }: TurnPath,
  { calls: known, denied }: KnownAgent,
): PlannedCall | string {
  if (prepared === 'is denied by a guardrail' && denied.tool !== undefined) {
    return { input: {}, ...denied.tool, isUnknown: false };
  }
  if (prepared === 'is refused' || (prepared === undefined && known.length === 0)) {
    return { name: unknownName(known), input: {}, isUnknown: true };
  }
  const fitting = prepared === undefined ? known : known.filter(({ kind }) => kind === prepared);
  // the tool itself may allow more: it gets the path's number
  const lasting = failsForNow ? fitting.filter(({ attempts }) => attempts >= bounds.toolAttempts) : fitting;
  const call = lasting[(number - 1) % lasting.length];
  if (call === undefined) {
    const reason = `none of these tools has a \`retry.maxAttempts\` of ${bounds.toolAttempts}`;
    return cannotHappen(`tool ${number} fails for now`, reason);
  }
  return { name: call.name, input: call.input, isUnknown: false };
}

function unknownName(known: readonly KnownCall[]): string {
  let name = 'no_such_tool';
  while (known.some((call) => call.name === name)) name += '_';
  return name;
}
