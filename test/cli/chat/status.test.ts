import { describe, expect, test } from 'vitest';
import { Status } from '../../../src/cli/chat/status.ts';
import type { TurnEvent } from '../../../src/events.ts';
import { createFailure } from '../../../src/failure.ts';
import type { SessionSnapshot } from '../../../src/snapshot.ts';

const envelope = { agent: 'turnchart', sessionId: 's', turnId: 't', seq: 1 };
const place = { messageId: 'm', step: 1, attempt: 1 };
const failure = createFailure({ type: 'rate_limit', code: 'rate_limit_exceeded', message: 'Slow down.' });
const a = { toolCallId: 'a', toolName: 'look' };
const b = { toolCallId: 'b', toolName: 'listen' };

const started: TurnEvent = { ...envelope, type: 'turn.started', messageId: 'u', at: 0 };

type Turn = NonNullable<SessionSnapshot['turn']>;

function inTurn(turn: Partial<Turn>): SessionSnapshot {
  return { status: 'inTurn', queued: 0, turn: turnOf(turn) };
}

function turnOf(turn: Partial<Turn>): Turn {
  return { id: 't', state: 'callingModel', step: 1, attempt: 1, tools: [], ...turn };
}

describe('the status of a turn', () => {
  test.each<[what: string, events: readonly TurnEvent[], turn: Partial<Turn>, now: number, line: string]>([
    ['waits for the model', [], {}, 400, 'callingModel · waiting for the model · 0 s'],
    [
      'says that the model reasons',
      [{ ...envelope, type: 'reasoning.delta', messageId: 'm', text: 'Hm', at: 1 }],
      {},
      1_900,
      'callingModel · reasoning · 1 s',
    ],
    [
      'says that the model answers, and in which step',
      [{ ...envelope, ...place, type: 'message.delta', text: 'One', at: 1 }],
      { step: 2 },
      1_900,
      'callingModel · answering · step 2 · 1 s',
    ],
    [
      'counts down to the next attempt',
      [
        {
          ...envelope,
          type: 'model.retrying',
          step: 1,
          attempt: 1,
          maxAttempts: 3,
          delayMs: 4_000,
          retryAt: 5_000,
          failure,
          at: 1_000,
        },
      ],
      { state: 'retrying', retryAt: 5_000 },
      2_100,
      'retrying · rate_limit · again in 3 s · attempt 2 of 3 · 2 s',
    ],
    [
      'names the tools that are not done, with their seconds',
      [
        { ...envelope, ...a, type: 'tool.started', at: 1_000 },
        { ...envelope, ...b, type: 'tool.started', at: 3_000 },
      ],
      {
        state: 'runningTools',
        tools: [
          { ...a, state: 'executing' },
          { ...b, state: 'executing' },
          { toolCallId: 'c', toolName: 'smell', state: 'queued' },
          { toolCallId: 'd', toolName: 'taste', state: 'completed' },
        ],
      },
      4_500,
      'runningTools · look 3 s, listen 1 s, smell queued · 4 s',
    ],
    [
      'says that a tool is to run again',
      [
        { ...envelope, ...a, type: 'tool.started', at: 0 },
        {
          ...envelope,
          ...a,
          type: 'tool.retrying',
          step: 1,
          attempt: 1,
          maxAttempts: 2,
          delayMs: 1,
          retryAt: 1,
          failure,
          at: 0,
        },
      ],
      { state: 'runningTools', tools: [{ ...a, state: 'retrying' }] },
      0,
      'runningTools · look retrying, attempt 2 of 2 · 0 s',
    ],
    [
      'says that it waits for whoever can approve, while other tools run',
      [{ ...envelope, ...b, type: 'tool.started', at: 3_000 }],
      {
        state: 'runningTools',
        tools: [
          { ...a, state: 'awaitingApproval' },
          { ...b, state: 'executing' },
          { toolCallId: 'c', toolName: 'show', state: 'awaitingResult' },
        ],
      },
      4_500,
      'runningTools · look waiting for you, listen 1 s, show waiting for a client · 4 s',
    ],
    [
      'says that it waits for you, also where clients are waited for',
      [],
      {
        state: 'awaitingAnswers',
        tools: [
          { ...a, state: 'awaitingResult' },
          { ...b, state: 'awaitingApproval' },
        ],
      },
      0,
      'awaitingAnswers · waiting for you · 0 s',
    ],
    [
      'says that it waits for a client alone',
      [],
      { state: 'awaitingAnswers', tools: [{ ...a, state: 'awaitingResult' }] },
      0,
      'awaitingAnswers · waiting for a client · 0 s',
    ],
    [
      'says what a sub-agent is at',
      [],
      { state: 'runningTools', tools: [{ ...a, state: 'delegating', agent: turnOf({ state: 'retrying' }) }] },
      0,
      'runningTools · look retrying · 0 s',
    ],
    [
      'says that a sub-agent waits for you',
      [],
      {
        state: 'awaitingAnswers',
        tools: [{ ...a, state: 'delegating', agent: turnOf({ state: 'awaitingExtension' }) }],
      },
      0,
      'awaitingAnswers · waiting for you · 0 s',
    ],
    [
      'says that it waits for more steps',
      [],
      { state: 'awaitingExtension', step: 10 },
      0,
      'awaitingExtension · waiting for you · step 10 · 0 s',
    ],
    ['has only its state to tell where nothing is waited for', [], { state: 'done' }, 0, 'done · 0 s'],
  ])('%s', (_what, events, turn, now, line) => {
    const status = new Status();
    for (const event of [started, ...events]) status.take(event);
    expect(status.describe(inTurn(turn), now).join(' · ')).toBe(line);
  });

  test('forgets with a new step what the model did in the one before', () => {
    const status = new Status();
    status.take(started);
    status.take({ ...envelope, ...place, type: 'message.delta', text: 'One', at: 1 });
    status.take({ ...envelope, type: 'step.started', step: 2, at: 2 });
    expect(status.describe(inTurn({ step: 2 }), 0)).toContain('waiting for the model');
  });

  test('says that the conversation is being shortened between turns', () => {
    const status = new Status();
    status.take({ ...envelope, type: 'compaction.started', reason: 'manual', at: 1_000 });
    expect(status.describe({ status: 'compacting', queued: 0 }, 3_500)).toEqual(['compacting', '2 s']);
  });

  test('has nothing to tell while no turn runs', () => {
    expect(new Status().describe({ status: 'idle', queued: 0 }, 0)).toEqual([]);
    expect(new Status().describe(inTurn({ step: 0, state: 'idle' }), 0)).toEqual([]);
  });
});
