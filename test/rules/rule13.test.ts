import { createAgent, defineTool, type Model, type ModelPart } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deferred, endings, ofType, overloaded, readAll, record, typesOf } from './support.ts';

/** Models and what they do about their signal: all of it looks like trouble, and none of it is. */
const models: readonly [string, () => Model][] = [
  ['ends with aborted', () => scriptedModel([{ text: 'Hel', hangs: true }])],
  ['ends with a retryable error', () => whenAborted(async () => [{ type: 'error', failure: overloaded() }])],
  [
    'throws an AbortError',
    () => whenAborted(() => Promise.reject(new DOMException('This operation was aborted', 'AbortError'))),
  ],
  ['just ends', () => whenAborted(async () => [])],
  ['never ends', () => whenAborted(() => new Promise(() => {}))],
];

/** A model that says something, waits for its signal, and then says that. */
function whenAborted(then: () => Promise<readonly ModelPart[]>): Model {
  return {
    provider: 'scripted',
    modelId: 'sensitive',
    async *stream(_, { signal }) {
      yield { type: 'text-delta', text: 'Hel' };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      yield* await then();
    },
  };
}

const troubles = /failed|retrying|diagnostic|superseded|repaired/;

describe('13. Cancellation is never a failure: no `turn.failed`, no retry, no error event.', () => {
  it.each(models)('holds where the model %s when its signal aborts', async (_, model) => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: model(), clock }).session();
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(0);
    turn.cancel('enough');
    await clock.advance(300_000);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(typesOf(events).filter((type) => troubles.test(type))).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['throws', async () => Promise.reject(new DOMException('This operation was aborted', 'AbortError'))],
    ['returns', async () => 'stopped'],
  ])('holds where a tool with retries %s when its signal aborts', async (_, then) => {
    const clock = new SimulatedClock();
    const work = defineTool({
      name: 'work',
      input: z.object({}),
      retry: { maxAttempts: 3 },
      execute: async (_input, { signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return then();
      },
    });
    const session = createAgent({
      model: scriptedModel([{ calls: [{ name: 'work' }] }]),
      tools: [work],
      clock,
    }).session();
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(0);
    turn.cancel();
    await clock.advance(300_000);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(typesOf(events).filter((type) => troubles.test(type))).toEqual([]);
    expect(ofType(events, 'tool.cancelled')).toHaveLength(1);
  });

  it('leaves no failure in the event, in the outcome and in the error', async () => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel([{ text: 'Hel', hangs: true }]), clock }).session();
    const turn = session.send('Hi');
    await clock.advance(0);
    turn.cancel('enough');
    const last = (await readAll(turn)).at(-1);
    expect(last).toMatchObject({ type: 'turn.cancelled', reason: 'enough', steps: 1 });
    expect(last).not.toHaveProperty('failure');
    expect(await turn.outcome).not.toHaveProperty('failure');
    expect(session.messages.filter((message) => 'cause' in message && message.cause === 'failure_note')).toEqual([]);
  });

  it('forgets the failure that a cancelled turn was about to get over', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([{ failure: overloaded() }, 'Hello.']);
    const session = createAgent({ model, clock }).session();
    const turn = session.send('Hi');
    await clock.advance(0);
    expect(session.snapshot.turn?.state).toBe('retrying');
    turn.cancel();
    expect(await turn.outcome).not.toHaveProperty('failure');
    await clock.advance(300_000);
    expect(model.requests).toHaveLength(1);
  });

  it('holds where the failure of the model and the cancel come at the same time', async () => {
    const clock = new SimulatedClock();
    const gate = deferred();
    const model = scriptedModel(async () => {
      await gate.promise;
      return { failure: overloaded({ retryable: false }) };
    });
    const session = createAgent({ model, clock }).session();
    const events = record(session);
    const turn = session.send('Hi');
    await clock.advance(0);
    gate.resolve();
    turn.cancel();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.cancelled']);
  });
});
