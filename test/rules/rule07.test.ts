import { createAgent, createFailure, defineTool, textOf } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { afterEnding, linesOf, ofType, record, unauthorized } from './support.ts';

const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'nothing' });

function open(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const session = createAgent({ model, tools: [look], clock, limits: { maxSteps: 1 } }).session();
  return { clock, model, session, events: record(session) };
}

describe("7. A failed turn also appends a short human-readable assistant message to the history (`cause: 'failure_note'`); failure notes are left out of what later model calls see.", () => {
  it('appends a note that says what happened, in words', async () => {
    const { session } = open([{ failure: unauthorized() }]);
    await session.send('Hi').outcome;
    const note = session.messages.at(-1);
    expect(note).toMatchObject({ role: 'assistant', cause: 'failure_note' });
    expect(linesOf(session.messages)).toEqual(['user: Hi', expect.stringContaining('The key is not known.')]);
  });

  it('tells of the note after turn.failed, in a message.added of the session', async () => {
    const { session, events } = open([{ failure: unauthorized() }]);
    await session.send('Hi').outcome;
    const [added, idle] = afterEnding(events);
    expect(added).toMatchObject({ type: 'message.added', cause: 'failure_note', message: session.messages.at(-1) });
    expect(added).not.toHaveProperty('turnId');
    expect(idle?.type).toBe('session.idle');
  });

  it('keeps the note short, however much the provider had to say', async () => {
    const message = `Bad request: ${'<html>'.repeat(5_000)}`;
    const { session, events } = open([
      { failure: createFailure({ type: 'unknown', code: 'invalid_request', message }) },
    ]);
    await session.send('Hi').outcome;
    const note = session.messages.at(-1);
    const text = note?.role === 'assistant' ? textOf(note) : '';
    expect(text).toContain('Bad request');
    expect(text.length).toBeLessThanOrEqual(500);
    expect(ofType(events, 'turn.failed')[0]?.failure.message).toBe(message);
  });

  it('shows the note to no later model call, and the message that failed to all', async () => {
    const { model, session } = open([{ failure: unauthorized() }, 'Hello.', 'Bye.']);
    await session.send('One').outcome;
    await session.send('Two').outcome;
    await session.send('Three').outcome;
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual(['user: One', 'user: Two']);
    expect(linesOf(model.requests[2]?.messages ?? [])).toEqual([
      'user: One',
      'user: Two',
      'assistant: Hello.',
      'user: Three',
    ]);
    expect(session.messages.filter((message) => 'cause' in message)).toHaveLength(1);
  });

  it('leaves a valid conversation where tools were called', async () => {
    const { model, session } = open([{ calls: [{ name: 'look' }] }, 'Hello.']);
    const { status } = await session.send('One').outcome;
    expect(status).toBe('failed');
    expect(session.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(transcriptProblems(session.messages)).toEqual([]);
    await session.send('Two').result;
    const seen = model.requests[1]?.messages ?? [];
    expect(transcriptProblems(seen)).toEqual([]);
    expect(seen.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'user']);
  });

  it('leaves a valid conversation where a tool was running', async () => {
    const clock = new SimulatedClock();
    const hold = defineTool({ name: 'hold', input: z.object({}), execute: () => new Promise<string>(() => {}) });
    const model = scriptedModel([{ calls: [{ name: 'hold' }] }, 'Hello.']);
    const session = createAgent({ model, tools: [hold], clock, limits: { maxDurationMs: 500 } }).session();
    const events = record(session);
    session.send('One');
    await clock.advance(500);
    expect(linesOf(session.messages)).toEqual([
      'user: One',
      'assistant: (hold)',
      'tool: interrupted',
      expect.stringMatching(/^assistant: .*500 ms/),
    ]);
    expect(ofType(events, 'tool.cancelled')).toMatchObject([{ toolCallId: 'call_1', started: true }]);
    await session.send('Two').result;
    expect(transcriptProblems(model.requests[1]?.messages ?? [])).toEqual([]);
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual([
      'user: One',
      'assistant: (hold)',
      'tool: interrupted',
      'user: Two',
    ]);
  });

  it('is a note of failures only', async () => {
    const { clock, session, events } = open(['Hello.', { text: 'Hel', hangs: true }]);
    await session.send('One').outcome;
    const second = session.send('Two');
    await clock.advance(0);
    second.cancel();
    await second.outcome;
    expect(ofType(events, 'message.added').filter(({ cause }) => cause === 'failure_note')).toEqual([]);
  });
});
