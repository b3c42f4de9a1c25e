import { type StoreChange, StoreConflictError } from './store.ts';

/** How far a session has been written: what the next change must follow on. */
export interface SessionHead {
  /** Rows ever written: the index of the next. */
  readonly rows: number;
  /** How many of them the last checkpoint sums up. */
  readonly summedUp: number;
  readonly messages: number;
}

/**
 * The head of a session after a change.
 *
 * @param head none where the session is not there yet
 * @throws StoreConflictError where the change does not follow on it
 */
export function advance(head: SessionHead | undefined, change: StoreChange): SessionHead {
  const { sessionId } = change;
  if (head === undefined && change.type !== 'checkpoint') {
    throw new StoreConflictError(sessionId, 'it is not there. A checkpoint that sums up no rows makes it.');
  }
  const { rows, summedUp, messages } = head ?? { rows: 0, summedUp: 0, messages: 0 };
  switch (change.type) {
    case 'rows':
      if (change.index !== rows) {
        throw new StoreConflictError(
          sessionId,
          `row ${change.index} was to be written, and ${rows} is the next. Somebody else writes this session.`,
        );
      }
      return { rows: rows + change.rows.length, summedUp, messages };
    case 'checkpoint':
      if (!(change.rows >= summedUp && change.rows <= rows)) {
        const there = `the last one sums up ${summedUp}, and ${rows} are there.`;
        throw new StoreConflictError(sessionId, `a checkpoint was to sum up ${change.rows} rows; ${there}`);
      }
      if (change.messages.index !== messages) {
        throw new StoreConflictError(
          sessionId,
          `message ${change.messages.index} was to be written, and ${messages} is the next. Somebody else writes this session.`,
        );
      }
      return { rows, summedUp: change.rows, messages: messages + change.messages.added.length };
    case 'title':
      return { rows, summedUp, messages };
  }
}
