import type { ActorLogic, AnyActorRef, Snapshot } from 'xstate';
import { isToolError } from '../../machines/calls.ts';
import { estimateTokens } from '../../machines/compaction.ts';
import { type History, messagesOf } from '../../machines/history.ts';
import type { ToolCallContext } from '../../machines/toolCallMachine.ts';
import { type PathSubjectName, possibleEvents } from './alphabet.ts';
import { lengthy, type PathBounds } from './bounds.ts';
import type { PathEvent } from './pathEvent.ts';
import { machineSnapshot, type PathState } from './pathState.ts';
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
 */
export function walk(options: GraphOptions): PathGraph {
  const logic: ActorLogic<Situation, Happens, undefined> = {
    getInitialSnapshot: () => reach([], options),
    transition: ({ events }, { type }) => reach([...events, type], options),
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
 * What two situations must have in common to be one: everything that a guard looks at. How a tool has ended is no such
 * thing but where that may end the turn, nor what was said in between, nor how a turn got to its end.
 */
function keyOf(rig: Rig, machine: PathSubjectName, { features, steps, toolErrors }: PathBounds): string {
  const { state, context, session } = rig;
  const compacts = features.includes('compaction');
  const turn = context && [
    context.step,
    context.current.tries,
    context.current.request,
    context.partial.shown,
    context.totals.hints,
    context.calls.map((call, index) => [
      call.state === 'settled' ? 'settled' : [state.tools[index], call.state, call.sequential, isForAgent(rig, index)],
      [...rig.pending.keys()].find((id) => id.includes(`.tool.${index}.execute.`))?.at(-1),
    ]),
    [context.allowance.tools.length > 0, context.allowance.steps, context.allowance.isSoftCostLifted],
    features.includes('pauses') && (context.totals.cost ?? 0) > 0,
    context.unseen.length > 0,
    toolErrors <= steps && [context.totals.stepsWithErrors, context.calls.some(isToolError)],
    compacts && [
      context.current.hasOverflowed,
      context.current.plan !== undefined,
      context.unseen.length,
      sizeOf(context.history),
    ],
  ];
  const queue = session && [
    state.session,
    session.queue.map(({ cancelled }) => cancelled !== undefined),
    session.steering.length,
    context?.steering.length,
    rig.isClosing,
    session.history.length > 0,
    session.approvedTools.length > 0,
    compacts && [rig.messages, sizeOf(session.history), machine === 'compaction' && state.compaction],
  ];
  const isOver = rig.turn?.status !== 'active';
  return JSON.stringify([state.turn, isOver ? context?.failure?.type : turn, queue]);
}

function isForAgent({ turn }: Rig, index: number): boolean {
  const child: AnyActorRef | undefined = turn?.children[`tool.${index}`];
  const context = child && (machineSnapshot(child)?.context as ToolCallContext | undefined);
  return context?.agent !== undefined;
}

/** What decides whether and how far a conversation is shortened. */
function sizeOf(history: History) {
  const { from, maskedBefore, unproven = 0, summary } = history.compaction ?? {};
  const isLongAt = messagesOf(history).map(
    ({ role, content }) => role === 'tool' && JSON.stringify(content).length > lengthy.length,
  );
  // what is long is longer than all else together
  const size = Math.round(estimateTokens(history) / (lengthy.length / 4));
  return [size, isLongAt, from, maskedBefore, Math.min(unproven, 2), summary !== undefined];
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
