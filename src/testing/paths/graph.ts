import type { ActorLogic, AnyActorRef, Snapshot } from 'xstate';
import { type CallRecord, isToolError } from '../../machines/calls.ts';
import { defaultCompaction, estimateTokens, keptFrom, maxCompactions, removed } from '../../machines/compaction.ts';
import { type History, messagesOf } from '../../machines/history.ts';
import type { ToolCallContext } from '../../machines/toolCallMachine.ts';
import type { TurnContext } from '../../machines/turnMachine.ts';
import type { Message } from '../../messages.ts';
import { isInSession, type PathSubjectName, possibleEvents } from './alphabet.ts';
import { defaultBounds, lengthy, type PathBounds } from './bounds.ts';
import type { PathEvent } from './pathEvent.ts';
import { machineSnapshot, type PathState } from './pathState.ts';
import { toolName } from './results.ts';
import { type PathMachine, Rig } from './rig.ts';
import { type TransitionName, transitionsIn } from './taken.ts';

const { getAdjacencyMap } = await loadGraph();

/** A situation that a path can be in. */
export interface GraphNode {
  readonly key: string;
  /** Of the first path that gets there; of others, tools may have ended differently. */
  readonly state: PathState;
  /** None where nothing can happen any more. */
  readonly edges: readonly GraphEdge[];
}

export interface GraphEdge {
  readonly event: PathEvent;
  /** Key of the node that it leads to. */
  readonly to: string;
  /** Of all machines, in their order. */
  readonly transitions: readonly TransitionName[];
}

/** Everything that can happen, within bounds; begins in `start`. */
export interface PathGraph {
  readonly start: GraphNode;
  readonly nodes: ReadonlyMap<string, GraphNode>;
}

interface GraphOptions {
  readonly machine: PathSubjectName;
  readonly root: PathMachine;
  readonly bounds: PathBounds;
  readonly isAllowed: (event: PathEvent) => boolean;
  /** Situations that are too many to be walked. @default 5_000 */
  readonly most?: number;
}

/** A situation, as the walk sees it: what has led there, and what may happen there. */
type Situation = Snapshot<undefined> & {
  readonly events: readonly PathEvent[];
  readonly key: string;
  readonly state: PathState;
  readonly possible: readonly PathEvent[];
  readonly transitions: readonly TransitionName[];
};
type Happens = { readonly type: PathEvent };

/**
 * Walks live machines. A situation is reached again by playing the events that led there, since actors cannot be
 * copied; situations that differ in nothing that matters are one.
 *
 * @throws Error naming the events that break the machines
 * @throws RangeError naming the bounds to lower, where there is too much to walk
 */
export function walk(options: GraphOptions): PathGraph {
  const { bounds, most = 5_000 } = options;
  const known = new Set<string>();
  const reachNext = (events: readonly PathEvent[]): Situation => {
    const situation = reach(events, options);
    if (known.add(situation.key).size > most) throw tooMany(options.machine, bounds, most);
    return situation;
  };
  const logic: ActorLogic<Situation, Happens, undefined> = {
    getInitialSnapshot: () => reachNext([]),
    transition: ({ events }, { type }) => reachNext([...events, type]),
    getPersistedSnapshot: (snapshot) => snapshot,
  };
  const map = getAdjacencyMap<Situation, Happens, undefined>(logic, {
    events: ({ possible }) => possible.map((type) => ({ type })),
    serializeState: ({ key }) => key,
  });
  const nodes = new Map<string, GraphNode>();
  for (const [key, { state: situation, transitions }] of Object.entries(map)) {
    const edges: GraphEdge[] = [];
    for (const { event, state } of Object.values<{ event: Happens; state: Situation }>(transitions)) {
      edges.push({ event: event.type, to: state.key, transitions: state.transitions });
    }
    nodes.set(key, { key, state: situation.state, edges });
  }
  const start = nodes.get(reach([], options).key);
  if (start === undefined) throw new Error('The walk has no start.');
  return { start, nodes };
}

function tooMany(machine: PathSubjectName, bounds: PathBounds, most: number): RangeError {
  const { features, ...numbers } = bounds;
  const multiplying = ['steps', 'attempts', 'tools', 'toolAttempts', ...(isInSession(machine) ? ['turns'] : [])];
  const high = Object.entries(numbers).filter(([name, value]) => multiplying.includes(name) && value > 1);
  const ways = [
    ...(high.length > 0 ? [`lower ${high.map(([name, value]) => `\`${name}\` (${value})`).join(', ')}`] : []),
    ...(features.length > 1 ? [`take fewer \`features\` at a time than ${features.join(', ')}`] : []),
    '`avoid` some of what may happen',
  ];
  return new RangeError(
    `turnPaths(): within these bounds there are more than ${most} situations, which is too many: ${ways.join(', or ')}.`,
  );
}

function reach(events: readonly PathEvent[], { machine, root, bounds, isAllowed }: GraphOptions): Situation {
  const transitions: TransitionName[] = [];
  const rig = new Rig(root, bounds);
  for (const [index, event] of events.entries()) {
    if (index === events.length - 1) rig.actor.system.inspect((each) => transitions.push(...transitionsIn(each)));
    rig.apply(event);
  }
  if (rig.error !== undefined) {
    throw new Error(`The machines broke after: ${events.join(' → ')}.`, { cause: rig.error });
  }
  const possible = possibleEvents(rig, machine, bounds).filter(isAllowed);
  const situation: Situation = {
    status: 'active',
    output: undefined,
    error: undefined,
    events,
    key: keyOf(rig, machine, bounds),
    state: rig.state,
    possible,
    transitions,
  };
  rig.stop();
  return situation;
}

/**
 * What two situations must have in common to be one: everything that a guard may still look at. How a tool has ended is no
 * such thing but where that may end the turn, nor is what was said in between, nor how a turn got to its end.
 */
export function keyOf(rig: Rig, machine: PathSubjectName, bounds: PathBounds): string {
  const { state, context, session } = rig;
  const { features, turns } = bounds;
  const compacts = features.includes('compaction');
  const isOver = rig.turn?.status !== 'active';
  const queue = session && [
    state.session,
    session.queue.map(({ cancelled }) => cancelled !== undefined),
    session.steering.length,
    context?.steering.length,
    rig.isClosing,
    session.approvedTools.includes(toolName),
    compacts && [
      Math.min(rig.messages, turns),
      // while a turn runs, the conversation is the turn's
      isOver && sizeOf(session.history),
      machine === 'compaction' && state.compaction,
    ],
  ];
  return JSON.stringify([state.turn, isOver || context === undefined ? null : keyOfTurn(rig, context, bounds), queue]);
}

function keyOfTurn(rig: Rig, context: TurnContext, bounds: PathBounds) {
  const { features, steps, toolErrors, totalToolErrors, retries } = bounds;
  const { current, totals, allowance, calls, unseen } = context;
  const compacts = features.includes('compaction');
  return [
    context.step,
    // once the model has answered, nobody asks how often it was asked
    beforeAnswer.has(rig.state.turn) && [
      current.tries,
      current.request,
      context.partial.shown,
      compacts && [current.hasOverflowed, current.plan !== undefined],
    ],
    Math.min(totals.hints, retries + 1),
    keyOfCalls(rig, calls),
    [allowance.tools.includes(toolName), allowance.steps, allowance.isSoftCostLifted],
    (features.includes('pauses') || features.includes('spending')) && (totals.cost ?? 0) > 0,
    // the next step shows it to guardrails, or what came before it goes
    (compacts || features.includes('preparation')) && [unseen.length, context.steering.length],
    toolErrors <= steps && [totals.stepsWithErrors, calls.some(isToolError)],
    totalToolErrors < defaultBounds.totalToolErrors && totals.toolErrors + calls.filter(isToolError).length,
    compacts && [
      Math.min(totals.unproven, maxCompactions),
      sizeOf(context.history, unseen.length),
      calls.some(({ outcome }) => outcome !== undefined && isLengthy(outcome)),
    ],
  ];
}

const beforeAnswer: ReadonlySet<string> = new Set([
  'idle',
  'working.compacting',
  'working.preparing',
  'working.callingModel',
  'working.retrying',
]);

/** Of calls that have ended, only how many come before the others: tools are named by their numbers. */
function keyOfCalls({ state, turn }: Rig, calls: readonly CallRecord[]) {
  const open = calls.filter((call) => call.state !== 'settled');
  // a call runs alone only among others of which one has yet to start
  const isOrderOpen = open.length > 1 && open.some((call) => startsLater.has(call.state));
  const last = calls.findLastIndex((call) => call.state !== 'settled');
  return calls.slice(0, last + 1).map((call, index) => {
    if (call.state === 'settled') return 'settled';
    const child: AnyActorRef | undefined = turn?.children[`tool.${index}`];
    const context = child && (machineSnapshot(child)?.context as ToolCallContext | undefined);
    return [
      state.tools[index],
      call.state,
      isOrderOpen && call.sequential,
      context?.attempt,
      call.isClientSide === true,
      context?.agent !== undefined,
    ];
  });
}

const startsLater: ReadonlySet<CallRecord['state']> = new Set(['preparing', 'undecided', 'awaitingApproval', 'queued']);

/**
 * What decides whether and how far a conversation is shortened, now or once more is said: how long it is, what could go,
 * and what stays for now.
 */
function sizeOf(history: History, unseen = 0) {
  const { maskedBefore = 0 } = history.compaction ?? {};
  const from = keptFrom(history, { ...defaultCompaction, keepMessages: Math.max(1, unseen) });
  const isLong = ({ role, content }: Message, index: number) =>
    role === 'tool' && index >= maskedBefore && isLengthy(content);
  const messages = messagesOf(history);
  const start = history.compaction?.from ?? 0;
  const long = messages.filter((message, index) => index >= start && index < from && isLong(message, index)).length;
  return [
    // what is long is longer than all else together
    Math.min(Math.round(estimateTokens(history) / (lengthy.length / 4)), 2),
    removed(history, from).length > 0,
    Math.min(long, 2),
    messages.slice(from).map((message, index) => [message.role, isLong(message, from + index)]),
  ];
}

function isLengthy(said: object): boolean {
  return JSON.stringify(said).length > lengthy.length;
}

/** It is an optional peer, so that nobody needs it who finds no paths. */
async function loadGraph(): Promise<Pick<typeof import('@xstate/graph'), 'getAdjacencyMap'>> {
  try {
    return await import('@xstate/graph');
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw new Error('turnchart/testing/paths needs the package @xstate/graph: npm install --save-dev @xstate/graph', {
      cause,
    });
  }
}
