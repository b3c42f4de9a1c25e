import type { TurnEvent } from '../../events.ts';
import { type Admission, Turn, type TurnOutcome, type TurnResult } from '../../turn.ts';

/**
 * A turn that runs on Restate, as a `Turn` of this process but for `cancel`, which goes over the network. Iterating it
 * gives its events from the first one, and ends after the terminal event.
 */
export class RemoteTurn<TOutput = undefined> implements AsyncIterable<TurnEvent> {
  readonly id: string;
  /** Whether its message has come to Restate. @internal */
  isTaken = false;
  readonly #turn: Turn<TOutput>;
  readonly #cancel: (reason: string | undefined) => Promise<Admission>;

  /** @internal */
  constructor(id: string, cancel: (reason: string | undefined) => Promise<Admission>) {
    this.id = id;
    this.#turn = new Turn<TOutput>(id, () => ({ accepted: false, reason: 'It runs elsewhere.' }));
    this.#cancel = cancel;
  }

  /** How the turn ended. Never rejects; where Restate cannot be reached it waits. */
  get outcome(): Promise<TurnOutcome<TOutput>> {
    return this.#turn.outcome;
  }

  /** The answer, or a rejection with an `AgentError`. */
  get result(): Promise<TurnResult<TOutput>> {
    return this.#turn.result;
  }

  /** Ends this turn, running or waiting. */
  cancel(reason?: string): Promise<Admission> {
    return this.#cancel(reason);
  }

  [Symbol.asyncIterator](): AsyncGenerator<TurnEvent, void, void> {
    return this.#turn[Symbol.asyncIterator]();
  }

  /** @internal */
  push(event: TurnEvent): void {
    this.#turn.push(event);
  }

  /** @internal */
  end(outcome: TurnOutcome<TOutput>): void {
    this.#turn.end(outcome);
  }
}
