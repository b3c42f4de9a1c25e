import { describe, expect, it, vi } from 'vitest';
import { rootOf } from '../../../src/testing/paths/alphabet.ts';
import { defaultBounds, type PathBounds } from '../../../src/testing/paths/bounds.ts';
import { keyOf, type PathGraph, walk } from '../../../src/testing/paths/graph.ts';
import { toPath } from '../../../src/testing/paths/path.ts';
import { Rig } from '../../../src/testing/paths/rig.ts';
import { type TransitionName, transitionsIn } from '../../../src/testing/paths/taken.ts';
import { walksOf } from '../../../src/testing/paths/walks.ts';
import { coveringWays } from '../../../src/testing/paths/ways.ts';
import { Random } from '../../../src/testing/random.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('the walk', () => {
  const machines = ['turn', 'toolCall', 'session', 'compaction'] as const;
  const walks = machines.flatMap((machine) =>
    walksOf(machine, {}).map((each) => ({ machine, features: each.bounds.features.join(), ...each })),
  );

  /** Of subjects that have less than everything, and more tools at a time than a walk of all machines looks at. */
  const ofSubjects = [
    { machine: 'turn', bounds: { ...defaultBounds, attempts: 1, toolAttempts: 1, features: ['compaction'] } },
  ] as const;
  const others = ofSubjects.map((each) => ({ ...each, features: each.bounds.features.join(), isLeftOut: () => false }));

  it.each([
    ...walks,
    ...others,
  ])('takes situations of the $machine with [$features] for one only if all goes on the same way', ({
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
    // and any number of ways, chosen by chance
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = new Random(seed);
      const transitions: TransitionName[] = [];
      const rig = new Rig(options.root, bounds);
      rig.actor.system.inspect((event) => transitions.push(...transitionsIn(event)));
      let node = graph.start;
      for (let left = 60; left > 0 && node.edges.length > 0; left -= 1) {
        const edge = random.pick(node.edges);
        transitions.length = 0;
        rig.apply(edge.event);
        expect([edge.event, transitions, keyOf(rig, machine, bounds)]).toEqual([edge.event, edge.transitions, edge.to]);
        node = graph.nodes.get(edge.to) ?? node;
      }
      rig.stop();
    }
  });

  it('gives up where there is too much to walk, and says what would be less', () => {
    const bounds: PathBounds = { ...defaultBounds, attempts: 1, features: ['compaction', 'preparation'] };
    expect(() => walk({ machine: 'turn', root: rootOf('turn'), bounds, isAllowed: () => true, most: 30 })).toThrow(
      new RangeError(
        'turnPaths(): within these bounds there are more than 30 situations, which is too many: lower `steps` (2), `tools` (2), `toolAttempts` (2), or take fewer `features` at a time than compaction, preparation, or `avoid` some of what may happen.',
      ),
    );
  });
});

function everyEdge(graph: PathGraph) {
  return coveringWays(graph, ({ event }, { key }) => [`${key} ${event}`]);
}
