import { createAgent, type Guardrails } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

/** How a guardrail can fail to say anything. */
const broken: readonly (readonly [what: string, check: () => never, reason: string])[] = [
  [
    'throws',
    () => {
      throw new RangeError('no rules loaded');
    },
    'It threw: no rules loaded',
  ],
  ['rejects', () => Promise.reject(new Error('no rules loaded')) as never, 'It threw: no rules loaded'],
  ['gives nothing', () => undefined as never, 'It gave no decision'],
  ['gives true', () => true as never, 'It gave no decision'],
  ['gives another action', () => ({ action: 'ask' }) as never, 'It gave no decision'],
  ['rewrites without a value', () => ({ action: 'rewrite' }) as never, 'It gave no decision'],
];

describe('53. A guardrail that throws denies (fail closed) and says so.', () => {
  it.each(broken)('denies the message where it %s', async (_, check, reason) => {
    const talk = converse(['never asked'], { guardrails: { input: [{ name: 'rules', check }] } });
    expect(await talk.say('Hi')).toMatchObject({
      status: 'failed',
      failure: { type: 'guardrail', message: expect.stringContaining(reason) },
    });
    expect(talk.model.requests).toEqual([]);
    expect(talk.of('guardrail.triggered')).toMatchObject([
      { stage: 'input', name: 'rules', action: 'denied', reason: expect.stringContaining(reason) },
    ]);
  });

  it.each(broken)('denies the answer where it %s', async (_, check, reason) => {
    const talk = converse(['A secret.'], { guardrails: { output: [{ name: 'rules', check }] } });
    expect(await talk.say('Hi')).toMatchObject({
      status: 'failed',
      failure: { type: 'guardrail', message: expect.stringContaining(reason) },
    });
    expect(JSON.stringify([talk.events, talk.session.messages])).not.toContain('secret');
    expect(talk.of('guardrail.triggered')).toMatchObject([{ stage: 'output', name: 'rules', action: 'denied' }]);
  });

  it.each(broken)('denies the call where it %s, and the turn goes on', async (_, check, reason) => {
    const ran: string[] = [];
    const talk = converse([{ calls: [{ name: 'erase' }] }, 'Then not.'], {
      tools: [tool('erase', () => ran.push('erase'))],
      guardrails: { tool: [{ name: 'rules', check }] },
    });
    expect(await talk.say('Hi')).toMatchObject({ status: 'completed', result: { text: 'Then not.' } });
    expect(ran).toEqual([]);
    expect(talk.of('tool.denied')).toMatchObject([{ reason: expect.stringContaining(reason) }]);
    expect(talk.of('guardrail.triggered')).toMatchObject([{ stage: 'tool', name: 'rules', action: 'denied' }]);
  });

  it('denies the answer where it throws only once that is whole: what was shown is withdrawn', async () => {
    let asked = 0;
    const talk = converse([{ text: ['So ', 'far'] }], {
      guardrails: {
        output: [
          () => {
            asked += 1;
            if (asked === 3) throw new Error('too late');
            return { action: 'allow' };
          },
        ],
      },
    });
    expect(await talk.say('Hi')).toMatchObject({ failure: { type: 'guardrail' } });
    expect(talk.of('message.delta').map(({ text }) => text)).toEqual(['So ', 'far']);
    expect(talk.of('message.replaced')).toMatchObject([{ replacement: '', reason: 'It threw: too late' }]);
    expect(talk.of('message.completed')).toEqual([]);
  });

  it.each([
    'input',
    'output',
  ] as const)('denies where an %s guardrail puts no text in place of a text', async (stage) => {
    const guardrails: Guardrails = { [stage]: [() => ({ action: 'rewrite', value: 5 as never })] };
    const talk = converse(['Hello.'], { guardrails });
    expect(await talk.say('Hi')).toMatchObject({ failure: { message: expect.stringContaining('that is no text') } });
  });

  it('does not run a call whose rewritten input is no JSON', async () => {
    const ran: string[] = [];
    const talk = converse([{ calls: [{ name: 'erase' }] }, 'Then not.'], {
      tools: [tool('erase', () => ran.push('erase'))],
      guardrails: { tool: [() => ({ action: 'rewrite', value: { at: new Date() } as never })] },
    });
    expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
    expect(ran).toEqual([]);
    expect(talk.results()).toMatchObject([{ output: { type: 'error', value: expect.stringContaining('a Date') } }]);
  });

  it('only says so where it is advisory', async () => {
    const talk = converse(['Hello.'], {
      guardrails: {
        input: [
          {
            name: 'rules',
            advisory: true,
            check: () => {
              throw new Error('no rules loaded');
            },
          },
        ],
      },
    });
    expect(await talk.say('Hi')).toMatchObject({ status: 'completed' });
    expect(talk.of('guardrail.triggered')).toMatchObject([
      { name: 'rules', action: 'logged', reason: 'It threw: no rules loaded' },
    ]);
  });

  it('keeps keys out of what it says', async () => {
    const key = `sk-${'a1'.repeat(20)}`;
    const agent = createAgent({
      model: scriptedModel([]),
      clock: new SimulatedClock(),
      guardrails: {
        input: [
          () => {
            throw new Error(`401 for ${key}`);
          },
        ],
      },
    });
    await expect(agent.run('Hi')).rejects.not.toThrow(key);
    await expect(agent.run('Hi')).rejects.toThrow('It threw: 401 for');
  });
});
