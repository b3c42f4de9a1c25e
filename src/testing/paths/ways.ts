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
  const left = new Set([...graph.nodes.values()].flatMap((node) => node.edges.flatMap((edge) => offers(edge, node))));
  const isWanted = (edge: GraphEdge, from: GraphNode) => offers(edge, from).some((item) => left.has(item));
  const isLast = (edge: GraphEdge) => graph.nodes.get(edge.to)?.edges.length === 0;
  const ways: Way[] = [];
  while (left.size > 0) {
    const way: GraphEdge[] = [];
    let node = graph.start;
    const take = (edges: Way) => {
      for (const edge of edges) {
        for (const item of offers(edge, node)) left.delete(item);
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

/** A shortest way from a node over an edge that is wanted; of equally short ones, one that the way can go on from. */
function nearest(
  { nodes }: PathGraph,
  from: GraphNode,
  isWanted: (edge: GraphEdge, from: GraphNode) => boolean,
  isLast?: (edge: GraphEdge) => boolean,
): Way | undefined {
  const ways = new Map<string, Way>([[from.key, []]]);
  let last: Way | undefined;
  for (const [key, way] of ways) {
    const node = nodes.get(key);
    if (node === undefined || (last !== undefined && way.length >= last.length)) continue;
    for (const edge of node.edges) {
      if (isWanted(edge, node)) {
        if (isLast?.(edge) !== true) return [...way, edge];
        last ??= [...way, edge];
      } else if (!ways.has(edge.to)) {
        ways.set(edge.to, [...way, edge]);
      }
    }
  }
  return last;
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
