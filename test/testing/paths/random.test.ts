import fc from 'fast-check';
import { describe, it, vi } from 'vitest';
import { possibleEvents, rootOf } from '../../../src/testing/paths/alphabet.ts';
import { pathFeatures } from '../../../src/testing/paths/bounds.ts';
import {
  oracles,
  type PathBounds,
  type PathSubjectName,
  runPath,
  type TurnPath,
} from '../../../src/testing/paths/index.ts';
import { toPath } from '../../../src/testing/paths/path.ts';
import type { PathEvent } from '../../../src/testing/paths/pathEvent.ts';
import { Rig } from '../../../src/testing/paths/rig.ts';
import { specification } from '../../spec/specification.ts';

vi.setConfig({ testTimeout: 120_000 });

const someBounds = fc.record({
  steps: fc.integer({ min: 1, max: 4 }),
  attempts: fc.integer({ min: 1, max: 3 }),
  tools: fc.integer({ min: 1, max: 4 }),
  toolAttempts: fc.integer({ min: 1, max: 3 }),
  toolErrors: fc.integer({ min: 1, max: 3 }),
  totalToolErrors: fc.constant(100),
  parallelTools: fc.integer({ min: 1, max: 4 }),
  retries: fc.integer({ min: 0, max: 2 }),
  turns: fc.integer({ min: 1, max: 4 }),
  // the specification knows pauses as a whole
  features: fc.subarray(pathFeatures.filter((feature) => feature !== 'extensions' && feature !== 'spending')),
});
const choices = fc.array(fc.nat({ max: 10_000 }), { minLength: 1, maxLength: 60 });

describe('any sequence of events that can happen', () => {
  it.each([
    'turn',
    'toolCall',
    'session',
    'compaction',
  ] as const)('keeps the oracles and the specification of %s content', async (machine) => {
    const checks = [...oracles, ...specification().oracles];
    const isKept = fc.asyncProperty(someBounds, choices, async (bounds, chosen) => {
      await runPath(randomPath(machine, bounds, chosen), { oracles: checks });
    });
    await fc.assert(isKept, { numRuns: 1_000, seed: 20_251_121 });
  }, 120_000);
});

/** Goes wherever the numbers choose among what can happen, until nothing can. */
function randomPath(machine: PathSubjectName, bounds: PathBounds, chosen: readonly number[]): TurnPath {
  const root = rootOf(machine);
  const rig = new Rig(root, bounds);
  const events: PathEvent[] = [];
  for (const choice of chosen) {
    const possible = possibleEvents(rig, machine, bounds);
    const event = possible[choice % possible.length];
    if (event === undefined) break;
    rig.apply(event);
    events.push(event);
  }
  rig.stop();
  return toPath(events, { machine, root, bounds });
}
