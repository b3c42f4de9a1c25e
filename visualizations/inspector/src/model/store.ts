import { computed, signal } from '@preact/signals';
import type { Coverage } from '../../../../src/testing/paths/coverage.ts';
import { type ActorMoment, actorAt, emptyMoment, type Item, type Run, type Step } from './run.ts';

/** What is looked at. Everything that the page shows follows from these. */
export const runs = signal<readonly Run[]>([]);
export const runId = signal<string | undefined>(undefined);
/** Rises when a run has grown: runs are changed in place. */
export const growth = signal(0);
/** Index of the item whose moment is shown. */
export const cursor = signal(0);
/** Whether the cursor goes along with what comes. */
export const isFollowing = signal(true);
export const isPlaying = signal(false);
/** Times as fast as it was. */
export const speed = signal(1);
/** The actor that is looked at: those of that path, one after another. */
export const path = signal('session/turn');
export type Tab = 'chart' | 'events' | 'conversation' | 'state' | 'usage' | 'coverage';
export const tab = signal<Tab>('events');
/** The moment that others are compared with: index of an item. */
export const pinned = signal<number | undefined>(undefined);
export const coverage = signal<Coverage | undefined>(undefined);
/** Rises when a run has been read on, which is shown less often. */
export const progress = signal(0);
/** For people, newest last. */
export const notices = signal<readonly string[]>([]);

export interface Connection {
  readonly state: 'connecting' | 'live' | 'lost' | 'refused';
  readonly takesCommands: boolean;
  /** What the inspector's clock is ahead of ours, in ms. */
  readonly ahead: number;
}
/** Missing where no inspector is connected: files only. */
export const connection = signal<Connection | undefined>(undefined);
/** Ids of the sessions that go on. */
export const openSessions = signal<ReadonlySet<string>>(new Set());

export const run = computed<Run | undefined>(() => {
  const wanted = runId.value;
  return runs.value.find(({ id }) => id === wanted) ?? runs.value[0];
});
/** How many items there are. */
export const length = computed(() => {
  growth.value;
  return run.value?.items.length ?? 0;
});
export const item = computed<Item | undefined>(() => {
  const at = Math.min(cursor.value, length.value - 1);
  return run.value?.items[at];
});
export const moment = computed(() => {
  growth.value;
  return item.value?.moment ?? emptyMoment;
});
/** Whether the moment is still being read. */
export const isUnread = computed(() => {
  growth.value;
  return item.value !== undefined && run.value?.partAt(item.value.index) === undefined;
});
export const actor = computed<ActorMoment | undefined>(() => actorAt(moment.value, path.value));
/** The nearest with a chart. */
export const machine = computed<ActorMoment | undefined>(() => {
  for (let at = actor.value; at !== undefined; at = around(at)) if (at.track.machine !== undefined) return at;
  return undefined;
});
/** How much of the run is read, from 0 to 1; missing where all of it is. */
export const reading = computed(() => {
  growth.value;
  progress.value;
  const { whole, items } = run.value ?? { whole: { end: 0 }, items: [] };
  return whole.end < items.length ? whole.end / items.length : undefined;
});
export const isAtEnd = computed(() => cursor.value >= length.value - 1);
export const isLive = computed(() => run.value !== undefined && openSessions.value.has(run.value.id));

function around({ track }: ActorMoment): ActorMoment | undefined {
  const parent = track.path.slice(0, Math.max(0, track.path.lastIndexOf('/')));
  return parent === '' ? undefined : actorAt(moment.value, parent);
}

/** The transitions that the actor has just taken; where it took none, those that have led it to where it is. */
export function stepsOf(now: Item, { track }: ActorMoment): readonly Step[] {
  const own = now.steps.filter((step) => step.track === track);
  if (own.length > 0) return own;
  const since = track.stays.findLast(({ item: index }) => index <= now.index);
  return run.value?.items[since?.item ?? 0]?.steps.filter((step) => step.track === track) ?? [];
}

/** Shows the moment after an item. */
export function goTo(index: number): void {
  const last = length.value - 1;
  cursor.value = Math.max(0, Math.min(index, last));
  isFollowing.value = cursor.value === last;
}

export function openRun(id: string): void {
  isPlaying.value = false;
  runId.value = id;
  pinned.value = undefined;
  const { items } = run.value ?? { items: [] };
  const root = items[0]?.actor ?? '';
  // a session's turns are what one wants to see, also where the first is yet to come
  path.value = root === 'session' ? 'session/turn' : root;
  goTo(items.length - 1);
}

/** Runs have grown. */
export function grown(): void {
  growth.value += 1;
  if (isFollowing.value) cursor.value = Math.max(0, length.value - 1);
}

export function say(text: string): void {
  notices.value = [...notices.value.slice(-4), text];
}
