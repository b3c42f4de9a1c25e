import { computed, signal } from '@preact/signals';
import type { Item, ItemKind } from './run.ts';
import { growth, run } from './store.ts';

/** What of the events is listed. */
export const hiddenKinds = signal<ReadonlySet<ItemKind>>(new Set());
/** Path of the only actor whose events are; none for all. */
export const onlyActor = signal('');
export const onlyText = signal('');
/** Whether text is listed piece by piece, as it came. */
export const unfolds = signal(false);

/** A line of the list: an item, or several that are one thing to a reader. */
export interface Row {
  /** The last of them. */
  item: Item;
  /** Index of the first. */
  readonly first: number;
  folded: number;
  text: string;
}

export interface Rows {
  readonly all: readonly Row[];
  /** Paths of all actors that something is told of. */
  readonly actors: ReadonlySet<string>;
}

/** Of rows that several items are folded into, only the end of the text is seen. */
const longest = 200;

/** What is wanted; another filter begins from the first item, and one that stays goes on where it was. */
const filter = computed(() => {
  const kinds = hiddenKinds.value;
  const [actor, text, folds] = [onlyActor.value, onlyText.value.trim().toLowerCase(), !unfolds.value];
  const all: Row[] = [];
  const actors = new Set<string>();
  let next = 0;
  const take = (item: Item) => {
    actors.add(item.actor);
    if (kinds.has(item.kind) || (actor !== '' && item.actor !== actor)) return;
    if (text !== '' && !`${item.name} ${item.summary} ${item.actor} ${item.actorTitle}`.toLowerCase().includes(text))
      return;
    const before = all.at(-1);
    if (folds && item.fold !== undefined && before?.item.fold === item.fold) {
      before.item = item;
      before.folded += 1;
      before.text = `${before.text}${item.summary} `.slice(-longest);
    } else all.push({ item, first: item.index, folded: 1, text: `${item.summary} ` });
  };
  const source = run.value;
  return (): Rows => {
    const items = source?.items ?? [];
    for (; next < items.length; next += 1) {
      const item = items[next];
      if (item !== undefined) take(item);
    }
    return { all, actors };
  };
});

export const rows = computed<Rows>(() => {
  growth.value;
  return filter.value();
});

/** The row of an item, or the last before it. */
export function rowAt(all: readonly Row[], index: number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.first ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
