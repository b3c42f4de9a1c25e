import type { AnyStateMachine } from 'xstate';
import { inOneLine, internalText, type Label, labelLines, stateName, withLabel, wrap } from './chartLabels.ts';
import type { ChartOptions } from './chartOptions.ts';
import { aimed, type ChartView, createView, exitText, type Move, markOf, stateText } from './chartView.ts';
import { drawPicture } from './drawPicture.ts';
import type { Arrow, Box, Line, Picture } from './picture.ts';
import { type ChartState, readChart } from './readChart.ts';

/**
 * Draws any XState v5 machine as an SVG document, with the package `state-machine-cat`, which is to be installed. The
 * same machine always gives the same text, on every machine.
 *
 * Transitions show their event, and their guard as `[canRetry]`; `[else]` marks one without a guard that comes after
 * others of the same event. Those with the same source and targets share an arrow, on a line each. What has no arrow is
 * written into its state: the actors that it runs, transitions that stay, those to a state inside or around it.
 *
 * States have their id as `data-state`, and their description as their title. Arrows, and texts of transitions, have
 * the indices in `readChart(machine).transitions` as `data-transitions`.
 *
 * @throws Error when `state-machine-cat` is missing, when the machine leads to a state that does not exist (see
 * {@link readChart}), or when an option names a state or a transition that the machine does not have
 * @example
 * ```ts
 * writeFileSync('turn.svg', await toSvg(turnMachine, { theme: 'dark', highlight: { states: { working: 'active' } } }));
 * ```
 */
export async function toSvg(machine: AnyStateMachine, options: ChartOptions = {}): Promise<string> {
  const view = createView(readChart(machine), options);
  return drawPicture(toPicture(view), options);
}

/** What of a chart is drawn, as boxes and arrows. */
export function toPicture(view: ChartView): Picture {
  const { root } = view;
  const sketch = createSketch(view);
  const whole = toBox(sketch, root);
  // the frame of a whole machine that does nothing itself would say nothing
  const isFramed = root.parent !== undefined || root.type !== 'compound' || whole.lines.length > 0;
  return {
    title: root.id,
    ...(root.description !== undefined && { description: root.description }),
    boxes: isFramed ? [whole] : whole.inside,
    arrows: sketch.arrows.map((arrow) => {
      const { around, ...rest } = toArrow(sketch, arrow);
      return around === undefined || (!isFramed && around === root.id) ? rest : { ...rest, around };
    }),
  };
}

interface Sketch {
  readonly view: ChartView;
  readonly arrows: readonly Between[];
  /** By the state that they are written into. */
  readonly texts: ReadonlyMap<string, readonly Line[]>;
  /** Of a region. */
  readonly exits: readonly ChartState[];
}

interface Between {
  readonly from: string;
  readonly to: readonly string[];
  readonly around: string | undefined;
  labels: readonly Label[];
}

function createSketch(view: ChartView): Sketch {
  const { root, states, chart } = view;
  const arrows: Between[] = [];
  const texts = new Map<string, Line[]>();
  const exits = new Set<ChartState>();
  const write = ({ id }: ChartState, text: string, { transitions }: Label) => {
    const mark = markOf(view, transitions);
    const line = { text: marked(text, mark?.label), transitions, ...(mark !== undefined && { mark: mark.as }) };
    texts.set(id, [...(texts.get(id) ?? []), line]);
  };
  for (const { initial } of states.values()) {
    const state = initial === undefined ? undefined : states.get(initial);
    if (state === undefined) continue;
    arrows.push({ from: dotOf(state.parent ?? ''), to: [state.id], around: undefined, labels: [] });
  }
  for (const moves of byTransition(view.moves)) {
    const [{ source, label, transition, isInternal }] = moves;
    if (isInternal) {
      if (view.options.internal) write(source, internalText(chart, transition, label), label);
    } else if (source === root || moves.some(({ target }) => isAround(source, target) || isAround(target, source))) {
      for (const { goal } of moves) write(source, `${inOneLine(label)} → ${stateName(goal)}`, label);
    } else {
      for (const { target } of moves) if (!states.has(target.id)) exits.add(target);
      const to = moves.map(({ target }) => (states.has(target.id) ? target.id : exitOf(target)));
      // an arrow for all of them
      const [first] = moves;
      const text = moves.length === 1 ? aimed(first, first.target) : label;
      const drawn = arrows.find((each) => each.from === source.id && each.to.join() === to.join());
      if (drawn === undefined) arrows.push({ from: source.id, to, around: source.parent, labels: [text] });
      else drawn.labels = withLabel(drawn.labels, text);
    }
  }
  for (const { source, target } of view.memories) {
    if (states.has(target.id) && !isAround(target, source)) {
      arrows.push({ from: source.id, to: [target.id], around: undefined, labels: [] });
    }
  }
  return { view, arrows, texts, exits: [...exits] };
}

type Moves = readonly [Move, ...Move[]];

function byTransition(moves: readonly Move[]): Moves[] {
  return [...Map.groupBy(moves, ({ transition }) => transition).values()].filter(
    (each): each is [Move, ...Move[]] => each.length > 0,
  );
}

function isAround({ id, path }: ChartState, other: ChartState): boolean {
  return id === other.id || (path.length < other.path.length && path.every((key, index) => key === other.path[index]));
}

function toBox(sketch: Sketch, state: ChartState): Box {
  const { view, texts } = sketch;
  const mark = view.stateMarks.get(state.id);
  const children = view.childrenOf.get(state.id) ?? [];
  const inside = children.map((child) => toBox(sketch, child));
  const hasDot = state.initial !== undefined && view.states.has(state.initial);
  const dot = { id: dotOf(state.id), kind: 'dot' as const, name: '', lines: [], inside: [] };
  const exits = state === view.root ? sketch.exits.map(toExit) : [];
  return {
    id: state.id,
    kind: kindOf(view, state),
    name: stateName(state),
    lines: [
      ...stateText(view, state).flatMap(toLines),
      ...(texts.get(state.id) ?? []),
      ...exitText(view, state).flatMap(toLines),
    ],
    inside: [...(hasDot ? [dot] : []), ...inside, ...exits],
    state: state.id,
    ...(state.description !== undefined && { hint: state.description }),
    ...(mark !== undefined && { mark: mark.as }),
    ...(mark?.label !== undefined && { remark: mark.label }),
  };
}

function kindOf(view: ChartView, { type, parent }: ChartState): Box['kind'] {
  if (type === 'final' || type === 'history') return type;
  return view.states.get(parent ?? '')?.type === 'parallel' ? 'region' : 'state';
}

function toExit(state: ChartState): Box {
  return { id: exitOf(state), kind: 'exit', name: `→ ${stateName(state)}`, lines: [], inside: [] };
}

function toLines(text: string): Line[] {
  return wrap(text, longestLine).map((line) => ({ text: line, transitions: [] }));
}

/** In letters. */
const longestLine = 44;

function toArrow({ view }: Sketch, { from, to, around, labels }: Between): Arrow {
  const transitions = labels.flatMap((label) => label.transitions);
  const mark = transitions.length === 0 ? undefined : markOf(view, transitions);
  return {
    from,
    to,
    ...(around !== undefined && { around }),
    lines: labelLines(labels).map(({ trigger, rest, transitions }): Line => {
      const lineMark = markOf(view, transitions);
      return {
        text: rest === '' ? marked(trigger, lineMark?.label) : trigger,
        rest: rest === '' ? '' : marked(rest, lineMark?.label),
        transitions,
        ...(lineMark !== undefined && { mark: lineMark.as }),
      };
    }),
    transitions,
    ...(mark !== undefined && { mark: mark.as }),
  };
}

function marked(text: string, label: string | undefined): string {
  return label === undefined ? text : `${text} ${label}`;
}

function dotOf(state: string): string {
  return `dot ${state}`;
}

function exitOf({ id }: ChartState): string {
  return `exit ${id}`;
}
