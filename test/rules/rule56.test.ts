import { createAgent } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { endings, linesOf, ofType, record, unauthorized } from './support.ts';

function open(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const session = createAgent({ model: scriptedModel(script), clock }).session();
  return { clock, session, events: record(session) };
}

describe('56. `steer(input, { turnId })` aimed at a turn that has ended is not accepted, with a reason that names it.', () => {
  it.each([
    { how: 'completed', script: 'Hello.' },
    { how: 'failed', script: { failure: unauthorized() } },
    { how: 'cancelled', script: { hangs: true } },
  ] as const)('refuses a message for a turn that has $how', async ({ how, script }) => {
    const { clock, session, events } = open([script, 'Never.']);
    const turn = session.send('Go.');
    await clock.advance(0);
    if (how === 'cancelled') turn.cancel();
    await turn.outcome;
    const [told, lines] = [events.length, linesOf(session.messages)];

    const admission = session.steer('too late', { turnId: turn.id });
    expect(admission).toEqual({ accepted: false, reason: expect.stringContaining(turn.id) });
    await clock.advance(0);
    expect(events).toHaveLength(told);
    expect(linesOf(session.messages)).toEqual(lines);
    expect(session.snapshot.status).toBe('idle');
  });

  it('refuses it while another turn runs, which is not steered', async () => {
    const { clock, session, events } = open(['One.', { text: 'Two', hangs: true }]);
    const first = session.send('a');
    const second = session.send('b');
    await clock.advance(0);
    expect(session.snapshot.turn?.id).toBe(second.id);
    const admission = session.steer('too late', { turnId: first.id });
    expect(admission).toEqual({ accepted: false, reason: expect.stringContaining(first.id) });
    second.cancel();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.completed', 'turn.cancelled']);
    expect(linesOf(session.messages).join()).not.toContain('too late');
  });

  it.each(['turn.completed', 'session.idle'] as const)('refuses it from a listener of %s', async (type) => {
    const { clock, session, events } = open(['One.', 'Never.']);
    const admissions: unknown[] = [];
    const turn = session.send('Go.');
    session.on(type, () => {
      admissions.push(session.steer('too late', { turnId: turn.id }));
    });
    await clock.advance(0);
    expect(admissions).toEqual([{ accepted: false, reason: expect.stringContaining(turn.id) }]);
    expect(endings(events)).toEqual(['turn.completed']);
  });

  it('refuses it for a turn that there never was', async () => {
    const { clock, session, events } = open(['Never.']);
    expect(session.steer('hm', { turnId: 'turn_x' })).toEqual({
      accepted: false,
      reason: expect.stringContaining('turn_x'),
    });
    await clock.advance(0);
    expect(events).toEqual([]);
  });

  it('accepts it for the turn that runs', async () => {
    const { clock, session, events } = open([{ text: 'One.' }, 'Two.']);
    const turn = session.send('Go.');
    const admissions: unknown[] = [];
    const stop = session.on('message.delta', () => {
      stop();
      admissions.push(session.steer('and this?', { turnId: turn.id }));
    });
    await clock.advance(0);
    expect(admissions).toEqual([{ accepted: true }]);
    expect(ofType(events, 'turn.started')).toHaveLength(2);
    expect(linesOf(session.messages)).toContain('user: and this?');
  });
});
