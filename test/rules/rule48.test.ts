import { MaxStepsError } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

describe("48. `maxSteps` (10): when the tenth step asks for tools, they run, and instead of an eleventh model call the turn fails: `MaxStepsError {step: 10, limit: 10}`. (`lastStep: 'fail'`)", () => {
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
