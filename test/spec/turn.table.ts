import type { Table } from './readTable.ts';

/**
 * The turn, from its rules. A state that is named is entered, and does what it does on entry; `stays` is left alone.
 * Of several lines for a state and an event the first counts whose conditions hold.
 */
export const turnTable: Table = {
  file: 'test/spec/turn.table.ts',
  lines: [
    ['idle', 'turn starts', 'working.callingModel'],
    ['idle', 'turn starts, cancelled before', 'cancelled'],
    ['idle', 'user steers', 'stays'],
    ['idle', 'user cancels', 'stays'],

    ['working.callingModel', 'model streams', 'stays'],
    ['working.callingModel', 'model answers', 'done'],
    ['working.callingModel', 'model answers nothing', 'done'],
    ['working.callingModel', 'model refuses', 'done'],
    ['working.callingModel', 'model asks for {n} tools', 'working.runningTools'],
    ['working.callingModel', 'model asks for 1 tool, over budget', 'failed: budget'],
    // it may be incomplete, so it is not run: the model has to ask again, in a step of its own
    ['working.callingModel', 'model is cut off in a tool call', 'failed: max_steps', 'when steps are spent'],
    ['working.callingModel', 'model is cut off in a tool call', 'working.callingModel'],
    // it is an answer, and shows what it cost; its call is not run
    ['working.callingModel', 'model refuses in a tool call, over budget', 'done'],
    // calls decide, not the finish reason
    ['working.callingModel', 'model pauses in a tool call', 'working.runningTools'],
    ['working.callingModel', 'model pauses', 'working.callingModel', 'while pauses are left'],
    ['working.callingModel', 'model pauses', 'failed: no_progress'],
    ['working.callingModel', 'model fails: {for now}', 'working.retrying', 'while attempts are left'],
    ['working.callingModel', 'model fails: {for now}', 'failed: {for now}'],
    ['working.callingModel', 'model fails: {for good}', 'failed: {for good}'],
    // a retry that could not be paid for is not made
    ['working.callingModel', 'model fails, over budget', 'failed: budget', 'while attempts are left'],
    ['working.callingModel', 'model fails, over budget', 'failed: provider_unavailable'],
    ['working.callingModel', 'model call breaks', 'failed: internal'],
    ['working.callingModel', 'model actor is in error', 'failed: internal'],
    ['working.callingModel', 'turn starts', 'stays'],
    ['working.callingModel', 'user steers', 'stays'],
    ['working.callingModel', 'user cancels', 'cancelled'],
    ['working.callingModel', 'time is up', 'failed: timeout'],

    ['working.retrying', 'retry is due', 'working.callingModel'],
    ['working.retrying', 'turn starts', 'stays'],
    ['working.retrying', 'user steers', 'stays'],
    ['working.retrying', 'user cancels', 'cancelled'],
    ['working.retrying', 'time is up', 'failed: timeout'],

    ['working.runningTools', 'tool {n} is ready', 'stays'],
    ['working.runningTools', 'tool {n} is ready, to run alone', 'stays'],
    ['working.runningTools', 'tool {n} reports', 'stays'],
    ['working.runningTools', 'tool {n} runs again', 'stays'],
    ['working.runningTools', 'tool {n} fails for now', 'stays', 'while the tool has attempts left'],
    ['working.runningTools', 'tool {n} {ends}', 'stays', 'while other tools are open'],
    ['working.runningTools', 'tool {n} {ends}', 'failed: tool_errors', 'when hints are spent'],
    ['working.runningTools', 'tool {n} {ends}', 'failed: max_steps', 'when steps are spent'],
    ['working.runningTools', 'tool {n} {ends}', 'working.callingModel'],
    ['working.runningTools', 'turn starts', 'stays'],
    ['working.runningTools', 'user steers', 'stays'],
    ['working.runningTools', 'user cancels', 'cancelled'],
    ['working.runningTools', 'time is up', 'failed: timeout'],
  ],
};
