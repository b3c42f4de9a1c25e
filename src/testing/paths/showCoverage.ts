import type { ChartHighlight, ChartMark } from '../../inspection/chartOptions.ts';
import type { Coverage, MachineCoverage } from './coverage.ts';

/**
 * A coverage to be read: how often each state was entered and each transition taken, and how often its guard did not
 * hold. `✗` marks what was never come by, and guards that always held; those that never did are transitions not taken.
 *
 * @example
 * ```ts
 * console.log(coverageTable(coverage.read()));
 * // turn: 9 of 9 states, 27 of 28 transitions, 14 of 15 guards both ways
 * //     13         idle
 * //      …
 * //   ✗  0     42  working.callingModel: done: callModel [pausesTooOften]
 * ```
 */
export function coverageTable({ machines }: Coverage): string {
  return machines.map(drawMachine).join('\n');
}

function drawMachine({ machine, states, transitions }: MachineCoverage): string {
  const guarded = transitions.filter(({ refusals }) => refusals !== undefined);
  const bothWays = guarded.filter(({ hits, refusals }) => hits > 0 && refusals !== 0);
  const totals = [
    share(states.filter(isHit), states, 'states'),
    share(transitions.filter(isHit), transitions, 'transitions'),
    share(bothWays, guarded, 'guards both ways'),
  ];
  const rows = [
    ...states.map(({ id, hits }) => ({ hits, refusals: undefined, name: id.slice(machine.length + 1) })),
    ...transitions,
  ];
  const width = Math.max(...rows.flatMap(({ hits, refusals = 0 }) => [`${hits}`.length, `${refusals}`.length]));
  const lines = rows.map(({ hits, refusals, name }) => {
    const mark = hits === 0 || refusals === 0 ? '✗' : ' ';
    return `  ${mark} ${`${hits}`.padStart(width)}  ${`${refusals ?? ''}`.padStart(width)}  ${name}`;
  });
  return `${[`${machine}: ${totals.join(', ')}`, ...lines].join('\n')}\n`;
}

function share(some: readonly unknown[], all: readonly unknown[], what: string): string {
  return `${some.length} of ${all.length} ${what}`;
}

function isHit({ hits }: { readonly hits: number }): boolean {
  return hits > 0;
}

/**
 * A coverage as what stands out in a chart: covered states and transitions with their counts, and uncovered ones.
 *
 * @throws Error for a machine that the coverage does not have
 * @example
 * ```ts
 * writeFileSync('turn.svg', await toSvg(turnMachine, { highlight: coverageHighlight(coverage.read(), 'turn') }));
 * ```
 */
export function coverageHighlight({ machines }: Coverage, machine: string): Required<ChartHighlight> {
  const found = machines.find((each) => each.machine === machine);
  if (found === undefined) {
    const known = machines.map((each) => each.machine).join(', ');
    throw new Error(`The coverage has no machine "${machine}". It has: ${known}.`);
  }
  return {
    states: Object.fromEntries(found.states.map(({ id, hits }) => [id, markOf(hits)])),
    transitions: Object.fromEntries(found.transitions.map(({ hits }, index) => [index, markOf(hits)])),
  };
}

function markOf(hits: number): ChartMark {
  return hits === 0 ? 'uncovered' : { as: 'covered', label: `${hits}×` };
}
