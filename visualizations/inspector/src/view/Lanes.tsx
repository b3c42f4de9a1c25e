import { signal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { comparePaths, type Item, itemAt, type Part, type Run, type Stay, type Track } from '../model/run.ts';
import { cursor, goTo, growth, isPlaying, item, path, pinned, run } from '../model/store.ts';
import { duration, TimeScale } from '../model/time.ts';
import { kindNames, kindOf, type StateKind } from './kinds.ts';

/** Whether only the turn of the moment is shown. */
const showsAll = signal(false);

interface Bar {
  readonly track: Track;
  readonly stay: Stay;
}

interface Lane {
  readonly path: string;
  readonly title: string;
  readonly bars: readonly Bar[];
}

interface Axis {
  readonly scale: TimeScale;
  readonly first: number;
  readonly last: number;
  /** Until when it is read, in epoch ms. */
  readonly readTo: number;
  readonly items: readonly Item[];
}

/** What ran when: one lane for each actor, and the moment as a line that can be dragged. */
export function Lanes() {
  const grown = growth.value;
  const source = run.value;
  const now = item.value;
  const part = now === undefined || showsAll.value ? source?.whole : (source?.partAt(now.index) ?? source?.whole);
  const turn = part === undefined || now === undefined || showsAll.value ? undefined : turnAt(part, now.index);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs grow in place
  const axis = useMemo(
    () => (source === undefined || part === undefined ? undefined : axisOf(source, part, turn)),
    [source, part, turn, grown],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs grow in place
  const lanes = useMemo(
    () => (part === undefined || axis === undefined ? [] : lanesOf(part, axis)),
    [part, axis, grown],
  );
  if (source === undefined || now === undefined || axis === undefined) return null;
  return (
    <section class="lanes" aria-label="Timeline of the actors">
      <div class="lanes-head">
        <Legend lanes={lanes} />
        <fieldset class="range" aria-label="Range">
          <button type="button" aria-pressed={!showsAll.value} onClick={() => (showsAll.value = false)}>
            This turn
          </button>
          <button type="button" aria-pressed={showsAll.value} onClick={() => (showsAll.value = true)}>
            Whole session
          </button>
        </fieldset>
      </div>
      <div class="lanes-body">
        <div class="lane-names">
          {lanes.map((lane) => (
            <button
              key={lane.path}
              type="button"
              class="lane-name"
              style={{ '--depth': lane.path.split('/').length - 1 }}
              aria-current={path.value === lane.path ? 'true' : undefined}
              onClick={() => (path.value = lane.path)}
              title={lane.path}
            >
              {lane.title}
            </button>
          ))}
        </div>
        <Plot lanes={lanes} axis={axis} now={now} />
      </div>
    </section>
  );
}

function Plot({ lanes, axis, now }: { lanes: readonly Lane[]; axis: Axis; now: Item }) {
  const plot = useRef<HTMLDivElement>(null);
  const { scale, first, last } = axis;
  const seek = (event: PointerEvent) => {
    const { left, width } = plot.current?.getBoundingClientRect() ?? { left: 0, width: 1 };
    const at = scale.toTime(Math.min(1, Math.max(0, (event.clientX - left) / width)));
    isPlaying.value = false;
    goTo(Math.min(last, Math.max(first, itemAt(axis.items, at) + first)));
  };
  const marked = pinned.value === undefined ? undefined : run.value?.items[pinned.value];
  return (
    <div
      class="plot"
      ref={plot}
      role="slider"
      tabIndex={0}
      aria-label="Moment"
      aria-valuemin={first}
      aria-valuemax={last}
      aria-valuenow={cursor.value}
      aria-valuetext={`${now.name}, ${duration(now.at - (axis.items[0]?.at ?? now.at))} after the start`}
      onPointerDown={(event) => {
        plot.current?.setPointerCapture(event.pointerId);
        seek(event);
      }}
      onPointerMove={(event) => {
        if (plot.current?.hasPointerCapture(event.pointerId)) seek(event);
      }}
    >
      <Ticks axis={axis} />
      {lanes.map((lane) => (
        <div key={lane.path} class="lane">
          {lane.bars.map(({ track, stay }) => (
            <BarView key={`${track.key} ${stay.item} ${stay.leaf}`} track={track} stay={stay} axis={axis} />
          ))}
        </div>
      ))}
      {marked !== undefined && <i class="pin" style={{ left: percent(scale.toPlace(marked.at)) }} />}
      <i class="playhead" style={{ left: percent(scale.toPlace(now.at)) }} />
    </div>
  );
}

function BarView({ track, stay, axis }: Bar & { axis: Axis }) {
  const { scale } = axis;
  const end = stay.to ?? Math.max(axis.readTo, stay.from);
  const [from, to] = [scale.toPlace(stay.from), scale.toPlace(end)];
  const title = `${track.title}: ${stay.leaf}, ${duration(end - stay.from)}`;
  return (
    <span
      class={`bar kind-${kindOf(stay.leaf)}`}
      style={{ left: percent(from), width: `max(2px, ${percent(to - from)})` }}
      title={title}
    >
      {to - from > 0.05 && (
        <span class="bar-name">
          {track.machine === 'toolCall' && stay.leaf === 'executing' ? track.title : stay.leaf}
        </span>
      )}
      {stay.firstAt !== undefined && (
        <i
          class="first"
          style={{ left: percent((scale.toPlace(stay.firstAt) - from) / Math.max(to - from, 1e-6)) }}
          title="first of the answer"
        />
      )}
    </span>
  );
}

function Ticks({ axis: { scale, items } }: { axis: Axis }) {
  const start = items[0]?.at ?? 0;
  const places = [0.2, 0.4, 0.6, 0.8];
  return (
    <div class="ticks" aria-hidden="true">
      {places.map((place) => (
        <span key={place} style={{ left: percent(place) }}>
          {duration(scale.toTime(place) - start)}
        </span>
      ))}
      {scale.folds.map(({ from, to }) => (
        <b
          key={from}
          style={{ left: percent(scale.toPlace(from)), width: percent(scale.toPlace(to) - scale.toPlace(from)) }}
          title={`${duration(to - from)}, drawn shorter`}
        />
      ))}
    </div>
  );
}

function Legend({ lanes }: { lanes: readonly Lane[] }) {
  const present = new Set(lanes.flatMap(({ bars }) => bars.map(({ stay }) => kindOf(stay.leaf))));
  const entries = Object.entries(kindNames) as [StateKind, string][];
  return (
    <ul class="legend">
      {entries
        .filter(([kind]) => present.has(kind))
        .map(([kind, name]) => (
          <li key={kind} class={`kind-${kind}`}>
            {name}
          </li>
        ))}
    </ul>
  );
}

/** The turn at which an item stands, as the range of its items. */
function turnAt({ tracks }: Part, index: number): Track | undefined {
  return tracks.findLast((track) => track.path === 'session/turn' && (track.stays[0]?.item ?? 0) <= index);
}

function axisOf({ items }: Run, { tracks, end }: Part, turn: Track | undefined): Axis {
  const first = turn?.stays[0]?.item ?? 0;
  const next = turn === undefined ? undefined : nextAfter(turn, tracks);
  const last = (next?.stays[0]?.item ?? (turn === undefined ? items.length : end)) - 1;
  const shown = items.slice(first, last + 1);
  const readTo = items[Math.min(last, end - 1)]?.at ?? 0;
  return { scale: new TimeScale(shown.map(({ at }) => at)), first, last, readTo, items: shown };
}

/** The next actor of that path. */
function nextAfter({ key, path }: Track, tracks: readonly Track[]): Track | undefined {
  for (let index = key + 1; index < tracks.length; index += 1) if (tracks[index]?.path === path) return tracks[index];
  return undefined;
}

/** In a plot that wide, bars are not told from each other that are nearer. */
const nearest = 1 / 1500;

function lanesOf({ tracks }: Part, { scale, first, last, readTo: end, items }: Axis): readonly Lane[] {
  const start = items[0]?.at ?? 0;
  const lanes = new Map<string, { path: string; titles: Set<string>; bars: Bar[]; drawnTo: number }>();
  for (const track of tracks) {
    if (track.machine === undefined || (track.stays.at(-1)?.to ?? end) < start) continue;
    for (const stay of track.stays) {
      const to = stay.to ?? end;
      if (stay.item > last || to < start || (stay.to !== undefined && stay.item < first && to <= start)) continue;
      const lane = lanes.get(track.path) ?? { path: track.path, titles: new Set(), bars: [], drawnTo: -1 };
      lanes.set(track.path, lane);
      lane.titles.add(track.title);
      const place = scale.toPlace(to);
      if (place < lane.drawnTo + nearest) continue;
      lane.drawnTo = Math.max(lane.drawnTo, place);
      lane.bars.push({ track, stay: stay.from < start ? { ...stay, from: start } : stay });
    }
  }
  return [...lanes.values()]
    .sort((a, b) => comparePaths(a.path, b.path))
    .map(({ path, titles, bars }) => ({ path, title: [...titles].slice(0, 3).join(', '), bars }));
}

function percent(place: number): string {
  return `${(place * 100).toFixed(3)}%`;
}
