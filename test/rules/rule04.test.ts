import { createAgent, defineTool } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ofType, overloaded, record } from './support.ts';

const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'nothing' });

async function run(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const session = createAgent({ model: scriptedModel(script), tools: [look], clock }).session();
  const events = record(session);
  const turn = session.send('Go.');
  await clock.advance(60_000);
  return { events, outcome: await turn.outcome };
}

describe('4. One turn holds N steps; `step.started`/`step.finished` carry a 1-based number; a retry is a new attempt of the same step, never a new step.', () => {
  it('counts the steps of a turn from 1, each started and finished once', async () => {
    const calls = [{ name: 'look' }];
    const { events, outcome } = await run([{ calls }, { calls }, { calls }, 'Done.']);
    const steps = events.filter(({ type }) => type === 'step.started' || type === 'step.finished');
    expect(steps.map((event) => ('step' in event ? `${event.type} ${event.step}` : event.type))).toEqual([
      'step.started 1',
      'step.finished 1',
      'step.started 2',
      'step.finished 2',
      'step.started 3',
      'step.finished 3',
      'step.started 4',
      'step.finished 4',
    ]);
    expect(outcome.steps).toBe(4);
  });

  it('begins at 1 again with the next turn', async () => {
    const clock = new SimulatedClock();
    const session = createAgent({
      model: scriptedModel([{ calls: [{ name: 'look' }] }, 'A', 'B']),
      tools: [look],
      clock,
    }).session();
    const events = record(session);
    await session.send('One').result;
    await session.send('Two').result;
    expect(ofType(events, 'step.started').map(({ step }) => step)).toEqual([1, 2, 1]);
  });

  it('repeats a model call as another attempt of its step', async () => {
    const failing = { text: 'Half', failure: overloaded() };
    const { events, outcome } = await run([{ calls: [{ name: 'look' }] }, failing, failing, 'Whole.']);
    expect(ofType(events, 'step.started').map(({ step }) => step)).toEqual([1, 2]);
    expect(ofType(events, 'step.finished').map(({ step }) => step)).toEqual([1, 2]);
    expect(ofType(events, 'model.retrying').map(({ step, attempt }) => [step, attempt])).toEqual([
      [2, 1],
      [2, 2],
    ]);
    expect(ofType(events, 'message.started').map(({ step, attempt }) => [step, attempt])).toEqual([
      [1, 1],
      [2, 1],
      [2, 2],
      [2, 3],
    ]);
    expect(ofType(events, 'message.completed').map(({ step, attempt }) => [step, attempt])).toEqual([
      [1, 1],
      [2, 3],
    ]);
    expect(outcome.steps).toBe(2);
  });

  it('does not count attempts against maxSteps', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([{ failure: overloaded() }, { failure: overloaded() }, 'Done.']);
    const turn = createAgent({ model, clock, limits: { maxSteps: 1 } })
      .session()
      .send('Go.');
    await clock.advance(60_000);
    expect(await turn.result).toMatchObject({ text: 'Done.', steps: 1 });
  });
});
