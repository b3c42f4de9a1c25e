import { getEventListeners } from 'node:events';
import { createAgent, TurnCancelledError } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { endings, ofType, overloaded, record, unauthorized } from './support.ts';

function open(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const session = createAgent({ model, clock }).session();
  const controller = new AbortController();
  const { signal } = controller;
  return { clock, model, session, events: record(session), controller, signal };
}

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('32. An `AbortSignal` given to `send()` cancels that turn; closing an HTTP stream does not.', () => {
  it('cancels a turn whose signal was aborted before send()', async () => {
    const { clock, model, session, events, controller, signal } = open(['Hello.']);
    controller.abort('too late');
    const turn = session.send('Hi', { signal });
    expect(events).toEqual([]);
    await clock.advance(0);
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'too late' });
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(model.requests).toEqual([]);
    expect(listenersOf(signal)).toBe(0);
  });

  it('cancels a turn whose signal aborts before it has started', async () => {
    const { clock, model, session, events, controller, signal } = open(['Hello.']);
    session.send('Hi', { signal });
    controller.abort();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(model.requests).toEqual([]);
  });

  it('cancels a running turn at once, and hands the abort on to the model', async () => {
    const { clock, model, session, events, controller, signal } = open([{ text: 'Hel', hangs: true }]);
    session.send('Hi', { signal });
    await clock.advance(0);
    controller.abort('user left');
    expect(ofType(events, 'turn.cancelled')).toMatchObject([{ reason: 'user left' }]);
    expect(model.signals[0]?.aborted).toBe(true);
  });

  it('cancels a waiting retry', async () => {
    const { clock, session, events, controller, signal } = open([{ failure: overloaded() }, 'Hello.']);
    session.send('Hi', { signal });
    await clock.advance(0);
    controller.abort();
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(clock.pending).toBe(0);
  });

  it('takes the message of an error as the reason', async () => {
    const { session, controller, signal } = open(['Hello.']);
    controller.abort(new Error('connection lost'));
    expect(await session.send('Hi', { signal }).outcome).toMatchObject({ reason: 'connection lost' });
  });

  it('cancels the turn it was given for and no other', async () => {
    const { clock, session, events, controller, signal } = open([{ hangs: true }, 'Three.']);
    const first = session.send('a');
    const second = session.send('b', { signal });
    const third = session.send('c');
    await clock.advance(0);
    controller.abort();
    expect(endings(events)).toEqual([]);
    first.cancel();
    await clock.advance(0);
    expect((await second.outcome).status).toBe('cancelled');
    expect((await third.result).text).toBe('Three.');
  });

  it('cancels every turn that was given the same signal', async () => {
    const { clock, session, events, controller, signal } = open([{ hangs: true }, 'Two.', 'Three.']);
    session.send('a', { signal });
    session.send('b', { signal });
    session.send('c');
    await clock.advance(0);
    controller.abort();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.cancelled', 'turn.cancelled', 'turn.completed']);
  });

  it('changes nothing when it aborts after the turn has ended', async () => {
    const { clock, session, events, controller, signal } = open(['Hello.', { hangs: true }]);
    await session.send('a', { signal }).result;
    session.send('b');
    await clock.advance(0);
    controller.abort();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.completed']);
    expect(session.snapshot.status).toBe('inTurn');
  });

  it.each([
    ['completes', 'Hello.'],
    ['fails', { failure: unauthorized() }],
    ['is cancelled', { hangs: true }],
  ] as const)('is not listened to any more when the turn %s', async (how, script) => {
    const { clock, session, signal } = open([script]);
    const turn = session.send('Hi', { signal });
    expect(listenersOf(signal)).toBe(1);
    await clock.advance(0);
    if (how === 'is cancelled') turn.cancel();
    await clock.advance(0);
    expect(session.snapshot.status).toBe('idle');
    expect(listenersOf(signal)).toBe(0);
  });

  it('is not listened to any more when the session closes, also for turns that waited', async () => {
    const { clock, session, signal } = open([{ hangs: true }]);
    session.send('a', { signal });
    session.send('b', { signal });
    await clock.advance(0);
    expect(listenersOf(signal)).toBe(2);
    await session.close();
    await clock.advance(0);
    expect(listenersOf(signal)).toBe(0);
  });

  it('cancels a single run', async () => {
    const clock = new SimulatedClock();
    const controller = new AbortController();
    const agent = createAgent({ model: scriptedModel([{ hangs: true }]), clock });
    const running = agent.run('Hi', { signal: controller.signal });
    await clock.advance(0);
    controller.abort('user left');
    await expect(running).rejects.toThrow(TurnCancelledError);
    await expect(running).rejects.toMatchObject({ reason: 'user left' });
    expect(listenersOf(controller.signal)).toBe(0);
  });

  it('is the only way: a reader that goes away cancels nothing', async () => {
    const { clock, session, events, signal } = open([{ text: ['A', 'B'] }]);
    const turn = session.send('Hi', { signal });
    const reader = turn[Symbol.asyncIterator]();
    await reader.next();
    await reader.return();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.completed']);
    expect((await turn.result).text).toBe('AB');
  });
});
