import { MaxStepsError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, later, tool } from './toolSupport.ts';

describe("48. `maxSteps` (10): when the tenth step asks for tools, they run, and instead of an eleventh model call the turn fails: `MaxStepsError {step: 10, limit: 10}`. With `lastStep: 'answer'` the last step withholds the tools (`tools: []`) so that the model must answer. With `lastStep: 'ask'` the turn pauses for `extend(n)`.", () => {
  it.each([{}, { lastStep: 'fail' as const }])('fails instead of an eleventh model call, with %o', async (limits) => {
    const { talk, ran } = insatiable({ limits });
    const turn = talk.session.send('go');
    const outcome = await talk.outcomeOf(turn);
    expect(talk.model.requests).toHaveLength(10);
    expect(outcome).toMatchObject({
      status: 'failed',
      stopReason: 'max_steps',
      steps: 10,
      failure: { type: 'max_steps' },
    });
    await expect(turn.result).rejects.toBeInstanceOf(MaxStepsError);
    await expect(turn.result).rejects.toMatchObject({ step: 10, limit: 10 });
    expect(ran()).toBe(10);
  });

  it('runs the tools of the tenth step, and keeps their results', async () => {
    const { talk } = insatiable();
    await talk.say('go');
    expect(talk.results()).toHaveLength(10);
    expect(talk.results().at(-1)?.output).toEqual({ type: 'text', value: 'run 10' });
    expect(talk.types().slice(-6)).toEqual([
      'tool.completed',
      'messages.updated',
      'step.finished',
      'turn.failed',
      'message.added',
      'session.idle',
    ]);
    expect(talk.of('step.finished').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('completes where the tenth step asks for no tools', async () => {
    const { talk } = insatiable({}, 10);
    expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 10, result: { text: 'done' } });
  });

  it.each([1, 2, 5])('takes %d steps where maxSteps says so', async (maxSteps) => {
    const { talk, ran } = insatiable({ limits: { maxSteps } });
    const turn = talk.session.send('go');
    await talk.outcomeOf(turn);
    await expect(turn.result).rejects.toMatchObject({ step: maxSteps, limit: maxSteps });
    expect(talk.model.requests).toHaveLength(maxSteps);
    expect(ran()).toBe(maxSteps);
  });

  it('says in its message what to raise', async () => {
    const { talk } = insatiable({ limits: { maxSteps: 2 } });
    expect(await talk.say('go')).toMatchObject({ failure: { message: expect.stringMatching(/2.*limits\.maxSteps/) } });
  });

  it('counts per turn: the next message gets all its steps', async () => {
    const { talk } = insatiable({ limits: { maxSteps: 2 } });
    await talk.say('go');
    expect(await talk.say('go on')).toMatchObject({ status: 'failed', steps: 2 });
    expect(talk.model.requests).toHaveLength(4);
  });

  it('counts steps, not attempts: a retried model call takes none', async () => {
    const failure = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
    const talk = converse([{ failure }, { failure }, 'done'], {
      limits: { maxSteps: 1 },
      modelRetry: { initialDelayMs: 10, jitter: 0 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(100);
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 1 });
  });

  describe("lastStep: 'answer'", () => {
    const limits = { maxSteps: 3, lastStep: 'answer' } as const;

    it('withholds the tools from the last step, and from no other', async () => {
      const { talk, ran } = insatiable({ limits }, 3);
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 3, result: { text: 'done' } });
      expect(talk.model.requests.map(({ tools }) => tools.map(({ name }) => name))).toEqual([['more'], ['more'], []]);
      expect(ran()).toBe(2);
    });

    it('withholds them from the only step', async () => {
      const talk = converse(['done'], { limits: { ...limits, maxSteps: 1 }, tools: [tool('more')] });
      await talk.say('go');
      expect(talk.model.requests[0]?.tools).toEqual([]);
    });

    it.each([
      'required',
      { tool: 'more' },
    ] as const)('asks for no tool any more, whatever toolChoice says: %j', async (toolChoice) => {
      const { talk } = insatiable({ limits, toolChoice }, 3);
      await talk.say('go');
      expect(talk.model.requests.map((request) => request.toolChoice)).toEqual([toolChoice, toolChoice, 'auto']);
    });

    it('withholds them from every attempt of it', async () => {
      const failure = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
      const talk = converse([{ failure }, 'done'], {
        limits: { ...limits, maxSteps: 1 },
        tools: [tool('more')],
        modelRetry: { initialDelayMs: 10, jitter: 0 },
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(100);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
      expect(talk.model.requests.map(({ tools }) => tools)).toEqual([[], []]);
    });

    it('fails as ever where the model calls a tool that it was not offered', async () => {
      const { talk } = insatiable({ limits });
      const turn = talk.session.send('go');
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'max_steps' } });
      expect(talk.model.requests).toHaveLength(3);
    });

    it('offers them again in the next turn', async () => {
      const talk = converse(['one', 'two'], { limits: { ...limits, maxSteps: 2 }, tools: [tool('more')] });
      await talk.say('go');
      await talk.say('go on');
      expect(talk.model.requests.map(({ tools }) => tools.length)).toEqual([1, 1]);
    });
  });

  describe("lastStep: 'ask'", () => {
    const limits = { maxSteps: 2, lastStep: 'ask' } as const;

    /** A turn that has taken its two steps, and waits. */
    async function paused(options: Parameters<typeof insatiable>[0] = {}, finalStep?: number) {
      const { talk, ran } = insatiable({ ...options, limits: { ...limits, ...options.limits } }, finalStep);
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      return { talk, ran, turn };
    }

    it('pauses where the last step asks for tools, once these have run', async () => {
      const { talk, ran } = await paused();
      expect(talk.session.snapshot.turn).toMatchObject({ state: 'awaitingExtension', step: 2 });
      expect(talk.of('turn.paused')).toMatchObject([{ reason: 'max_steps', spent: 2, limit: 2 }]);
      expect(talk.types().slice(-4)).toEqual(['tool.completed', 'messages.updated', 'step.finished', 'turn.paused']);
      expect(ran()).toBe(2);
      expect(talk.model.requests).toHaveLength(2);
      await talk.session.close();
    });

    it('goes on for as many steps as extend() says, and pauses again', async () => {
      const { talk, ran } = await paused();
      expect(talk.session.extend(3)).toEqual({ accepted: true });
      expect(talk.of('turn.resumed')).toMatchObject([{ reason: 'max_steps', spent: 2, limit: 5 }]);
      await talk.clock.advance(0);
      expect(talk.of('turn.paused')).toMatchObject([{ limit: 2 }, { spent: 5, limit: 5 }]);
      expect(ran()).toBe(5);
      await talk.session.close();
    });

    it('completes like any turn then, as one turn with all its steps', async () => {
      const { talk, turn } = await paused({}, 4);
      talk.session.extend(2);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 4, result: { text: 'done' } });
      expect(talk.of('turn.started')).toHaveLength(1);
      expect(talk.of('step.started').map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    });

    it('does not pause where the last step asks for nothing', async () => {
      const { talk } = insatiable({ limits }, 2);
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2 });
      expect(talk.of('turn.paused')).toEqual([]);
    });

    it('pauses for as long as it takes', async () => {
      const { talk, turn } = await paused({}, 3);
      await talk.clock.advance(3_600_000);
      expect(talk.of('turn.resumed')).toEqual([]);
      talk.session.extend(1);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    });

    it('does not count the pause towards `maxDurationMs`, and counts on afterwards', async () => {
      const { talk, turn } = await paused({ limits: { maxDurationMs: 1_000 } }, 3);
      expect(talk.clock.pending).toBe(0);
      await talk.clock.advance(60_000);
      expect(talk.of('turn.failed')).toEqual([]);
      talk.session.extend(1);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
      expect(talk.clock.pending).toBe(0);
    });

    it('leaves of `maxDurationMs` what was left before the pause', async () => {
      const talk = converse([{ calls: [{ name: 'slow' }] }, { hangs: true }], {
        tools: [tool('slow', () => later(talk.clock, 400))],
        limits: { ...limits, maxSteps: 1, maxDurationMs: 1_000 },
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(400);
      expect(talk.of('turn.paused')).toHaveLength(1);
      await talk.clock.advance(60_000);
      talk.session.extend(1);
      await talk.clock.advance(599);
      expect(talk.of('turn.failed')).toEqual([]);
      await talk.clock.advance(1);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type: 'timeout' } });
    });

    it('can be cancelled while it pauses, in the same transition', async () => {
      const { talk, turn } = await paused();
      talk.session.cancel('Enough.');
      expect(talk.of('turn.cancelled')).toMatchObject([{ reason: 'Enough.', steps: 2 }]);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
      expect(talk.session.extend(1)).toMatchObject({ accepted: false });
      expect(talk.model.requests).toHaveLength(2);
    });

    it('keeps what steers it meanwhile for its next step, and queues what is sent', async () => {
      const { talk, turn } = await paused({}, 3);
      talk.session.steer('Be quick.');
      const next = talk.session.send('And then?');
      await talk.clock.advance(0);
      expect(talk.session.snapshot).toMatchObject({ queued: 1, turn: { state: 'awaitingExtension' } });
      expect(talk.of('steering.applied')).toEqual([]);
      talk.session.extend(1);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
      expect(talk.of('steering.applied')).toHaveLength(1);
      expect(await talk.outcomeOf(next)).toMatchObject({ status: 'completed' });
    });

    it('extend() is not accepted while nothing waits for it, and says so', async () => {
      const { talk } = insatiable({ limits }, 1);
      expect(talk.session.extend(1)).toEqual({
        accepted: false,
        reason: `Session "${talk.session.id}" has no turn that waits.`,
      });
      const turn = talk.session.send('go');
      expect(talk.session.extend(1)).toMatchObject({ accepted: false });
      await talk.outcomeOf(turn);
      expect(talk.session.extend(1)).toMatchObject({ accepted: false });
    });

    it('extend() is not accepted in another state, and says which it is', async () => {
      const talk = converse([{ hangs: true }], { limits });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      expect(talk.session.extend(1)).toEqual({
        accepted: false,
        reason: `Turn "${turn.id}" does not wait for that: it is callingModel.`,
      });
      expect((await paused()).talk.session.resume()).toMatchObject({
        accepted: false,
        reason: expect.stringContaining('awaitingExtension'),
      });
      await talk.session.close();
    });

    it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('extend(%d) throws', async (steps) => {
      const { talk } = await paused();
      expect(() => talk.session.extend(steps)).toThrow(
        new TypeError('extend(): `steps` must be a whole number from 1.'),
      );
      expect(talk.session.snapshot.turn?.state).toBe('awaitingExtension');
      await talk.session.close();
    });

    it('allows more steps for that turn only', async () => {
      const asks = (n: number) => ({ calls: [{ name: 'more', input: { n } }] });
      const talk = converse([asks(1), asks(2), 'done', asks(3), asks(4)], { limits, tools: [tool('more')] });
      const first = talk.session.send('go');
      await talk.clock.advance(0);
      talk.session.extend(5);
      expect(await talk.outcomeOf(first)).toMatchObject({ status: 'completed', steps: 3 });
      talk.session.send('and again');
      await talk.clock.advance(0);
      expect(talk.of('turn.paused')).toMatchObject([{ limit: 2 }, { spent: 2, limit: 2 }]);
      await talk.session.close();
    });
  });
});

/** A model that asks for tools in every step before this one. */
function insatiable(options: Parameters<typeof converse>[1] = {}, finalStep = Number.POSITIVE_INFINITY) {
  let runs = 0;
  const talk = converse(
    (_, index) => (index + 1 >= finalStep ? 'done' : { calls: [{ name: 'more', input: { index } }] }),
    {
      ...options,
      tools: [
        tool('more', () => {
          runs += 1;
          return `run ${runs}`;
        }),
      ],
    },
  );
  return { talk, ran: () => runs };
}
