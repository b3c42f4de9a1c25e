import { describe, expect, it } from 'vitest';
import { converse, forever, tool } from './toolSupport.ts';

describe('38. Synthesized results say which case it was: denied; not started, safe to call again; interrupted (it was running: may have run, do not repeat blindly); timed out; cancelled (it waited for a person or a client).', () => {
  /** Three calls, of which one has finished, one runs, and one waits for its slot. */
  function cutOff(limits = {}) {
    return converse([{ calls: [{ name: 'quick' }, { name: 'hang' }, { name: 'late' }] }, 'done'], {
      tools: [tool('quick'), tool('hang', () => forever), tool('late', undefined, { sequential: true })],
      limits,
    });
  }

  it.each([
    'cancelled',
    'timed out',
  ])('tells apart what had finished, was running and had not started when the turn is %s', async (how) => {
    const talk = cutOff({ maxDurationMs: 100 });
    const turn = talk.session.send('go');
    await talk.clock.advance(50);
    if (how === 'cancelled') turn.cancel();
    else await talk.clock.advance(50);
    await talk.outcomeOf(turn);
    const [quick, hang, late] = talk.results();
    expect(quick?.synthesized).toBeUndefined();
    expect(quick?.output).toEqual({ type: 'text', value: 'quick is done' });
    expect(hang?.synthesized).toBe('interrupted');
    expect(hang?.output).toEqual({ type: 'error', value: expect.stringMatching(/interrupted.*running.*may have/is) });
    expect(late?.synthesized).toBe('not_started');
    expect(late?.output).toEqual({
      type: 'error',
      value: expect.stringMatching(/not started.*safe to call it again/is),
    });
    expect(talk.of('tool.cancelled').map(({ toolName, started }) => [toolName, started])).toEqual([
      ['hang', true],
      ['late', false],
    ]);
  });

  it('calls a tool that waits to be run again interrupted: it has run before', async () => {
    const talk = converse([{ calls: [{ name: 'flaky' }] }], {
      tools: [tool('flaky', () => Promise.reject(new Error('no')), { retry: { maxAttempts: 2 } })],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(1);
    turn.cancel();
    await talk.outcomeOf(turn);
    expect(talk.results().map(({ synthesized }) => synthesized)).toEqual(['interrupted']);
    expect(talk.of('tool.cancelled')).toMatchObject([{ started: true }]);
  });

  it('calls a tool whose input is still being checked not started', async () => {
    const slow = tool('slow', undefined, {
      input: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: () => forever,
          jsonSchema: { input: () => ({}), output: () => ({}) },
        },
      },
    });
    const talk = converse([{ calls: [{ name: 'slow' }, { name: 'quick' }] }], { tools: [slow, tool('quick')] });
    const turn = talk.session.send('go');
    await talk.clock.advance(1);
    turn.cancel();
    await talk.outcomeOf(turn);
    expect(talk.results().map(({ synthesized }) => synthesized)).toEqual(['not_started', 'not_started']);
  });

  it('says of a tool that took longer than its timeoutMs that it timed out and may have taken effect', async () => {
    const talk = converse([{ calls: [{ name: 'hang' }] }, 'done'], {
      tools: [tool('hang', () => forever, { timeoutMs: 2_000 })],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(2_000);
    await talk.outcomeOf(turn);
    const [result] = talk.results();
    expect(result?.synthesized).toBe('timed_out');
    expect(result?.output).toEqual({ type: 'error', value: expect.stringMatching(/timed out.*2000 ms.*may have/is) });
    expect(talk.of('tool.failed')).toMatchObject([{ failure: { type: 'tool', code: 'tool_timed_out' } }]);
  });

  it('says of calls that a spent budget kept from running that they have not started', async () => {
    const talk = converse([{ calls: [{ name: 'a' }, { name: 'b' }] }], {
      tools: [tool('a'), tool('b')],
      limits: { maxTokens: 1 },
    });
    await talk.say('go');
    expect(talk.results().map(({ synthesized }) => synthesized)).toEqual(['not_started', 'not_started']);
  });

  it('uses a text of its own for each case', async () => {
    const interrupted = cutOff();
    const turn = interrupted.session.send('go');
    await interrupted.clock.advance(1);
    turn.cancel();
    await interrupted.outcomeOf(turn);
    const timedOut = converse([{ calls: [{ name: 'hang' }] }, 'done'], {
      tools: [tool('hang', () => forever, { timeoutMs: 1 })],
    });
    const other = timedOut.session.send('go');
    await timedOut.clock.advance(1);
    await timedOut.outcomeOf(other);
    const texts = [...interrupted.results().slice(1), ...timedOut.results()].map(({ output }) => output.value);
    expect(new Set(texts).size).toBe(3);
  });

  it('leaves the results that tools gave themselves unmarked, errors among them', async () => {
    const talk = converse([{ calls: [{ name: 'bad' }, { name: 'quick' }, { name: 'nobody' }] }, 'done'], {
      tools: [tool('bad', () => Promise.reject(new Error('no'))), tool('quick')],
    });
    await talk.say('go');
    expect(talk.results().map(({ synthesized }) => synthesized)).toEqual([undefined, undefined, undefined]);
  });
});
