import type { GraphEdge, GraphNode, PathGraph } from './graph.ts';

/** What happens one after the other, from the start of a graph. */
export type Way = readonly GraphEdge[];

/** A shortest way to every node that can be reached. */
function shortestWays({ start, nodes }: PathGraph): ReadonlyMap<string, Way> {
  const ways = new Map<string, Way>([[start.key, []]]);
  for (const [key, way] of ways) {
    for (const edge of nodes.get(key)?.edges ?? []) if (!ways.has(edge.to)) ways.set(edge.to, [...way, edge]);
  }
  return ways;
}

/**
 * Few ways that between them take everything that the edges of a graph have to offer. Each goes on to whatever is
 * nearest and not taken yet, until nothing is left ahead of it, and from there to an end.
 */
export function coveringWays(
  graph: PathGraph,
  offers: (edge: GraphEdge, from: GraphNode) => readonly string[],
): readonly Way[] {
  const offered = new Map(
    [...graph.nodes.values()].flatMap((node) => node.edges.map((edge) => [edge, offers(edge, node)] as const)),
  );
  const left = new Set([...offered.values()].flat());
  const isWanted = (edge: GraphEdge) => offered.get(edge)?.some((item) => left.has(item)) === true;
  const isLast = (edge: GraphEdge) => graph.nodes.get(edge.to)?.edges.length === 0;
  const ways: Way[] = [];
  while (left.size > 0) {
    const way: GraphEdge[] = [];
    let node = graph.start;
    const take = (edges: Way) => {
      for (const edge of edges) {
        for (const item of offered.get(edge) ?? []) left.delete(item);
        way.push(edge);
        node = graph.nodes.get(edge.to) ?? node;
      }
    };
    for (;;) {
      const next = nearest(graph, node, isWanted, isLast);
      if (next === undefined) break;
      take(next);
    }
    // nothing that is left can be reached
    if (way.length === 0) break;
    take(nearest(graph, node, isLast) ?? []);
    ways.push(way);
  }
  return ways;
}

/** How a search got to a node, from the one that it set out from. */
interface Arrival {
  readonly length: number;
  readonly edge?: GraphEdge;
  readonly before?: Arrival;
}

/** A shortest way from a node over an edge that is wanted; of equally short ones, one that the way can go on from. */
function nearest(
  { nodes }: PathGraph,
  from: GraphNode,
  isWanted: (edge: GraphEdge) => boolean,
  isLast?: (edge: GraphEdge) => boolean,
): Way | undefined {
  const arrivals = new Map<string, Arrival>([[from.key, { length: 0 }]]);
  let last: Arrival | undefined;
  for (const [key, before] of arrivals) {
    if (last !== undefined && before.length >= last.length) break;
    for (const edge of nodes.get(key)?.edges ?? []) {
      const arrival: Arrival = { length: before.length + 1, edge, before };
      if (isWanted(edge)) {
        if (isLast?.(edge) !== true) return wayTo(arrival);
        last ??= arrival;
      } else if (!arrivals.has(edge.to)) {
        arrivals.set(edge.to, arrival);
      }
    }
  }
  return last && wayTo(last);
}

function wayTo(arrival: Arrival): Way {
  const way: GraphEdge[] = [];
  for (let each: Arrival | undefined = arrival; each?.edge !== undefined; each = each.before) way.push(each.edge);
  return way.reverse();
}

/** All ways of at most that many edges that visit no node twice; those that cannot go on, and those that are cut off. */
export function* simpleWays({ start, nodes }: PathGraph, maxLength: number): Generator<Way> {
  const visited = new Set<string>();
  function* from(key: string, way: Way): Generator<Way> {
    const edges = way.length < maxLength ? (nodes.get(key)?.edges ?? []) : [];
    visited.add(key);
    let isCutOff = true;
    for (const edge of edges) {
      if (visited.has(edge.to)) continue;
      isCutOff = false;
      yield* from(edge.to, [...way, edge]);
    }
    visited.delete(key);
    if (isCutOff && way.length > 0) yield way;
  }
  yield* from(start.key, []);
}

/** A shortest way for every edge into the nodes that are meant, from those that are not; one for edges of one kind, none for those of no kind. */
export function waysInto(
  graph: PathGraph,
  isMeant: (node: GraphNode) => boolean,
  kindOf: (edge: GraphEdge, from: GraphNode) => string | undefined,
): readonly Way[] {
  const found = new Map<string, Way>();
  for (const [key, way] of shortestWays(graph)) {
    const node = graph.nodes.get(key);
    if (node === undefined || isMeant(node)) continue;
    for (const edge of node.edges) {
      const target = graph.nodes.get(edge.to);
      const kind = kindOf(edge, node);
      if (kind === undefined || target === undefined || !isMeant(target) || found.has(kind)) continue;
      found.set(kind, [...way, edge]);
    }
  }
  return [...found.values()];
}
