import type { InspectionEvent } from 'xstate';
import { toJson } from '../../json.ts';
import { checkAgentOptions } from '../../options.ts';
import { validate } from '../../schema.ts';
import type { AnyTool } from '../../tool.ts';
import type { ContractSubject } from '../contractExchange.ts';
import type { ScriptedCall } from '../scriptedModel.ts';
import {
  boundsOf,
  isClientSide,
  needsApproval,
  overspendingUsage,
  type PathAgentOptions,
  scripted,
  tightened,
} from './agentLimits.ts';
import {
  type AgentPlan,
  type DeniedByGuardrails,
  type KnownAgent,
  type KnownCall,
  planPath,
  reasonAgainst,
} from './agentPlan.ts';
import { AgentRun } from './agentRun.ts';
import type { PathBounds } from './bounds.ts';
import { scriptedVoice } from './modelVoice.ts';
import type { PathReach, PathSubject } from './observation.ts';
import type { TurnPath } from './path.ts';
import { type PathEvent, readReady, readyHappening, type ToolHappening, toolHappenings } from './pathEvent.ts';
import { unsayable, unsayableEvent, wireVoice } from './wireVoice.ts';

export interface AgentSubjectSettings {
  /** What the model asks for as tool 1, 2, … @default the agent's tools in their order, each with `{}` */
  readonly calls?: readonly Pick<ScriptedCall, 'name' | 'input'>[];
  /** What tools return, by name. @default 'Done.' */
  readonly outputs?: Readonly<Record<string, unknown>>;
  /** Whether tools that complete really run; all else that happens to tools is played. @default 'scripted' */
  readonly execute?: 'scripted' | 'real';
  /** What the agent's guardrails deny, to be said and called where a path says so. @default they let everything through */
  readonly denied?: DeniedByGuardrails;
  /** What tools get as `run.context`. @default none */
  readonly context?: unknown;
  /** An adapter that asks over real sockets a server which answers as the path says. @default a scripted model */
  readonly adapter?: ContractSubject;
  /** Told everything that XState tells of the actors, for `pathCoverage()` among others. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/** An agent as a subject. */
export interface AgentSubject extends PathSubject {
  /** As far as its own limits allow, around what cannot happen to it. */
  readonly reach: PathReach;
  refuses(path: TurnPath): string | undefined;
}

/**
 * An agent of yours: its whole session, with everything that createAgent() makes of these options. For every event of a
 * path the outside is arranged so that it happens, and then the real work is done: the model is called with your
 * instructions, retries and pricing, calls are checked against the schemas of your tools, tools run with their retries.
 *
 * @throws TypeError for options that `createAgent()` would refuse, and for calls of tools that there are not
 * @example
 * ```ts
 * const subject = agentSubject({ tools: [weather] }, { calls: [{ name: 'weather', input: { city: 'Paris' } }] });
 * describePaths({ describe, test }, { subject });
 * ```
 */
export function agentSubject(options: PathAgentOptions, settings: AgentSubjectSettings = {}): AgentSubject {
  const { model: identity = scripted, ...others } = options;
  checkAgentOptions({ ...others, model: { ...identity, stream: () => {} } });
  const denied = checkDenied(settings.denied ?? {}, options);
  const bounds = boundsWith(boundsOf(options), denied);
  const agent: KnownAgent = {
    options,
    features: bounds.features,
    calls: knownCalls('calls', options.tools ?? [], settings.calls),
    denied,
    overBudget: overspendingUsage(options),
  };
  const isWire = settings.adapter !== undefined;
  const plan = (path: TurnPath) => (isWire ? unsayable(path) : undefined) ?? planPath(path, agent);
  const reasonWhy = (event: PathEvent) => (isWire ? unsayableEvent(event) : undefined) ?? reasonAgainst(event, agent);
  return {
    reach: { ...bounds, avoid: conditionalEvents(bounds).filter((event) => reasonWhy(event) !== undefined) },
    refuses(path) {
      const planned = plan(path);
      return typeof planned === 'string' ? planned : undefined;
    },
    async begin(path) {
      const planned = plan(path);
      if (typeof planned === 'string') throw new Error(`This path cannot be played on this agent: ${planned}.`);
      await checkInputs(planned, options.tools ?? []);
      const { adapter } = settings;
      const voice = adapter === undefined ? scriptedVoice(planned, identity) : await wireVoice(planned, adapter);
      return new AgentRun(tightened(options, path.bounds), settings, path, voice);
    },
  };
}

/** What cannot happen to every agent. */
function conditionalEvents({ tools, features }: PathBounds): readonly PathEvent[] {
  const numbers = Array.from({ length: tools }, (_, index) => index + 1);
  return [
    'model asks for 1 tool, over budget',
    'model refuses in a tool call, over budget',
    'model pauses',
    'model pauses in a tool call',
    'model fails, over budget',
    'model call breaks',
    'model actor is in error',
    'time is up',
    'summary breaks',
    'summary comes, over budget',
    'compaction actor is in error',
    ...(features.includes('preparation') ? unpreparable : []),
    ...(features.includes('guardrails') ? (['answer is denied'] as const) : []),
    ...numbers.flatMap((number): PathEvent[] => [
      ...toolHappenings
        .filter((happening) => isWithin(happening, features))
        .map((happening): PathEvent => `tool ${number} ${happening}`),
      `tool ${number} breaks`,
      `tool ${number} completes at length`,
      ...(features.includes('approvals') ? ([`tool ${number} is not approved in time`] as const) : []),
      ...(features.includes('guardrails') ? guarded.map((happening): PathEvent => `tool ${number} ${happening}`) : []),
    ]),
  ];
}

/** Whether a tool may turn out to be this where that much is in use. */
function isWithin(happening: ToolHappening, features: PathBounds['features']): boolean {
  const ready = readReady(happening);
  if (ready === undefined || ready.isNoted) return false;
  const { needsApproval, runner } = ready;
  return (
    (!needsApproval || features.includes('approvals')) &&
    (runner === 'turn' || features.includes(runner === 'client' ? 'clients' : 'agents'))
  );
}

const unpreparable: readonly PathEvent[] = [
  'step is prepared, message rewritten',
  'input is denied',
  'preparation fails',
  'preparation breaks',
];

const guarded: readonly ToolHappening[] = [
  'is ready, noted by a guardrail',
  'is refused, noted by a guardrail',
  'is denied by a guardrail',
];

/** @throws TypeError for what nothing could deny */
function checkDenied(denied: DeniedByGuardrails, { guardrails, tools = [] }: PathAgentOptions): DeniedByGuardrails {
  for (const stage of Object.keys(denied) as (keyof DeniedByGuardrails)[]) {
    if ((guardrails?.[stage]?.length ?? 0) > 0) continue;
    throw new TypeError(`agentSubject(): \`denied.${stage}\` is given, and the agent has no guardrails of ${stage}.`);
  }
  if (denied.tool !== undefined) knownCalls('denied.tool', tools, [denied.tool]);
  return denied;
}

function boundsWith(bounds: PathBounds, { output, tool }: DeniedByGuardrails): PathBounds {
  if (output === undefined && tool === undefined) return bounds;
  return { ...bounds, features: [...bounds.features, 'guardrails'] };
}

function knownCalls(
  setting: string,
  tools: readonly AnyTool[],
  calls: AgentSubjectSettings['calls'],
): readonly KnownCall[] {
  const asked: NonNullable<typeof calls> = calls ?? tools.map(({ name }) => ({ name }));
  return asked.map(({ name, input = {} }) => {
    const tool = tools.find((each) => each.name === name);
    if (tool === undefined) {
      const list = tools.length === 0 ? 'It has none.' : `Its tools: ${tools.map((each) => each.name).join(', ')}.`;
      throw new TypeError(`agentSubject(): \`${setting}\` names "${name}", which is no tool of the agent. ${list}`);
    }
    const { sequential = false, retry } = tool;
    return { name, input, sequential, kind: kindOf(tool), attempts: retry?.maxAttempts ?? 1 };
  });
}

/** What comes of the preparation of a tool. */
function kindOf(tool: AnyTool): KnownCall['kind'] {
  return readyHappening({
    needsApproval: needsApproval(tool),
    runner: tool.agent !== undefined ? 'agent' : isClientSide(tool) ? 'client' : 'turn',
    runsAlone: tool.sequential ?? false,
    isNoted: false,
  });
}

/** @throws TypeError for an input that its tool would refuse */
async function checkInputs({ calls }: AgentPlan, tools: readonly AnyTool[]): Promise<void> {
  for (const { name, input, isUnknown } of [...calls.values()].flat()) {
    const tool = tools.find((each) => each.name === name);
    if (isUnknown || tool === undefined) continue;
    const validation = await validate(tool.input, toJson(input));
    if (validation.valid) continue;
    throw new TypeError(
      `agentSubject(): the input ${JSON.stringify(input)} does not fit the schema of tool "${name}": ${validation.reason}. ` +
        `Say what the model is to ask for: calls: [{ name: '${name}', input: { … } }].`,
    );
  }
}
