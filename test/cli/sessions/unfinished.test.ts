import { describe, expect, test } from 'vitest';
import { explainRecovery, findUnfinished } from '../../../src/cli/sessions/unfinished.ts';
import type { TurnEvent } from '../../../src/events.ts';
import { defineTool } from '../../../src/index.ts';
import type { SessionSnapshot } from '../../../src/snapshot.ts';
import { Turn } from '../../../src/turn.ts';

const now = 1_000_000_000;
const envelope = { agent: 'a', sessionId: 's', turnId: 't', seq: 1, at: now - 125_000 };
const started: TurnEvent = { ...envelope, type: 'turn.started', messageId: 'm' };
const input = { jsonSchema: { type: 'object' as const } };
const tools = [
  defineTool({ name: 'pay', input, execute: () => 'paid' }),
  defineTool({ name: 'look', input, idempotent: true, execute: () => 'seen' }),
];

function session(turn: Partial<NonNullable<SessionSnapshot['turn']>>, queued = 0) {
  const handle = new Turn('t', () => ({ accepted: true }));
  handle.push(started);
  const snapshot: SessionSnapshot = {
    status: 'inTurn',
    queued,
    turn: { id: 't', state: 'runningTools', step: 1, attempt: 1, tools: [], ...turn },
  };
  return { handle, session: { snapshot, turns: [handle] } };
}

function calls(...states: readonly (readonly [toolName: string, state: string])[]) {
  return states.map(([toolName, state], index) => ({ toolCallId: `c${index}`, toolName, state }));
}

describe('what is said of an unfinished turn', () => {
  test.each<[facts: string, turn: Parameters<typeof session>[0]]>([
    ['nothing of it had run', { state: 'idle', step: 0 }],
    ['the model had been asked and is asked anew', { state: 'callingModel' }],
    ['the model was to be asked again and will be', { state: 'retrying' }],
    [
      'look and pay had run, pay had started and is reported as interrupted, look had started and is run again',
      { tools: calls(['look', 'completed'], ['pay', 'executing'], ['pay', 'failed'], ['look', 'executing']) },
    ],
    [
      'pay (2 times) had not started, look was to be tried again and will be',
      { tools: calls(['pay', 'preparing'], ['look', 'retrying'], ['pay', 'queued']) },
    ],
    [
      'pay (2 times) waits for approval, look waits for a client to run it, look goes on with its agent',
      {
        state: 'awaitingAnswers',
        tools: calls(
          ['pay', 'awaitingApproval'],
          ['look', 'awaitingResult'],
          ['look', 'delegating'],
          ['pay', 'awaitingApproval'],
        ),
      },
    ],
    ['the conversation was being shortened and will be', { state: 'compacting' }],
    ['it waits for more steps', { state: 'awaitingExtension' }],
    ['it waits for leave to spend more', { state: 'awaitingResume' }],
    ['gone had started and is reported as interrupted', { tools: calls(['gone', 'executing']) }],
  ])('%s', async (facts, turn) => {
    const unfinished = await findUnfinished(session(turn).session, tools, now);
    expect(unfinished).toEqual({
      events: [started],
      description: `Found an unfinished turn (began 2 min ago): ${facts}; going on.`,
    });
  });

  test('counts the messages behind it', async () => {
    const describe = async (queued: number) =>
      (await findUnfinished(session({ state: 'callingModel' }, queued).session, tools, now))?.description;
    expect(await describe(1)).toMatch(/; going on\. A message waits behind it\.$/);
    expect(await describe(2)).toMatch(/; going on\. 2 messages wait behind it\.$/);
  });

  test('is nothing where the session rests', async () => {
    expect(await findUnfinished({ snapshot: { status: 'idle', queued: 0 }, turns: [] }, tools, now)).toBeUndefined();
  });

  test('has the events that are there, and leaves alone those that come later', async () => {
    const { handle, session: reopened } = session({});
    const unfinished = await findUnfinished(reopened, tools, now);
    handle.push({ ...envelope, type: 'step.started', step: 2 });
    handle.push({ ...envelope, type: 'step.started', step: 3 });
    expect(unfinished?.events).toEqual([started]);
  });

  test('stands in the event about it, and in no other', async () => {
    const unfinished = await findUnfinished(session({}).session, tools, now);
    const diagnostic = { ...envelope, type: 'diagnostic', source: 'recovery', message: 'It ended.' } as const;
    expect(explainRecovery(diagnostic, unfinished)).toEqual({ ...diagnostic, message: unfinished?.description });
    expect(explainRecovery(diagnostic, undefined)).toBe(diagnostic);
    const other = { ...diagnostic, source: 'pricing' };
    expect(explainRecovery(other, unfinished)).toBe(other);
  });
});
