import { BudgetError, type Pricing, type Usage } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

const busy = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
const perToken: Pricing = (_, { inputTokens, outputTokens }) => (inputTokens + outputTokens) / 100;

describe('49. `maxCost` / `maxTokens` (input plus output) per turn: once more than the limit is spent, no further model call or tool starts and the turn fails with `budget` / `limit_reached`, `BudgetError {spent, limit}`; an answer that is already final is still delivered, with `budget.warning`. `softCost` pauses the turn before its next step; `resume()` continues the same turn. A cost that is not known counts as nothing, and says so once in a `diagnostic`.', () => {
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

  describe('softCost', () => {
    const options = { limits: { softCost: 1 }, pricing: perToken };

    /** A turn that has spent more than softCost in its first step, and waits. */
    async function paused(usages: readonly Usage[] = [tokens(101, 0)], more: Parameters<typeof converse>[1] = {}) {
      const { talk, ran } = spending(usages, { ...options, ...more, limits: { ...options.limits, ...more.limits } });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      return { talk, ran, turn };
    }

    it('pauses before the next step once more is spent; the tools of this one still run', async () => {
      const { talk, ran } = await paused();
      expect(talk.session.snapshot.turn).toMatchObject({ state: 'awaitingResume', step: 1 });
      expect(talk.of('turn.paused')).toMatchObject([{ reason: 'soft_cost', spent: 1.01, limit: 1 }]);
      expect(talk.types().slice(-3)).toEqual(['messages.updated', 'step.finished', 'turn.paused']);
      expect(ran()).toBe(1);
      expect(talk.model.requests).toHaveLength(1);
      await talk.session.close();
    });

    it('goes on with the same turn after resume()', async () => {
      const { talk, turn } = await paused();
      expect(talk.session.resume()).toEqual({ accepted: true });
      expect(talk.of('turn.resumed')).toMatchObject([{ reason: 'soft_cost', spent: 1.01 }]);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 2, cost: 1.01 });
      expect(talk.of('turn.started')).toHaveLength(1);
    });

    it('asks once: what is spent after that needs no leave', async () => {
      const { talk, turn } = await paused([tokens(101, 0), tokens(500, 0), tokens(500, 0)]);
      talk.session.resume();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 4 });
      expect(talk.of('turn.paused')).toHaveLength(1);
    });

    it('asks again in the next turn', async () => {
      const asks = (step: number) => ({ calls: [{ name: 'work', input: { step } }], usage: tokens(200, 0) });
      const talk = converse([asks(1), 'done', asks(2), 'done'], { ...options, tools: [tool('work')] });
      for (const text of ['go', 'again']) {
        const turn = talk.session.send(text);
        await talk.clock.advance(0);
        expect(talk.session.resume()).toEqual({ accepted: true });
        await talk.outcomeOf(turn);
      }
      expect(talk.of('turn.paused')).toHaveLength(2);
    });

    it('does not pause where exactly so much is spent, nor where the answer is final', async () => {
      const { talk } = spending([tokens(60, 40)], options);
      expect(await talk.say('go')).toMatchObject({ status: 'completed' });
      const final = converse([{ text: 'All of it.', usage: tokens(900, 0) }], options);
      expect(await final.say('go')).toMatchObject({ status: 'completed', cost: 9 });
      expect([...talk.of('turn.paused'), ...final.of('turn.paused')]).toEqual([]);
      expect(final.of('budget.warning')).toEqual([]);
    });

    it('leaves maxCost where it is', async () => {
      const { talk, turn } = await paused([tokens(101, 0), tokens(100, 0)], { limits: { maxCost: 2 } });
      talk.session.resume();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'budget' } });
      expect(talk.model.requests).toHaveLength(2);
    });

    it('takes a cost that is not known for nothing', async () => {
      const { talk } = spending([tokens(500, 0)], { ...options, pricing: () => undefined });
      expect(await talk.say('go')).toMatchObject({ status: 'completed' });
      expect(talk.of('turn.paused')).toEqual([]);
      expect(talk.of('diagnostic')).toHaveLength(1);
    });

    it('does not count the pause towards `maxDurationMs`', async () => {
      const { talk, turn } = await paused(undefined, { limits: { maxDurationMs: 1_000 } });
      expect(talk.clock.pending).toBe(0);
      await talk.clock.advance(60_000);
      talk.session.resume();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    });

    it('can be cancelled while it pauses', async () => {
      const { talk, turn } = await paused();
      talk.session.cancel();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
      expect(talk.session.resume()).toMatchObject({ accepted: false });
      expect(talk.model.requests).toHaveLength(1);
    });

    it('resume() is not accepted where nothing waits for it', async () => {
      const talk = converse([{ hangs: true }], options);
      expect(talk.session.resume()).toMatchObject({ accepted: false });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      expect(talk.session.resume()).toEqual({
        accepted: false,
        reason: `Turn "${turn.id}" does not wait for that: it is callingModel.`,
      });
      await talk.session.close();
    });

    it('asks for steps first where none are left either, and for money then', async () => {
      const { talk, turn } = await paused(undefined, { limits: { maxSteps: 1, lastStep: 'ask' } });
      expect(talk.of('turn.paused')).toMatchObject([{ reason: 'max_steps' }]);
      talk.session.extend(1);
      expect(talk.of('turn.paused')).toMatchObject([{ reason: 'max_steps' }, { reason: 'soft_cost' }]);
      talk.session.resume();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 2 });
    });
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
