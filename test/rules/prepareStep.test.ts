import { type Model, type Run, type StepOptions, type ToolChoice, userMessage } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { linesOf } from './support.ts';
import { converse, forever, gate, tool } from './toolSupport.ts';

const look = tool('look');
const find = tool('find');
const asksFor = (name: string, n = 0) => ({ calls: [{ name, input: { n } }] });
const busy = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;

describe('prepareStep chooses before every step what the model is asked with', () => {
  it('is asked once a step, with what every user function is told', async () => {
    const runs: Run[] = [];
    const talk = converse([asksFor('look'), 'Done.', 'Again.'], {
      tools: [look],
      context: { user: 'ada' },
      prepareStep: (run) => void runs.push(run),
    });
    const turn = talk.session.send('Hi');
    await talk.outcomeOf(turn);
    await talk.say('And?');
    expect(runs).toMatchObject([
      { context: { user: 'ada' }, sessionId: talk.session.id, turnId: turn.id, step: 1 },
      { turnId: turn.id, step: 2 },
      { step: 1 },
    ]);
    expect(runs.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ['user'],
      ['user', 'assistant', 'tool'],
      ['user', 'assistant', 'tool', 'assistant', 'user'],
    ]);
  });

  it('leaves the step as the options say where it gives nothing', async () => {
    const talk = converse(['Hello.'], {
      instructions: 'Be brief.',
      tools: [look],
      toolChoice: 'required',
      prepareStep: () => undefined,
    });
    await talk.say('Hi');
    expect(talk.model.requests).toMatchObject([
      { instructions: 'Be brief.', tools: [{ name: 'look' }], toolChoice: 'required' },
    ]);
  });

  it('changes instructions, tools and toolChoice of that step only', async () => {
    const talk = converse([asksFor('look'), 'Done.'], {
      instructions: 'Be brief.',
      tools: [look, find],
      prepareStep: ({ step }) =>
        step === 1 ? { instructions: 'Look first.', tools: ['look'], toolChoice: { tool: 'look' } } : undefined,
    });
    await talk.say('Hi');
    expect(talk.model.requests).toMatchObject([
      { instructions: 'Look first.', tools: [{ name: 'look' }], toolChoice: { tool: 'look' } },
      { instructions: 'Be brief.', tools: [{ name: 'look' }, { name: 'find' }], toolChoice: 'auto' },
    ]);
  });

  it('takes tools by name or as they are, and none at all', async () => {
    const chosen: readonly StepOptions[] = [{ tools: [find, 'look'] }, { tools: [] }];
    const talk = converse([asksFor('find'), 'Done.'], {
      tools: [look, find],
      toolChoice: 'required',
      prepareStep: ({ step }) => chosen[step - 1],
    });
    await talk.say('Hi');
    expect(talk.model.requests.map(({ tools, toolChoice }) => [tools.map(({ name }) => name), toolChoice])).toEqual([
      [['look', 'find'], 'required'],
      [[], 'auto'],
    ]);
  });

  it('asks another model, and names it in failures and prices', async () => {
    const priced: string[] = [];
    const small: Model = { ...scriptedModel(['Small.']), modelId: 'small' };
    const talk = converse([asksFor('look'), 'Large.'], {
      tools: [look],
      prepareStep: ({ step }) => (step === 2 ? { model: small } : {}),
      pricing: ({ modelId }) => {
        priced.push(modelId);
        return 1;
      },
    });
    expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: 'Small.' } });
    expect(talk.model.requests).toHaveLength(1);
    expect(priced).toEqual(['script', 'small']);
  });

  it('keeps its choice for every attempt of the step', async () => {
    let asked = 0;
    const second = scriptedModel([{ failure: busy }, { failure: busy }, 'Fine.']);
    const talk = converse([], {
      modelRetry: { initialDelayMs: 10, jitter: 0 },
      prepareStep: () => {
        asked += 1;
        return { model: second, instructions: `Asked ${asked} times.` };
      },
    });
    const turn = talk.session.send('Hi');
    await talk.clock.advance(100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', result: { text: 'Fine.' } });
    expect(second.requests.map(({ instructions }) => instructions)).toEqual([
      'Asked 1 times.',
      'Asked 1 times.',
      'Asked 1 times.',
    ]);
    expect(asked).toBe(1);
  });

  it('may take its time, and is not waited for by a turn that is cancelled', async () => {
    const ready = gate<StepOptions>();
    const talk = converse(['Fine.', 'Never said.'], {
      prepareStep: ({ messages }) => (messages.length === 1 ? ready.promise : forever),
    });
    const turn = talk.session.send('Hi');
    await talk.clock.advance(0);
    expect(talk.session.snapshot.turn?.state).toBe('preparing');
    expect(talk.model.requests).toEqual([]);
    ready.open({ instructions: 'Be brief.' });
    await talk.outcomeOf(turn);
    expect(talk.model.requests).toMatchObject([{ instructions: 'Be brief.' }]);
    const next = talk.session.send('And?');
    await talk.clock.advance(0);
    talk.session.cancel();
    expect(await talk.outcomeOf(next)).toMatchObject({ status: 'cancelled' });
  });

  it('sees the messages as guardrails have left them', async () => {
    const talk = converse(['Fine.'], {
      guardrails: { input: [() => ({ action: 'rewrite', value: 'Hello.' })] },
      prepareStep: ({ messages }) => ({ instructions: linesOf(messages).join() }),
    });
    await talk.say('Hi');
    expect(talk.model.requests).toMatchObject([{ instructions: 'user: Hello.' }]);
  });

  it('keeps a call of a tool that was not offered from running', async () => {
    const ran: string[] = [];
    const talk = converse([asksFor('find'), 'Then not.'], {
      tools: [look, tool('find', () => ran.push('find'))],
      prepareStep: () => ({ tools: ['look'] }),
    });
    expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: 'Then not.' } });
    expect(ran).toEqual([]);
    expect(talk.of('tool.failed')).toMatchObject([
      { failure: { code: 'unknown_tool', message: expect.stringMatching(/"find".*not available.*look/) } },
    ]);
  });

  describe('fails the turn, and says what is wrong, where it', () => {
    const wrong: readonly (readonly [what: string, prepareStep: () => never, says: RegExp])[] = [
      [
        'throws',
        () => {
          throw new RangeError('no plan');
        },
        /`prepareStep` threw: no plan/,
      ],
      ['rejects', () => Promise.reject(new Error('no plan')) as never, /`prepareStep` threw: no plan/],
      ['gives no object', () => 'look' as never, /`prepareStep` must give an object/],
      ['mistypes an option', () => ({ tool: 'look' }) as never, /no option `tool`.*tools/],
      ['names a tool that there is not', () => ({ tools: ['lok'] }) as never, /"lok", which is not among/],
      ['gives a tool of its own', () => ({ tools: [tool('own')] }) as never, /"own", which is not among/],
      ['gives no list of tools', () => ({ tools: 'look' }) as never, /`tools`.*array/],
      ['gives no model', () => ({ model: 'gpt-5' }) as never, /`model`.*`stream`/],
      ['gives no text as instructions', () => ({ instructions: ['x'] }) as never, /`instructions`.*text/],
      ['gives an unknown toolChoice', () => ({ toolChoice: 'always' }) as never, /`toolChoice`.*'auto'/],
      [
        'chooses a tool that it leaves out',
        () => ({ tools: ['look'], toolChoice: { tool: 'find' } }) as never,
        /`toolChoice`.*"find".*not among the tools of the step/,
      ],
    ];
    it.each(wrong)('%s', async (_, prepareStep, says) => {
      const talk = converse(['never asked'], { tools: [look, find], prepareStep });
      expect(await talk.say('Hi')).toMatchObject({
        status: 'failed',
        failure: { type: 'internal', code: 'step_not_prepared', message: expect.stringMatching(says) },
      });
      expect(talk.model.requests).toEqual([]);
    });

    it('leaves out the tool that the agent wants to be called', async () => {
      const talk = converse(['never asked'], {
        tools: [look, find],
        toolChoice: { tool: 'find' } satisfies ToolChoice,
        prepareStep: () => ({ tools: ['look'] }),
      });
      expect(await talk.say('Hi')).toMatchObject({
        failure: { code: 'step_not_prepared', message: expect.stringContaining('"find"') },
      });
    });

    it('throws once guardrails have rewritten the message: it stays rewritten', async () => {
      let isFirst = true;
      const talk = converse(['Fine.'], {
        guardrails: { input: [(text) => ({ action: 'rewrite', value: text.replace('1234', '####') })] },
        prepareStep: () => {
          if (!isFirst) return {};
          isFirst = false;
          throw new Error('no plan');
        },
      });
      expect(await talk.say('Card 1234')).toMatchObject({ status: 'failed' });
      expect(talk.of('message.replaced')).toMatchObject([{ replacement: 'Card ####' }]);
      await talk.say('Hi');
      expect(linesOf(talk.model.requests[0]?.messages ?? [])).toEqual(['user: Card ####', 'user: Hi']);
    });
  });

  it('leaves a session that goes on after it has thrown', async () => {
    let isFirst = true;
    const talk = converse(['Fine.'], {
      prepareStep: () => {
        if (!isFirst) return undefined;
        isFirst = false;
        throw new Error('no plan');
      },
    });
    expect(await talk.say('Hi')).toMatchObject({ status: 'failed' });
    expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
  });
});

describe('instructions may be a function', () => {
  it('that is called once a step, with what every user function is told', async () => {
    const runs: Run[] = [];
    const talk = converse([asksFor('look'), { failure: busy }, 'Done.'], {
      tools: [look],
      context: 'ada',
      modelRetry: { initialDelayMs: 10, jitter: 0 },
      instructions: (run) => {
        runs.push(run);
        return `Step ${run.step} for ${run.context}.`;
      },
    });
    const turn = talk.session.send('Hi');
    await talk.clock.advance(100);
    await talk.outcomeOf(turn);
    expect(talk.model.requests.map(({ instructions }) => instructions)).toEqual([
      'Step 1 for ada.',
      'Step 2 for ada.',
      'Step 2 for ada.',
    ]);
    expect(runs).toHaveLength(2);
    expect(runs[0]?.messages).toMatchObject([userMessage('Hi', `${turn.id}.input`)]);
  });

  it('that answers later', async () => {
    const talk = converse(['Fine.'], { instructions: async () => 'Be brief.' });
    await talk.say('Hi');
    expect(talk.model.requests).toMatchObject([{ instructions: 'Be brief.' }]);
  });

  it('that is not asked where prepareStep has given instructions', async () => {
    let asked = 0;
    const talk = converse([asksFor('look'), 'Fine.'], {
      tools: [look],
      instructions: () => `Asked ${++asked} times.`,
      prepareStep: ({ step }) => (step === 1 ? { instructions: 'Own.' } : {}),
    });
    await talk.say('Hi');
    expect(talk.model.requests.map(({ instructions }) => instructions)).toEqual(['Own.', 'Asked 1 times.']);
  });

  it.each<[string, () => never, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no idea');
      },
      /`instructions` threw: no idea/,
    ],
    ['gives no text', () => 5 as never, /`instructions`.*text/],
  ])('that fails the turn where it %s', async (_, instructions, says) => {
    const talk = converse(['never asked'], { instructions });
    expect(await talk.say('Hi')).toMatchObject({
      status: 'failed',
      failure: { type: 'internal', code: 'step_not_prepared', message: expect.stringMatching(says) },
    });
    expect(talk.model.requests).toEqual([]);
  });
});
