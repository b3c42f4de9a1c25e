import { createAgent, type TurnEvent, toWireEvent } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { createFailure } from '../src/failure.ts';

const envelope = { agent: 'agent', sessionId: 'session_1', turnId: 'turn_1', at: 1_000 };

describe('toWireEvent', () => {
  it('puts the envelope outside and the payload inside, and numbers ephemeral events by both of their numbers', () => {
    const delta = { type: 'message.delta', messageId: 'm', step: 1, attempt: 1, text: 'Hi', ...envelope, seq: 4, n: 2 };
    expect(toWireEvent(delta as TurnEvent)).toEqual({
      id: '4.2',
      type: 'message.delta',
      session_id: 'session_1',
      turn_id: 'turn_1',
      seq: 4,
      ts: 1_000,
      data: { agent: 'agent', messageId: 'm', step: 1, attempt: 1, text: 'Hi' },
    });
  });

  it.each([
    ['with what the provider answered', { code: 'rate_limit_exceeded', cause: { body: 'slow down' } }],
    ['without a cause', { code: 'request_too_large' }],
  ])('says of a failed turn what applications branch on, %s, and the failure in full', async (_, more) => {
    const failure = createFailure({ type: 'unknown', message: 'It failed.', retryable: false, ...more });
    const session = createAgent({ model: scriptedModel([{ failure }]) }).session();
    const failed = new Promise<TurnEvent>((resolve) => session.on('turn.failed', resolve));
    session.send('Hi');
    const { data } = toWireEvent(await failed);
    const { code, ...error } = more;
    expect(data.error).toEqual({ type: code, message: 'It failed.', ...error });
    expect(data.failure).toMatchObject(failure);
  });

  it('says nothing of an error where a tool fails, which fails no turn', () => {
    const failure = createFailure({ type: 'tool', message: 'It threw.' });
    const failed = { type: 'tool.failed', toolCallId: 'c', toolName: 't', failure, ...envelope, seq: 4 };
    expect(toWireEvent(failed as TurnEvent).data).toEqual({ agent: 'agent', toolCallId: 'c', toolName: 't', failure });
  });
});
