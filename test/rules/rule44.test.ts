import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

describe('44. The same call (name + input, key order ignored) for the third time in a row, counted in call order within and across steps, is not executed: the model gets an error result that says so, siblings run. At `repeatedCalls` (5) in a row the turn fails with `repeated_calls` and nothing more of that step starts; both trip `breaker.tripped`. The same for a repeating pair A,B,A,B,… A tool marked `repeatable` (polling) is exempt.', () => {
  const look = tool('look');
  const step = (...names: string[]) => ({ calls: names.map((name) => ({ name, input: { of: 'it' } })) });

  it('does not run the third in a row, across steps', async () => {
    const talk = converse([step('look'), step('look'), step('look', 'other'), 'Enough.'], {
      tools: [look, tool('other')],
    });
    expect(await talk.say('go')).toMatchObject({ status: 'completed' });
    expect(talk.of('tool.completed').map(({ toolName }) => toolName)).toEqual(['look', 'look', 'other']);
    expect(talk.of('tool.failed')).toMatchObject([{ toolCallId: 'call_3', failure: { code: 'repeated_call' } }]);
    expect(talk.of('breaker.tripped')).toMatchObject([
      { kind: 'repeated_call', count: 3, limit: 3, toolCallId: 'call_3' },
    ]);
    expect(talk.results()[2]?.output).toMatchObject({ type: 'error', value: expect.stringContaining('same call') });
  });

  it('counts within a step too', async () => {
    const talk = converse([step('look', 'look', 'look'), 'Enough.'], { tools: [look] });
    await talk.say('go');
    expect(talk.of('tool.completed')).toHaveLength(2);
  });

  it('takes inputs for equal whose keys come in another order', async () => {
    const inputs = [
      { a: 1, b: { c: 2, d: [3] } },
      { b: { d: [3], c: 2 }, a: 1 },
      { a: 1, b: { c: 2, d: [3] } },
    ];
    const talk = converse([...inputs.map((input) => ({ calls: [{ name: 'look', input }] })), 'Enough.'], {
      tools: [look],
    });
    await talk.say('go');
    expect(talk.of('tool.failed')).toHaveLength(1);
  });

  it('begins to count anew after another call', async () => {
    const talk = converse([step('look'), step('look'), step('other'), step('look'), step('look'), 'Done.'], {
      tools: [look, tool('other')],
    });
    await talk.say('go');
    expect(talk.of('tool.failed')).toEqual([]);
  });

  it('fails the turn at the fifth, and starts nothing more of that step', async () => {
    const talk = converse([step('look'), step('look'), step('look'), step('look'), step('other', 'look')], {
      tools: [look, tool('other')],
      limits: { repeatedCalls: 4 },
    });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'repeated_calls' } });
    expect(talk.model.requests).toHaveLength(4);
    const again = converse([...Array.from({ length: 4 }, () => step('look')), step('look', 'other')], {
      tools: [look, tool('other')],
    });
    expect(await again.say('go')).toMatchObject({
      status: 'failed',
      failure: { type: 'repeated_calls', cause: { toolName: 'look', count: 5, limit: 5 } },
    });
    expect(again.of('tool.started')).toHaveLength(2);
    expect(again.of('tool.cancelled')).toMatchObject([{ toolName: 'other', started: false }]);
    expect(again.of('breaker.tripped').map(({ count, limit }) => [count, limit])).toEqual([
      [3, 3],
      [4, 3],
      [5, 5],
    ]);
  });

  it('counts a pair that repeats like a call that does', async () => {
    const talk = converse([step('a', 'b'), step('a', 'b'), step('a', 'b'), step('a', 'b'), step('a', 'b')], {
      tools: [tool('a'), tool('b')],
    });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'repeated_calls' } });
    expect(talk.of('tool.completed')).toHaveLength(4);
  });

  it('lets a tool repeat itself that is marked as `repeatable`', async () => {
    const poll = tool('poll', undefined, { repeatable: true });
    const talk = converse([...Array.from({ length: 8 }, () => step('poll')), 'Ready.'], { tools: [poll] });
    expect(await talk.say('go')).toMatchObject({ status: 'completed' });
    expect(talk.of('tool.completed')).toHaveLength(8);
    expect(talk.of('breaker.tripped')).toEqual([]);
  });

  it('counts anew in every turn', async () => {
    const talk = converse([step('look', 'look'), 'One.', step('look', 'look'), 'Two.'], { tools: [look] });
    await talk.say('go');
    await talk.say('again');
    expect(talk.of('tool.failed')).toEqual([]);
  });
});
