import type { Host } from '../../../../src/host.ts';
import type { WatchedEntry } from '../../../../src/inspection/inspector/feed.ts';
import { openRecorded } from '../../../../src/inspection/readRecording.ts';
import { ActorSystem } from './actorSystem.ts';
import { describeInput } from './describe.ts';
import { type Rest, restAt, restOf } from './rests.ts';
import { emptyMoment, type Moment, type Part, type Step, type Track } from './run.ts';

/**
 * Entries of a session in a row: its machines are given what they were given then, and go the same way again. Nothing
 * is called.
 */
export class Replay implements Part {
  readonly first: number;
  problem: string | undefined;
  readonly #moments: Moment[] = [];
  /** By what has taken any. */
  readonly #steps = new Map<number, readonly Step[]>();
  readonly #actors = new ActorSystem();
  #start: Rest | undefined;
  #host: Host | undefined;

  /** @param first index of the item of the first entry */
  constructor(first: number) {
    this.first = first;
  }

  get end(): number {
    return this.first + this.#moments.length;
  }

  get tracks(): readonly Track[] {
    return this.#actors.tracks;
  }

  /** Where the session rests now, if it does. */
  get rest(): Rest | undefined {
    return this.#host && this.#start && restOf(this.#host, this.#start);
  }

  momentAt(index: number): Moment {
    return this.#moments[index - this.first] ?? emptyMoment;
  }

  stepsAt(index: number): readonly Step[] {
    return this.#steps.get(index) ?? none;
  }

  /** Builds the machines as they were at a rest, in place of those before. */
  begin(rest: Rest, at: number): void {
    this.#host?.stop();
    this.#host = undefined;
    this.#start = rest;
    try {
      this.#host = openRecorded(rest);
    } catch (error) {
      this.problem = `The machines cannot be built from this recording: ${String(error)}.`;
    }
    this.#actors.begin(this.#host?.actor, 'session', { at, item: this.end });
  }

  /** Takes the next entry. */
  take(entry: WatchedEntry): void {
    if (entry.type === 'session') this.begin(restAt(entry), entry.at);
    else if (entry.type === 'row') this.#apply(entry);
    this.#moments.push(this.#actors.moment);
  }

  #apply({ input, at, began }: Extract<WatchedEntry, { type: 'row' }>): void {
    const number = this.end + 1;
    let begins: readonly string[] = began;
    try {
      begins = this.#host?.apply(input, at) ?? began;
    } catch (error) {
      this.problem ??= `Event ${number} cannot be put into the machines of today: ${String(error)}.`;
    }
    if (begins.join() !== began.join()) {
      const what = `then it began [${began.join(', ')}], now it begins [${begins.join(', ')}]`;
      const { name } = describeInput(input);
      this.problem ??= `The machines go another way today from event ${number} (${name}) on: ${what}.`;
    }
    this.#forgetNews();
    const firstAt = input.type === 'settled' ? input.reportedAt : undefined;
    const steps = this.#actors.look({ at, item: this.end, firstAt });
    if (steps.length > 0) this.#steps.set(this.end, steps);
  }

  /** What the machines want and say is for who drives them. */
  #forgetNews(): void {
    const host = this.#host;
    if (host === undefined) return;
    host.takeBegun();
    host.takeArmed();
    host.events.length = 0;
    host.outputs.clear();
  }
}

const none: readonly never[] = [];
