import { type ChartTransition, readChart } from '../../inspection/readChart.ts';
import { compactionMachine } from '../../machines/compactionMachine.ts';
import { sessionMachine } from '../../machines/sessionMachine.ts';
import { toolCallMachine } from '../../machines/toolCallMachine.ts';
import { turnMachine } from '../../machines/turnMachine.ts';
import { type PathSubjectName, rootOf } from './alphabet.ts';
import { checkBounds, type PathBounds } from './bounds.ts';
import { type GraphEdge, type GraphNode, type PathGraph, walk } from './graph.ts';
import { type TurnPath, toPath } from './path.ts';
import { isPathEvent, type PathEvent } from './pathEvent.ts';
import type { PathMachine } from './rig.ts';
import type { TransitionName } from './taken.ts';
import { walksOf } from './walks.ts';
import { coveringWays, simpleWays, type Way, waysInto } from './ways.ts';

export interface TurnPathsOptions extends Partial<PathBounds> {
  /** Whose transitions to take. @default 'turn' */
  readonly machine?: PathSubjectName;
  /** A machine that you have provided with guards or actions of your own. @default ours, as it is */
  readonly with?: PathMachine;
  /** States and events that no path has in it, such as `retrying` or `user cancels`. @default none */
  readonly avoid?: readonly string[];
}

/** The paths of a machine within bounds, in several selections. */
export interface TurnPaths {
  /** A handful of paths that take every transition which can be taken, and try every event that a guard refuses. */
  readonly smoke: readonly TurnPath[];
  /** Paths in which everything happens that can happen, in every situation in which it can. */
  readonly edges: readonly TurnPath[];
  /** All paths of at most that many events, without a situation that comes twice; of those that go on, the beginnings. */
  simple(maxLength: number): readonly TurnPath[];
  /** All ways into a state such as `failed`: for every event that leads there from another one, a shortest path. */
  to(state: string): readonly TurnPath[];
}

/**
 * Walks the real machines over everything that may happen to them (answers and failures of the model, outcomes of tools,
 * timers, what people do) and finds the paths through them. Bounds keep them finitely many.
 *
 * @throws TypeError for a bound that is no whole number, or for a state that no path gets to
 * @throws RangeError for bounds within which there is too much to walk, naming those to lower
 * @example
 * ```ts
 * for (const path of turnPaths({ tools: 1 }).smoke) test(path.name, () => runPath(path));
 * ```
 */
export function turnPaths(options: TurnPathsOptions = {}): TurnPaths {
  const { machine = 'turn', with: root = rootOf(machine), avoid = [], ...bounds } = options;
  checkBounds(bounds);
  const walked = walksOf(machine, bounds).map(({ bounds, isLeftOut }) => {
    const isAllowed = (event: PathEvent) => !avoid.includes(event) && !isLeftOut(event);
    return { bounds, whole: walk({ machine, root, bounds, isAllowed }) };
  });
  checkNames(avoid, walked, machine);
  const graphs = walked.map(({ bounds, whole }): BoundGraph => ({ bounds, graph: without(whole, machine, avoid) }));
  const toPaths = (ways: Iterable<Way>, bounds: PathBounds): readonly TurnPath[] =>
    [...ways].map((way) => toPath(eventsOf(way), { machine, root, bounds }));
  return {
    get smoke() {
      const offers: Offers = (edge, from) => transitionsOf(edge, namesOf(from, machine)[0], machine);
      return inTurn(graphs, offers, ({ graph, bounds }, left) => toPaths(coveringWays(graph, left), bounds));
    },
    get edges() {
      const offers: Offers = ({ event, to, transitions }, { key }) => [[key, event, to, transitions].join(' ')];
      return inTurn(graphs, offers, ({ graph, bounds }, left) => toPaths(coveringWays(graph, left), bounds));
    },
    simple(maxLength) {
      const paths = graphs.flatMap(({ graph, bounds }) => toPaths(simpleWays(graph, maxLength), bounds));
      const known = new Set<string>();
      return paths.filter(({ name }) => known.size < known.add(name).size);
    },
    to(state) {
      const isMeant = (node: GraphNode) => namesOf(node, machine).includes(state);
      const kindOf: Offers = ({ event }, from) => [`${namesOf(from, machine)[0]} ${event}`];
      const paths = inTurn(graphs, kindOf, ({ graph, bounds }, left) =>
        toPaths(
          waysInto(graph, isMeant, (edge, from) => left(edge, from)[0]),
          bounds,
        ),
      );
      if (paths.length === 0)
        throw new TypeError(`turnPaths(): no path gets to "${state}". ${listStates(walked, machine)}`);
      return paths;
    },
  };
}

interface BoundGraph {
  readonly bounds: PathBounds;
  readonly graph: PathGraph;
}

/** What an edge has to offer to a selection of paths. */
type Offers = (edge: GraphEdge, from: GraphNode) => readonly string[];

/** Selects from one graph after the other; of each only what those before it had not. */
function inTurn(
  graphs: readonly BoundGraph[],
  offers: Offers,
  select: (graph: BoundGraph, left: Offers) => readonly TurnPath[],
): readonly TurnPath[] {
  const known = new Set<string>();
  return graphs.flatMap((each) => {
    const paths = select(each, (edge, from) => offers(edge, from).filter((item) => !known.has(item)));
    for (const node of each.graph.nodes.values()) {
      for (const edge of node.edges) for (const item of offers(edge, node)) known.add(item);
    }
    return paths;
  });
}

const charts = {
  session: sessionMachine,
  turn: turnMachine,
  toolCall: toolCallMachine,
  compaction: compactionMachine,
} as const;

/** What an edge takes, and what guards keep it from taking. */
function transitionsOf({ event, transitions }: GraphEdge, state: string | undefined, machine: PathSubjectName) {
  if (transitions.length === 0) return [`${state} ${event}`];
  return [...transitions, ...transitions.flatMap((name) => refusedFor(name, state, machine))];
}

/** Transitions of inner states for the same event, whose guards have not held: else they would have been taken. */
function refusedFor(name: TransitionName, state: string | undefined, machine: PathSubjectName): readonly string[] {
  const [owner, index] = name.split('#');
  if (owner !== machine) return [];
  const all = readTransitions(machine);
  const taken = all[Number(index)];
  if (taken?.trigger.kind !== 'event') return [];
  const { event } = taken.trigger;
  return all.flatMap(({ source, trigger, guard }, place) => {
    const isInner = source.startsWith(`${taken.source}.`) && isWithin(`${machine}.${state}`, source);
    const isSame = trigger.kind === 'event' && trigger.event === event;
    return guard !== undefined && isInner && isSame ? [`not ${machine}#${place}`] : [];
  });
}

function isWithin(state: string, outer: string): boolean {
  return state === outer || state.startsWith(`${outer}.`);
}

const read = new Map<PathSubjectName, readonly ChartTransition[]>();

function readTransitions(machine: PathSubjectName): readonly ChartTransition[] {
  const transitions = read.get(machine) ?? readChart(charts[machine]).transitions;
  read.set(machine, transitions);
  return transitions;
}

function eventsOf(way: Way): readonly PathEvent[] {
  return way.map(({ event }) => event);
}

function namesOf({ state }: GraphNode, machine: PathSubjectName): readonly string[] {
  const { session, turn, tools, compaction } = state;
  const name = { session, turn, toolCall: tools[0], compaction }[machine];
  return name === undefined ? [] : withShort(name);
}

/** What a state may be called: `working.retrying` or `retrying`. */
function withShort(name: string): readonly string[] {
  const leaf = name.split('.').at(-1) ?? name;
  return leaf === name ? [name] : [name, leaf];
}

type Walked = readonly { readonly whole: PathGraph }[];

function listStates(walked: Walked, machine: PathSubjectName): string {
  const nodes = walked.flatMap(({ whole }) => [...whole.nodes.values()]);
  const names = new Set(nodes.flatMap((node) => namesOf(node, machine).slice(0, 1)));
  return `States: ${[...names].sort().join(', ')}.`;
}

/** @throws TypeError for what is neither a state nor an event */
function checkNames(avoid: readonly string[], walked: Walked, machine: PathSubjectName): void {
  // a state that cannot be reached within the bounds is avoided already
  const drawn = readChart(charts[machine]).states.filter(({ type }) => type === 'atomic' || type === 'final');
  const known = new Set([
    ...walked.flatMap(({ whole }) => [...whole.nodes.values()].flatMap((node) => namesOf(node, machine))),
    ...drawn.flatMap(({ path }) => withShort(path.join('.'))),
  ]);
  for (const name of avoid) {
    if (known.has(name) || isPathEvent(name)) continue;
    throw new TypeError(`turnPaths(): there is no state or event "${name}" to avoid. ${listStates(walked, machine)}`);
  }
}

function without(graph: PathGraph, machine: PathSubjectName, avoid: readonly string[]): PathGraph {
  const nodes = [...graph.nodes.values()];
  const isAvoided = (node: GraphNode) => namesOf(node, machine).some((name) => avoid.includes(name));
  const avoided = new Set(nodes.filter(isAvoided).map(({ key }) => key));
  if (avoided.size === 0) return graph;
  const kept = nodes
    .filter(({ key }) => !avoided.has(key))
    .map((node) => ({ ...node, edges: node.edges.filter(({ to }) => !avoided.has(to)) }));
  return {
    start: kept.find(({ key }) => key === graph.start.key) ?? graph.start,
    nodes: new Map(kept.map((node) => [node.key, node])),
  };
}
