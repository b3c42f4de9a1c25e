import { describe, expect, it, vi } from 'vitest';
import { rootOf } from '../../../src/testing/paths/alphabet.ts';
import { type PathGraph, walk } from '../../../src/testing/paths/graph.ts';
import { toPath } from '../../../src/testing/paths/path.ts';
import { walksOf } from '../../../src/testing/paths/walks.ts';
import { coveringWays } from '../../../src/testing/paths/ways.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('the walk', () => {
  const machines = ['turn', 'toolCall', 'session', 'compaction'] as const;
  const walks = machines.flatMap((machine) =>
    walksOf(machine, {}).map((each) => ({ machine, features: each.bounds.features.join(), ...each })),
  );

  it.each(walks)('takes situations of the $machine with [$features] for one only if all goes on the same way', ({
    machine,
    bounds,
    isLeftOut,
  }) => {
    const options = { machine, root: rootOf(machine), bounds };
    const graph = walk({ ...options, isAllowed: (event) => !isLeftOut(event) });
    // another way to the same situation: if it goes on otherwise, keyOf() forgets something that a guard looks at
    for (const way of everyEdge(graph)) {
      const { steps } = toPath(
        way.map(({ event }) => event),
        options,
      );
      expect(steps.map(({ transitions }) => transitions)).toEqual(way.map(({ transitions }) => transitions));
    }
  });
});

function everyEdge(graph: PathGraph) {
  return coveringWays(graph, ({ event }, { key }) => [`${key} ${event}`]);
}
