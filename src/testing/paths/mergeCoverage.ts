import type { Coverage, MachineCoverage } from './coverage.ts';

/**
 * The sum of coverages, of several test files for example.
 *
 * @throws Error where two have the same machine with other states or transitions
 * @example
 * ```ts
 * const files = ['turn.json', 'agent.json'];
 * const all = mergeCoverage(...files.map((file) => JSON.parse(readFileSync(file, 'utf8'))));
 * ```
 */
export function mergeCoverage(...coverages: readonly Coverage[]): Coverage {
  const merged = new Map<string, MachineCoverage>();
  for (const machine of coverages.flatMap(({ machines }) => machines)) {
    const known = merged.get(machine.machine);
    merged.set(machine.machine, known === undefined ? machine : addMachines(known, machine));
  }
  return { machines: [...merged.values()] };
}

function addMachines(a: MachineCoverage, b: MachineCoverage): MachineCoverage {
  if (chartOf(a) !== chartOf(b)) {
    throw new Error(`The coverages of "${a.machine}" are of two machines: their states or transitions differ.`);
  }
  return {
    machine: a.machine,
    states: a.states.map((state, index) => ({ ...state, hits: state.hits + (b.states[index]?.hits ?? 0) })),
    transitions: a.transitions.map((transition, index) => {
      const other = b.transitions[index];
      return {
        ...transition,
        hits: transition.hits + (other?.hits ?? 0),
        ...(transition.refusals !== undefined && { refusals: transition.refusals + (other?.refusals ?? 0) }),
      };
    }),
  };
}

function chartOf({ states, transitions }: MachineCoverage): string {
  return JSON.stringify([states.map(({ id }) => id), transitions.map(({ name }) => name)]);
}
