import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { hiddenKinds, onlyActor, onlyText, type Row, rowAt, rows, unfolds } from '../model/rows.ts';
import { comparePaths, type ItemKind } from '../model/run.ts';
import { cursor, goTo, isPlaying, length, run } from '../model/store.ts';
import { duration } from '../model/time.ts';
import { Details } from './Details.tsx';

const kinds: readonly (readonly [ItemKind, string])[] = [
  ['command', 'commands'],
  ['result', 'results'],
  ['timer', 'timers'],
  ['event', 'events'],
  ['diagnostic', 'diagnostics'],
];

const rowHeight = 30;

/** Everything that happened, in order. */
export function EventList() {
  const { all } = rows.value;
  const chosen = rowAt(all, cursor.value);
  const start = run.value?.items[0]?.at ?? 0;
  return (
    <div class="events">
      <Filters shown={all.length} />
      <List all={all} chosen={chosen} start={start} />
      <Details />
    </div>
  );
}

function Filters({ shown }: { shown: number }) {
  return (
    <div class="filters">
      <input
        id="filter"
        type="search"
        placeholder="Filter ( / )"
        aria-label="Only events with this text"
        value={onlyText.value}
        onInput={(event) => (onlyText.value = event.currentTarget.value)}
      />
      <select
        aria-label="Only events of this actor"
        value={onlyActor.value}
        onChange={(event) => (onlyActor.value = event.currentTarget.value)}
      >
        <option value="">all actors</option>
        {[...rows.value.actors].sort(comparePaths).map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
      <span class="faint count-of" aria-live="polite">
        {shown === length.value ? `${shown}` : `${shown} of ${length.value}`}
      </span>
      <fieldset class="chips" aria-label="Kinds of events">
        {kinds.map(([kind, name]) => (
          <button
            key={kind}
            type="button"
            class={`chip item-${kind}`}
            aria-pressed={!hiddenKinds.value.has(kind)}
            onClick={() => (hiddenKinds.value = toggled(hiddenKinds.value, kind))}
          >
            {name}
          </button>
        ))}
        <button
          type="button"
          class="chip"
          aria-pressed={unfolds.value}
          onClick={() => (unfolds.value = !unfolds.value)}
        >
          deltas
        </button>
      </fieldset>
    </div>
  );
}

function toggled<T>(set: ReadonlySet<T>, member: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next;
}

function List({ all, chosen, start }: { all: readonly Row[]; chosen: number; start: number }) {
  const frame = useRef<HTMLDivElement>(null);
  const { rows: visible, height, room, show } = useVirtual(frame, all.length);
  const count = all.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: with other rows or less room, the chosen one may be elsewhere
  useLayoutEffect(() => show(chosen), [chosen, count, room, show]);
  const go = (index: number) => {
    const row = all[Math.max(0, Math.min(index, all.length - 1))];
    if (row !== undefined) choose(row);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -all.length, End: all.length }[event.key];
    if (by === undefined) return;
    go(chosen + by);
    event.preventDefault();
    event.stopPropagation();
  };
  const active = all[chosen];
  return (
    <div
      class="list"
      ref={frame}
      role="listbox"
      tabIndex={0}
      aria-label="Events"
      aria-activedescendant={active === undefined ? undefined : `item-${active.item.index}`}
      onKeyDown={onKeyDown}
    >
      <div style={{ height: `${height}px` }}>
        {visible.map((index) => {
          const row = all[index];
          if (row === undefined) return null;
          const isFuture = row.first > cursor.value;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys
            <div
              key={row.item.index}
              id={`item-${row.item.index}`}
              class={`row item-${row.item.kind} ${isFuture ? 'future' : ''}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              aria-setsize={all.length}
              aria-posinset={index + 1}
              style={{ transform: `translateY(${index * rowHeight}px)` }}
              onClick={() => choose(row)}
            >
              <span class="row-at">{timeText(row.item.at - start)}</span>
              <span class="row-kind" title={row.item.kind} />
              <span class="row-name">{row.item.name}</span>
              {row.folded > 1 && <span class="times">×{row.folded}</span>}
              <span class="row-text">{row.folded > 1 ? row.text : row.item.summary}</span>
              <span class="row-actor">{row.item.actorTitle}</span>
            </div>
          );
        })}
      </div>
      {all.length === 0 && <p class="empty">No event is like that.</p>}
    </div>
  );
}

function choose({ item }: Row): void {
  isPlaying.value = false;
  goTo(item.index);
}

function timeText(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(3)}` : duration(ms);
}

interface Virtual {
  readonly rows: readonly number[];
  readonly height: number;
  /** Height of what is seen of it. */
  readonly room: number;
  readonly show: (index: number) => void;
}

function useVirtual(frame: { readonly current: HTMLElement | null }, count: number): Virtual {
  const [, redraw] = useState(0);
  const [virtualizer] = useState(
    () =>
      new Virtualizer<HTMLElement, HTMLElement>({
        count,
        getScrollElement: () => frame.current,
        estimateSize: () => rowHeight,
        overscan: 12,
        scrollToFn: elementScroll,
        observeElementRect,
        observeElementOffset,
        onChange: () => redraw((before) => before + 1),
      }),
  );
  const [show] = useState(() => (index: number) => {
    const list = frame.current;
    const { scrollOffset, scrollRect } = virtualizer;
    const [top, room] = [scrollOffset ?? 0, scrollRect?.height ?? 0];
    const [first, last] = [index * rowHeight, (index + 1) * rowHeight];
    // only where it must: to scroll, browsers measure the page
    if (list === null || index < 0 || (first >= top && last <= top + room)) return;
    list.scrollTop = first < top ? first : last - room;
  });
  virtualizer.setOptions({ ...virtualizer.options, count });
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return {
    rows: virtualizer.getVirtualItems().map(({ index }) => index),
    height: virtualizer.getTotalSize(),
    room: virtualizer.scrollRect?.height ?? 0,
    show,
  };
}
