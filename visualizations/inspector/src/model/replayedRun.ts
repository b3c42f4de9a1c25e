import type { ChartDrawing } from '../../../../src/inspection/chartDrawing.ts';
import type { WatchedEntry } from '../../../../src/inspection/inspector/feed.ts';
import type { Chart } from '../../../../src/inspection/readChart.ts';
import { Outline, type Outlined, type WatchedStart } from './outline.ts';
import { Replay } from './replay.ts';
import { emptyMoment, type Item, type Moment, type Part, type Run, type Step } from './run.ts';
import { Segments } from './segments.ts';

/** Inputs that machines may be given while somebody waits for a moment: a tenth of a second, about. */
const mostRows = 1000;
/** How many segments are kept that were looked at ahead of the reading. */
const mostPreviews = 8;

/**
 * A session of Turnchart. What happened is there at once. For where its machines were, they are given their inputs
 * again: all of them in order, by `read()`; and those of one segment, from the rest before it, where somebody wants to
 * see a moment that is not read yet.
 */
export class ReplayedRun implements Run {
  readonly id: string;
  readonly items: Item[] = [];
  start: WatchedStart;
  readonly #drawings: Readonly<Record<string, ChartDrawing>>;
  readonly #outline = new Outline();
  readonly #segments = new Segments();
  readonly #reading = new Replay(0);
  /** By segment; the one asked for last comes last. */
  readonly #previews = new Map<number, Replay>();

  /** @param drawings of the machines of a session, by id */
  constructor(start: WatchedStart, drawings: Readonly<Record<string, ChartDrawing>>) {
    this.id = start.sessionId;
    this.start = start;
    this.#drawings = drawings;
  }

  get title(): string {
    return `${this.start.agent} · ${this.id}`;
  }

  /** As they came. */
  get entries(): readonly WatchedEntry[] {
    return this.#segments.entries;
  }

  get problem(): string | undefined {
    return this.#reading.problem;
  }

  get whole(): Part {
    return this.#reading;
  }

  get isRead(): boolean {
    return this.#reading.end === this.entries.length;
  }

  chartOf(machine: string): Chart | undefined {
    return this.#drawings[machine]?.chart;
  }

  drawingOf(machine: string): ChartDrawing | undefined {
    return this.#drawings[machine];
  }

  add(entry: WatchedEntry): void {
    if (entry.type === 'session') this.start = entry;
    this.#segments.take(entry);
    this.items.push(new SessionItem(this.#outline.take(entry), this.items.length, this.#replayAt));
  }

  /** Reads on, for about that long. */
  read(ms: number): void {
    const until = performance.now() + ms;
    while (!this.isRead && performance.now() < until) this.#readNext();
    if (this.isRead) this.#previews.clear();
  }

  partAt(index: number): Part | undefined {
    return this.#replayAt(index);
  }

  // a field, so that items can have it
  readonly #replayAt = (index: number): Replay | undefined => {
    if (index < this.#reading.end) return this.#reading;
    const segment = this.#segments.at(index);
    return segment === this.#segments.at(this.#reading.end) ? this.#readOut(segment) : this.#preview(segment);
  };

  #readNext(): void {
    const { end } = this.#reading;
    const entry = this.entries[end];
    if (entry === undefined) return;
    // turns begin with commands
    if (entry.type === 'row' && entry.input.type === 'command') {
      const segment = this.#segments.at(end);
      if (end === this.#segments.firstOf(segment)) this.#segments.know(segment, this.#reading.rest);
    }
    this.#reading.take(entry);
  }

  /** Reads the segment that is being read to its end. */
  #readOut(segment: number): Replay | undefined {
    if (this.#segments.rowsOf(segment) > mostRows) return undefined;
    while (this.#reading.end < this.#segments.endOf(segment)) this.#readNext();
    return this.#reading;
  }

  #preview(segment: number): Replay | undefined {
    const rows = this.#segments.rowsOf(segment);
    const rest = rows > mostRows ? undefined : this.#segments.restBefore(segment, mostRows - rows);
    if (rest === undefined) return undefined;
    const first = this.#segments.firstOf(segment);
    let preview = this.#previews.get(segment);
    if (preview === undefined) {
      preview = new Replay(first);
      if (this.entries[first]?.type === 'row') preview.begin(rest, this.items[first - 1]?.at ?? 0);
    }
    this.#previews.delete(segment);
    this.#previews.set(segment, preview);
    const [oldest] = this.#previews.keys();
    if (this.#previews.size > mostPreviews && oldest !== undefined) this.#previews.delete(oldest);
    // the last one may have grown
    for (const entry of this.entries.slice(preview.end, this.#segments.endOf(segment))) preview.take(entry);
    return preview;
  }
}

/** An item whose moment is looked up when somebody wants it. */
class SessionItem implements Item {
  readonly index: number;
  readonly at: number;
  readonly kind: Item['kind'];
  readonly name: string;
  readonly summary: string;
  readonly actor: string;
  readonly actorTitle: string;
  readonly payload: unknown;
  readonly fold?: string;
  readonly #replayAt: (index: number) => Replay | undefined;

  constructor(outlined: Outlined, index: number, replayAt: (index: number) => Replay | undefined) {
    this.index = index;
    this.at = outlined.at;
    this.kind = outlined.kind;
    this.name = outlined.name;
    this.summary = outlined.summary;
    this.actor = outlined.actor;
    this.actorTitle = outlined.actorTitle;
    this.payload = outlined.payload;
    if (outlined.fold !== undefined) this.fold = outlined.fold;
    this.#replayAt = replayAt;
  }

  get moment(): Moment {
    return this.#replayAt(this.index)?.momentAt(this.index) ?? emptyMoment;
  }

  get steps(): readonly Step[] {
    return this.#replayAt(this.index)?.stepsAt(this.index) ?? [];
  }
}
