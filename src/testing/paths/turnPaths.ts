import { readChart } from '../../inspection/readChart.ts';
import { sessionMachine } from '../../machines/sessionMachine.ts';
import { toolCallMachine } from '../../machines/toolCallMachine.ts';
import { turnMachine } from '../../machines/turnMachine.ts';
import type { PathSubjectName } from './alphabet.ts';
import { checkBounds, type PathBounds } from './bounds.ts';
import { type GraphEdge, type GraphNode, type PathGraph, walk } from './graph.ts';
import { type TurnPath, toPath } from './path.ts';
import { isPathEvent, type PathEvent } from './pathEvent.ts';
import type { PathMachine } from './rig.ts';
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
 * @example
 * ```ts
 * for (const path of turnPaths({ tools: 1 }).smoke) test(path.name, () => runPath(path));
 * ```
 */
export function turnPaths(options: TurnPathsOptions = {}): TurnPaths {
  const { machine = 'turn', with: given, avoid = [], ...others } = options;
  const bounds = checkBounds(others);
  const root = given ?? (machine === 'session' ? sessionMachine : turnMachine);
  const whole = walk({ machine, root, bounds, isAllowed: (event) => !avoid.includes(event) });
  const graph = without(whole, machine, avoid);
  const toPaths = (ways: Iterable<Way>): readonly TurnPath[] =>
    [...ways].map((way) => toPath(eventsOf(way), { machine, root, bounds }));
  return {
    get smoke() {
      return toPaths(coveringWays(graph, (edge, from) => transitionsOf(edge, namesOf(from, machine)[0])));
    },
    get edges() {
      return toPaths(coveringWays(graph, ({ event }, { key }) => [`${key} ${event}`]));
    },
    simple(maxLength) {
      return toPaths(simpleWays(graph, maxLength));
    },
    to(state) {
      const isMeant = (node: GraphNode) => namesOf(node, machine).includes(state);
      const ways = waysInto(graph, isMeant, ({ event }, from) => `${namesOf(from, machine)[0]} ${event}`);
      if (ways.length === 0)
        throw new TypeError(`turnPaths(): no path gets to "${state}". ${listStates(whole, machine)}`);
      return toPaths(ways);
    },
  };
}

const charts = { session: sessionMachine, turn: turnMachine, toolCall: toolCallMachine } as const;

/** What an edge takes; one that a guard keeps from taking anything counts as well. */
function transitionsOf({ event, transitions }: GraphEdge, state: string | undefined): readonly string[] {
  return transitions.length > 0 ? transitions : [`${state} ${event}`];
}

function eventsOf(way: Way): readonly PathEvent[] {
  return way.map(({ event }) => event);
}

function namesOf({ state }: GraphNode, machine: PathSubjectName): readonly string[] {
  const name = machine === 'session' ? state.session : machine === 'turn' ? state.turn : state.tools[0];
  return name === undefined ? [] : withShort(name);
}

/** What a state may be called: `working.retrying` or `retrying`. */
function withShort(name: string): readonly string[] {
  const leaf = name.split('.').at(-1) ?? name;
  return leaf === name ? [name] : [name, leaf];
}

function listStates({ nodes }: PathGraph, machine: PathSubjectName): string {
  const names = new Set([...nodes.values()].flatMap((node) => namesOf(node, machine).slice(0, 1)));
  return `States: ${[...names].sort().join(', ')}.`;
}

function without(graph: PathGraph, machine: PathSubjectName, avoid: readonly string[]): PathGraph {
  const nodes = [...graph.nodes.values()];
  const isAvoided = (node: GraphNode) => namesOf(node, machine).some((name) => avoid.includes(name));
  // a state that cannot be reached within the bounds is avoided already
  const drawn = readChart(charts[machine]).states.filter(({ type }) => type === 'atomic' || type === 'final');
  const known = new Set([
    ...nodes.flatMap((node) => namesOf(node, machine)),
    ...drawn.flatMap(({ path }) => withShort(path.join('.'))),
  ]);
  for (const name of avoid) {
    if (known.has(name) || isPathEvent(name)) continue;
    throw new TypeError(`turnPaths(): there is no state or event "${name}" to avoid. ${listStates(graph, machine)}`);
  }
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
