import { toUnsubscribe, type Unsubscribe } from './listeners.ts';
import type { RecordingEntry } from './recording.ts';

export type Recorder = (entry: RecordingEntry) => void;

/** Who writes down what happens to a session. */
export class Recorders {
  readonly #recorders = new Set<Recorder>();
  readonly #onError: (error: unknown) => void;

  /** @param onError told what a recorder throws */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get isEmpty(): boolean {
    return this.#recorders.size === 0;
  }

  /** @param start the first entry of the recording, which only this recorder gets */
  add(recorder: Recorder, start: RecordingEntry): Unsubscribe {
    // wrapped, so that one function added twice is two recordings
    const own: Recorder = (entry) => recorder(entry);
    this.#recorders.add(own);
    this.#enter(own, start);
    return toUnsubscribe(() => this.#recorders.delete(own));
  }

  enter(entry: RecordingEntry): void {
    for (const recorder of this.#recorders) this.#enter(recorder, entry);
  }

  /** One that cannot take an entry has a gap from then on, so it is told no more. */
  #enter(recorder: Recorder, entry: RecordingEntry): void {
    try {
      recorder(entry);
    } catch (error) {
      this.#recorders.delete(recorder);
      this.#onError(error);
    }
  }
}
