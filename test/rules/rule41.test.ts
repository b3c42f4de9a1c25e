import { Retry, ToolError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, gate, tool } from './toolSupport.ts';

describe("41. `throw new Retry('hint')` from a tool sends the hint as the tool's result; it is no error (`tool.completed`, with `retry: true`), and counts against `retries` (per turn, default 1); one counter per turn for tools and output (51); siblings finish; when they are spent the turn fails with `tool_errors` / `tool_call_failed` (`ToolError`) and the hint as `cause`.", () => {
  const book = tool('book', (input) => {
    const { day } = input as { readonly day?: string };
    if (day === 'yesterday') throw new Retry('The day lies in the past; ask for a later one.');
    return 'booked';
  });
  const wrong = { calls: [{ name: 'book', input: { day: 'yesterday' } }] };
  const right = { calls: [{ name: 'book', input: { day: 'tomorrow' } }] };

  it("sends the hint as the tool's result, and no error", async () => {
    const talk = converse([wrong, right, 'done'], { tools: [book] });
    const outcome = await talk.say('go');
    expect(talk.results()).toEqual([
      {
        type: 'tool-result',
        toolCallId: 'call_1',
        toolName: 'book',
        output: { type: 'text', value: 'The day lies in the past; ask for a later one.' },
      },
      { type: 'tool-result', toolCallId: 'call_2', toolName: 'book', output: { type: 'text', value: 'booked' } },
    ]);
    expect(talk.of('tool.failed')).toEqual([]);
    expect(talk.of('tool.completed').map(({ retry }) => retry)).toEqual([true, undefined]);
    expect(outcome).toMatchObject({ status: 'completed', steps: 3 });
  });

  it.each<[string, () => unknown]>([
    [
      'at once',
      () => {
        throw new Retry('try again');
      },
    ],
    [
      'after a while',
      async () => {
        await Promise.resolve();
        throw new Retry('try again');
      },
    ],
  ])('takes a hint that is thrown %s', async (_, execute) => {
    const talk = converse([{ calls: [{ name: 'hint' }] }, 'done'], { tools: [tool('hint', execute)] });
    await talk.say('go');
    expect(talk.of('tool.completed')).toMatchObject([{ retry: true, output: { type: 'text', value: 'try again' } }]);
  });

  it('fails the turn when the retries are spent: by default with the second hint of a turn', async () => {
    const talk = converse([wrong, wrong, 'never asked'], { tools: [book] });
    const turn = talk.session.send('go');
    const outcome = await talk.outcomeOf(turn);
    expect(outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'tool_errors', code: 'tool_call_failed', retryable: false },
    });
    expect(talk.model.requests).toHaveLength(2);
    const error: unknown = await turn.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ToolError);
    expect(JSON.stringify((error as ToolError).failure?.cause)).toContain('The day lies in the past');
    expect(JSON.stringify((error as ToolError).cause)).toContain('The day lies in the past');
  });

  it('keeps the hint as the result of the call that ended the turn', async () => {
    const talk = converse([wrong, wrong], { tools: [book] });
    await talk.say('go');
    expect(talk.of('tool.completed').map(({ retry }) => retry)).toEqual([true, true]);
    expect(talk.results()).toHaveLength(2);
    expect(talk.results()[1]?.output.type).toBe('text');
  });

  it.each([0, 1, 2, 3])('allows as many hints as retries says: %d', async (retries) => {
    const talk = converse((_, index) => ({ calls: [{ name: 'book', input: { day: 'yesterday', index } }] }), {
      tools: [book],
      retries,
    });
    expect((await talk.say('go')).status).toBe('failed');
    expect(talk.model.requests).toHaveLength(retries + 1);
  });

  it('counts per turn: the next one begins with none', async () => {
    const talk = converse([wrong, 'gave up', wrong, 'gave up again'], { tools: [book] });
    expect((await talk.say('go')).status).toBe('completed');
    expect((await talk.say('again')).status).toBe('completed');
  });

  it('has one counter for all tools of a turn', async () => {
    const other = tool('other', () => {
      throw new Retry('not like that');
    });
    const talk = converse([wrong, { calls: [{ name: 'other' }] }, 'never asked'], { tools: [book, other] });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'tool_errors' } });
    expect(talk.model.requests).toHaveLength(2);
  });

  it('counts every hint of a step', async () => {
    const talk = converse([{ calls: [...wrong.calls, ...wrong.calls] }, 'never asked'], { tools: [book] });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', steps: 1, failure: { type: 'tool_errors' } });
  });

  it('lets the siblings finish before the turn fails', async () => {
    const slow = gate<string>();
    const signals: AbortSignal[] = [];
    const talk = converse([{ calls: [...wrong.calls, { name: 'slow' }, { name: 'waiting' }] }], {
      tools: [
        book,
        tool('slow', (_, { signal }) => {
          signals.push(signal);
          return slow.promise;
        }),
        tool('waiting', undefined, { sequential: true }),
      ],
      retries: 0,
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('turn.failed')).toEqual([]);
    slow.open('slow is done');
    await talk.outcomeOf(turn);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    expect(talk.results().map(({ output }) => output.value)).toEqual([
      'The day lies in the past; ask for a later one.',
      'slow is done',
      'waiting is done',
    ]);
    expect(talk.types().slice(-5)).toEqual([
      'messages.updated',
      'step.finished',
      'turn.failed',
      'message.added',
      'session.idle',
    ]);
  });

  it('is not run again by the retry of the tool: the model is to call it better', async () => {
    let attempts = 0;
    const hint = tool(
      'hint',
      () => {
        attempts += 1;
        throw new Retry('better');
      },
      { retry: { maxAttempts: 5 } },
    );
    const talk = converse([{ calls: [{ name: 'hint' }] }, 'done'], { tools: [hint] });
    await talk.say('go');
    expect(attempts).toBe(1);
    expect(talk.of('tool.retrying')).toEqual([]);
  });

  it('does not count errors that are no hints', async () => {
    const bad = tool('bad', () => Promise.reject(new Error('no')));
    const talk = converse([{ calls: [{ name: 'bad' }] }, { calls: [{ name: 'bad', input: { n: 2 } }] }, 'done'], {
      tools: [bad],
      retries: 0,
    });
    expect((await talk.say('go')).status).toBe('completed');
  });
});
