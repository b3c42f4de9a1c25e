import type { Table } from './readTable.ts';

/**
 * A tool call, from its rules; what happens to others leaves it alone. One that is queued goes on to `executing` as soon
 * as it has a slot: `startInOrder` says when. What happens once all have ended is in the table of the turn.
 */
export const toolCallTable: Table = {
  file: 'test/spec/toolCall.table.ts',
  lines: [
    ['preparing', 'tool {n} is ready', 'queued'],
    ['preparing', 'tool {n} is ready, to run alone', 'queued'],
    ['preparing', 'tool {n} is refused', 'failed'],
    ['preparing', 'tool {n} breaks', 'failed'],

    ['executing', 'tool {n} reports', 'stays'],
    ['executing', 'tool {n} completes', 'completed'],
    // a hint is a result
    ['executing', 'tool {n} asks to be called again', 'completed'],
    ['executing', 'tool {n} fails for now', 'retrying', 'while the tool has attempts left'],
    ['executing', 'tool {n} fails for now', 'failed'],
    ['executing', 'tool {n} fails', 'failed'],
    ['executing', 'tool {n} breaks', 'failed'],

    ['retrying', 'tool {n} runs again', 'executing'],
  ],
};
