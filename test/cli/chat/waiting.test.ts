import { describe, expect, test } from 'vitest';
import { WaitingMessages } from '../../../src/cli/chat/waiting.ts';
import type { TurnEvent } from '../../../src/events.ts';

const envelope = { agent: 'turnchart', sessionId: 's', seq: 1, at: 0 };

function added(text: string, cause: 'input' | 'steering', turnId: string): TurnEvent {
  return {
    ...envelope,
    turnId,
    type: 'message.added',
    message: { role: 'user', id: 'u', content: [{ type: 'text', text }] },
    cause,
  };
}

function twoOfEach(): WaitingMessages {
  const waiting = new WaitingMessages();
  waiting.add({ type: 'steering', text: 'same' });
  waiting.add({ type: 'queued', text: 'same', turnId: 'q1' });
  waiting.add({ type: 'steering', text: 'same' });
  waiting.add({ type: 'queued', text: 'same', turnId: 'q2' });
  return waiting;
}

const shown = (waiting: WaitingMessages) => waiting.all.map(({ type, turnId }) => turnId ?? type);

describe('messages that wait', () => {
  test('wait in the order in which they were sent', () => {
    expect(shown(twoOfEach())).toEqual(['steering', 'q1', 'steering', 'q2']);
  });

  test.each<[what: string, event: TurnEvent, left: readonly string[]]>([
    ['one that a step took', added('same', 'steering', 't'), ['q1', 'steering', 'q2']],
    ['the one whose turn begins', added('same', 'input', 'q2'), ['steering', 'q1', 'steering']],
    ['steering that began a turn of its own', added('same', 'input', 'other'), ['q1', 'steering', 'q2']],
    [
      'all of them when nothing waits any more',
      { ...envelope, type: 'session.idle', usage: { inputTokens: 0, outputTokens: 0 } },
      [],
    ],
    [
      'none for a message that nobody sent here',
      added('other', 'input', 'other'),
      ['steering', 'q1', 'steering', 'q2'],
    ],
  ])('lose %s', (_what, event, left) => {
    const waiting = twoOfEach();
    waiting.take(event);
    expect(shown(waiting)).toEqual(left);
  });
});
