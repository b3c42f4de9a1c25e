import { isEphemeral, isTerminal, type TurnEvent } from '../../events.ts';
import type { LiveEvents } from './deltaBus.ts';

/**
 * Makes one stream of what a session says: durable events, each once and in order, and the deltas that are of the moment.
 * Durable events come twice, from the bus and from what is kept; what is kept counts.
 */
export class EventStream {
  readonly #tell: (event: TurnEvent) => void;
  /** When the latest try of each effect began, in epoch ms. */
  readonly #tries = new Map<string, number>();
  /** Events from the bus that are not known to be kept, by `seq`. */
  readonly #early = new Map<number, TurnEvent['type']>();
  #kept: number;
  #seq: number;
  #n = 0;

  /** @param seq of the last event that is known */
  constructor(seq: number, tell: (event: TurnEvent) => void) {
    this.#seq = seq;
    this.#kept = seq;
    this.#tell = tell;
  }

  /** What is kept is known up to there. */
  get kept(): number {
    return this.#kept;
  }

  /** @returns whether what is kept is to be asked for: something is missing, or a turn has ended */
  live({ events, effect, startedAt = 0 }: LiveEvents): boolean {
    if (effect !== undefined) {
      if (startedAt < (this.#tries.get(effect) ?? 0)) return false;
      this.#tries.set(effect, startedAt);
    }
    let isToAsk = false;
    for (const event of events) {
      if (isEphemeral(event)) this.#delta(event);
      else if (event.seq === this.#seq + 1) {
        this.#early.set(event.seq, event.type);
        this.#pass(event);
        if (isTerminal(event)) isToAsk = true;
      } else if (event.seq > this.#seq) {
        isToAsk = true;
      }
    }
    return isToAsk;
  }

  keep(events: readonly TurnEvent[]): void {
    for (const event of events) {
      if (event.seq <= this.#kept) continue;
      this.#kept = event.seq;
      const early = this.#early.get(event.seq);
      this.#early.delete(event.seq);
      // a process that ended may have said something else in its place
      if (early !== event.type) this.#pass(event);
      if (event.type === 'session.idle') this.#tries.clear();
    }
  }

  #delta(event: TurnEvent): void {
    const n = event.n ?? 0;
    if (event.seq !== this.#seq || n <= this.#n) return;
    this.#n = n;
    this.#tell(event);
  }

  #pass(event: TurnEvent): void {
    this.#seq = Math.max(this.#seq, event.seq);
    this.#n = 0;
    this.#tell(event);
  }
}
