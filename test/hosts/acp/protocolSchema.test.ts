import { describe, expect, test } from 'vitest';
import { schemaProblems, type Wire } from './protocolSchema.ts';

const asked: readonly Wire[] = [
  { jsonrpc: '2.0', id: 1, method: 'session/prompt' },
  { jsonrpc: '2.0', id: 2, method: 'session/new' },
];

function update(content: object): Wire {
  return {
    jsonrpc: '2.0',
    method: 'session/update',
    params: { sessionId: 's', update: content } as Wire['params'] & object,
  };
}

const error = { type: 'auth', message: 'No key.', retryable: false };

describe('the check of what an agent says', () => {
  test.each([
    update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'Hi.' } }),
    update({ sessionUpdate: 'agent_error', error, stopReason: 'error' }),
    { jsonrpc: '2.0', id: 1, result: { stopReason: 'end_turn' } },
    { jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'It failed.' } },
  ])('lets pass what is as it should be: %j', (message) => {
    expect(schemaProblems([message], asked)).toEqual([]);
  });

  test.each([
    update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text' } }),
    update({ sessionUpdate: 'moon_phase', phase: 'full' }),
    update({ sessionUpdate: 'tool_call', toolCallId: 'a', title: 'A', kind: 'moon' }),
    update({ sessionUpdate: 'agent_error', error: { ...error, type: 'moon' }, stopReason: 'error' }),
    { jsonrpc: '2.0', id: 1, result: { stopReason: 'failed' } },
    { jsonrpc: '2.0', id: 2, result: { stopReason: 'end_turn' } },
    { jsonrpc: '2.0', id: 1, error: { code: 'x', message: 'It failed.' } },
    { jsonrpc: '1.0', id: 1, result: { stopReason: 'end_turn' } },
  ])('finds what is not: %j', (message) => {
    expect(schemaProblems([message as Wire], asked)).toHaveLength(1);
  });

  test('knows no message of a method that there is not', () => {
    expect(() => schemaProblems([{ jsonrpc: '2.0', id: 1, method: 'moon/rise' }], [])).toThrow('moon/rise');
  });
});
