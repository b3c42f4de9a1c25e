import { Retry, ToolError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

describe('45. `consecutiveToolErrors` (3) steps in a row in which a tool failed, or `totalToolErrors` (off) in a turn, end the turn with `tool_errors` / `tool_call_failed`; every result of kind error counts (thrown, timed out, invalid input, unknown tool); `Retry`, denials, guardrails, refused repeats and calls cut off by `length` do not.', () => {
  const broken = tool('broken', () => {
    throw new Error('out of order');
  });
  const fine = tool('fine');
  let n = 0;
  const step = (...names: string[]) => {
    n += 1;
    return { calls: names.map((name, index) => ({ name, input: { n, index } })) };
  };

  it('fails the turn after three steps in a row with an error', async () => {
    const talk = converse([step('broken'), step('broken', 'fine'), step('fine', 'broken'), 'never'], {
      tools: [broken, fine],
    });
    const turn = talk.session.send('go');
    expect(await talk.outcomeOf(turn)).toMatchObject({
      status: 'failed',
      steps: 3,
      failure: { type: 'tool_errors', code: 'tool_call_failed', cause: { count: 3, limit: 3 } },
    });
    await expect(turn.result).rejects.toBeInstanceOf(ToolError);
    expect(talk.of('breaker.tripped')).toMatchObject([{ kind: 'consecutive_errors', count: 3, limit: 3 }]);
    expect(talk.of('step.finished')).toHaveLength(3);
  });

  it('begins to count anew after a step without one', async () => {
    const talk = converse([step('broken'), step('broken'), step('fine'), step('broken'), step('broken'), 'Done.'], {
      tools: [broken, fine],
    });
    expect(await talk.say('go')).toMatchObject({ status: 'completed' });
  });

  it('counts all of a turn where a limit for that is set', async () => {
    const talk = converse([step('broken', 'broken'), step('fine'), step('broken', 'broken'), 'never'], {
      tools: [broken, fine],
      limits: { totalToolErrors: 4 },
    });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'tool_errors' } });
    expect(talk.of('breaker.tripped')).toMatchObject([{ kind: 'total_errors', count: 4, limit: 4 }]);
  });

  it.each<[string, string, object]>([
    ['a tool that throws', 'broken', {}],
    ['a tool that there is not', 'nowhere', {}],
    ['an input that cannot be read', 'fine', { rawInput: '{"n":' }],
  ])('counts %s', async (_what, name, call) => {
    const calls = { calls: [{ name, ...call }] };
    const talk = converse([calls, 'never'], { tools: [broken, fine], limits: { consecutiveToolErrors: 1 } });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'tool_errors' } });
  });

  it('counts a tool that times out', async () => {
    const slow = tool('slow', () => new Promise(() => {}), { timeoutMs: 100 });
    const talk = converse([step('slow'), 'never'], { tools: [slow], limits: { consecutiveToolErrors: 1 } });
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'tool_errors' } });
  });

  it('does not count hints, denials, refused repeats and calls that were cut off', async () => {
    const hints = tool('hints', () => {
      throw new Retry('another day');
    });
    const asks = tool('asks', undefined, { approval: true });
    const same = { calls: [{ name: 'fine', input: {} }] };
    const talk = converse(
      [step('hints'), step('asks'), same, same, same, { ...step('fine'), finish: 'length' }, 'Done.'],
      { tools: [fine, hints, asks], limits: { consecutiveToolErrors: 1 } },
    );
    talk.session.on('tool.approvalRequested', ({ toolCallId }) => void talk.session.deny(toolCallId));
    expect(await talk.say('go')).toMatchObject({ status: 'completed' });
    expect(talk.of('breaker.tripped').map(({ kind }) => kind)).toEqual(['repeated_call']);
  });
});
