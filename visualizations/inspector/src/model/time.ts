/** A duration as one says it: 840 ms, 3.2 s, 4 min 10 s, 2 h 5 min. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return together(minutes, 'min', Math.round(seconds - minutes * 60), 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return together(hours, 'h', minutes - hours * 60, 'min');
  return together(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function together(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** Where moments are on an axis, from 0 to 1. Long times in which nothing happens are drawn short. */
export class TimeScale {
  readonly #times: readonly number[];
  readonly #places: readonly number[];
  readonly #length: number;
  /** The times that are drawn shorter than they were. */
  readonly folds: readonly { readonly from: number; readonly to: number }[];

  /** @param times in order */
  constructor(times: readonly number[]) {
    const gaps = times.map((at, index) => (index === 0 ? 0 : at - (times[index - 1] ?? at)));
    const most = longestGap(gaps);
    const folds: { from: number; to: number }[] = [];
    let place = 0;
    this.#times = times;
    this.#places = gaps.map((gap, index) => {
      if (gap > most) folds.push({ from: times[index - 1] ?? 0, to: times[index] ?? 0 });
      place += Math.min(gap, most);
      return place;
    });
    this.#length = Math.max(place, 1);
    this.folds = folds;
  }

  toPlace(at: number): number {
    const times = this.#times;
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    const [before, after] = [times[low - 1], times[low]];
    const [start, end] = [this.#places[low - 1] ?? 0, this.#places[low] ?? this.#length];
    if (before === undefined || after === undefined) return Math.min(1, start / this.#length);
    return (start + ((at - before) / (after - before)) * (end - start)) / this.#length;
  }

  toTime(place: number): number {
    const wanted = place * this.#length;
    const index = this.#places.findIndex((each) => each >= wanted);
    if (index === -1) return this.#times.at(-1) ?? 0;
    const [start, end] = [this.#places[index - 1] ?? 0, this.#places[index] ?? 0];
    const [before, after] = [this.#times[index - 1] ?? this.#times[0] ?? 0, this.#times[index] ?? 0];
    return end === start ? after : before + ((wanted - start) / (end - start)) * (after - before);
  }
}

/** What is longer takes no more room than this: most of the axis is for what happens. */
function longestGap(gaps: readonly number[]): number {
  const total = gaps.reduce((sum, gap) => sum + gap, 0);
  const ordered = [...gaps].sort((a, b) => b - a);
  let rest = total;
  for (const gap of ordered) {
    rest -= gap;
    // one that alone is more than four times all that is shorter
    if (gap < 10_000 || gap < 4 * rest) return Math.max(gap, 1);
    if (ordered.length < 3) return gap;
  }
  return total;
}
