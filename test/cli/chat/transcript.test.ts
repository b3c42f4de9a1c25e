import { describe, expect, test } from 'vitest';
import { type Block, Transcript } from '../../../src/cli/chat/transcript.ts';
import type { TurnEvent } from '../../../src/events.ts';
import { createFailure } from '../../../src/failure.ts';

type Said = TurnEvent extends infer E ? (E extends TurnEvent ? Omit<E, keyof typeof envelope> : never) : never;

const envelope = { agent: 'turnchart', sessionId: 's', turnId: 't', seq: 1, at: 0 };
const ending = { usage: { inputTokens: 900, outputTokens: 100 }, steps: 1, durationMs: 1_500 };
const failure = createFailure({ type: 'rate_limit', message: 'Slow down.' });
const retry = { attempt: 1, maxAttempts: 3, delayMs: 2_000, retryAt: 2_000, failure };
const call = { toolCallId: 'c', toolName: 'look' };

const user = (text: string, cause: 'input' | 'steering' | 'cancel_note'): Said => ({
  type: 'message.added',
  message: { role: 'user', id: 'u', content: [{ type: 'text', text }] },
  cause,
});
const text = (part: string, attempt = 1): Said => ({
  type: 'message.delta',
  messageId: `m${attempt}`,
  step: 1,
  attempt,
  text: part,
});
const reasoning = (part: string): Said => ({ type: 'reasoning.delta', messageId: 'm1', text: part });
const called: Said = { type: 'tool.called', ...call, input: { at: 1 }, index: 0 };

const asked: Said = { type: 'tool.approvalRequested', ...call, input: { at: 1 } };

/** What a sub-agent says that works on a call. */
function within(said: Said, toolCallId = call.toolCallId): Said {
  return { type: 'agent.event', toolCallId, event: { ...said, agent: 'helper', turnId: 'inner' } };
}

function blocksOf(events: readonly Said[], contextWindow?: number): readonly Block[] {
  const transcript = new Transcript();
  for (const event of events) transcript.take({ ...envelope, ...event } as TurnEvent, contextWindow);
  return transcript.blocks;
}

const tool = { type: 'tool', ...call, input: { at: 1 }, progress: [] };

describe('the transcript', () => {
  test.each<[what: string, events: readonly Said[], blocks: readonly object[]]>([
    [
      'shows what people said, and no notes to the model',
      [user('Hello', 'input'), user('And', 'steering'), user('Cancelled.', 'cancel_note')],
      [
        { type: 'user', messageId: 'u', text: 'Hello', isSteering: false },
        { type: 'user', messageId: 'u', text: 'And', isSteering: true },
      ],
    ],
    [
      'joins what arrives of an answer and of its reasoning',
      [reasoning('Hm'), reasoning('m.'), text('On'), text('e.')],
      [
        { type: 'reasoning', messageId: 'm1', text: 'Hmm.' },
        { type: 'answer', messageId: 'm1', text: 'One.' },
      ],
    ],
    [
      'shows reasoning after the answer it follows',
      [reasoning('Hm.'), text('One.'), reasoning('Well.')],
      [
        { type: 'reasoning', messageId: 'm1', text: 'Hm.' },
        { type: 'answer', messageId: 'm1', text: 'One.' },
        { type: 'reasoning', messageId: 'm1', text: 'Well.' },
      ],
    ],
    [
      'replaces all of an attempt that broke off, and shows the next one below the reason',
      [
        reasoning('Hm.'),
        text('On'),
        { type: 'message.superseded', messageId: 'm1', attempt: 1 },
        { type: 'model.retrying', step: 1, ...retry },
        text('One.', 2),
      ],
      [
        { type: 'superseded', text: 'On' },
        {
          type: 'note',
          text: 'Attempt 1 of 3 failed (rate_limit): Slow down. The next one after 2.0 s.',
          tone: 'warning',
        },
        { type: 'answer', messageId: 'm2', text: 'One.' },
      ],
    ],
    [
      'replaces reasoning that nothing followed',
      [reasoning('Hm'), { type: 'message.superseded', messageId: 'm1', attempt: 1 }],
      [{ type: 'superseded', text: 'Hm' }],
    ],
    ['shows no replacement where nothing was shown', [{ type: 'message.superseded', messageId: 'm1', attempt: 1 }], []],
    [
      'shows a tool with its progress, its retries and what it gave',
      [
        called,
        { type: 'tool.progress', ...call, text: 'looks' },
        { type: 'tool.retrying', ...call, step: 1, ...retry },
        { type: 'tool.completed', ...call, output: { type: 'text', value: 'seen' } },
      ],
      [
        {
          ...tool,
          progress: ['looks', 'attempt 1 of 3 failed: Slow down. (the next one after 2.0 s)'],
          outcome: { type: 'completed', output: { type: 'text', value: 'seen' }, asksAgain: false },
        },
      ],
    ],
    [
      'shows why a tool failed',
      [called, { type: 'tool.failed', ...call, failure }],
      [{ ...tool, outcome: { type: 'failed', message: 'Slow down.' } }],
    ],
    [
      'shows when a tool was cancelled',
      [called, { type: 'tool.cancelled', ...call, started: false }],
      [{ ...tool, outcome: { type: 'cancelled', when: 'cancelled before it began' } }],
    ],
    [
      'takes an id that comes again for another call',
      [called, { type: 'tool.failed', ...call, failure }, called],
      [{ ...tool, outcome: { type: 'failed', message: 'Slow down.' } }, tool],
    ],
    [
      'says what a turn took, and that it was cut short',
      [{ type: 'turn.completed', ...ending, cost: 0.0123456, text: '', stopReason: 'max_tokens', toolCalls: 0 }],
      [
        {
          type: 'ending',
          facts: ['900 input tokens', '100 output tokens', '1 step', '1.5 s', 'cost 0.0123', 'ended by max_tokens'],
        },
      ],
    ],
    [
      'says why a turn failed, and what to do',
      [{ type: 'turn.failed', ...ending, failure }],
      [
        {
          type: 'note',
          text: 'failed: Slow down. (rate_limit) Wait a little, then ask again.',
          tone: 'problem',
        },
        { type: 'ending', facts: ['900 input tokens', '100 output tokens', '1 step', '1.5 s'] },
      ],
    ],
    [
      'says that a turn was cancelled',
      [{ type: 'turn.cancelled', ...ending }],
      [{ type: 'note', text: 'cancelled', tone: 'warning' }, expect.objectContaining({ type: 'ending' })],
    ],
    [
      'says that a tool waits for approval, and that it has it',
      [
        called,
        asked,
        { type: 'tool.approvalResolved', ...call, decision: 'approved', by: 'user' },
        { ...called, toolCallId: 'd', toolName: 'look' },
        { ...asked, toolCallId: 'd' },
        { type: 'tool.approvalResolved', ...call, toolCallId: 'd', decision: 'approved', by: 'session' },
      ],
      [
        { ...tool, progress: ['approved'] },
        { ...tool, toolCallId: 'd', progress: ['approved for this session'] },
      ],
    ],
    [
      'says that a tool waits for approval, and why it was denied',
      [
        called,
        asked,
        { type: 'tool.approvalResolved', ...call, decision: 'denied', by: 'user' },
        { type: 'tool.denied', ...call, reason: 'Not today.' },
      ],
      [{ ...tool, outcome: { type: 'denied', reason: 'Not today.' } }],
    ],
    [
      'says what a tool waits for, until its turn is cancelled',
      [
        called,
        { ...called, toolCallId: 'd' },
        { type: 'tool.resultRequested', ...call, input: {} },
        { ...asked, toolCallId: 'd' },
        { type: 'tool.cancelled', ...call, toolCallId: 'd', started: false },
      ],
      [
        { ...tool, waits: 'waits for a client to run it' },
        { ...tool, toolCallId: 'd', outcome: { type: 'cancelled', when: 'cancelled before it began' } },
      ],
    ],
    [
      'keeps what a sub-agent does below the call that it works on, and out of the answer',
      [
        called,
        within(text('I will ')),
        within({ ...called, toolCallId: 'inner' }),
        text('One.'),
        within(text('look.')),
        within({ type: 'tool.failed', ...call, toolCallId: 'inner', failure }),
        within(within({ type: 'tool.denied', ...call, reason: 'No.' }, 'inner')),
      ],
      [
        {
          ...tool,
          agent: [
            { type: 'answer', messageId: 'm1', text: 'I will look.' },
            { ...tool, toolCallId: 'inner', outcome: { type: 'failed', message: 'Slow down.' }, agent: [] },
          ],
        },
        { type: 'answer', messageId: 'm1', text: 'One.' },
      ],
    ],
    [
      'shows what stands in place of a message or an answer, and nothing of what was withdrawn',
      [
        user('My key is sk-1', 'input'),
        { type: 'message.replaced', messageId: 'u', reason: 'a key', replacement: 'My key is …' },
        text('It is sk-1'),
        { type: 'message.replaced', messageId: 'm1', reason: 'a key', replacement: 'It is …' },
        text('sk-1', 2),
        { type: 'message.replaced', messageId: 'm2', reason: 'a key', replacement: '' },
        { type: 'message.replaced', messageId: 'm3', reason: 'a key', replacement: 'never shown' },
      ],
      [
        { type: 'user', messageId: 'u', text: 'My key is …', isSteering: false },
        { type: 'answer', messageId: 'm1', text: 'It is …' },
      ],
    ],
    [
      'notes what is about no single tool',
      [
        { type: 'compaction.started', reason: 'manual' },
        { type: 'guardrail.triggered', stage: 'tool', name: 'no_keys', action: 'denied', reason: 'a key' },
      ],
      [
        { type: 'note', text: 'The conversation is being shortened for the model.', tone: 'quiet' },
        { type: 'note', text: 'Guardrail no_keys denied a tool call: a key', tone: 'warning' },
      ],
    ],
    [
      'shows what is amiss',
      [{ type: 'diagnostic', source: 'listener', message: 'it threw' }],
      [{ type: 'note', text: 'listener: it threw', tone: 'warning' }],
    ],
  ])('%s', (_what, events, blocks) => {
    expect(blocksOf(events)).toEqual(blocks);
  });

  test('says how full the window of the model is after the last step', () => {
    const step: Said = {
      type: 'step.finished',
      step: 1,
      finishReason: { unified: 'stop' },
      usage: { inputTokens: 900, outputTokens: 100 },
      durationMs: 1,
    };
    const end: Said = { type: 'turn.completed', ...ending, text: '', stopReason: 'end_turn', toolCalls: 0 };
    expect(blocksOf([step, end], 4_000)).toEqual([
      {
        type: 'ending',
        facts: ['900 input tokens', '100 output tokens', '1 step', '1.5 s', '25 % of the window'],
      },
    ]);
  });

  test('changes no block that it has given away', () => {
    const transcript = new Transcript();
    transcript.take({ ...envelope, ...text('On') } as TurnEvent);
    const [before] = transcript.blocks;
    transcript.take({ ...envelope, ...text('e.') } as TurnEvent);
    expect(before).toMatchObject({ text: 'On' });
  });
});
