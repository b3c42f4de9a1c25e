import type { Table } from './readTable.ts';

/**
 * A tool call, from its rules; what happens to others leaves it alone. One that is queued goes on as soon as it may:
 * `goOn` says when. What happens once all have ended is in the table of the turn.
 */
export const toolCallTable: Table = {
  file: 'test/spec/toolCall.table.ts',
  lines: [
    ['preparing', 'tool {n} {is ready}', 'queued'],
    ['preparing', 'tool {n} is refused', 'failed'],
    ['preparing', 'tool {n} is refused, noted by a guardrail', 'failed'],
    ['preparing', 'tool {n} is denied by a guardrail', 'denied'],
    ['preparing', 'tool {n} breaks', 'failed'],

    ['awaitingApproval', 'tool {n} is approved', 'queued'],
    ['awaitingApproval', 'tool {n} is approved for the session', 'queued'],
    ['awaitingApproval', 'tool {n} is denied', 'denied'],
    ['awaitingApproval', 'tool {n} is not approved in time', 'denied'],

    ['awaitingResult', 'tool {n} is answered by its client', 'completed'],
    ['awaitingResult', 'tool {n} cannot be run by its client', 'failed'],

    ['executing', 'tool {n} reports', 'stays'],
    ['executing', 'tool {n} completes', 'completed'],
    ['executing', 'tool {n} completes at length', 'completed'],
    // a hint is a result
    ['executing', 'tool {n} asks to be called again', 'completed'],
    ['executing', 'tool {n} fails for now', 'retrying', 'while the tool has attempts left'],
    ['executing', 'tool {n} fails for now', 'failed'],
    ['executing', 'tool {n} fails', 'failed'],
    ['executing', 'tool {n} breaks', 'failed'],

    ['retrying', 'tool {n} runs again', 'executing'],

    ['delegating', 'tool {n} reports', 'stays'],
    ['delegating', 'tool {n} waits for people', 'stays'],
    ['delegating', 'tool {n} goes on', 'stays'],
    ['delegating', 'tool {n} remembers', 'stays'],
    ['delegating', 'tool {n} {to be forwarded}', 'stays'],
    ['delegating', 'tool {n} completes', 'completed'],
    ['delegating', 'tool {n} fails', 'failed'],
    ['delegating', 'tool {n} breaks', 'failed'],
  ],
};
