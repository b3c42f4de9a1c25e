import type { IRenderOptions, IState } from 'state-machine-cat';
import type { ChartOptions } from './chartOptions.ts';
import type { Arrow, Box, Line, Picture } from './picture.ts';

/** Where everything of a picture is, in pixels from its upper left corner. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: ReadonlyMap<Box, Rectangle>;
  /** Arrows with a label have two lines or more: to the label, and from there. */
  readonly arrows: ReadonlyMap<Arrow, { readonly label?: Rectangle; readonly lines: readonly Path[] }>;
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Path {
  /** Of an SVG path. */
  readonly d: string;
  /** Points of its polygon. */
  readonly head?: string;
}

/** Sizes of letters, in pixels: those that the layout leaves room for. */
export const fontSize = 12;

/**
 * Finds a place for everything, with state-machine-cat: the Graphviz in it is WebAssembly and measures text by tables of
 * its own, so that the same picture is laid out alike on every machine. It is told sizes only, no text of the picture.
 *
 * A label is a box to it, between two lines: boxes never overlap, labels on arrows would.
 *
 * @throws Error when state-machine-cat is not installed
 */
export async function layOut(picture: Picture, direction: ChartOptions['direction']): Promise<Layout> {
  const { render } = await loadStateMachineCat();
  const { states, names } = toStates(picture);
  const edges = toEdges(picture, names);
  const draw = async (all: readonly Edge[]): Promise<Layout> => {
    const transitions = all.map(({ from, to }, id) => ({ id, from, to, class: `e${id}` }));
    const svg = await render(
      { states, transitions },
      { ...options, direction: direction === 'left-to-right' ? 'left-right' : 'top-down' },
    );
    return readLayout(svg, names, all);
  };
  const layout = await draw(edges);
  const ends = endsAfter(picture, layout, names, direction);
  return ends.length === 0 ? layout : draw([...edges, ...ends]);
}

/** What Graphviz connects; an edge without an arrow is not drawn, and only puts one thing after another. */
interface Edge {
  readonly from: string;
  readonly to: string;
  readonly arrow?: Arrow;
  readonly hasHead?: boolean;
  /** The label that it comes from or goes to. */
  readonly label?: Arrow;
}

const options: IRenderOptions = {
  inputType: 'json',
  // "svg" would use the Graphviz of the machine, where there is one
  outputType: 'oldsvg',
  dotGraphAttrs: [
    { name: 'fontsize', value: String(fontSize) },
    // state-machine-cat would keep the arrows of a state in their order, which costs crossings
    { name: 'ordering', value: '""' },
    // arrows across borders count as much as others
    { name: 'newrank', value: 'true' },
    { name: 'nodesep', value: '0.25' },
    { name: 'ranksep', value: '0.14' },
  ],
  dotNodeAttrs: [{ name: 'fontsize', value: String(fontSize) }],
};

async function loadStateMachineCat(): Promise<Pick<typeof import('state-machine-cat'), 'render'>> {
  try {
    return await import('state-machine-cat');
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw new Error('toSvg needs the package state-machine-cat: npm install state-machine-cat', { cause });
  }
}

function toStates({ boxes, arrows }: Picture) {
  const names = new Map<Box | Arrow, string>();
  const nameFor = (thing: Box | Arrow) => {
    const name = `n${names.size}`;
    names.set(thing, name);
    return name;
  };
  const toState = (box: Box): IState => {
    const name = nameFor(box);
    if (box.kind === 'dot') return { name, type: 'initial' };
    if (box.kind === 'history') return { name, type: 'history' };
    const inside = [...box.inside.map(toState), ...labelsIn(box.id)];
    const title = box.remark === undefined ? box.name : `${box.name} ${box.remark}`;
    return {
      name,
      type: 'regular',
      // names are bold, and the borders of final states are double
      label: `${measure(title)}mm`,
      actions: box.lines.map(toAction),
      ...(inside.length > 0 && { statemachine: { states: inside } }),
    };
  };
  const labelsIn = (id: string | undefined): IState[] =>
    arrows
      .filter(({ around, lines }) => around === id && lines.length > 0)
      .map((arrow) => {
        const [first, ...others] = arrow.lines;
        const label = measure(first === undefined ? '' : textOf(first));
        return { name: nameFor(arrow), type: 'regular', label, actions: others.map(toAction) };
      });
  const states = [...boxes.map(toState), ...labelsIn(undefined)];
  return { states, names };
}

function toEdges({ boxes, arrows }: Picture, names: ReadonlyMap<Box | Arrow, string>): Edge[] {
  const nodes = new Map(withInside(boxes).map((box) => [box.id, names.get(box) ?? '']));
  // what leads to a box with others inside is to be before all of them
  const beginnings = withInside(boxes).flatMap((box) =>
    box.inside
      .filter(({ kind }) => kind === 'dot')
      .map((dot): Edge => ({ from: names.get(box) ?? '', to: names.get(dot) ?? '' })),
  );
  return [
    ...beginnings,
    ...arrows.flatMap((arrow): Edge[] => {
      const from = nodes.get(arrow.from) ?? '';
      const heads = arrow.to.map((to) => ({ arrow, to: nodes.get(to) ?? '', hasHead: true }));
      const label = names.get(arrow);
      if (label === undefined) return heads.map((head) => ({ ...head, from }));
      return [
        { arrow, from, to: label, label: arrow },
        ...heads.map((head) => ({ ...head, from: label, label: arrow })),
      ];
    }),
  ];
}

/** Puts the final states that a box leads to after everything in it: beside it, they would make the drawing wide. */
function endsAfter(
  { boxes, arrows }: Picture,
  layout: Layout,
  names: ReadonlyMap<Box | Arrow, string>,
  direction: ChartOptions['direction'],
): Edge[] {
  const endOf = (place: Rectangle | undefined): number => {
    if (place === undefined) return 0;
    return direction === 'left-to-right' ? place.x + place.width : place.y + place.height;
  };
  const all = withInside(boxes);
  return [boxes, ...all.map(({ inside }) => inside)].flatMap((siblings) =>
    siblings.flatMap((box) => {
      const inside = withInside(box.inside);
      const ids = new Set([box.id, ...inside.map(({ id }) => id)]);
      const leaves = inside.filter((each) => each.inside.length === 0);
      const labels = arrows.filter(({ around = '' }) => ids.has(around));
      const [last] = [
        ...leaves.map((thing) => ({ thing, place: layout.boxes.get(thing) })),
        ...labels.map((thing) => ({ thing, place: layout.arrows.get(thing)?.label })),
      ].toSorted((a, b) => endOf(b.place) - endOf(a.place));
      const targets = new Set(arrows.filter(({ from }) => ids.has(from)).flatMap(({ to }) => to));
      const ends = siblings.filter(({ id, kind }) => (kind === 'final' || kind === 'exit') && targets.has(id));
      return last === undefined
        ? []
        : ends.map((end) => ({ from: names.get(last.thing) ?? '', to: names.get(end) ?? '' }));
    }),
  );
}

function withInside(boxes: readonly Box[]): Box[] {
  return boxes.flatMap((box) => [box, ...withInside(box.inside)]);
}

function toAction(line: Line) {
  return { type: 'activity' as const, body: measure(textOf(line)) };
}

function textOf({ text, rest = '' }: Line): string {
  return [text, rest].filter((part) => part !== '').join(' ');
}

/** A text of about the same width that means nothing to anybody. */
function measure(text: string): string {
  const letters = text.replace(/[^\w .,:()[\]-]/gu, (letter) => ((letter.codePointAt(0) ?? 0) < 0x2000 ? 'n' : 'M'));
  return `${letters}m`;
}

/** Graphviz writes one group for each thing, of shapes and texts, with its name as its title. */
function readLayout(svg: string, names: ReadonlyMap<Box | Arrow, string>, edges: readonly Edge[]): Layout {
  const [, width = '', height = ''] = /viewBox="\S+ \S+ (\S+) (\S+)"/.exec(svg) ?? [];
  const [, left = '', top = ''] = /translate\((\S+) (\S+)\)/.exec(svg) ?? [];
  const move = ([x, y]: Point): Point => [x + Number(left), y + Number(top)];
  const places = new Map<string, Rectangle>();
  const lines = new Map<number, Curve>();
  const groups = /<g id="[^"]*" class="([^"]*)">\s*<title>([^<]*)<\/title>.*?<\/g>/gs;
  for (const [group, classes = '', title = ''] of svg.matchAll(groups)) {
    const edge = / e(\d+)$/.exec(classes)?.[1];
    if (edge !== undefined) {
      const points = pointsOf(/<path [^>]*d="([^"]*)"/.exec(group)?.[1]).map(move);
      const head = pointsOf(/<polygon [^>]*points="([^"]*)"/.exec(group)?.[1]).map(move);
      lines.set(Number(edge), { points, head });
    } else {
      places.set(title.replace(/^cluster_/, ''), around(shapeOf(group).map(move)));
    }
  }
  const placeOf = (thing: Box | Arrow): Rectangle => {
    const place = places.get(names.get(thing) ?? '');
    if (place === undefined) throw incomplete();
    return place;
  };
  const arrows = new Map<Arrow, { label?: Rectangle; lines: Path[] }>();
  edges.forEach(({ arrow, hasHead = false, label }, index) => {
    const line = lines.get(index);
    if (arrow === undefined) return;
    if (line === undefined) throw incomplete();
    const drawn = arrows.get(arrow) ?? { ...(label !== undefined && { label: placeOf(label) }), lines: [] };
    drawn.lines.push(toPath(line, hasHead, drawn.label));
    arrows.set(arrow, drawn);
  });
  const boxes = new Map([...names.keys()].filter((thing) => 'kind' in thing).map((box) => [box, placeOf(box)]));
  return { width: round(Number(width)), height: round(Number(height)), boxes, arrows };
}

function incomplete(): Error {
  return new Error('state-machine-cat has left something out: is its version 15?');
}

/** As Graphviz draws it; its last points are the head's. */
interface Curve {
  readonly points: readonly Point[];
  readonly head: readonly Point[];
}

type Point = readonly [x: number, y: number];

function shapeOf(group: string): readonly Point[] {
  const ellipse = /<ellipse [^>]*cx="([^"]*)" cy="([^"]*)" rx="([^"]*)" ry="([^"]*)"/.exec(group);
  if (ellipse !== null) {
    const [x = 0, y = 0, rx = 0, ry = 0] = ellipse.slice(1).map(Number);
    return [
      [x - rx, y - ry],
      [x + rx, y + ry],
    ];
  }
  const path = /<path [^>]*d="([^"]*)"/.exec(group)?.[1];
  return pointsOf(path ?? /<polygon [^>]*points="([^"]*)"/.exec(group)?.[1]);
}

function pointsOf(text = ''): Point[] {
  return [...text.matchAll(/(-?[\d.]+)[ ,](-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
}

function around(points: readonly Point[]): Rectangle {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return {
    x: round(x),
    y: round(y),
    width: round(Math.max(...xs) - x),
    height: round(Math.max(...ys) - y),
  };
}

/** A line to or from a label goes on below that, which is drawn smaller than its room. */
function toPath({ points, head }: Curve, hasHead: boolean, label: Rectangle | undefined): Path {
  const [start, ...curve] = points.map(write);
  const below = label === undefined ? [] : [write(middle(label))];
  const before = hasHead ? below : [];
  const after = hasHead ? [] : [...head.slice(1, 2).map(write), ...below];
  const d = `M${[...before, start].join('L')}C${curve.join(' ')}${after.map((point) => `L${point}`).join('')}`;
  return hasHead ? { d, head: head.map(write).join(' ') } : { d };
}

function middle({ x, y, width, height }: Rectangle): Point {
  return [x + width / 2, y + height / 2];
}

function write([x, y]: Point): string {
  return `${round(x)},${round(y)}`;
}

/** To a tenth of a pixel, so that no last digit makes a difference. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
