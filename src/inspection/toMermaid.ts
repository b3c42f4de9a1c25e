import type { AnyStateMachine } from 'xstate';
import {
  fromInsideLabel,
  inOneLine,
  internalText,
  type Label,
  labelLines,
  stateName,
  withLabel,
  wrap,
} from './chartLabels.ts';
import type { ChartMarkStyle, ChartOptions } from './chartOptions.ts';
import { aimed, type ChartView, createView, exitText, type Mark, markOf, stateText } from './chartView.ts';
import { escapeText, exitId, mermaidIds, textId } from './mermaidSyntax.ts';
import { type ChartState, readChart } from './readChart.ts';

/**
 * Draws any XState v5 machine as a Mermaid `stateDiagram-v2`; the same machine always gives the same text.
 *
 * Transitions show their event, and their guard as `[canRetry]`; `[else]` marks one without a guard that comes after
 * others of the same event. `done: callModel` and `error: callModel` are the ends of an actor.
 *
 * Some things are drawn in the way that Mermaid lays out best:
 *
 * - Transitions that share source and target share an arrow, on a line each, and name their event once: with arrows of
 *   their own, charts grow too wide for a page. A transition with several targets is an arrow to each.
 * - Arrows never cross the border of a state, where Mermaid puts labels on top of each other. One that leaves a state
 *   from inside ends there at `→ target`, and goes on outside as `(from inside)`; one that enters a state to a state
 *   inside says `→ target`.
 * - What has no arrow is written into its state, or into a note at it: the actors that it runs,
 *   transitions that stay, those from a state to itself, to one inside or around it, or between parallel regions.
 *
 * Highlighted states are painted; Mermaid cannot paint the arrows of state diagrams, so that highlighted transitions
 * begin with a sign: `▶` active, `✓` covered, `✗` uncovered.
 *
 * @throws Error when the machine leads to a state that does not exist (see {@link readChart}), or an option names a
 * state or a transition that the machine does not have
 * @example
 * ```ts
 * writeFileSync('turn.mmd', toMermaid(turnMachine, { direction: 'left-to-right' }));
 * ```
 */
export function toMermaid(machine: AnyStateMachine, options: ChartOptions = {}): string {
  const sketch = createSketch(createView(readChart(machine), options));
  const { root, theme } = { ...sketch.view, ...sketch.view.options };
  // the frame of a root that does nothing itself would say nothing
  const isFramed = root.parent !== undefined || root.type !== 'compound' || textOf(sketch, root).length > 0;
  const lines = [
    `accTitle: ${escapeText(root.id)}`,
    ...(root.description === undefined ? [] : [`accDescr: ${escapeText(root.description)}`]),
    ...(isFramed
      ? [directionOf(sketch), `[*] --> ${idOf(sketch, root.id)}`, ...drawState(sketch, root)]
      : drawInside(sketch, root)),
    ...drawStyles(sketch),
  ];
  const init = theme === undefined ? [] : [`%%{init: {"theme": "${theme === 'dark' ? 'dark' : 'default'}"}}%%`];
  return `${[...init, 'stateDiagram-v2', ...indent(lines)].join('\n')}\n`;
}

/** A view with its transitions laid out. */
interface Sketch {
  readonly view: ChartView;
  readonly ids: ReadonlyMap<string, string>;
  /** By the state inside which they are. */
  readonly arrows: ReadonlyMap<string, readonly Arrow[]>;
  /** Targets outside, by the state inside which arrows lead there. */
  readonly exits: ReadonlyMap<string, readonly ChartState[]>;
  /** Texts of the transitions that have no arrow, by their source. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
}

interface Arrow {
  readonly from: string;
  /** A state, or the exit to one that is elsewhere. */
  readonly to: string;
  readonly isExit: boolean;
  labels: readonly Label[];
}

function createSketch(view: ChartView): Sketch {
  const { chart, root } = view;
  const all = new Map(chart.states.map((state) => [state.id, state]));
  const stateOf = (id: string): ChartState => all.get(id) ?? root;
  const arrows = new Map<string, Arrow[]>();
  const exits = new Map<string, ChartState[]>();
  const texts = new Map<string, string[]>();
  const draw = ({ id }: ChartState, from: ChartState, to: ChartState, labels: readonly Label[], isExit = false) => {
    const drawn = arrows.get(id)?.find((each) => each.from === from.id && each.to === to.id);
    if (drawn === undefined) add(arrows, id, { from: from.id, to: to.id, isExit, labels });
    else for (const label of labels) drawn.labels = withLabel(drawn.labels, label);
  };
  const write = (state: ChartState, text: string, label: Label) => {
    add(texts, state.id, marked(text, markOf(view, label.transitions)));
  };
  for (const move of view.moves) {
    const { transition, source, target, goal, isInternal, label } = move;
    if (isInternal) {
      if (view.options.internal) write(source, internalText(chart, transition, label), label);
      continue;
    }
    const [block, from, to] = meeting(source, target, stateOf);
    const inside = stateOf(source.parent ?? root.id);
    const canMeet = from !== undefined && to !== undefined && block.type !== 'parallel';
    if (canMeet && from === source && source !== root) {
      draw(block, from, to, [aimed(move, to)]);
      continue;
    }
    if (canMeet) draw(block, from, to, [fromInsideLabel(transition)]);
    if (canMeet && source !== root && inside.type !== 'parallel') {
      if (!exits.get(inside.id)?.includes(target)) add(exits, inside.id, target);
      draw(inside, source, target, [aimed(move, target)], true);
    } else {
      write(source, `${inOneLine(label)} → ${stateName(goal)}`, label);
    }
  }
  for (const { source, target } of view.memories) {
    const [block, from, to] = meeting(source, target, stateOf);
    if (from === source && to === target && block.type !== 'parallel') draw(block, from, to, []);
    else add(texts, source.id, `→ ${stateName(target)}`);
  }
  return { view, ids: mermaidIds(chart), arrows, exits, texts };
}

/** The innermost state around two states, and which states right inside it hold them; none for that state itself. */
function meeting(
  a: ChartState,
  b: ChartState,
  stateOf: (id: string) => ChartState,
): [around: ChartState, a: ChartState | undefined, b: ChartState | undefined] {
  const [lineA, lineB] = [a, b].map((state) => {
    const line = [state];
    for (let { parent } = state; parent !== undefined; parent = line[0]?.parent) line.unshift(stateOf(parent));
    return line;
  }) as [ChartState[], ChartState[]];
  const depth = lineA.findIndex((state, index) => state !== lineB[index]);
  const split = depth === -1 ? lineA.length : depth;
  return [lineA[split - 1] ?? a, lineA[split], lineB[split]];
}

function drawState(sketch: Sketch, state: ChartState): string[] {
  const id = idOf(sketch, state.id);
  const text = textOf(sketch, state);
  const title = marked(stateName(state), withoutSign(sketch.view.stateMarks.get(state.id)));
  const name = `state "${escapeText(title)}" as ${id}`;
  if (!sketch.view.childrenOf.has(state.id)) {
    const isPlain = id === title && text.length === 0;
    return [isPlain ? id : name, ...wrapped(text, widths.state).map((line) => `${id} : ${line}`)];
  }
  const block = [`${name} {`, ...indent(drawInside(sketch, state)), '}'];
  // Mermaid takes no text for states with states inside, and may break on a note at a parallel one
  if (text.length === 0 || state.type === 'parallel') return block;
  return [...block, `note right of ${id}`, ...indent(wrapped(text, widths.note)), 'end note'];
}

/** What a state does without changing. */
function textOf({ view, texts }: Sketch, state: ChartState): string[] {
  return [...stateText(view, state), ...(texts.get(state.id) ?? []), ...exitText(view, state)];
}

function drawInside(sketch: Sketch, state: ChartState): string[] {
  const children = sketch.view.childrenOf.get(state.id) ?? [];
  if (state.type === 'parallel') {
    const regions = [...drawTextRegion(sketch, state), ...children.map((region) => drawState(sketch, region))];
    return [directionOf(sketch), ...regions.flatMap((region, index) => (index === 0 ? region : ['--', ...region]))];
  }
  const exits = sketch.exits.get(state.id) ?? [];
  const arrows = sketch.arrows.get(state.id) ?? [];
  return [
    directionOf(sketch),
    ...(state.initial === undefined ? [] : [`[*] --> ${idOf(sketch, state.initial)}`]),
    ...children.flatMap((child) => drawState(sketch, child)),
    ...exits.map(
      (target) =>
        `state "→ ${escapeText(stateName(target))}" as ${exitId(idOf(sketch, state.id), idOf(sketch, target.id))}`,
    ),
    ...arrows.map((arrow) => drawArrow(sketch, state, arrow)),
    ...children.filter(({ type }) => type === 'final').map(({ id }) => `${idOf(sketch, id)} --> [*]`),
  ];
}

function directionOf({ view }: Sketch): string {
  return `direction ${view.options.direction === 'left-to-right' ? 'LR' : 'TB'}`;
}

/** What a parallel state itself does, as if it were one more region. */
function drawTextRegion(sketch: Sketch, state: ChartState): string[][] {
  const [first, ...others] = wrapped(textOf(sketch, state), widths.state);
  if (first === undefined) return [];
  const id = textId(idOf(sketch, state.id));
  return [[`state "${first}" as ${id}`, ...others.map((line) => `${id} : ${line}`)]];
}

function drawArrow(sketch: Sketch, block: ChartState, { from, to, isExit, labels }: Arrow): string {
  const lines = labelLines(labels).map((line) => marked(inOneLine(line), markOf(sketch.view, line.transitions)));
  const arrow = `${idOf(sketch, from)} --> ${isExit ? exitId(idOf(sketch, block.id), idOf(sketch, to)) : idOf(sketch, to)}`;
  return lines.length === 0 ? arrow : `${arrow} : ${lines.map(escapeText).join('<br>')}`;
}

/** Makes exits and texts look unlike states; Mermaid knows classes only outside of blocks. */
function drawStyles(sketch: Sketch): string[] {
  const { stateMarks, states } = sketch.view;
  const exits = [...sketch.exits].flatMap(([block, targets]) =>
    targets.map(({ id }) => exitId(idOf(sketch, block), idOf(sketch, id))),
  );
  const texts = [...states.values()]
    .filter((state) => state.type === 'parallel' && sketch.view.childrenOf.has(state.id))
    .filter((state) => textOf(sketch, state).length > 0)
    .map((state) => textId(idOf(sketch, state.id)));
  const marks = (Object.keys(paints) as ChartMarkStyle[]).map((style): [string, string, string[]] => [
    style,
    paints[style],
    [...stateMarks].filter(([id, { as }]) => as === style && states.has(id)).map(([id]) => idOf(sketch, id)),
  ]);
  const classes: [name: string, style: string, ids: string[]][] = [
    ['exit', 'fill:none,stroke-dasharray:4', exits],
    ['text', 'fill:none,stroke:none', texts],
    ...marks,
  ];
  return classes
    .filter(([, , ids]) => ids.length > 0)
    .flatMap(([name, style, ids]) => [`classDef ${name} ${style}`, `class ${ids.join(',')} ${name}`]);
}

/** On light pages and on dark ones. */
const paints: Readonly<Record<ChartMarkStyle, string>> = {
  active: 'fill:#0969da,stroke:#0550ae,color:#ffffff',
  covered: 'fill:#dafbe1,stroke:#1a7f37,color:#116329',
  uncovered: 'fill:#ffebe9,stroke:#cf222e,color:#a40e26,stroke-dasharray:4',
};

const signs: Readonly<Record<ChartMarkStyle, string>> = { active: '▶', covered: '✓', uncovered: '✗' };

function marked(text: string, mark: (Omit<Mark, 'as'> & { readonly as?: ChartMarkStyle }) | undefined): string {
  if (mark === undefined) return text;
  return [mark.as && signs[mark.as], text, mark.label].filter((part) => part !== undefined).join(' ');
}

/** States are painted, they need none. */
function withoutSign(mark: Mark | undefined): { readonly label?: string } | undefined {
  return mark?.label === undefined ? undefined : { label: mark.label };
}

function idOf({ ids }: Sketch, state: string): string {
  return ids.get(state) ?? state;
}

/** In letters: what fits a state, and the 200 pixels of a note. */
const widths = { state: 44, note: 28 };

function wrapped(lines: readonly string[], width: number): string[] {
  return lines.flatMap((line) => wrap(line, width)).map(escapeText);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function add<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
