import { createAgent, type TurnLimits } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { converse, later, tool } from './toolSupport.ts';

describe('send() may give a turn limits of its own', () => {
  const asks = (n: number) => ({ calls: [{ name: 'work', input: { n } }] });
  const work = tool('work');

  it('which hold for that turn only, in place of those of the agent', async () => {
    const talk = converse([asks(1), asks(2), asks(3), 'Done.', asks(4), asks(5)], {
      tools: [work],
      limits: { maxSteps: 2 },
    });
    const long = talk.session.send('go', { limits: { maxSteps: 4 } });
    expect(await talk.outcomeOf(long)).toMatchObject({ status: 'completed', steps: 4 });
    expect(await talk.say('again')).toMatchObject({ status: 'failed', steps: 2, failure: { type: 'max_steps' } });
  });

  it('which leave all others as they are', async () => {
    const usage = { inputTokens: 50, outputTokens: 1 };
    const talk = converse([{ ...asks(1), usage }], { tools: [work], limits: { maxSteps: 1, maxTokens: 50 } });
    const turn = talk.session.send('go', { limits: { maxSteps: 9 } });
    expect(await talk.outcomeOf(turn)).toMatchObject({ failure: { type: 'budget', cause: { limit: 50 } } });
  });

  it('which a turn of the queue keeps until its place comes', async () => {
    const talk = converse([asks(1), 'Done.', asks(2)], { tools: [work] });
    const first = talk.session.send('go');
    const second = talk.session.send('and then', { limits: { maxSteps: 1 } });
    expect(await talk.outcomeOf(first)).toMatchObject({ status: 'completed', steps: 2 });
    expect(await talk.outcomeOf(second)).toMatchObject({ status: 'failed', steps: 1 });
  });

  const cases: readonly (readonly [limits: Partial<TurnLimits>, ends: object])[] = [
    [{ maxTokens: 10 }, { status: 'failed', failure: { type: 'budget' } }],
    [{ maxCost: 0.5 }, { status: 'failed', failure: { type: 'budget' } }],
    [{ maxDurationMs: 100 }, { status: 'failed', failure: { type: 'timeout' } }],
    [{ stallTimeoutMs: 5 }, { status: 'completed' }],
    [
      { maxSteps: 1, lastStep: 'answer' },
      { status: 'failed', failure: { type: 'max_steps' } },
    ],
    [{ consecutiveToolErrors: 1 }, { status: 'failed', failure: { type: 'tool_errors' } }],
    [{ totalToolErrors: 1 }, { status: 'failed', failure: { type: 'tool_errors' } }],
  ];
  it.each(cases)('of any kind: %j', async (limits, ends) => {
    const flaky = tool('work', async () => {
      await later(talk.clock, 200);
      throw new Error('no');
    });
    const talk = converse([asks(1), asks(2), 'Done.'], { tools: [flaky], pricing: () => 1 });
    const turn = talk.session.send('go', { limits });
    await talk.clock.advance(1_000);
    expect(await talk.outcomeOf(turn)).toMatchObject(ends);
  });

  it('which may make it pause', async () => {
    const talk = converse([asks(1), 'Done.'], { tools: [work] });
    const turn = talk.session.send('go', { limits: { maxSteps: 1, lastStep: 'ask' } });
    await talk.clock.advance(0);
    expect(talk.session.extend(1)).toEqual({ accepted: true });
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
  });

  it.each(['maxCost', 'softCost'] as const)('which refuse %s where no cost is ever known', async (limit) => {
    const talk = converse(['never']);
    expect(() => talk.session.send('go', { limits: { [limit]: 1 } })).toThrow(
      new TypeError(`send(): \`limits.${limit}\` needs \`pricing\`, or no cost is ever known.`),
    );
    expect(talk.events).toEqual([]);
  });

  it('as run() may', async () => {
    const agent = createAgent({ model: scriptedModel([asks(1)]), tools: [work], clock: new SimulatedClock() });
    await expect(agent.run('go', { limits: { maxSteps: 1 } })).rejects.toMatchObject({ step: 1, limit: 1 });
  });

  it('which are copied: changing the object afterwards changes nothing', async () => {
    const talk = converse([asks(1), asks(2)], { tools: [work] });
    const limits = { maxSteps: 1 };
    const turn = talk.session.send('go', { limits });
    limits.maxSteps = 9;
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', steps: 1 });
  });
});
