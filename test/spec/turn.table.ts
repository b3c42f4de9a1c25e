import type { Table } from './readTable.ts';

/**
 * The turn, from its rules. A state that is named is entered, and does what it does on entry; `stays` is left alone.
 * Of several lines for a state and an event the first counts whose conditions hold. States whose event is `always` do
 * not last. Whether tools run or wait for people is told by `waitsForPeople`.
 */
export const turnTable: Table = {
  file: 'test/spec/turn.table.ts',
  lines: [
    ['idle', 'turn starts', 'working.choosing'],
    ['idle', 'turn starts, cancelled before', 'cancelled'],
    ['idle', 'user steers', 'stays'],
    ['idle', 'user cancels', 'stays'],

    ['working.choosing', 'always', 'failed: tool_errors', 'when hints are spent'],
    ['working.choosing', 'always', 'failed: tool_errors', 'when tools have failed too often'],
    ['working.choosing', 'always', 'working.awaitingExtension', 'when steps are spent', 'with pauses'],
    ['working.choosing', 'always', 'failed: max_steps', 'when steps are spent'],
    ['working.choosing', 'always', 'working.awaitingResume', 'with pauses', 'when money is spent'],
    ['working.choosing', 'always', 'working.beginning'],

    ['working.beginning', 'always', 'failed: budget', 'when the budget is spent'],
    // old outputs are masked, which takes no time
    [
      'working.beginning',
      'always',
      'working.shortened',
      'with compaction',
      'when it is too long',
      'when masking is enough',
    ],
    ['working.beginning', 'always', 'working.compacting', 'with compaction', 'when it is too long'],
    ['working.beginning', 'always', 'working.shortened'],
    ['working.shortened', 'always', 'working.preparing', 'with preparation', 'unless the step is prepared'],
    ['working.shortened', 'always', 'working.callingModel'],

    ['working.compacting', 'summary comes', 'working.beginning'],
    ['working.compacting', 'summary comes, over budget', 'working.beginning'],
    ['working.compacting', 'summary fails', 'working.beginning'],
    ['working.compacting', 'compaction actor is in error', 'failed: internal'],
    ['working.compacting', 'turn starts', 'stays'],
    ['working.compacting', 'user steers', 'stays'],
    ['working.compacting', 'user cancels', 'cancelled'],
    ['working.compacting', 'time is up', 'failed: timeout'],

    ['working.preparing', 'step is prepared', 'working.callingModel'],
    ['working.preparing', 'step is prepared, message rewritten', 'working.callingModel'],
    ['working.preparing', 'input is denied', 'failed: guardrail'],
    ['working.preparing', 'preparation fails', 'failed: internal'],
    ['working.preparing', 'preparation breaks', 'failed: internal'],
    ['working.preparing', 'turn starts', 'stays'],
    ['working.preparing', 'user steers', 'stays'],
    ['working.preparing', 'user cancels', 'cancelled'],
    ['working.preparing', 'time is up', 'failed: timeout'],

    ['working.callingModel', 'model streams', 'stays'],
    ['working.callingModel', 'model answers', 'working.checkingOutput', 'with output'],
    ['working.callingModel', 'model answers', 'done'],
    ['working.callingModel', 'model answers nothing', 'working.checkingOutput', 'with output'],
    ['working.callingModel', 'model answers nothing', 'done'],
    // a refusal has no form
    ['working.callingModel', 'model refuses', 'failed: invalid_output', 'with output'],
    ['working.callingModel', 'model refuses', 'done'],
    ['working.callingModel', 'answer is denied', 'failed: guardrail'],
    ['working.callingModel', 'model asks for {n} tools', 'working.usingTools'],
    ['working.callingModel', 'model asks for 1 tool, over budget', 'failed: budget'],
    ['working.callingModel', 'model repeats a call', 'working.usingTools'],
    ['working.callingModel', 'model repeats a call too often', 'failed: repeated_calls'],
    // it may be incomplete, so it is not run: the model has to ask again, in a step of its own
    ['working.callingModel', 'model is cut off in a tool call', 'working.choosing'],
    // it is an answer, and shows what it cost; its call is not run
    ['working.callingModel', 'model refuses in a tool call, over budget', 'failed: invalid_output', 'with output'],
    ['working.callingModel', 'model refuses in a tool call, over budget', 'done'],
    // calls decide, not the finish reason
    ['working.callingModel', 'model pauses in a tool call', 'working.usingTools'],
    ['working.callingModel', 'model pauses', 'working.callingModel', 'while pauses are left'],
    ['working.callingModel', 'model pauses', 'failed: no_progress'],
    ['working.callingModel', 'model fails: {for now}', 'working.retrying', 'while attempts are left'],
    ['working.callingModel', 'model fails: {for now}', 'failed: {for now}'],
    [
      'working.callingModel',
      'model fails: context_overflow',
      'working.compacting',
      'with compaction',
      'unless it was shortened in vain',
    ],
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

    ['working.checkingOutput', 'output is accepted', 'done'],
    ['working.checkingOutput', 'output is rejected', 'working.choosing', 'while hints are left'],
    ['working.checkingOutput', 'output is rejected', 'failed: invalid_output'],
    ['working.checkingOutput', 'output check breaks', 'failed: internal'],
    ['working.checkingOutput', 'turn starts', 'stays'],
    ['working.checkingOutput', 'user steers', 'stays'],
    ['working.checkingOutput', 'user cancels', 'cancelled'],
    ['working.checkingOutput', 'time is up', 'failed: timeout'],

    // whoever has to be asked, and whoever runs it
    ['working.usingTools', 'tool {n} {is ready}', 'stays'],
    ['working.usingTools', 'tool {n} is approved', 'stays'],
    ['working.usingTools', 'tool {n} is approved for the session', 'stays'],
    ['working.usingTools', 'tool {n} waits for people', 'stays'],
    ['working.usingTools', 'tool {n} goes on', 'stays'],
    ['working.usingTools', 'tool {n} remembers', 'stays'],
    ['working.usingTools', 'tool {n} reports', 'stays'],
    ['working.usingTools', 'tool {n} runs again', 'stays'],
    ['working.usingTools', 'tool {n} fails for now', 'stays', 'while the tool has attempts left'],
    // it is said of a call of an agent
    ['working.usingTools', 'tool {n} {to be forwarded}', 'stays', 'while an agent works on it'],
    ['working.usingTools', 'tool {n} {ends}', 'stays', 'while other tools are open'],
    ['working.usingTools', 'tool {n} {ends}', 'working.choosing'],
    ['working.usingTools', 'turn starts', 'stays'],
    // who runs a tool outside has something better to say
    ['working.usingTools', 'user steers', 'working.choosing', 'while only clients are waited for'],
    ['working.usingTools', 'user steers', 'stays'],
    ['working.usingTools', 'user extends', 'stays'],
    ['working.usingTools', 'user resumes', 'stays'],
    ['working.usingTools', 'user cancels', 'cancelled'],
    ['working.usingTools', 'time is up', 'failed: timeout'],

    // nobody is hurried: the clock stands still
    ['working.awaitingExtension', 'user extends', 'working.choosing'],
    ['working.awaitingExtension', 'turn starts', 'stays'],
    ['working.awaitingExtension', 'user steers', 'stays'],
    ['working.awaitingExtension', 'user cancels', 'cancelled'],
    ['working.awaitingResume', 'user resumes', 'working.choosing'],
    ['working.awaitingResume', 'turn starts', 'stays'],
    ['working.awaitingResume', 'user steers', 'stays'],
    ['working.awaitingResume', 'user cancels', 'cancelled'],
  ],
};
