import type { FeedMessage } from './feed.ts';

/** A message of the feed, written once for all that read it. */
export interface Frame {
  /** Rises. */
  readonly id: number;
  /** JSON. */
  readonly text: string;
}

/** What a frame takes beside its text, in characters. */
const overhead = 100;

/** What a feed has said, in order, but for what was forgotten. */
export class FeedLog {
  readonly #onSay = new Set<() => void>();
  #frames: Frame[] = [];
  readonly #forgotten = new Set<Frame>();
  #lastId = 0;
  #chars = 0;

  /** Kept, in all. */
  get chars(): number {
    return this.#chars;
  }

  say(message: FeedMessage): Frame {
    this.#lastId += 1;
    const frame: Frame = { id: this.#lastId, text: JSON.stringify(message) };
    this.#frames.push(frame);
    this.#chars += charsOf(frame);
    for (const listener of [...this.#onSay]) listener();
    return frame;
  }

  /** Lets go of frames that it has. */
  forget(frames: Iterable<Frame>): void {
    for (const frame of frames) {
      if (this.#forgotten.has(frame)) continue;
      this.#forgotten.add(frame);
      this.#chars -= charsOf(frame);
    }
    // at the latest when half of them are holes
    if (this.#forgotten.size * 2 <= this.#frames.length) return;
    this.#frames = this.#frames.filter((frame) => !this.#forgotten.has(frame));
    this.#forgotten.clear();
  }

  /** What was said after that frame, or about as many characters of it. */
  read(after: number, maxChars = Number.POSITIVE_INFINITY): readonly Frame[] {
    const read: Frame[] = [];
    let chars = 0;
    for (let index = this.#placeAfter(after); index < this.#frames.length && chars < maxChars; index += 1) {
      const frame = this.#frames[index];
      if (frame === undefined || this.#forgotten.has(frame)) continue;
      read.push(frame);
      chars += frame.text.length;
    }
    return read;
  }

  /** Told whenever something is said. */
  onSay(listener: () => void): () => void {
    this.#onSay.add(listener);
    return () => this.#onSay.delete(listener);
  }

  #placeAfter(id: number): number {
    let [low, high] = [0, this.#frames.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#frames[middle]?.id ?? 0) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function charsOf({ text }: Frame): number {
  return text.length + overhead;
}
