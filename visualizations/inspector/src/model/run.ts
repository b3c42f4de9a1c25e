import type { StateValue } from 'xstate';
import type { ChartDrawing } from '../../../../src/inspection/chartDrawing.ts';
import type { Chart } from '../../../../src/inspection/readChart.ts';

/** Everything that is known of one session, or of one system of actors: it only grows. */
export interface Run {
  readonly id: string;
  readonly title: string;
  /** In the order in which it happened. */
  readonly items: readonly Item[];
  /** Everything that is read of it, from its start. */
  readonly whole: Part;
  /** What a reader should know of it: where the machines of today go another way, say. */
  readonly problem: string | undefined;
  /** The part in which the moment of an item is to be seen; missing while that is still being read. */
  partAt(index: number): Part | undefined;
  chartOf(machine: string): Chart | undefined;
  /** Missing where nobody could find places for its states. */
  drawingOf(machine: string): ChartDrawing | undefined;
}

/** Items in a row whose actors were followed without a break. */
export interface Part {
  /** Every actor there was, in the order of their beginnings. */
  readonly tracks: readonly Track[];
  /** Index of the first item. */
  readonly first: number;
  /** Index of the first item after it. */
  readonly end: number;
}

export type ItemKind = 'start' | 'command' | 'result' | 'timer' | 'event' | 'diagnostic';

/** Something that happened. */
export interface Item {
  readonly index: number;
  /** Epoch ms. */
  readonly at: number;
  readonly kind: ItemKind;
  /** As the sources call it: `session.send`, `callModel`, `tool.started`. */
  readonly name: string;
  /** What it was about, on one line. */
  readonly summary: string;
  /** Path of the actor that it is about. */
  readonly actor: string;
  /** Its name for people. */
  readonly actorTitle: string;
  readonly payload: unknown;
  /** Those with the same text follow each other, and are one thing to a reader. */
  readonly fold?: string;
  /** The transitions that were taken; none while that is still being read. */
  readonly steps: readonly Step[];
  /** Where everything is after it; nothing while that is still being read. */
  readonly moment: Moment;
}

export interface Step {
  readonly track: Track;
  /** Index in the chart. */
  readonly transition: number;
}

/** Where everything is. */
export interface Moment {
  /** Those that are at work, parents before their children; and turns that have ended, until the next. */
  readonly actors: readonly ActorMoment[];
}

export interface ActorMoment {
  readonly track: Track;
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  /** Of machines. */
  readonly value?: StateValue;
  /** Ids of the states that it is in, of machines. */
  readonly states: readonly string[];
  readonly context: unknown;
  readonly output?: unknown;
}

/** An actor from its beginning to its end. */
export interface Track {
  readonly key: number;
  /** `session/turn/tool.0`: of all that come one after another, too. */
  readonly path: string;
  /** For people. */
  readonly title: string;
  /** Of its chart; effects have none. */
  readonly machine: string | undefined;
  /** The model, or the tool. */
  readonly isEffect: boolean;
  readonly stays: readonly Stay[];
}

/** A time in which an actor did not change its states. */
export interface Stay {
  /** Ids. */
  readonly states: readonly string[];
  /** Key of the innermost. */
  readonly leaf: string;
  /** Epoch ms. */
  readonly from: number;
  /** Missing while it lasts. */
  to?: number;
  /** When the first of the answer came, where it is a model that is called. */
  firstAt?: number;
  /** Index of the item with which it began. */
  readonly item: number;
}

/** How often a state was entered, and how long the actor was there. */
export interface Visits {
  readonly count: number;
  readonly ms: number;
}

export const emptyMoment: Moment = { actors: [] };

/** The visits to each state by its id, up to an item. */
export function visitsOf(track: Track, until: Item): ReadonlyMap<string, Visits> {
  const visits = new Map<string, Visits>();
  let before: readonly string[] = [];
  for (const { states, from, to, item } of track.stays) {
    if (item > until.index) break;
    const ms = Math.max(0, Math.min(to ?? until.at, until.at) - from);
    for (const state of states) {
      const { count, ms: earlier } = visits.get(state) ?? { count: 0, ms: 0 };
      const isNew = !before.includes(state) || state === states.at(-1);
      visits.set(state, { count: count + (isNew ? 1 : 0), ms: earlier + ms });
    }
    before = states;
  }
  return visits;
}

/** How often each transition was taken by an actor, up to an item. */
export function takenBy({ items }: Pick<Run, 'items'>, track: Track, until: Item): ReadonlyMap<number, number> {
  const taken = new Map<number, number>();
  for (let index = track.stays[0]?.item ?? 0; index <= until.index; index += 1) {
    for (const step of items[index]?.steps ?? []) {
      if (step.track === track) taken.set(step.transition, (taken.get(step.transition) ?? 0) + 1);
    }
  }
  return taken;
}

/** The actor of that path, or the nearest around it that there is. */
export function actorAt(moment: Moment, path: string): ActorMoment | undefined {
  const parts = path.split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const wanted = parts.slice(0, length).join('/');
    const found = moment.actors.find(({ track }) => track.path === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Actors before those in them, and the tenth after the second. */
export function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (const [index, key] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = key.localeCompare(other, 'en', { numeric: true });
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** The last item that happened by then. */
export function itemAt(items: readonly Item[], at: number): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle]?.at ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
