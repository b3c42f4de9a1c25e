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

  /**
   * Lets somebody watch, who is told first where the session stood and what has happened since.
   *
   * @param open whatever it says to the session is among what is told
   */
  invite(start: RecordingEntry, since: readonly RecordingEntry[], open: () => Recorder): void {
    const told: RecordingEntry[] = [];
    let record: Recorder = (entry) => told.push(entry);
    const stop = this.add((entry) => record(entry), start);
    told.push(...since);
    try {
      const recorder = open();
      for (const entry of told) recorder(entry);
      record = recorder;
    } catch (error) {
      stop();
      throw error;
    }
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
