import { describe, expect, test } from 'vitest';
import { noticeOf } from '../../src/cli/notices.ts';
import type { Payload, TurnEvent } from '../../src/events.ts';
import { createFailure } from '../../src/failure.ts';
import { recoverySource } from '../../src/reopening.ts';

const envelope = { agent: 'turnchart', sessionId: 's', turnId: 't', seq: 1, at: 0 };
const failure = createFailure({ type: 'rate_limit', message: 'Slow down.' });
const tokens = { tokensBefore: 12_000, tokensAfter: 3_000 };

describe('a line about how the turn goes', () => {
  test.each<[payload: Payload, tone: 'quiet' | 'warning', text: string]>([
    [
      { type: 'compaction.started', reason: 'threshold' },
      'quiet',
      'The conversation has become long, and is being shortened for the model.',
    ],
    [
      { type: 'compaction.started', reason: 'overflow' },
      'quiet',
      'The conversation was too long, and is being shortened for the model.',
    ],
    [
      { type: 'compaction.completed', reason: 'manual', ...tokens, removed: 14 },
      'quiet',
      'Compacted: about 12000 → 3000 tokens, 14 messages left out.',
    ],
    [
      { type: 'compaction.completed', reason: 'threshold', ...tokens, removed: 0 },
      'quiet',
      'Compacted: about 12000 → 3000 tokens, old outputs of tools left out.',
    ],
    [
      { type: 'compaction.failed', reason: 'manual', ...tokens, removed: 1, failure },
      'warning',
      'There is no summary (rate_limit): Slow down. The oldest messages are left out without one: about 12000 → 3000 tokens, 1 message left out.',
    ],
    [
      { type: 'compaction.failed', reason: 'manual', tokensBefore: 90, tokensAfter: 90, removed: 0, failure },
      'warning',
      'There is no summary (rate_limit): Slow down. The conversation stays as it is.',
    ],
    [{ type: 'compaction.cancelled', reason: 'manual' }, 'quiet', 'Not compacted: the conversation is as it was.'],
    [
      { type: 'guardrail.triggered', stage: 'input', name: 'no_keys', action: 'rewritten', reason: 'a key' },
      'warning',
      'Guardrail no_keys rewrote a message: a key',
    ],
    [
      { type: 'guardrail.triggered', stage: 'output', name: 'no_keys', action: 'logged', reason: 'a key' },
      'warning',
      'Guardrail no_keys remarks on the answer: a key',
    ],
    [
      { type: 'output.rejected', reason: 'no city', retriesLeft: 1 },
      'warning',
      'The answer is not of the form that was asked for (1 try left): no city',
    ],
    [
      { type: 'output.rejected', reason: 'no city', retriesLeft: 0 },
      'warning',
      'The answer is not of the form that was asked for (it was the last try): no city',
    ],
    [
      { type: 'breaker.tripped', kind: 'repeated_call', count: 3, limit: 3, toolCallId: 'c' },
      'warning',
      'Breaker: the same call for the 3rd time (limit 3).',
    ],
    [
      { type: 'breaker.tripped', kind: 'repeated_call', count: 12, limit: 12, toolCallId: 'c' },
      'warning',
      'Breaker: the same call for the 12th time (limit 12).',
    ],
    [
      { type: 'breaker.tripped', kind: 'consecutive_errors', count: 3, limit: 3 },
      'warning',
      'Breaker: tools failed in 3 steps in a row (limit 3).',
    ],
    [
      { type: 'breaker.tripped', kind: 'total_errors', count: 1, limit: 1 },
      'warning',
      'Breaker: 1 tool call failed (limit 1).',
    ],
    [
      { type: 'breaker.tripped', kind: 'provider', count: 5, limit: 5 },
      'warning',
      'Breaker: the provider failed 5 times (limit 5).',
    ],
    [{ type: 'turn.paused', reason: 'max_steps', spent: 10, limit: 10 }, 'warning', 'Paused: 10 steps are taken.'],
    [
      { type: 'turn.paused', reason: 'soft_cost', spent: 0.2, limit: 0.1 },
      'warning',
      'Paused: 0.2 is spent, more than 0.1.',
    ],
    [{ type: 'turn.resumed', reason: 'max_steps', spent: 10, limit: 20 }, 'quiet', 'Goes on, until step 20.'],
    [{ type: 'turn.resumed', reason: 'soft_cost', spent: 0.2 }, 'quiet', 'Goes on.'],
    [{ type: 'budget.warning', spent: 5, limit: 4 }, 'warning', 'spent 5, limit 4'],
    [{ type: 'diagnostic', source: 'listener', message: 'it threw' }, 'warning', 'listener: it threw'],
    [{ type: 'diagnostic', source: recoverySource, message: 'It goes on.' }, 'warning', 'It goes on.'],
  ])('is made of %j', (payload, tone, text) => {
    expect(noticeOf({ ...envelope, ...payload } as TurnEvent)).toEqual({ text, tone });
  });

  test('is not made of what is shown otherwise', () => {
    expect(noticeOf({ ...envelope, type: 'turn.started', messageId: 'm' })).toBeUndefined();
  });
});
