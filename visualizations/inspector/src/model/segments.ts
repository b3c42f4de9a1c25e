import type { WatchedEntry } from '../../../../src/inspection/inspector/feed.ts';
import { type Left, type Rest, readLeft, replayRest, restAfter, restAt } from './rests.ts';

/** Entries from one rest of the session up to the next. */
interface Segment {
  /** Index of the first. */
  readonly first: number;
  /** How many of them are inputs of the machines. */
  rows: number;
  /** What it leaves, once somebody has asked; nothing where its machines have to be. */
  left?: { readonly told: Left | undefined };
}

/** The recording of a session in segments, which need nothing of each other but where the session rested in between. */
export class Segments {
  /** As they came. */
  readonly entries: WatchedEntry[] = [];
  readonly #segments: Segment[] = [];
  /** Where the session was before each segment, as far as anybody has asked; `null` where nobody can tell. */
  readonly #rests: (Rest | null | undefined)[] = [];
  #isAtRest = false;

  take(entry: WatchedEntry): void {
    if (entry.type === 'session') this.#begin(restAt(entry));
    else if (this.#isAtRest && beginsTurn(entry)) this.#begin(undefined);
    this.entries.push(entry);
    if (entry.type === 'event') {
      if (entry.event.type === 'session.idle') this.#isAtRest = true;
      return;
    }
    this.#isAtRest = false;
    const last = this.#segments.at(-1);
    if (entry.type === 'row' && last !== undefined) last.rows += 1;
  }

  /** Number of the segment of an entry. */
  at(index: number): number {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.firstOf(middle) <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  firstOf(segment: number): number {
    return this.#segments[segment]?.first ?? this.entries.length;
  }

  /** Index of the first entry after it. */
  endOf(segment: number): number {
    return this.firstOf(segment + 1);
  }

  /** How many inputs of the machines are in it. */
  rowsOf(segment: number): number {
    return this.#segments[segment]?.rows ?? 0;
  }

  /** Where the session was before a segment, says somebody who was there. */
  know(segment: number, rest: Rest | undefined): void {
    if (rest !== undefined) this.#rests[segment] = rest;
  }

  /**
   * Where the session was before a segment; nothing where machines would have to be given more than so many inputs to
   * find that out.
   */
  restBefore(segment: number, mostRows: number): Rest | undefined {
    let from = segment;
    let rows = 0;
    while (from > 0 && this.#rests[from] === undefined) {
      from -= 1;
      if (this.#leftBy(from) === undefined) rows += this.rowsOf(from);
    }
    if (rows > mostRows) return undefined;
    for (; from < segment; from += 1) this.#rests[from + 1] = this.#restAfter(from);
    return this.#rests[segment] ?? undefined;
  }

  #begin(rest: Rest | undefined): void {
    this.#rests[this.#segments.length] = rest;
    this.#segments.push({ first: this.entries.length, rows: 0 });
  }

  #restAfter(segment: number): Rest | null {
    const [rest, left] = [this.#rests[segment], this.#leftBy(segment)];
    if (rest === undefined || rest === null) return null;
    return left === undefined ? (replayRest(rest, this.#entriesOf(segment)) ?? null) : restAfter(rest, left);
  }

  #leftBy(segment: number): Left | undefined {
    const found = this.#segments[segment];
    if (found === undefined) return undefined;
    found.left ??= { told: readLeft(this.#entriesOf(segment)) };
    return found.left.told;
  }

  #entriesOf(segment: number): readonly WatchedEntry[] {
    return this.entries.slice(this.firstOf(segment), this.endOf(segment));
  }
}

function beginsTurn(entry: WatchedEntry): boolean {
  if (entry.type !== 'row' || entry.input.type !== 'command') return false;
  return entry.input.command.type === 'session.send' || entry.input.command.type === 'session.steer';
}
