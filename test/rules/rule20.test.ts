import { createAgent, createFailure, defineTool, type ModelRequest } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { linesOf, ofType, overloaded, record } from './support.ts';

const look = defineTool({ name: 'look', input: z.object({}), execute: () => 'nothing' });

function open(script: readonly Script[], maxAttempts = 3) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const agent = createAgent({
    model,
    tools: [look],
    clock,
    instructions: 'Be brief.',
    settings: { temperature: 0.5 },
    modelRetry: { jitter: 0, maxAttempts },
  });
  const session = agent.session();
  return { clock, model, session, events: record(session) };
}

const withoutAttempt = ({ attempt: _, ...request }: ModelRequest) => request;

describe('20. Every attempt of a step sends the same request (`requestId` stays, `attempt` rises; after a compaction the request is a new one, and `maxAttempts` counts from there); steering waits for the next step.', () => {
  it('sends the same request with every attempt, all but its attempt', async () => {
    const { clock, model, session } = open([{ failure: overloaded() }, { failure: overloaded() }, 'Hello.']);
    session.send('Hi');
    await clock.advance(10_000);
    expect(model.requests.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    const [first, ...others] = model.requests.map(withoutAttempt);
    expect(first).toMatchObject({ instructions: 'Be brief.', settings: { temperature: 0.5 }, purpose: 'turn' });
    expect(linesOf(first?.messages ?? [])).toEqual(['user: Hi']);
    for (const request of others) expect(request).toEqual(first);
  });

  it('sends nothing of an answer that broke off', async () => {
    const half: Script = { reasoning: 'Hm.', text: 'Half', calls: [{ name: 'look' }], failure: overloaded() };
    const { clock, model, session } = open([half, 'Hello.']);
    const turn = session.send('Hi');
    await clock.advance(10_000);
    expect(model.requests.map(withoutAttempt)[1]).toEqual(model.requests.map(withoutAttempt)[0]);
    expect(linesOf((await turn.result).messages)).toEqual(['user: Hi', 'assistant: Hello.']);
  });

  it('gives the next step another requestId, and lets its attempts begin at 1', async () => {
    const { clock, model, session } = open([
      { failure: overloaded() },
      { calls: [{ name: 'look' }] },
      { failure: overloaded() },
      'Hello.',
    ]);
    session.send('Hi');
    await clock.advance(10_000);
    expect(model.requests.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2]);
    const ids = model.requests.map(({ requestId }) => requestId);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).toBe(ids[3]);
    expect(ids[1]).not.toBe(ids[2]);
  });

  it('gives requests of different turns different ids', async () => {
    const { model, session } = open(['One.', 'Two.']);
    await session.send('a').result;
    await session.send('b').result;
    expect(new Set(model.requests.map(({ requestId }) => requestId)).size).toBe(2);
  });

  it.each(['while it streams', 'during the wait'])('keeps steering that comes %s for the next step', async (when) => {
    const { clock, model, session, events } = open([
      { text: 'Half', failure: overloaded() },
      { calls: [{ name: 'look' }] },
      'Hello.',
    ]);
    if (when === 'while it streams') {
      const stop = session.on('message.delta', () => {
        stop();
        session.steer('In French.');
      });
    } else {
      session.on('model.retrying', () => {
        session.steer('In French.');
      });
    }
    session.send('Hi');
    await clock.advance(10_000);
    expect(withoutAttempt(model.requests[1] as ModelRequest)).toEqual(
      withoutAttempt(model.requests[0] as ModelRequest),
    );
    expect(linesOf(model.requests[2]?.messages ?? [])).toEqual([
      'user: Hi',
      'assistant: (look)',
      'tool: "nothing"',
      'user: In French.',
    ]);
    const steered = events.findIndex(({ type }) => type === 'steering.applied');
    expect(ofType(events.slice(0, steered), 'step.started').map(({ step }) => step)).toEqual([1, 2]);
  });

  it('calls the model maxAttempts times and no more', async () => {
    const { clock, model, session } = open(
      Array.from({ length: 9 }, () => ({ failure: createFailure({ type: 'rate_limit', message: 'Slow down.' }) })),
      4,
    );
    const turn = session.send('Hi');
    await clock.advance(100_000);
    expect((await turn.outcome).status).toBe('failed');
    expect(model.requests.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  });
});
