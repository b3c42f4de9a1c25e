import { describe, expect, test } from 'vitest';
import { pastBlocks } from '../../../src/cli/chat/pastBlocks.ts';
import type { Message } from '../../../src/messages.ts';

const text = (value: string) => [{ type: 'text', text: value }] as const;
const call = (toolCallId: string, toolName = 'pay') =>
  ({ type: 'tool-call', toolCallId, toolName, input: {} }) as const;

const denied = (toolCallId: string, value: string) =>
  ({
    type: 'tool-result',
    toolCallId,
    toolName: 'pay',
    output: { type: 'error', value },
    synthesized: 'denied',
  }) as const;

describe('what the chat shows of messages said before', () => {
  test('is what it showed when they were said', () => {
    const messages: readonly Message[] = [
      { role: 'system', id: '0', content: 'Be brief.' },
      { role: 'user', id: '1', content: text('Pay') },
      {
        role: 'assistant',
        id: '2',
        content: [
          { type: 'reasoning', text: 'Hm.' },
          ...text('I pay.'),
          ...['a', 'b', 'c', 'd', 'e'].map((id) => call(id)),
        ],
      },
      {
        role: 'tool',
        id: '3',
        content: [
          { type: 'tool-result', toolCallId: 'a', toolName: 'pay', output: { type: 'json', value: 5 } },
          { type: 'tool-result', toolCallId: 'b', toolName: 'pay', output: { type: 'error', value: 'No money.' } },
          {
            type: 'tool-result',
            toolCallId: 'c',
            toolName: 'pay',
            output: { type: 'error', value: 'Not started.' },
            synthesized: 'not_started',
          },
          denied('d', 'Denied: this call was not approved, and did not run. Reason: Not today.'),
          denied('e', 'Denied: this call was not approved, and did not run.'),
        ],
      },
      { role: 'user', id: '4', content: text('Hurry'), cause: 'steering' },
      { role: 'assistant', id: '5', content: [{ type: 'opaque', provider: 'p', data: null }, ...text('Paid.')] },
      { role: 'user', id: '6', content: text('I cancelled the work on this.'), cause: 'cancel_note' },
      { role: 'assistant', id: '7', content: text('I stopped.'), cause: 'cancel_note' },
      { role: 'assistant', id: '8', content: text('The turn failed: no.'), cause: 'failure_note' },
    ];
    const tool = { type: 'tool', toolName: 'pay', input: {}, progress: [] };
    expect(pastBlocks(messages)).toEqual([
      { type: 'user', messageId: '1', text: 'Pay', isSteering: false },
      { type: 'reasoning', messageId: '2', text: 'Hm.' },
      { type: 'answer', messageId: '2', text: 'I pay.' },
      {
        ...tool,
        toolCallId: 'a',
        outcome: { type: 'completed', output: { type: 'json', value: 5 }, asksAgain: false },
      },
      { ...tool, toolCallId: 'b', outcome: { type: 'failed', message: 'No money.' } },
      { ...tool, toolCallId: 'c', outcome: { type: 'cancelled', when: 'cancelled before it began' } },
      { ...tool, toolCallId: 'd', outcome: { type: 'denied', reason: 'Not today.' } },
      { ...tool, toolCallId: 'e', outcome: { type: 'denied', reason: 'this call was not approved, and did not run.' } },
      { type: 'user', messageId: '4', text: 'Hurry', isSteering: true },
      { type: 'answer', messageId: '5', text: 'Paid.' },
      { type: 'note', text: 'cancelled', tone: 'warning' },
      { type: 'note', text: 'The turn failed: no.', tone: 'problem' },
    ]);
  });

  test('gives each call its own result where a model uses ids again', () => {
    const step = (n: number): readonly Message[] => [
      { role: 'assistant', id: `a${n}`, content: [call('1')] },
      {
        role: 'tool',
        id: `t${n}`,
        content: [{ type: 'tool-result', toolCallId: '1', toolName: 'pay', output: { type: 'text', value: `${n}` } }],
      },
    ];
    expect(pastBlocks([...step(1), ...step(2)])).toMatchObject([
      { outcome: { output: { value: '1' } } },
      { outcome: { output: { value: '2' } } },
    ]);
  });
});
