import { createAgent } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { endings, linesOf, ofType, record, typesOf } from './support.ts';

function open(script: readonly Script[], cancelNotes = true) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const session = createAgent({ model, clock, cancelNotes }).session();
  return { clock, model, session, events: record(session) };
}

const accepted = { accepted: true };

describe('28. Cancel while idle is a successful no-op. Cancel twice emits one `turn.cancelled`. A queued turn that is cancelled emits `turn.started` and `turn.cancelled` when its place comes, its message and notes are added as usual, and no model is called.', () => {
  it('does nothing, successfully, in a new session', async () => {
    const { clock, session, events } = open(['Hello.']);
    expect(session.cancel('stop')).toEqual(accepted);
    await clock.advance(0);
    expect(events).toEqual([]);
    expect(session.messages).toEqual([]);
    expect((await session.send('Hi').result).text).toBe('Hello.');
  });

  it('does nothing, successfully, after a turn', async () => {
    const { clock, session, events } = open(['Hello.', 'Again.']);
    const turn = session.send('Hi');
    await turn.result;
    const told = events.length;
    expect([session.cancel(), turn.cancel()]).toEqual([accepted, accepted]);
    await clock.advance(0);
    expect(events).toHaveLength(told);
    expect((await turn.outcome).status).toBe('completed');
    expect((await session.send('Hi again').result).text).toBe('Again.');
  });

  it('does nothing to the turn that runs when one is cancelled that has ended', async () => {
    const { clock, session, events } = open(['Hello.', { hangs: true }]);
    const first = session.send('One');
    await first.result;
    session.send('Two');
    await clock.advance(0);
    expect(first.cancel()).toEqual(accepted);
    expect(session.snapshot.status).toBe('inTurn');
    expect(endings(events)).toEqual(['turn.completed']);
  });

  it.each([
    'before it starts',
    'while it runs',
  ])('emits one turn.cancelled for a turn cancelled twice %s', async (when) => {
    const { clock, session, events } = open([{ text: 'Hel', hangs: true }]);
    const turn = session.send('Hi');
    if (when === 'while it runs') await clock.advance(0);
    expect([turn.cancel('first'), turn.cancel('second'), session.cancel('third')]).toEqual([
      accepted,
      accepted,
      accepted,
    ]);
    await clock.advance(0);
    expect([session.cancel('fourth')]).toEqual([accepted]);
    await clock.advance(0);
    expect(ofType(events, 'turn.cancelled').map(({ reason }) => reason)).toEqual(['first']);
    expect(ofType(events, 'session.idle')).toHaveLength(1);
    expect(await turn.outcome).toMatchObject({ reason: 'first' });
  });

  it('does not reach the follow-up with the second of two cancels, nor with one given in a listener of the first', async () => {
    const { clock, session, events } = open([{ text: 'Hel', hangs: true }, 'Fine.']);
    session.on('turn.cancelled', () => void session.cancel('third'));
    session.send('Hi');
    const next = session.send('Next');
    await clock.advance(0);
    expect([session.cancel('first'), session.cancel('second')]).toEqual([accepted, accepted]);
    await clock.advance(0);
    expect(ofType(events, 'turn.cancelled').map(({ reason }) => reason)).toEqual(['first']);
    expect((await next.result).text).toBe('Fine.');
  });

  it('reaches a follow-up that is about to start where it is aimed at it', async () => {
    const { clock, session, model } = open([{ text: 'Hel', hangs: true }]);
    session.send('Hi');
    const next = session.send('Next');
    session.on('turn.cancelled', ({ turnId }) => {
      if (turnId !== next.id) next.cancel('aimed');
    });
    await clock.advance(0);
    session.cancel();
    await clock.advance(0);
    expect(await next.outcome).toMatchObject({ status: 'cancelled', reason: 'aimed' });
    expect(model.requests).toHaveLength(1);
  });

  it('emits one turn.cancelled for a turn cancelled twice from a listener', async () => {
    const { clock, session, events } = open([{ text: 'Hel', hangs: true }]);
    session.on('message.delta', () => {
      session.cancel('first');
      session.cancel('second');
    });
    session.on('turn.cancelled', () => {
      session.cancel('third');
    });
    session.send('Hi');
    await clock.advance(0);
    expect(ofType(events, 'turn.cancelled').map(({ reason }) => reason)).toEqual(['first']);
  });

  it('ends a queued turn that was cancelled when its place comes, without calling a model', async () => {
    const { clock, model, session, events } = open(['One.', 'Three.']);
    const first = session.send('a');
    const second = session.send('b');
    const third = session.send('c');
    expect(second.cancel('changed my mind')).toEqual(accepted);
    await clock.advance(0);
    expect(ofType(events, 'turn.started').map(({ turnId }) => turnId)).toEqual([first.id, second.id, third.id]);
    expect(endings(events)).toEqual(['turn.completed', 'turn.cancelled', 'turn.completed']);
    const own = events.filter(({ turnId }) => turnId === second.id);
    expect(typesOf(own)).toEqual(['turn.started', 'message.added', 'turn.cancelled']);
    expect(own.at(-1)).toMatchObject({
      reason: 'changed my mind',
      steps: 0,
      usage: { inputTokens: 0, outputTokens: 0 },
    });
    expect(model.requests).toHaveLength(2);
    expect(await second.outcome).toMatchObject({ status: 'cancelled', reason: 'changed my mind', steps: 0 });
  });

  it('emits nothing of a queued turn before its place comes', async () => {
    const { clock, session, events } = open([{ hangs: true }]);
    const first = session.send('a');
    const second = session.send('b');
    await clock.advance(0);
    second.cancel();
    await clock.advance(0);
    expect(events.filter(({ turnId }) => turnId === second.id)).toEqual([]);
    first.cancel();
    await clock.advance(0);
    expect(typesOf(events.filter(({ turnId }) => turnId === second.id)).at(-1)).toBe('turn.cancelled');
  });

  it('adds the message and the notes of a queued turn that was cancelled', async () => {
    const { clock, model, session, events } = open(['One.', 'Three.']);
    session.send('a');
    const second = session.send('b');
    session.send('c');
    second.cancel('changed my mind');
    await clock.advance(0);
    const added = ofType(events, 'message.added').map(({ cause, message }) => `${cause} ${message.role}`);
    expect(added).toEqual(['input user', 'input user', 'cancel_note user', 'cancel_note assistant', 'input user']);
    const lines = linesOf(session.messages);
    expect(lines).toHaveLength(7);
    expect(lines[2]).toBe('user: b');
    expect(lines[3]).toContain('changed my mind');
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual(lines.slice(0, 6));
  });

  it('leaves no notes of a queued turn where there are none', async () => {
    const { clock, session } = open(['One.'], false);
    session.send('a');
    session.send('b').cancel();
    await clock.advance(0);
    expect(linesOf(session.messages)).toEqual(['user: a', 'assistant: One.', 'user: b']);
  });
});
