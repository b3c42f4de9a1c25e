import type { AnyStateMachine } from 'xstate';
import { escapeText, exitId, mermaidIds, textId } from './mermaidSyntax.ts';
import { type Chart, type ChartInvoke, type ChartState, type ChartTransition, readChart } from './readChart.ts';

/** How a chart is drawn. */
export interface MermaidOptions {
  /** Which way it grows. @default 'TB' */
  readonly direction?: 'TB' | 'LR';
  /** Whether states show their descriptions. @default false */
  readonly descriptions?: boolean;
  /** Whether states list the transitions that stay in them and only run actions. @default true */
  readonly internal?: boolean;
  /** Whether transitions and states name the actions they run. @default false */
  readonly actions?: boolean;
}

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
 * @throws Error when the machine leads to a state that does not exist: see {@link readChart}
 * @example
 * ```ts
 * writeFileSync('turn.mmd', toMermaid(turnMachine, { direction: 'LR' }));
 * ```
 */
export function toMermaid(machine: AnyStateMachine, options: MermaidOptions = {}): string {
  const { direction = 'TB', descriptions = false, internal = true, actions = false } = options;
  const sketch = createSketch(readChart(machine), { direction, descriptions, internal, actions });
  const { root } = sketch;
  // the frame of a root that does nothing itself would say nothing
  const isFramed = root.type !== 'compound' || textOf(sketch, root).length > 0;
  const lines = [
    `accTitle: ${escapeText(machine.id)}`,
    ...(root.description === undefined ? [] : [`accDescr: ${escapeText(root.description)}`]),
    ...(isFramed
      ? [`direction ${direction}`, `[*] --> ${idOf(sketch, root.id)}`, ...drawState(sketch, root)]
      : drawInside(sketch, root)),
    ...drawStyles(sketch),
  ];
  return `stateDiagram-v2\n${indent(lines).join('\n')}\n`;
}

/** A chart with its transitions laid out. */
interface Sketch {
  readonly options: Required<MermaidOptions>;
  readonly root: ChartState;
  readonly states: ReadonlyMap<string, ChartState>;
  readonly childrenOf: ReadonlyMap<string, readonly ChartState[]>;
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
  readonly labels: Label[];
}

interface Label {
  /** The event, after which all else comes. */
  readonly trigger: string;
  readonly rest: string;
}

function createSketch(chart: Chart, options: Required<MermaidOptions>): Sketch {
  const states = new Map(chart.states.map((state) => [state.id, state]));
  const stateOf = (id: string): ChartState => {
    const state = states.get(id);
    if (state === undefined) throw new Error(`The chart of "${chart.id}" has no state "${id}".`);
    return state;
  };
  const root = stateOf(chart.states[0]?.id ?? '');
  const childrenOf = new Map<string, ChartState[]>();
  for (const state of chart.states) {
    if (state.parent !== undefined) add(childrenOf, state.parent, state);
  }

  const arrows = new Map<string, Arrow[]>();
  const exits = new Map<string, ChartState[]>();
  const texts = new Map<string, string[]>();
  const draw = ({ id }: ChartState, from: ChartState, to: ChartState, labels: readonly Label[], isExit = false) => {
    const drawn = arrows.get(id)?.find((each) => each.from === from.id && each.to === to.id);
    if (drawn === undefined) add(arrows, id, { from: from.id, to: to.id, isExit, labels: [...labels] });
    else drawn.labels.push(...labels.filter((label) => !drawn.labels.includes(label)));
  };
  const drawOrWrite = (source: ChartState, target: ChartState, label: Label) => {
    const [block, from, to] = meeting(source, target, stateOf);
    const inside = stateOf(source.parent ?? root.id);
    const canMeet = from !== undefined && to !== undefined && block.type !== 'parallel';
    if (canMeet && from === source) {
      draw(block, from, to, [to === target ? label : { ...label, rest: `${label.rest} → ${nameOf(target)}`.trim() }]);
      return;
    }
    if (canMeet) draw(block, from, to, [fromInside]);
    if (canMeet && inside.type !== 'parallel') {
      if (!exits.get(inside.id)?.includes(target)) add(exits, inside.id, target);
      draw(inside, source, target, [label], true);
    } else {
      add(texts, source.id, `${inOneLine(label)} → ${nameOf(target)}`);
    }
  };
  for (const transition of chart.transitions) {
    const source = stateOf(transition.source);
    const label = labelOf(chart, transition, source, options);
    if (!isInternal(transition, source)) {
      for (const target of transition.targets) drawOrWrite(source, stateOf(target), label);
    } else if (options.internal) {
      add(texts, source.id, internalText(transition, label));
    }
  }
  for (const state of chart.states) {
    for (const target of state.history?.targets ?? []) {
      const [block, from, to] = meeting(state, stateOf(target), stateOf);
      if (from === state && to?.id === target && block.type !== 'parallel') draw(block, from, to, []);
      else add(texts, state.id, `→ ${nameOf(stateOf(target))}`);
    }
  }
  return { options, root, states, childrenOf, ids: mermaidIds(chart), arrows, exits, texts };
}

const fromInside: Label = { trigger: '(from inside)', rest: '' };

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

/** Whether it neither leaves its state nor moves inside: a target that is the state itself counts only if it reenters. */
function isInternal({ targets, reenter }: ChartTransition, { id, type }: ChartState): boolean {
  return targets.length === 0 || (!reenter && type === 'atomic' && targets.every((target) => target === id));
}

function labelOf(
  chart: Chart,
  transition: ChartTransition,
  source: ChartState,
  { actions }: Required<MermaidOptions>,
): Label {
  const trigger = triggerText(transition, source);
  const rest = [
    ...guardText(chart, transition),
    // an arrow from a state to itself says so where there is nothing inside
    ...(transition.reenter && source.type !== 'atomic' ? ['(reenter)'] : []),
    ...(actions && transition.actions.length > 0 ? [`/ ${transition.actions.join(', ')}`] : []),
  ].join(' ');
  return trigger === '' && rest === '' ? { trigger: 'always', rest } : { trigger, rest };
}

function triggerText({ trigger }: ChartTransition, source: ChartState): string {
  switch (trigger.kind) {
    case 'always':
      return '';
    case 'event':
      return trigger.event;
    case 'after':
      return `after ${typeof trigger.delay === 'number' ? `${trigger.delay} ms` : trigger.delay}`;
    default:
      return trigger.of === source.id ? trigger.kind : `${trigger.kind}: ${actorName(trigger.of, source)}`;
  }
}

/** XState numbers the actors that were given no id; their logic says more. */
function actorName(id: string, { id: state, invokes }: ChartState): string {
  const numbered = invokes.find((invoke, index) => invoke.id === id && id === `${index}.${state}`);
  return numbered?.src ?? id;
}

function guardText(chart: Chart, transition: ChartTransition): string[] {
  if (transition.guard !== undefined) return [`[${transition.guard}]`];
  const siblings = chart.transitions.filter(
    ({ source, trigger }) => source === transition.source && eventOf(trigger) === eventOf(transition.trigger),
  );
  return siblings.indexOf(transition) > 0 ? ['[else]'] : [];
}

function eventOf(trigger: ChartTransition['trigger']): string {
  return trigger.kind === 'always' ? '' : trigger.event;
}

function internalText({ trigger, targets, actions }: ChartTransition, label: Label): string {
  const text = inOneLine(label);
  if (trigger.kind !== 'event') return text;
  // it keeps the event from the states around this one
  if (targets.length === 0 && actions.length === 0) return `ignores ${text}`;
  return `on ${text}`;
}

function inOneLine({ trigger, rest }: Label): string {
  return [trigger, rest].filter((part) => part !== '').join(' ');
}

function drawState(sketch: Sketch, state: ChartState): string[] {
  const id = idOf(sketch, state.id);
  const name = `state "${escapeText(nameOf(state))}" as ${id}`;
  const isSimple = !sketch.childrenOf.has(state.id);
  const text = wrap(textOf(sketch, state), isSimple ? widths.state : widths.note).map(escapeText);
  if (isSimple) {
    const isPlain = id === nameOf(state) && text.length === 0;
    return [isPlain ? id : name, ...text.map((line) => `${id} : ${line}`)];
  }
  const block = [`${name} {`, ...indent(drawInside(sketch, state)), '}'];
  // Mermaid takes no text for states with states inside, and may break on a note at a parallel one
  if (text.length === 0 || state.type === 'parallel') return block;
  return [...block, `note right of ${id}`, ...indent(text), 'end note'];
}

function nameOf({ key, history }: ChartState): string {
  if (history === undefined) return key;
  return history.depth === 'deep' ? 'H*' : 'H';
}

/** What a state does without changing. */
function textOf({ options, texts }: Sketch, state: ChartState): string[] {
  const { description = '', entry, exit, invokes, parent } = state;
  // the description of the whole is what screen readers are given
  const isDescribed = options.descriptions && parent !== undefined;
  return [
    ...(isDescribed ? [description] : []),
    ...(options.actions && entry.length > 0 ? [`entry / ${entry.join(', ')}`] : []),
    ...invokes.map((invoke) => `runs ${runText(state, invoke)}`),
    ...(texts.get(state.id) ?? []),
    ...(options.actions && exit.length > 0 ? [`exit / ${exit.join(', ')}`] : []),
  ];
}

function runText(state: ChartState, { id, src }: ChartInvoke): string {
  const name = actorName(id, state);
  return name === src || src === '(inline)' ? name : `${src} as ${name}`;
}

function drawInside(sketch: Sketch, state: ChartState): string[] {
  const children = sketch.childrenOf.get(state.id) ?? [];
  const direction = `direction ${sketch.options.direction}`;
  if (state.type === 'parallel') {
    const regions = [...drawTextRegion(sketch, state), ...children.map((region) => drawState(sketch, region))];
    return [direction, ...regions.flatMap((region, index) => (index === 0 ? region : ['--', ...region]))];
  }
  const exits = sketch.exits.get(state.id) ?? [];
  const arrows = sketch.arrows.get(state.id) ?? [];
  return [
    direction,
    ...(state.initial === undefined ? [] : [`[*] --> ${idOf(sketch, state.initial)}`]),
    ...children.flatMap((child) => drawState(sketch, child)),
    ...exits.map(
      (target) =>
        `state "→ ${escapeText(nameOf(target))}" as ${exitId(idOf(sketch, state.id), idOf(sketch, target.id))}`,
    ),
    ...arrows.map((arrow) => drawArrow(sketch, state, arrow)),
    ...children.filter(({ type }) => type === 'final').map(({ id }) => `${idOf(sketch, id)} --> [*]`),
  ];
}

/** What a parallel state itself does, as if it were one more region. */
function drawTextRegion(sketch: Sketch, state: ChartState): string[][] {
  const [first, ...others] = wrap(textOf(sketch, state), widths.state).map(escapeText);
  if (first === undefined) return [];
  const id = textId(idOf(sketch, state.id));
  return [[`state "${first}" as ${id}`, ...others.map((line) => `${id} : ${line}`)]];
}

/** Makes exits and texts look unlike states; Mermaid knows classes only outside of blocks. */
function drawStyles(sketch: Sketch): string[] {
  const exits = [...sketch.exits].flatMap(([block, targets]) =>
    targets.map(({ id }) => exitId(idOf(sketch, block), idOf(sketch, id))),
  );
  const texts = [...sketch.states.values()]
    .filter((state) => state.type === 'parallel' && textOf(sketch, state).length > 0)
    .map((state) => textId(idOf(sketch, state.id)));
  return [
    ...(exits.length === 0 ? [] : ['classDef exit fill:none,stroke-dasharray:4', `class ${exits.join(',')} exit`]),
    ...(texts.length === 0 ? [] : ['classDef text fill:none,stroke:none', `class ${texts.join(',')} text`]),
  ];
}

function drawArrow(sketch: Sketch, block: ChartState, { from, to, isExit, labels }: Arrow): string {
  const lines = labels.flatMap((label, index) => {
    const { trigger, rest } = label;
    const isRepeated = labels[index - 1]?.trigger === trigger;
    const isFollowed = labels[index + 1]?.trigger === trigger;
    if (trigger === '' || rest === '') return [inOneLine(label)];
    if (isRepeated) return [rest];
    return isFollowed || inOneLine(label).length > longestLabel ? [trigger, rest] : [inOneLine(label)];
  });
  const arrow = `${idOf(sketch, from)} --> ${isExit ? exitId(idOf(sketch, block.id), idOf(sketch, to)) : idOf(sketch, to)}`;
  return lines.length === 0 ? arrow : `${arrow} : ${lines.map(escapeText).join('<br>')}`;
}

/** In letters; Mermaid breaks lines of 200 pixels itself, but not before the guard. */
const longestLabel = 22;

function idOf({ ids }: Sketch, state: string): string {
  return ids.get(state) ?? state;
}

/** In letters: what fits a state, and the 200 pixels of a note. */
const widths = { state: 44, note: 28 };

function wrap(lines: readonly string[], width: number): string[] {
  return lines.flatMap((text) => {
    const wrapped: string[] = [];
    for (const word of text.split(/\s+/).filter((part) => part !== '')) {
      const line = wrapped.at(-1);
      if (line !== undefined && line.length + word.length < width) wrapped[wrapped.length - 1] = `${line} ${word}`;
      else wrapped.push(word);
    }
    return wrapped;
  });
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function add<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
