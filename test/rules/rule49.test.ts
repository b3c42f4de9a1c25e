import { BudgetError, type Pricing, type Usage } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

const busy = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
const perToken: Pricing = (_, { inputTokens, outputTokens }) => (inputTokens + outputTokens) / 100;

describe('49. `maxCost` / `maxTokens` (input plus output) per turn: once more than the limit is spent, no further model call or tool starts and the turn fails with `budget` / `limit_reached`, `BudgetError {spent, limit}`; an answer that is already final is still delivered, with `budget.warning`. A cost that is not known counts as nothing, and says so once in a `diagnostic`.', () => {
  describe.each([
    { name: 'maxTokens', limits: { maxTokens: 100 }, pricing: undefined, spent: 101, limit: 100 },
    { name: 'maxCost', limits: { maxCost: 1 }, pricing: perToken, spent: 1.01, limit: 1 },
  ])('$name', ({ name, limits, pricing, spent, limit }) => {
    const options = { limits, ...(pricing !== undefined && { pricing }) };

    it('lets a turn go on that has spent exactly the limit', async () => {
      const { talk, ran } = spending([tokens(60, 40)], options);
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2 });
      expect(ran()).toBe(1);
      expect(talk.of('budget.warning')).toEqual([]);
    });

    it('fails with budget / limit_reached and starts no tool once more is spent, input and output together', async () => {
      const { talk, ran } = spending([tokens(60, 41)], options, 3);
      const turn = talk.session.send('go');
      const outcome = await talk.outcomeOf(turn);
      expect(outcome).toMatchObject({
        status: 'failed',
        stopReason: 'failed',
        failure: {
          type: 'budget',
          code: 'limit_reached',
          retryable: false,
          message: expect.stringContaining(`limits.${name}`),
        },
      });
      expect(ran()).toBe(0);
      expect(talk.model.requests).toHaveLength(1);
      expect(talk.of('tool.started')).toEqual([]);
      expect(talk.of('tool.cancelled').map(({ started }) => started)).toEqual([false, false, false]);
      expect(talk.results().map(({ synthesized }) => synthesized)).toEqual([
        'not_started',
        'not_started',
        'not_started',
      ]);
      await expect(turn.result).rejects.toBeInstanceOf(BudgetError);
      await expect(turn.result).rejects.toMatchObject({ spent, limit });
    });

    it('adds up the steps of a turn', async () => {
      const { talk, ran } = spending([tokens(30, 10), tokens(30, 10), tokens(20, 1)], options);
      expect(await talk.say('go')).toMatchObject({ status: 'failed', steps: 3, failure: { type: 'budget' } });
      expect(ran()).toBe(2);
    });

    it('counts per turn: the next one begins with nothing spent', async () => {
      const talk = converse(
        [
          { text: 'one', usage: tokens(90, 5) },
          { text: 'two', usage: tokens(90, 5) },
        ],
        options,
      );
      expect((await talk.say('go')).status).toBe('completed');
      expect((await talk.say('go')).status).toBe('completed');
      expect(talk.of('budget.warning')).toEqual([]);
    });

    it('still delivers an answer that is final, with a budget.warning before the end', async () => {
      const talk = converse([{ text: 'The answer.', usage: tokens(101, 0) }], options);
      expect(await talk.say('go')).toMatchObject({
        status: 'completed',
        stopReason: 'end_turn',
        result: { text: 'The answer.' },
      });
      expect(talk.of('budget.warning')).toMatchObject([{ spent, limit }]);
      expect(talk.types().slice(-3)).toEqual(['budget.warning', 'turn.completed', 'session.idle']);
    });

    it('makes no retry it cannot afford, and waits for none', async () => {
      const talk = converse([{ failure: busy, usage: tokens(101, 0) }, 'never asked'], options);
      expect(await talk.say('go')).toMatchObject({
        status: 'failed',
        failure: { type: 'budget', code: 'limit_reached' },
      });
      expect(talk.model.requests).toHaveLength(1);
      expect(talk.of('model.retrying')).toEqual([]);
      expect(talk.clock.pending).toBe(0);
    });

    it('does not call a model again that paused when more is spent', async () => {
      const talk = converse([{ text: 'wait', finish: 'pause', usage: tokens(101, 0) }, 'never asked'], options);
      expect(await talk.say('go')).toMatchObject({
        status: 'failed',
        failure: { type: 'budget', code: 'limit_reached' },
      });
      expect(talk.model.requests).toHaveLength(1);
    });

    it('fails with the failure of the model where that ends the turn anyway', async () => {
      const failure = { type: 'auth', code: 'auth', message: 'no key', retryable: false } as const;
      const talk = converse([{ failure, usage: tokens(101, 0) }], options);
      expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'auth' } });
    });

    it('leaves a conversation that can go on', async () => {
      const { talk } = spending([tokens(101, 0)], options);
      await talk.say('go');
      expect(talk.session.messages.at(-1)).toMatchObject({ role: 'assistant', cause: 'failure_note' });
      expect(await talk.say('go on')).toMatchObject({ status: 'completed' });
    });
  });

  it('takes money first where both limits are passed', async () => {
    const { talk } = spending([tokens(101, 0)], { limits: { maxTokens: 50, maxCost: 1 }, pricing: perToken });
    const turn = talk.session.send('go');
    await talk.outcomeOf(turn);
    await expect(turn.result).rejects.toMatchObject({ spent: 1.01, limit: 1 });
  });

  it('does not count cached and reasoning tokens twice', async () => {
    const usage = {
      inputTokens: 60,
      outputTokens: 40,
      cachedInputTokens: 50,
      cacheWriteTokens: 5,
      reasoningTokens: 30,
    };
    const { talk, ran } = spending([usage], { limits: { maxTokens: 100 } });
    expect((await talk.say('go')).status).toBe('completed');
    expect(ran()).toBe(1);
  });

  it('allows nothing after the first call with a limit of 0', async () => {
    const talk = converse([{ text: 'free?', usage: tokens(1, 0) }], { limits: { maxTokens: 0 } });
    expect((await talk.say('go')).status).toBe('completed');
    expect(talk.of('budget.warning')).toMatchObject([{ spent: 1, limit: 0 }]);
  });

  describe('a cost that is not known', () => {
    it.each<[string, Pricing]>([
      ['undefined', () => undefined],
      ['NaN', () => Number.NaN],
      ['Infinity', () => Number.POSITIVE_INFINITY],
    ])('counts as nothing, and says so once in a diagnostic: %s', async (_, pricing) => {
      const { talk, ran } = spending([tokens(1_000, 0), tokens(1_000, 0), tokens(1_000, 0)], {
        limits: { maxCost: 1 },
        pricing,
      });
      const outcome = await talk.say('go');
      expect(outcome).toMatchObject({ status: 'completed', steps: 4 });
      expect(outcome).not.toHaveProperty('cost');
      expect(ran()).toBe(3);
      expect(talk.of('diagnostic')).toMatchObject([
        { source: 'pricing', message: expect.stringContaining('scripted/script'), turnId: outcome.turnId },
      ]);
    });

    it('counts as nothing where pricing throws, and the turn goes on', async () => {
      const { talk } = spending([tokens(1_000, 0), tokens(1_000, 0)], {
        limits: { maxCost: 1 },
        pricing: () => {
          throw new Error('no price list');
        },
      });
      expect((await talk.say('go')).status).toBe('completed');
      expect(talk.of('diagnostic')).toMatchObject([
        { source: 'pricing', message: expect.stringContaining('no price list') },
      ]);
    });

    it('leaves those that are known', async () => {
      let calls = 0;
      const { talk } = spending([tokens(10, 0), tokens(10, 0)], { pricing: () => (++calls === 2 ? undefined : 0.25) });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', cost: 0.5 });
      expect(talk.of('diagnostic')).toHaveLength(1);
    });

    it('says nothing where nobody asked for a cost', async () => {
      const talk = converse(['done']);
      expect(await talk.say('go')).not.toHaveProperty('cost');
      expect(talk.of('diagnostic')).toEqual([]);
    });
  });

  it('asks pricing with the model and the usage of each attempt, failed ones included', async () => {
    const asked: unknown[] = [];
    const pricing: Pricing = (model, usage) => {
      asked.push([model.provider, model.modelId, usage.inputTokens]);
      return 0.5;
    };
    const talk = converse(
      [
        { failure: busy, usage: tokens(7, 0) },
        { text: 'done', usage: tokens(8, 0) },
      ],
      {
        pricing,
        modelRetry: { initialDelayMs: 10, jitter: 0 },
      },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(10);
    expect(await talk.outcomeOf(turn)).toMatchObject({ cost: 1 });
    expect(asked).toEqual([
      ['scripted', 'script', 7],
      ['scripted', 'script', 8],
    ]);
    expect(talk.of('turn.completed')).toMatchObject([{ cost: 1 }]);
    expect(talk.of('session.idle')).toMatchObject([{ cost: 1 }]);
  });
});

function tokens(inputTokens: number, outputTokens: number): Usage {
  return { inputTokens, outputTokens };
}

/** Steps with that usage, each of which asks for tools; then a final answer that costs nothing. */
function spending(usages: readonly Usage[], options: Parameters<typeof converse>[1], callsPerStep = 1) {
  let runs = 0;
  const script = usages.map((usage, step) => ({
    usage,
    calls: Array.from({ length: callsPerStep }, (_, index) => ({ name: 'work', input: { step, index } })),
  }));
  const talk = converse([...script, { text: 'done', usage: tokens(0, 0) }], {
    ...options,
    tools: [
      tool('work', () => {
        runs += 1;
      }),
    ],
  });
  return { talk, ran: () => runs };
}
