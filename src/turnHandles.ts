import type { TurnEvent } from './events.ts';
import type { TurnOutput } from './machines/turnMachine.ts';
import { type Admission, Turn, type TurnOutcome, toOutcome } from './turn.ts';

/** The turns of a session that somebody may wait for: what is said of each goes to its handle, and so does how it ended. */
export class TurnHandles<TOutput> {
  readonly #cancel: (turnId: string, reason: string | undefined) => Admission;
  readonly #open = new Map<string, Turn<TOutput>>();
  /** Turns that have ended, of which nobody is told how before that is safe. */
  readonly #ending = new Map<string, Turn<TOutput>>();

  /** @param cancel what a handle does whose turn is to be cancelled */
  constructor(cancel: (turnId: string, reason: string | undefined) => Admission) {
    this.#cancel = cancel;
  }

  /** Those that run and wait, in their order. */
  get all(): readonly Turn<TOutput>[] {
    return [...this.#open.values()];
  }

  get ids(): Iterable<string> {
    return this.#open.keys();
  }

  open(turnId: string): Turn<TOutput> {
    const turn = new Turn<TOutput>(turnId, (reason) => this.#cancel(turnId, reason));
    this.#open.set(turnId, turn);
    return turn;
  }

  push(event: TurnEvent): void {
    if (event.turnId !== undefined) this.#open.get(event.turnId)?.push(event);
  }

  /**
   * Turns that began by steering have no handle, but an output like any other.
   *
   * @param output what the machines have put out
   * @param whenSafe whoever acts on how it ended can rely on it; `onLost` is called where that never comes
   */
  end(turnId: string, output: TurnOutput | undefined, whenSafe: (run: () => void, onLost: () => void) => void): void {
    const turn = this.#open.get(turnId);
    this.#open.delete(turnId);
    if (turn === undefined || output === undefined) return;
    this.#ending.set(turnId, turn);
    const tell = () => {
      if (this.#ending.delete(turnId)) endAs(turn, output);
    };
    whenSafe(tell, tell);
  }

  /** Ends those otherwise of which nobody was told yet how they ended: it will never be safe. */
  endUnsafe(outputOf: (turnId: string) => TurnOutput): void {
    for (const [turnId, turn] of this.#ending) endAs(turn, outputOf(turnId));
    this.#ending.clear();
  }
}

/** Its type is what was asked for when the turn was sent. */
function endAs<TOutput>(turn: Turn<TOutput>, output: TurnOutput): void {
  turn.end(toOutcome(output) as TurnOutcome<TOutput>);
}
