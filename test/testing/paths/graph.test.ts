import { describe, expect, it, vi } from 'vitest';
import { sessionMachine } from '../../../src/machines/sessionMachine.ts';
import { turnMachine } from '../../../src/machines/turnMachine.ts';
import { defaultBounds } from '../../../src/testing/paths/bounds.ts';
import { type PathGraph, walk } from '../../../src/testing/paths/graph.ts';
import { toPath } from '../../../src/testing/paths/path.ts';
import { coveringWays } from '../../../src/testing/paths/ways.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('the walk', () => {
  it.each([
    { machine: 'turn', root: turnMachine },
    { machine: 'toolCall', root: turnMachine },
    { machine: 'session', root: sessionMachine },
  ] as const)('takes situations of the $machine for one only if all goes on the same way', ({ machine, root }) => {
    const options = { machine, root, bounds: defaultBounds };
    const graph = walk({ ...options, isAllowed: () => true });
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
