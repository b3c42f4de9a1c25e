import { createAgent, defineTool, isDiagnostic, isEphemeral, isTerminal } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { afterEnding, endings, ofType, payloadOf, readAll, record, typesOf, unauthorized } from './support.ts';

const weather = defineTool({
  name: 'weather',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `Rain in ${city}.`,
});

/** A whole turn: one tool, two texts of two reads each. */
const example: readonly Script[] = [
  { text: ['Let me ', 'look.'], calls: [{ name: 'weather', input: { city: 'Paris' } }] },
  { text: ['It ', 'rains.'] },
];

/** Scripts whose turn ends in each of the three ways. */
const ways: readonly { ending: string; script: readonly Script[]; cancels?: boolean; notes: number }[] = [
  { ending: 'turn.completed', script: ['Hello.'], notes: 0 },
  { ending: 'turn.failed', script: [{ failure: unauthorized() }], notes: 1 },
  { ending: 'turn.cancelled', script: [{ text: 'Hel', hangs: true }], cancels: true, notes: 2 },
];

async function run(script: readonly Script[], cancels = false) {
  const clock = new SimulatedClock();
  const agent = createAgent({ model: scriptedModel(script), tools: [weather], clock, name: 'butler' });
  const session = agent.session({ id: 'session-1' });
  const events = record(session);
  const turn = session.send('Weather in Paris?');
  await clock.advance(5);
  if (cancels) turn.cancel('enough');
  await clock.advance(0);
  return { session, events, turn };
}

describe('1. A turn emits `turn.started` first and exactly one of `turn.completed`, `turn.failed`, `turn.cancelled` last: the terminal event is the last that iterating the `Turn` gives. Notes that follow a terminal event are session events (`message.added`); `session.idle` comes when the queue is empty.', () => {
  it('gives the events of a turn with one tool in the order of the example', async () => {
    const { events } = await run(example);
    expect(typesOf(events)).toEqual([
      'turn.started',
      'message.added',
      'step.started',
      'message.started',
      'message.delta',
      'message.delta',
      'message.completed',
      'tool.called',
      'tool.started',
      'tool.completed',
      'messages.updated',
      'step.finished',
      'step.started',
      'message.started',
      'message.delta',
      'message.delta',
      'message.completed',
      'step.finished',
      'turn.completed',
      'session.idle',
    ]);
  });

  it('gives every event of the example the payload of the table', async () => {
    const { events, turn } = await run(example);
    const usage = { inputTokens: 10, outputTokens: 5 };
    const all = { inputTokens: 20, outputTokens: 10 };
    const [first, second] = ofType(events, 'message.completed');
    const input = ofType(events, 'message.added')[0]?.message;
    const tool = { toolCallId: 'call_1', toolName: 'weather' };
    expect(first?.message).toMatchObject({ role: 'assistant', phase: 'commentary' });
    expect(second?.message).toMatchObject({ role: 'assistant', content: [{ type: 'text', text: 'It rains.' }] });
    const one = { messageId: first?.messageId, step: 1, attempt: 1 };
    const two = { messageId: second?.messageId, step: 2, attempt: 1 };
    expect(events.map(payloadOf)).toEqual([
      { type: 'turn.started', messageId: input?.id },
      { type: 'message.added', message: input, cause: 'input' },
      { type: 'step.started', step: 1 },
      { type: 'message.started', ...one },
      { type: 'message.delta', ...one, text: 'Let me ' },
      { type: 'message.delta', ...one, text: 'look.' },
      { type: 'message.completed', ...one, message: first?.message, phase: 'commentary' },
      { type: 'tool.called', ...tool, input: { city: 'Paris' }, index: 0 },
      { type: 'tool.started', ...tool },
      { type: 'tool.completed', ...tool, output: { type: 'text', value: 'Rain in Paris.' } },
      { type: 'messages.updated', added: 1, removed: 0, length: 3 },
      { type: 'step.finished', step: 1, finishReason: { unified: 'tool-calls' }, usage, durationMs: 0 },
      { type: 'step.started', step: 2 },
      { type: 'message.started', ...two },
      { type: 'message.delta', ...two, text: 'It ' },
      { type: 'message.delta', ...two, text: 'rains.' },
      { type: 'message.completed', ...two, message: second?.message, phase: 'final_answer' },
      { type: 'step.finished', step: 2, finishReason: { unified: 'stop' }, usage, durationMs: 0 },
      {
        type: 'turn.completed',
        text: 'It rains.',
        stopReason: 'end_turn',
        steps: 2,
        usage: all,
        toolCalls: 1,
        durationMs: 0,
        timeToFirstTokenMs: 0,
      },
      { type: 'session.idle', usage: all },
    ]);
    expect(input).toEqual({ role: 'user', id: input?.id, content: [{ type: 'text', text: 'Weather in Paris?' }] });
    expect((await turn.result).messages[0]).toEqual(input);
  });

  it.each(ways)('emits turn.started first and nothing but $ending as the end', async ({ ending, script, cancels }) => {
    const { events } = await run(script, cancels);
    expect(events[0]?.type).toBe('turn.started');
    expect(ofType(events, 'turn.started')).toHaveLength(1);
    expect(endings(events)).toEqual([ending]);
  });

  it.each(ways)('ends the iteration of a turn with $ending', async ({ ending, script, cancels }) => {
    const { events, turn } = await run(script, cancels);
    const read = await readAll(turn);
    expect(read[0]?.type).toBe('turn.started');
    expect(read.at(-1)?.type).toBe(ending);
    expect(typesOf(read)).toEqual(typesOf(events.slice(0, events.findIndex(isTerminal) + 1)));
  });

  it.each(ways)('says after $ending only what belongs to the session', async ({ script, cancels, notes }) => {
    const { events } = await run(script, cancels);
    const after = afterEnding(events);
    expect(typesOf(after)).toEqual([...Array.from({ length: notes }, () => 'message.added'), 'session.idle']);
    for (const event of after) expect(event).not.toHaveProperty('turnId');
  });

  it('gives every event of a turn the id of that turn', async () => {
    const { events, turn } = await run(example);
    const own = events.slice(0, -1);
    expect(own.map(({ turnId }) => turnId)).toEqual(own.map(() => turn.id));
  });

  it('says session.idle once, after the last of the turns that waited', async () => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.', 'Three.']), clock }).session();
    const events = record(session);
    const turns = ['a', 'b', 'c'].map((text) => session.send(text));
    await clock.advance(0);
    expect(ofType(events, 'session.idle')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: 'session.idle', usage: { inputTokens: 30, outputTokens: 15 } });
    const started = ofType(events, 'turn.started').map(({ turnId }) => turnId);
    expect(started).toEqual(turns.map(({ id }) => id));
  });

  it('says session.idle again after every pause, with the usage of the whole session', async () => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.']), clock }).session();
    const events = record(session);
    await session.send('a').result;
    await session.send('b').result;
    expect(ofType(events, 'session.idle').map(({ usage }) => usage.inputTokens)).toEqual([10, 20]);
  });

  it('puts agent, session, seq and time into every event, as plain JSON', async () => {
    for (const { script, cancels } of [{ script: example, cancels: false }, ...ways]) {
      const { events } = await run(script, cancels);
      for (const event of events) {
        expect(event).toMatchObject({ agent: 'butler', sessionId: 'session-1' });
        expect(event.at).toBeGreaterThanOrEqual(1_000_000);
        expect(event.at).toBeLessThanOrEqual(1_000_005);
        expect(JSON.parse(JSON.stringify(event))).toEqual(event);
      }
    }
  });

  it('numbers durable events from 1 without gaps, over all turns of a session', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([...example, { failure: unauthorized() }, 'Back.']);
    const session = createAgent({ model, tools: [weather], clock }).session();
    const events = record(session);
    for (const text of ['a', 'b', 'c']) await session.send(text).outcome;
    const durable = events.filter((event) => !isEphemeral(event));
    expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index + 1));
    for (const event of durable) expect(event).not.toHaveProperty('n');
  });

  it('gives deltas the seq of the durable event before them, and n from 1', async () => {
    const chatty = defineTool({
      name: 'weather',
      input: z.object({}),
      execute: (_, { progress }) => {
        progress('looking');
        progress('still looking');
        return 'Rain.';
      },
    });
    const clock = new SimulatedClock();
    const model = scriptedModel([
      { reasoning: 'Hm.', text: ['Let me ', 'look.'], calls: [{ name: 'weather' }] },
      { text: ['It ', 'rains.'] },
    ]);
    const session = createAgent({ model, tools: [chatty], clock }).session();
    const events = record(session);
    await session.send('Weather?').result;
    let seq = 0;
    let n = 0;
    const numbers = events.map((event) => {
      if (isEphemeral(event)) n += 1;
      else [seq, n] = [seq + 1, 0];
      return { type: event.type, seq, n: n === 0 ? undefined : n };
    });
    expect(events.map(({ type, seq, n }) => ({ type, seq, n }))).toEqual(numbers);
    const ephemeral = events.filter(isEphemeral).map(({ type, n }) => `${type} ${n}`);
    expect(ephemeral).toEqual([
      'reasoning.delta 1',
      'message.delta 2',
      'message.delta 3',
      'tool.progress 1',
      'tool.progress 2',
      'message.delta 1',
      'message.delta 2',
    ]);
  });

  it('starts a message at its reasoning or its tool call too, and never for an answer of nothing', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([{ reasoning: 'Hm.', calls: [{ name: 'weather', input: { city: 'Rome' } }] }, {}]);
    const session = createAgent({ model, tools: [weather], clock }).session();
    const events = record(session);
    await session.send('Weather?').result;
    const ofStepOne = events.slice(
      0,
      events.findIndex(({ type }) => type === 'step.finished'),
    );
    expect(typesOf(ofStepOne).slice(3, 6)).toEqual(['message.started', 'reasoning.delta', 'message.completed']);
    expect(ofType(events, 'message.started').map(({ step }) => step)).toEqual([1]);
    expect(ofType(events, 'message.completed').map(({ step }) => step)).toEqual([1, 2]);
  });

  it('keeps the diagnostic lane apart from what a person is shown', async () => {
    const { events } = await run(example);
    expect(events.filter(isDiagnostic)).toEqual([]);
  });
});
