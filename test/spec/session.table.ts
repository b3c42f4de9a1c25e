import type { Table } from './readTable.ts';

/** The session, from its rules. What its turn does meanwhile is in the table of the turn. */
export const sessionTable: Table = {
  file: 'test/spec/session.table.ts',
  lines: [
    ['idle', 'user sends', 'inTurn.starting'],
    // nothing is there to be steered: it is a message like any other
    ['idle', 'user steers', 'inTurn.starting'],
    ['idle', 'user cancels', 'stays'],
    ['idle', 'turn starts', 'stays'],
    ['idle', 'session closes', 'closed'],
    ['idle', 'listener throws', 'stays'],

    // the first turn rests until it is started
    ['inTurn.starting', 'turn starts', 'inTurn.running', 'unless it was cancelled as it waited'],
    ['inTurn.starting', 'turn starts', 'inTurn.following', 'when another turn waits'],
    ['inTurn.starting', 'turn starts', 'idle'],
    ['inTurn.starting', 'user sends', 'stays'],
    ['inTurn.starting', 'user steers', 'stays'],
    ['inTurn.starting', 'user cancels', 'stays'],
    ['inTurn.starting', 'user cancels the waiting turn', 'stays'],
    ['inTurn.starting', 'session closes', 'stays'],
    ['inTurn.starting', 'listener throws', 'stays'],

    // one turn has ended, the next one rests
    ['inTurn.following', 'turn starts', 'inTurn.running', 'unless it was cancelled as it waited'],
    ['inTurn.following', 'turn starts', 'inTurn.following', 'when another turn waits'],
    ['inTurn.following', 'turn starts', 'idle'],
    ['inTurn.following', 'user sends', 'stays'],
    ['inTurn.following', 'user steers', 'stays'],
    ['inTurn.following', 'user cancels', 'stays'],
    ['inTurn.following', 'user cancels the waiting turn', 'stays'],
    ['inTurn.following', 'session closes', 'stays'],
    ['inTurn.following', 'listener throws', 'stays'],

    ['inTurn.running', 'model asks for {n} tools', 'stays'],
    ['inTurn.running', 'tool {n} is ready', 'stays'],
    ['inTurn.running', 'tool {n} completes', 'stays', 'while steps are left'],
    ['inTurn.running', 'tool {n} completes', 'inTurn.following', 'when another turn waits'],
    ['inTurn.running', 'tool {n} completes', 'idle'],
    ['inTurn.running', 'model answers', 'inTurn.following', 'when another turn waits'],
    ['inTurn.running', 'model answers', 'idle'],
    ['inTurn.running', 'model fails: {for good}', 'inTurn.following', 'when another turn waits'],
    ['inTurn.running', 'model fails: {for good}', 'idle'],
    ['inTurn.running', 'user cancels', 'inTurn.following', 'when another turn waits'],
    ['inTurn.running', 'user cancels', 'idle'],
    ['inTurn.running', 'session closes', 'inTurn.following', 'when another turn waits'],
    ['inTurn.running', 'session closes', 'idle'],
    ['inTurn.running', 'user sends', 'stays'],
    ['inTurn.running', 'user steers', 'stays'],
    ['inTurn.running', 'user cancels the waiting turn', 'stays'],
    ['inTurn.running', 'turn starts', 'stays'],
    ['inTurn.running', 'listener throws', 'stays'],
  ],
};
