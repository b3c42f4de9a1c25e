import { fromInsideLabel, type Label, labelOf, runText, stateName } from './chartLabels.ts';
import type { ChartMark, ChartMarkStyle, ChartOptions } from './chartOptions.ts';
import type { Chart, ChartState } from './readChart.ts';

/** What of a chart is drawn, with all options settled. */
export interface ChartView {
  readonly chart: Chart;
  readonly options: Settled;
  /** The outermost state that is drawn. */
  readonly root: ChartState;
  /** Those that are drawn, by id, parents before their children. */
  readonly states: ReadonlyMap<string, ChartState>;
  readonly childrenOf: ReadonlyMap<string, readonly ChartState[]>;
  /** How many states each closed state has inside. */
  readonly closed: ReadonlyMap<string, number>;
  /** In the order of the chart, one for each transition and target. */
  readonly moves: readonly Move[];
  /** From each history state to where it goes the first time. */
  readonly memories: readonly { readonly source: ChartState; readonly target: ChartState }[];
  readonly stateMarks: ReadonlyMap<string, Mark>;
  /** By index. */
  readonly transitionMarks: ReadonlyMap<number, Mark>;
}

export interface Mark {
  readonly as: ChartMarkStyle;
  readonly label?: string;
}

/** A transition to one of its targets, as far as it is drawn. */
export interface Move {
  readonly transition: number;
  readonly source: ChartState;
  /** Itself where the transition stays; one outside of the region is not among the drawn states. */
  readonly target: ChartState;
  /** Where it really goes: that may be inside of the target, if the target is closed. */
  readonly goal: ChartState;
  /** Whether it stays where it is. */
  readonly isInternal: boolean;
  readonly label: Label;
}

type Settled = Required<Pick<ChartOptions, 'direction' | 'descriptions' | 'internal' | 'actions'>> &
  Pick<ChartOptions, 'theme'>;

/** @throws Error when an option names a state or a transition that the chart does not have */
export function createView(chart: Chart, options: ChartOptions): ChartView {
  const { direction = 'top-to-bottom', descriptions = false, internal = true, actions = false, theme } = options;
  const settled = { direction, descriptions, internal, actions, ...(theme !== undefined && { theme }) };
  const find = finder(chart);
  const whole = find(chart.states[0]?.id ?? '', 'state');
  const root = options.region === undefined ? whole : find(options.region, 'region');
  const lineOf = ({ id }: ChartState): ChartState[] => {
    const line: ChartState[] = [];
    for (let at: string | undefined = id; at !== undefined; at = line[0]?.parent) line.unshift(find(at, 'state'));
    return line;
  };

  const isClosed = closer(chart, root, options.collapsed, find);
  /** The state itself, or the closed one that hides it. */
  const shown = (state: ChartState): ChartState =>
    lineOf(state).find((each) => isClosed(each) && isInside(each, root, lineOf)) ?? state;

  const inRegion = chart.states.filter((state) => isInside(state, root, lineOf));
  const states = new Map(inRegion.filter((state) => shown(state) === state).map((state) => [state.id, state]));
  const childrenOf = new Map<string, ChartState[]>();
  for (const state of states.values()) {
    if (state.parent === undefined || !states.has(state.parent)) continue;
    childrenOf.set(state.parent, [...(childrenOf.get(state.parent) ?? []), state]);
  }
  const closed = new Map<string, number>();
  for (const state of inRegion) {
    const { id } = shown(state);
    if (id !== state.id) closed.set(id, (closed.get(id) ?? 0) + 1);
  }

  const moves = chart.transitions.flatMap((transition, index): Move[] => {
    const source = find(transition.source, 'state');
    if (!isInside(source, root, lineOf)) return [];
    const label = labelOf(chart, index, source, settled);
    const from = shown(source);
    const isHidden = from !== source;
    if (transition.targets.length === 0 || (!transition.reenter && source.type === 'atomic' && isSelf(transition))) {
      return isHidden ? [] : [{ transition: index, source, target: source, goal: source, isInternal: true, label }];
    }
    return transition.targets.flatMap((id): Move[] => {
      const target = find(id, 'state');
      const to = shown(target);
      if (isHidden && from === to) return [];
      const move = { transition: index, source: from, target: to, isInternal: false };
      return [isHidden ? { ...move, goal: to, label: fromInsideLabel(index) } : { ...move, goal: target, label }];
    });
  });

  const memories = [...states.values()].flatMap((source) =>
    (source.history?.targets ?? []).map((id) => ({ source, target: shown(find(id, 'state')) })),
  );

  return {
    chart,
    options: settled,
    root,
    states,
    childrenOf,
    closed,
    moves,
    memories,
    stateMarks: new Map(
      Object.entries(options.highlight?.states ?? {}).map(([name, mark]) => [
        find(name, 'highlighted state').id,
        settleMark(mark),
      ]),
    ),
    transitionMarks: new Map(
      Object.entries(options.highlight?.transitions ?? {}).map(([index, mark]) => [
        transitionIndex(chart, index),
        settleMark(mark),
      ]),
    ),
  };
}

/** What a state does when it is entered and while it is there, its transitions aside. */
export function stateText({ options, closed, root }: ChartView, state: ChartState): string[] {
  const inside = closed.get(state.id);
  return [
    // the description of the whole is what screen readers are given
    ...(options.descriptions && state !== root && state.description !== undefined ? [state.description] : []),
    ...(options.actions && state.entry.length > 0 ? [`entry / ${state.entry.join(', ')}`] : []),
    ...state.invokes.map((invoke) => runText(state, invoke)),
    ...(inside === undefined ? [] : [inside === 1 ? '1 state inside' : `${inside} states inside`]),
  ];
}

/** What it does when it is left. */
export function exitText({ options }: ChartView, { exit }: ChartState): string[] {
  return options.actions && exit.length > 0 ? [`exit / ${exit.join(', ')}`] : [];
}

/** How an arrow or a line stands out that is of several transitions: as the one that was taken, if any was. */
export function markOf({ transitionMarks }: ChartView, transitions: readonly number[]): Mark | undefined {
  const marks = transitions.map((index) => transitionMarks.get(index));
  const [first] = marks;
  if (marks.length === 1) return first;
  const as = (['active', 'covered'] as const).find((style) => marks.some((mark) => mark?.as === style));
  if (as !== undefined) return { as };
  return first !== undefined && marks.every((mark) => mark?.as === 'uncovered') ? { as: 'uncovered' } : undefined;
}

/** The label of an arrow, which says where that goes if it ends at a state around the one that is meant. */
export function aimed({ label, goal }: Move, end: ChartState): Label {
  return goal === end ? label : { ...label, rest: `${label.rest} → ${stateName(goal)}`.trim() };
}

/** A state by its id or by its path. */
function finder(chart: Chart): (name: string, what: string) => ChartState {
  const byId = new Map(chart.states.map((state) => [state.id, state]));
  const byPath = new Map(chart.states.slice(1).map((state) => [state.path.join('.'), state]));
  return (name, what) => {
    const state = byId.get(name) ?? byPath.get(name);
    if (state !== undefined) return state;
    const known = [...byId.keys()].join(', ');
    throw new Error(`There is no ${what} "${name}". The states of "${chart.id}" are: ${known}.`);
  };
}

function isInside(state: ChartState, root: ChartState, lineOf: (state: ChartState) => ChartState[]): boolean {
  return lineOf(state).includes(root);
}

function isSelf({ source, targets }: Chart['transitions'][number]): boolean {
  return targets.every((target) => target === source);
}

function closer(
  chart: Chart,
  root: ChartState,
  collapsed: ChartOptions['collapsed'],
  find: (name: string, what: string) => ChartState,
): (state: ChartState) => boolean {
  const parents = new Set(chart.states.map(({ parent }) => parent));
  if (typeof collapsed === 'number') {
    if (!Number.isInteger(collapsed) || collapsed < 1) {
      throw new Error(`collapsed is ${collapsed}: as a depth it is a whole number from 1.`);
    }
    return ({ id, path }) => parents.has(id) && path.length - root.path.length >= collapsed;
  }
  const closed = new Set((collapsed ?? []).map((name) => find(name, 'collapsed state')));
  return (state) => parents.has(state.id) && closed.has(state);
}

function settleMark(mark: ChartMark): Mark {
  return typeof mark === 'string' ? { as: mark } : mark;
}

function transitionIndex({ id, transitions }: Chart, index: string): number {
  if (transitions[Number(index)] !== undefined) return Number(index);
  const known = transitions.map(({ source, trigger, guard }, at) => {
    const event = trigger.kind === 'always' ? 'always' : trigger.event;
    return `${at} ${source} ${event}${guard === undefined ? '' : ` [${guard}]`}`;
  });
  throw new Error(`There is no transition ${index}. Those of "${id}" are: ${known.join(', ')}.`);
}
