import { ToolError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, forever, gate, tool } from './toolSupport.ts';

describe('35. A tool that throws gives the model an error result; siblings and the turn go on. `detailedToolErrors: false` hides the message.', () => {
  const rangeError = new RangeError('the disk is full');
  const throwing = {
    'throws at once': () => {
      throw rangeError;
    },
    rejects: () => Promise.reject(rangeError),
    'throws after a while': async () => {
      await Promise.resolve();
      throw rangeError;
    },
  };

  it.each(Object.entries(throwing))('makes an error result with the message where the tool %s', async (_, execute) => {
    const talk = converse([{ calls: [{ name: 'save' }] }, 'done'], { tools: [tool('save', execute)] });
    const outcome = await talk.say('go');
    expect(talk.results()).toEqual([
      {
        type: 'tool-result',
        toolCallId: 'call_1',
        toolName: 'save',
        output: { type: 'error', value: expect.stringContaining('the disk is full') },
      },
    ]);
    expect(talk.of('tool.failed')).toMatchObject([
      {
        toolCallId: 'call_1',
        toolName: 'save',
        failure: { type: 'tool', code: 'tool_threw', message: 'the disk is full', name: 'RangeError' },
      },
    ]);
    expect(outcome.status).toBe('completed');
  });

  it.each<[string, unknown, string]>([
    ['a text', 'no luck', 'no luck'],
    ['a number', 17, '17'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object without a text form', Object.create(null), ''],
    ['an error without a message', new Error(), ''],
  ])('makes an error result of whatever is thrown: %s', async (_, thrown, message) => {
    const execute = [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ];
    const talk = converse([{ calls: [{ name: 'sync' }, { name: 'async' }] }, 'done'], {
      tools: [tool('sync', execute[0]), tool('async', execute[1])],
    });
    const outcome = await talk.say('go');
    for (const { output } of talk.results()) {
      expect(output).toEqual({ type: 'error', value: expect.stringContaining(message) });
    }
    expect(talk.results()).toHaveLength(2);
    expect(outcome.status).toBe('completed');
  });

  it('shows the error result to the model in the next step', async () => {
    const talk = converse([{ calls: [{ name: 'save' }] }, 'I could not save it.'], {
      tools: [tool('save', throwing.rejects)],
    });
    const outcome = await talk.say('go');
    expect(talk.model.requests[1]?.messages.at(-1)).toMatchObject({
      role: 'tool',
      content: [{ toolCallId: 'call_1', output: { type: 'error' } }],
    });
    expect(outcome).toMatchObject({ status: 'completed', steps: 2, result: { text: 'I could not save it.' } });
  });

  it('lets siblings that run finish, and starts those that wait', async () => {
    const slow = gate<string>();
    const signals: AbortSignal[] = [];
    const talk = converse([{ calls: [{ name: 'bad' }, { name: 'slow' }, { name: 'waiting' }] }, 'done'], {
      tools: [
        tool('bad', throwing.rejects),
        tool('slow', (_, { signal }) => {
          signals.push(signal);
          return slow.promise;
        }),
        tool('waiting'),
      ],
      limits: { maxParallelTools: 2 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.failed')).toHaveLength(1);
    expect(talk.of('tool.completed').map(({ toolName }) => toolName)).toEqual(['waiting']);
    slow.open('slow is done');
    await talk.outcomeOf(turn);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    expect(talk.results().map(({ output }) => output.type)).toEqual(['error', 'text', 'text']);
  });

  it('hides the message from the model with detailedToolErrors: false', async () => {
    const talk = converse([{ calls: [{ name: 'sync' }, { name: 'async' }] }, 'done'], {
      tools: [tool('sync', throwing['throws at once']), tool('async', throwing.rejects)],
      detailedToolErrors: false,
    });
    await talk.say('go');
    expect(JSON.stringify(talk.model.requests)).not.toContain('disk');
    expect(talk.results().map(({ output }) => output)).toEqual([
      { type: 'error', value: 'The tool failed.' },
      { type: 'error', value: 'The tool failed.' },
    ]);
  });

  it('still says what is wrong with an input with detailedToolErrors: false: the model wrote it', async () => {
    const talk = converse([{ calls: [{ name: 'save', rawInput: '{"a":' }] }, 'done'], {
      tools: [tool('save')],
      detailedToolErrors: false,
    });
    await talk.say('go');
    expect(talk.results()[0]?.output.value).toContain('{"a":');
  });

  it('drops the rejection of a tool that was cancelled before it', async () => {
    const late = gate();
    const talk = converse([{ calls: [{ name: 'late' }] }], { tools: [tool('late', () => late.promise)] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    turn.cancel();
    late.fail(rangeError);
    const outcome = await talk.outcomeOf(turn);
    await talk.clock.advance(0);
    expect(outcome.status).toBe('cancelled');
    expect(talk.of('tool.failed')).toEqual([]);
  });

  it('is no ToolError: a failed tool fails no turn by itself', async () => {
    const talk = converse([{ calls: [{ name: 'save' }, { name: 'hang' }] }, 'done'], {
      tools: [tool('save', throwing.rejects), tool('hang', () => forever, { timeoutMs: 10 })],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(10);
    await expect(turn.result).resolves.not.toBeInstanceOf(ToolError);
    expect(await turn.result).toMatchObject({ text: 'done', stopReason: 'end_turn' });
  });
});
