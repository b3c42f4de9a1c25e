import { createAgent } from 'turnchart';
import { SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { linesOf, ofType, readAll, record, typesOf } from './support.ts';

describe('8. `turn.completed` is emitted even if the answer is empty text. `send()` returns before the first event: the turn starts in a microtask, and a listener added after `send()` misses nothing.', () => {
  it.each([
    ['no part at all', {}],
    ['an empty text', { text: '' }],
    ['empty deltas', { text: ['', ''] }],
    ['nothing but reasoning', { reasoning: 'Hm.' }],
  ])('completes the turn when the answer is %s', async (_, answer) => {
    const session = createAgent({ model: scriptedModel([answer]), clock: new SimulatedClock() }).session();
    const events = record(session);
    const result = await session.send('Hi').result;
    expect(result).toMatchObject({ text: '', stopReason: 'end_turn', steps: 1 });
    expect(ofType(events, 'turn.completed')).toMatchObject([{ text: '' }]);
  });

  it('goes on after an empty answer with a conversation that providers take', async () => {
    const model = scriptedModel([{}, 'Hello.']);
    const session = createAgent({ model, clock: new SimulatedClock() }).session();
    await session.send('One').result;
    await session.send('Two').result;
    const seen = model.requests[1]?.messages ?? [];
    expect(linesOf(seen)).toEqual(['user: One', 'user: Two']);
    expect(transcriptProblems(seen)).toEqual([]);
  });

  it('returns from send() before the first event, and starts in a microtask', async () => {
    const session = createAgent({ model: scriptedModel(['Hello.']), clock: new SimulatedClock() }).session();
    const events = record(session);
    session.send('Hi');
    expect(events).toEqual([]);
    await Promise.resolve();
    expect(events[0]?.type).toBe('turn.started');
  });

  it('tells a listener that is added after send() everything', async () => {
    const session = createAgent({ model: scriptedModel(['Hello.']), clock: new SimulatedClock() }).session();
    const turn = session.send('Hi');
    const events = record(session);
    await turn.result;
    expect(events[0]).toMatchObject({ type: 'turn.started', seq: 1, turnId: turn.id });
    expect(typesOf(events)).toEqual([...typesOf(await readAll(turn)), 'session.idle']);
  });

  it.each([
    'turn.completed',
    'session.idle',
  ] as const)('tells a listener that is added after a send() inside a listener of %s everything', async (type) => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.']), clock }).session();
    let events: readonly { readonly type: string }[] = [];
    const stop = session.on(type, () => {
      stop();
      session.send('Again');
      events = record(session);
    });
    session.send('Hi');
    await clock.advance(0);
    expect(events.map((event) => event.type)).toContain('turn.started');
    expect(events.at(-1)?.type).toBe('session.idle');
  });

  it('returns from send() before the first event of a turn that another one waits for', async () => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.']), clock }).session();
    session.send('a');
    const second = session.send('b');
    const events = record(session);
    await second.result;
    const own = events.filter(({ turnId }) => turnId === second.id);
    expect(own[0]?.type).toBe('turn.started');
    expect(typesOf(own)).toEqual(typesOf(await readAll(second)));
  });

  it('gives the turn its events from the first one, however late it is read', async () => {
    const session = createAgent({ model: scriptedModel(['Hello.', 'Bye.']), clock: new SimulatedClock() }).session();
    const turn = session.send('Hi');
    await turn.result;
    await session.send('Bye').result;
    expect(typesOf(await readAll(turn))).toEqual([
      'turn.started',
      'message.added',
      'step.started',
      'message.started',
      'message.delta',
      'message.completed',
      'step.finished',
      'turn.completed',
    ]);
  });
});
