import type { Row } from './host.ts';
import { Journal } from './journal.ts';
import type { Kept } from './keeper.ts';
import type { History } from './machines/history.ts';
import { noUsage } from './model.ts';
import { type Rested, stateOf } from './reopening.ts';
import type { SessionSetup } from './sessionSetup.ts';

/** What a session keeps of itself. Without a store that is nothing, and everything is safe at once. */
export class Keeping {
  readonly #kept: Kept | undefined;
  readonly #journal: Journal | undefined;
  readonly #setup: SessionSetup;
  #endedTurns: number;
  #isLost = false;

  /**
   * @param history what a new session begins with
   * @param onLost told once, when something could not be kept
   */
  constructor(
    setup: SessionSetup,
    sessionId: string,
    kept: Kept | undefined,
    history: History,
    onLost: (error: unknown) => void,
  ) {
    this.#setup = setup;
    this.#kept = kept;
    this.#endedTurns = kept?.stored?.state.turns ?? 0;
    if (kept === undefined) return;
    const { writer, stored } = kept;
    const { rowIndex = 0, rows = [], messages = [] } = stored ?? {};
    const position = { rows: rowIndex + rows.length, messages: messages.length, summedUp: rowIndex };
    const nothing: Rested = { usage: noUsage, cost: undefined, approvedTools: [], history, seq: 0 };
    this.#journal = new Journal(writer, sessionId, position, {
      ...(stored === undefined && {
        begin: () => ({ at: setup.clock.now(), history, state: stateOf(nothing, setup.agent, this.#endedTurns) }),
      }),
      onLost: (error) => {
        this.#isLost = true;
        onLost(error);
      },
    });
  }

  /** Whether there is a store. */
  get hasStore(): boolean {
    return this.#kept !== undefined;
  }

  /** Whether the session is ahead of what is kept of it, for good. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether nothing has happened since the last checkpoint. */
  get isSummedUp(): boolean {
    return this.#journal?.isSummedUp ?? true;
  }

  keep(row: Row): void {
    this.#journal?.keep(row);
  }

  countEnd(): void {
    this.#endedTurns += 1;
  }

  /** The session rests, and this is all there is to know of it. */
  checkpoint(rested: Rested): void {
    this.#journal?.checkpoint(
      this.#setup.clock.now(),
      rested.history,
      stateOf(rested, this.#setup.agent, this.#endedTurns),
    );
  }

  /**
   * Runs something as soon as everything so far is kept; at once where there is nothing to keep.
   *
   * @param onLost what is run instead where that never comes. @default nothing
   */
  whenSafe = (run: () => void, onLost?: () => void): void => {
    if (this.#journal === undefined) run();
    else this.#journal.whenSafe(run, onLost);
  };

  /** Runs something as soon as what happens next is kept as well. */
  whenNextIsSafe(run: () => void): void {
    if (this.#journal === undefined) run();
    else this.#journal.whenNextIsSafe(run);
  }

  /** Keeps nothing any more; what was kept is still written. */
  close(): void {
    this.#journal?.close();
  }

  /** Others may open the session. */
  async release(): Promise<void> {
    await this.#kept?.lock.release();
  }
}
