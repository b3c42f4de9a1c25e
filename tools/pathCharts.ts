// The smoke paths of the machines, and what they come by, as what stands out in the charts.
import type { ChartHighlight, ChartMark } from '../src/inspection/index.ts';
import {
  coverageHighlight,
  machineSubject,
  pathCoverage,
  runPath,
  type TransitionName,
  type TurnPath,
  turnPaths,
} from '../src/testing/paths/index.ts';
import type { machines } from './overview.ts';

/** A path, and where it leads in the chart of its machine. */
export interface PathChart {
  readonly path: TurnPath;
  readonly highlight: ChartHighlight;
}

/** What the smoke paths of a machine show of its chart. */
export interface PathCharts {
  readonly paths: readonly PathChart[];
  /** How often each state and transition is come by. */
  readonly coverage: ChartHighlight;
}

export async function pathChartsOf(machine: keyof typeof machines): Promise<PathCharts> {
  const whole = pathCoverage();
  const paths: PathChart[] = [];
  for (const path of turnPaths({ machine }).smoke) {
    const own = pathCoverage();
    const inspect: typeof own.inspect = (event) => {
      own.inspect(event);
      whole.inspect(event);
    };
    await runPath(path, { subject: machineSubject(undefined, { inspect }) });
    const { states } = coverageHighlight(own.read(), machine);
    paths.push({ path, highlight: { states: entered(states), transitions: numbered(path) } });
  }
  return { paths, coverage: coverageHighlight(whole.read(), machine) };
}

function entered(states: Readonly<Record<string, ChartMark>>): Readonly<Record<string, ChartMark>> {
  const names = Object.keys(states).filter((id) => states[id] !== 'uncovered');
  return Object.fromEntries(names.map((id) => [id, 'active']));
}

/** The transitions that a path takes, with the numbers of its steps that take them. */
function numbered({ machine, steps }: TurnPath): Readonly<Record<number, ChartMark>> {
  const numbers = new Map<number, Set<number>>();
  for (const [index, { transitions = [] }] of steps.entries()) {
    for (const transition of transitions.filter((name) => name.startsWith(`${machine}#`))) {
      const place = placeOf(transition);
      numbers.set(place, (numbers.get(place) ?? new Set()).add(index + 1));
    }
  }
  return Object.fromEntries(
    [...numbers].map(([place, taken]) => [place, { as: 'active', label: `#${[...taken].join(', #')}` }]),
  );
}

function placeOf(transition: TransitionName): number {
  return Number(transition.slice(transition.indexOf('#') + 1));
}
