import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { boxesOf, type ChartDrawing } from '../../../../src/inspection/chartDrawing.ts';
import type { Rectangle } from '../../../../src/inspection/layOut.ts';
import type { Arrow, Box, Line } from '../../../../src/inspection/picture.ts';
import type { Visits } from '../model/run.ts';
import { duration } from '../model/time.ts';
import { kindOf } from './kinds.ts';

export interface ChartMarks {
  /** Ids of the states that the actor is in. */
  readonly active: ReadonlySet<string>;
  /** Indices of the transitions that were just taken. */
  readonly taken: ReadonlySet<number>;
  readonly visits: ReadonlyMap<string, Visits>;
  /** How often each transition was taken. */
  readonly counts: ReadonlyMap<number, number>;
  /** Where a report is looked at: how often tests came by. */
  readonly hits?: { readonly states: ReadonlyMap<string, number>; readonly transitions: readonly number[] };
}

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const [least, most] = [0.12, 3];
const lineHeight = 17;

/** A chart that one can move about in; goes along with the machine unless it was moved by hand. */
export function Chart({ drawing, marks, label }: { drawing: ChartDrawing; marks: ChartMarks; label: string }) {
  const frame = useRef<HTMLDivElement>(null);
  const size = useSize(frame);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const [mode, setMode] = useState<'follow' | 'fit' | 'free'>('follow');
  const [isMoving, setMoving] = useState(false);
  const shapes = useMemo(() => shapesOf(drawing), [drawing]);
  const focus = focusOf(shapes, drawing, marks);
  const focusKey = focus === undefined ? '' : [focus.x, focus.y, focus.width, focus.height].join();

  // biome-ignore lint/correctness/useExhaustiveDependencies: a focus is the same where its numbers are
  useLayoutEffect(() => {
    if (size.width === 0 || mode === 'free') return;
    const whole = { x: 0, y: 0, width: drawing.width, height: drawing.height };
    setView(mode === 'fit' || focus === undefined ? fitting(whole, size, 1.4) : around(focus, size, whole));
  }, [focusKey, mode, size.width, size.height, drawing]);

  const zoom = (factor: number, at = { x: size.width / 2, y: size.height / 2 }) => {
    setMode('free');
    setView((before) => zoomed(before, factor, at));
  };
  useWheel(frame, (event) => {
    const { left, top } = frame.current?.getBoundingClientRect() ?? { left: 0, top: 0 };
    zoom(Math.exp(-event.deltaY / 400), { x: event.clientX - left, y: event.clientY - top });
  });
  const drag = useDrag((dx, dy) => {
    setMode('free');
    setView((before) => ({ ...before, x: before.x + dx, y: before.y + dy }));
  }, setMoving);
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    const factor = { '+': 1.25, '=': 1.25, '-': 0.8 }[event.key];
    if (move !== undefined && event.shiftKey) {
      setMode('free');
      setView((before) => ({ ...before, x: before.x + (move[0] ?? 0), y: before.y + (move[1] ?? 0) }));
    } else if (factor !== undefined) zoom(factor);
    else if (event.key === '0') setMode('fit');
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <section
      class="chart"
      ref={frame}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved with the keyboard, too
      tabIndex={0}
      aria-label={`${label}. Plus and minus zoom, Shift and arrows move, 0 shows all.`}
      onKeyDown={onKeyDown}
      {...drag}
    >
      <svg class={isMoving ? 'moving' : ''} role="img" aria-label={label} data-chart={drawing.chart.id}>
        <g class="scene" style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}>
          <Scene drawing={drawing} shapes={shapes} marks={marks} />
        </g>
      </svg>
      <MiniMap drawing={drawing} shapes={shapes} marks={marks} view={view} size={size} />
      <div class="chart-tools" role="toolbar" aria-label="Chart">
        <button
          type="button"
          aria-pressed={mode === 'follow'}
          onClick={() => setMode('follow')}
          title="Goes along with the machine"
        >
          Follow
        </button>
        <button type="button" aria-pressed={mode === 'fit'} onClick={() => setMode('fit')} title="Shows all of it">
          Fit
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => zoom(0.8)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => zoom(1.25)}>
          +
        </button>
      </div>
    </section>
  );
}

interface Shape {
  readonly box: Box;
  readonly place: Rectangle;
}

interface Shapes {
  readonly frames: readonly Shape[];
  readonly leaves: readonly Shape[];
  readonly byState: ReadonlyMap<string, Rectangle>;
}

function shapesOf({ picture, boxes }: ChartDrawing): Shapes {
  const all = boxesOf(picture).map((box, index) => ({ box, place: boxes[index] ?? nowhere }));
  return {
    frames: all.filter(({ box }) => box.inside.length > 0),
    leaves: all.filter(({ box }) => box.inside.length === 0),
    byState: new Map(all.flatMap(({ box, place }) => (box.state === undefined ? [] : [[box.state, place] as const]))),
  };
}

const nowhere: Rectangle = { x: 0, y: 0, width: 0, height: 0 };

function Scene({ drawing, shapes, marks }: { drawing: ChartDrawing; shapes: Shapes; marks: ChartMarks }) {
  const { picture, arrows } = drawing;
  return (
    <>
      {shapes.frames.map(({ box, place }) => (
        <Frame key={box.id} box={box} place={place} marks={marks} />
      ))}
      {picture.arrows.map((arrow, index) => (
        <g key={`${arrow.from} ${arrow.to}`} class={`arrow ${classOf(arrow, marks)}`}>
          {arrows[index]?.lines.map(({ d, head }) => (
            <g key={d}>
              <path d={d} />
              {head !== undefined && <polygon points={head} />}
            </g>
          ))}
        </g>
      ))}
      {shapes.leaves.map(({ box, place }) => (
        <Leaf key={box.id} box={box} place={place} marks={marks} />
      ))}
      {picture.arrows.map((arrow, index) => {
        const room = arrows[index]?.label;
        return room === undefined ? null : (
          <Label key={`${arrow.from} ${arrow.to}`} arrow={arrow} room={room} marks={marks} />
        );
      })}
    </>
  );
}

function Frame({ box, place, marks }: Shape & { marks: ChartMarks }) {
  const { x, y, width } = place;
  return (
    <g class={stateClass(box, marks, 'frame')} data-state={box.state}>
      {box.hint !== undefined && <title>{box.hint}</title>}
      <rect {...place} rx={10} />
      <Name box={box} x={x + width / 2} y={y + 17} />
      {box.lines.length > 0 && <path class="rule" d={`M${x},${y + 30 + box.lines.length * lineHeight}h${width}`} />}
      {box.lines.map((line, index) => (
        <TextLine key={line.text} line={line} x={x + 10} y={y + 26 + (index + 0.75) * lineHeight} marks={marks} />
      ))}
      <Count box={box} place={place} marks={marks} />
    </g>
  );
}

function Leaf({ box, place, marks }: Shape & { marks: ChartMarks }) {
  const { x, y, width, height } = place;
  const [cx, cy] = [x + width / 2, y + height / 2];
  if (box.kind === 'dot') return <circle class="dot" cx={cx} cy={cy} r={5} />;
  if (box.kind === 'history') {
    return (
      <g class={stateClass(box, marks, 'history')} data-state={box.state}>
        <circle cx={cx} cy={cy} r={Math.min(width, height) / 2} />
        <Name box={box} x={cx} y={cy} />
      </g>
    );
  }
  const text = box.lines.length * lineHeight;
  const head = text === 0 ? height : Math.min(Math.max(height - text - 8, 24), 30);
  const free = Math.min(6, (height - head - text) / 2);
  return (
    <g class={stateClass(box, marks, box.kind)} data-state={box.state}>
      {box.hint !== undefined && <title>{box.hint}</title>}
      {box.kind === 'final' && <rect x={x - 3} y={y - 3} width={width + 6} height={height + 6} rx={10} />}
      <rect {...place} rx={8} />
      <Name box={box} x={cx} y={y + head / 2} />
      {text > 0 && <path class="rule" d={`M${x},${y + head}h${width}`} />}
      {box.lines.map((line, index) => (
        <TextLine
          key={line.text}
          line={line}
          x={x + 8}
          y={y + head + free + (index + 0.75) * lineHeight}
          marks={marks}
        />
      ))}
      <Count box={box} place={place} marks={marks} />
    </g>
  );
}

function Name({ box, x, y }: { box: Box; x: number; y: number }) {
  return (
    <text class="name" x={x} y={y + 4}>
      {box.name}
    </text>
  );
}

/** How often the state was entered, and for how long; upon its border, where nothing else is. */
function Count({ box, place, marks }: Shape & { marks: ChartMarks }) {
  const visits = box.state === undefined ? undefined : marks.visits.get(box.state);
  const hits = box.state === undefined ? undefined : marks.hits?.states.get(box.state);
  const text = marks.hits !== undefined ? (hits === undefined ? undefined : `${hits}×`) : countText(visits);
  if (text === undefined) return null;
  const width = text.length * 5.6 + 10;
  const right = place.x + place.width - 6;
  return (
    <g class="count">
      <rect x={right - width} y={place.y - 7.5} width={width} height={14} rx={7} />
      <text x={right - width / 2} y={place.y + 3}>
        {text}
      </text>
    </g>
  );
}

function countText(visits: Visits | undefined): string | undefined {
  if (visits === undefined) return undefined;
  return visits.ms < 1 ? `${visits.count}×` : `${visits.count}× ${duration(visits.ms)}`;
}

function Label({ arrow, room, marks }: { arrow: Arrow; room: Rectangle; marks: ChartMarks }) {
  const height = arrow.lines.length * lineHeight + 6;
  const side = arrow.lines.length === 1 ? 5 : 0;
  const place = { x: room.x + side, y: room.y + (room.height - height) / 2, width: room.width - 2 * side, height };
  return (
    <g class={`label ${classOf(arrow, marks)}`}>
      <rect {...place} rx={Math.min(11, height / 2)} />
      {arrow.lines.map((line, index) => (
        <TextLine
          key={`${line.text} ${line.rest}`}
          line={line}
          x={place.x + 8}
          y={place.y + 3 + (index + 0.75) * lineHeight}
          marks={marks}
        />
      ))}
    </g>
  );
}

function TextLine({ line, x, y, marks }: { line: Line; x: number; y: number; marks: ChartMarks }) {
  const times = line.transitions.reduce((sum, index) => sum + (marks.counts.get(index) ?? 0), 0);
  return (
    <text class={classOf(line, marks)} x={x} y={y} data-transitions={line.transitions.join(' ')}>
      {times > 1 && <title>{`taken ${times} times`}</title>}
      {line.text}
      {line.rest !== undefined && line.rest !== '' && (
        <tspan class="rest">
          {line.text === '' ? '' : ' '}
          {line.rest}
        </tspan>
      )}
    </text>
  );
}

function stateClass({ state, name, kind }: Box, { active, hits, visits }: ChartMarks, extra: string): string {
  const names = ['state', extra, kind];
  if (state !== undefined && active.has(state)) names.push('active', `kind-${kindOf(name)}`);
  else if (state !== undefined && visits.has(state)) names.push('visited');
  if (state !== undefined && hits !== undefined) names.push(hits.states.get(state) === 0 ? 'uncovered' : 'covered');
  return names.join(' ');
}

function classOf({ transitions }: Pick<Line, 'transitions'>, { taken, counts, hits }: ChartMarks): string {
  if (transitions.length === 0) return '';
  if (hits !== undefined)
    return transitions.some((index) => (hits.transitions[index] ?? 0) > 0) ? 'covered' : 'uncovered';
  if (transitions.some((index) => taken.has(index))) return 'taken';
  return transitions.some((index) => counts.has(index)) ? 'went' : '';
}

function MiniMap({
  drawing,
  shapes,
  marks,
  view,
  size,
}: {
  drawing: ChartDrawing;
  shapes: Shapes;
  marks: ChartMarks;
  view: View;
  size: Size;
}) {
  const [width, height] = [drawing.width * view.scale, drawing.height * view.scale];
  if (width <= size.width * 1.05 && height <= size.height * 1.05) return null;
  const scale = Math.min(110 / drawing.width, 130 / drawing.height);
  return (
    <svg
      class="minimap"
      aria-hidden="true"
      width={drawing.width * scale}
      height={drawing.height * scale}
      viewBox={`0 0 ${drawing.width} ${drawing.height}`}
    >
      {[...shapes.frames, ...shapes.leaves].map(({ box, place }) => (
        <rect key={box.id} {...place} rx={10} class={stateClass(box, marks, box.inside.length > 0 ? 'frame' : '')} />
      ))}
      <rect
        class="window"
        x={-view.x / view.scale}
        y={-view.y / view.scale}
        width={size.width / view.scale}
        height={size.height / view.scale}
      />
    </svg>
  );
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function fitting(place: Rectangle, size: Size, largest: number): View {
  const margin = 24;
  const scale = Math.max(
    least,
    Math.min((size.width - margin) / place.width, (size.height - margin) / place.height, largest),
  );
  return {
    scale,
    x: size.width / 2 - (place.x + place.width / 2) * scale,
    y: size.height / 2 - (place.y + place.height / 2) * scale,
  };
}

/** Large enough to be read, and no emptiness beside it where there is something to be seen. */
function around(focus: Rectangle, size: Size, whole: Rectangle): View {
  const all = fitting(whole, size, 1);
  if (all.scale >= 0.8) return all;
  const { scale } = fitting(focus, size, 0.9);
  const readable = Math.max(scale, Math.min(0.55, size.width / 700));
  const view = {
    scale: readable,
    x: size.width / 2 - (focus.x + focus.width / 2) * readable,
    y: size.height / 2 - (focus.y + focus.height / 2) * readable,
  };
  return {
    ...view,
    x: clampTo(view.x, size.width, whole.width * readable),
    y: clampTo(view.y, size.height, whole.height * readable),
  };
}

function clampTo(at: number, room: number, length: number): number {
  const margin = 16;
  if (length + 2 * margin <= room) return (room - length) / 2;
  return Math.min(margin, Math.max(at, room - length - margin));
}

function zoomed({ x, y, scale }: View, factor: number, at: { readonly x: number; readonly y: number }): View {
  const next = Math.min(most, Math.max(least, scale * factor));
  const by = next / scale;
  return { scale: next, x: at.x - (at.x - x) * by, y: at.y - (at.y - y) * by };
}

/** The innermost active state, with where the machine came from. */
function focusOf(
  { byState, leaves }: Shapes,
  { chart }: ChartDrawing,
  { active, taken }: ChartMarks,
): Rectangle | undefined {
  const sources = [...taken].map((index) => chart.transitions[index]?.source);
  const wanted = leaves.filter(
    ({ box }) => box.state !== undefined && (active.has(box.state) || sources.includes(box.state)),
  );
  const all = wanted.flatMap(({ box }) => byState.get(box.state ?? '') ?? []);
  if (all.length === 0) return undefined;
  const [left, top] = [Math.min(...all.map(({ x }) => x)), Math.min(...all.map(({ y }) => y))];
  const right = Math.max(...all.map(({ x, width }) => x + width));
  const bottom = Math.max(...all.map(({ y, height }) => y + height));
  const margin = 90;
  return { x: left - margin, y: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin };
}

function useSize(ref: { readonly current: HTMLElement | null }): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const read = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    read();
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}

/** Not `onWheel`: browsers let only listeners that say so keep the page where it is. */
function useWheel(ref: { readonly current: HTMLElement | null }, onWheel: (event: WheelEvent) => void): void {
  const latest = useRef(onWheel);
  latest.current = onWheel;
  useEffect(() => {
    const element = ref.current;
    const listen = (event: WheelEvent) => {
      event.preventDefault();
      latest.current(event);
    };
    element?.addEventListener('wheel', listen, { passive: false });
    return () => element?.removeEventListener('wheel', listen);
  }, [ref]);
}

function useDrag(onMove: (dx: number, dy: number) => void, onChange: (isDragging: boolean) => void) {
  const last = useRef<{ x: number; y: number } | undefined>(undefined);
  const end = () => {
    last.current = undefined;
    onChange(false);
  };
  return {
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0 || (event.target instanceof Element && event.target.closest('button') !== null)) return;
      last.current = { x: event.clientX, y: event.clientY };
      if (event.currentTarget instanceof Element) event.currentTarget.setPointerCapture(event.pointerId);
      onChange(true);
    },
    onPointerMove(event: PointerEvent) {
      if (last.current === undefined) return;
      onMove(event.clientX - last.current.x, event.clientY - last.current.y);
      last.current = { x: event.clientX, y: event.clientY };
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
}
