import type { Table } from './readTable.ts';

/** A compaction, from its rules: the cheapest way that helps. Where one begins is in the tables of turn and session. */
export const compactionTable: Table = {
  file: 'test/spec/compaction.table.ts',
  lines: [
    ['masking', 'always', 'done', 'when masking is enough'],
    // there is nothing left to be left out
    ['masking', 'always', 'done', 'when nothing was said since'],
    ['masking', 'always', 'summarizing'],

    ['summarizing', 'summary comes', 'done'],
    ['summarizing', 'summary comes, over budget', 'done'],
    // nothing but a turn needs the room
    ['summarizing', 'summary fails', 'unchanged', 'when somebody asked for it'],
    ['summarizing', 'summary breaks', 'unchanged', 'when somebody asked for it'],
    // it is shortened all the same
    ['summarizing', 'summary fails', 'trimmed'],
    ['summarizing', 'summary breaks', 'trimmed'],
  ],
};
