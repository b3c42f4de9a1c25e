import { createAgent, defineTool } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deferred, linesOf, ofType, payloadOf, record, typesOf } from './support.ts';

function open(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const answering = deferred();
  const working = deferred<string>();
  const model = scriptedModel(async (_, index) => {
    if (index === 0) await answering.promise;
    return script[index] ?? 'Done.';
  });
  const work = defineTool({ name: 'work', input: z.object({}), execute: () => working.promise });
  const session = createAgent({ model, tools: [work], clock }).session();
  return { clock, model, session, events: record(session), answering, working };
}

const calls = [{ name: 'work' }];

describe('54. `steer(message)` is delivered before the next step, all waiting messages at once and in order; it never touches a model call in flight.', () => {
  it('delivers all waiting messages before the next step, in order', async () => {
    const { clock, model, session, answering, working } = open([{ calls }, 'Done.']);
    const turn = session.send('Go.');
    await clock.advance(0);
    session.steer('one');
    answering.resolve();
    await clock.advance(0);
    session.steer('two');
    session.steer('three');
    working.resolve('result');
    await turn.result;
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual([
      'user: Go.',
      'assistant: (work)',
      'tool: "result"',
      'user: one',
      'user: two',
      'user: three',
    ]);
    expect(transcriptProblems(model.requests[1]?.messages ?? [])).toEqual([]);
    expect(model.requests).toHaveLength(2);
    expect(linesOf((await turn.result).messages).slice(3, 6)).toEqual(['user: one', 'user: two', 'user: three']);
  });

  it('tells of each message, and of all of them at once, right after the step has started', async () => {
    const { clock, session, events, answering, working } = open([{ calls }, 'Done.']);
    session.send('Go.');
    await clock.advance(0);
    session.steer('one');
    session.steer('two');
    answering.resolve();
    working.resolve('result');
    await clock.advance(0);
    const second = events.findIndex((event) => event.type === 'step.started' && event.step === 2);
    expect(typesOf(events.slice(second, second + 5))).toEqual([
      'step.started',
      'message.added',
      'message.added',
      'steering.applied',
      'message.started',
    ]);
    const [, one, two, applied] = events.slice(second, second + 4).map(payloadOf);
    expect(one).toMatchObject({ cause: 'steering', message: { role: 'user', cause: 'steering' } });
    const ids = [one, two].map((event) => event && 'message' in event && (event.message as { id: string }).id);
    expect(applied).toEqual({ type: 'steering.applied', messageIds: ids });
    expect(new Set(ids).size).toBe(2);
  });

  it.each(['before it streams', 'while it streams'])('does not touch a model call in flight %s', async (when) => {
    const { clock, model, session, events, answering, working } = open([{ text: ['A', 'B'], calls }, 'Done.']);
    if (when === 'while it streams') {
      const stop = session.on('message.delta', () => {
        stop();
        session.steer('hurry');
      });
    }
    session.send('Go.');
    await clock.advance(0);
    const before = linesOf(model.requests[0]?.messages ?? []);
    if (when === 'before it streams') session.steer('hurry');
    expect(model.requests).toHaveLength(1);
    answering.resolve();
    await clock.advance(0);
    expect(model.signals[0]?.aborted).toBe(false);
    expect(linesOf(model.requests[0]?.messages ?? [])).toEqual(before);
    expect(ofType(events, 'message.completed')[0]?.message.content[0]).toEqual({ type: 'text', text: 'AB' });
    expect(ofType(events, 'steering.applied')).toEqual([]);
    working.resolve('result');
    await clock.advance(0);
    expect(ofType(events, 'steering.applied')).toHaveLength(1);
  });

  it('does not touch running tools', async () => {
    const { clock, session, events, answering, working } = open([{ calls }, 'Done.']);
    session.send('Go.');
    answering.resolve();
    await clock.advance(0);
    expect(session.steer('hurry')).toEqual({ accepted: true });
    await clock.advance(0);
    expect(session.snapshot.turn?.tools).toMatchObject([{ state: 'executing' }]);
    working.resolve('result');
    await clock.advance(0);
    expect(ofType(events, 'tool.completed')).toHaveLength(1);
  });

  it('delivers before the first step what comes before the turn has started', async () => {
    const { clock, model, session, answering } = open(['Done.']);
    const turn = session.send('Go.');
    session.steer('one');
    session.steer('two', { turnId: turn.id });
    answering.resolve();
    await clock.advance(0);
    expect(linesOf(model.requests[0]?.messages ?? [])).toEqual(['user: Go.', 'user: one', 'user: two']);
    expect(await turn.result).toMatchObject({ text: 'Done.', steps: 1 });
    expect(session.snapshot.status).toBe('idle');
  });

  it('delivers every message once', async () => {
    const { clock, model, session, events, answering, working } = open([{ calls }, { calls }, { calls }, 'Done.']);
    session.send('Go.');
    await clock.advance(0);
    session.steer('one');
    answering.resolve();
    working.resolve('result');
    await clock.advance(0);
    expect(linesOf(model.requests.at(-1)?.messages ?? []).filter((line) => line === 'user: one')).toHaveLength(1);
    expect(ofType(events, 'steering.applied')).toHaveLength(1);
    expect(ofType(events, 'turn.started')).toHaveLength(1);
  });
});
