import { createAgent, defineTool } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endings, linesOf, ofType, record, unauthorized } from './support.ts';

function open(script: readonly Script[], cancelNotes = true) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const deaf = defineTool({ name: 'deaf', input: z.object({}), execute: () => new Promise<string>(() => {}) });
  const session = createAgent({ model, tools: [deaf], clock, cancelNotes }).session();
  return { clock, model, session, events: record(session) };
}

type Opened = ReturnType<typeof open>;

/** Steers as soon as the first text arrives: no step follows that could take it. */
function steerAtFirstText({ session }: Opened, ...texts: string[]) {
  const stop = session.on('message.delta', () => {
    stop();
    for (const text of texts) session.steer(text);
  });
}

const inputs = ({ events }: Opened) =>
  ofType(events, 'message.added')
    .filter(({ cause }) => cause === 'input')
    .flatMap(({ message }) => linesOf([message]));

describe('55. Steering that no step of the turn took is not lost: it becomes the next turn. `steer()` while idle starts a turn at once. `send()` during a turn queues a follow-up turn; a cancel ends the running turn only, the queue goes on.', () => {
  it('makes the next turn of steering that came during the last step', async () => {
    const opened = open(['One.', 'Two.']);
    steerAtFirstText(opened, 'and this?');
    const first = opened.session.send('Go.');
    await opened.clock.advance(0);
    expect((await first.result).text).toBe('One.');
    expect(endings(opened.events)).toEqual(['turn.completed', 'turn.completed']);
    expect(inputs(opened)).toEqual(['user: Go.', 'user: and this?']);
    expect(linesOf(opened.session.messages)).toEqual([
      'user: Go.',
      'assistant: One.',
      'user: and this?',
      'assistant: Two.',
    ]);
    expect(ofType(opened.events, 'session.idle')).toHaveLength(1);
  });

  it('makes one turn of several messages, in order', async () => {
    const opened = open(['One.', 'Two.']);
    steerAtFirstText(opened, 'first', 'second', 'third');
    opened.session.send('Go.');
    await opened.clock.advance(0);
    expect(opened.model.requests).toHaveLength(2);
    expect(linesOf(opened.model.requests[1]?.messages ?? [])).toEqual([
      'user: Go.',
      'assistant: One.',
      'user: first',
      'user: second',
      'user: third',
    ]);
    expect(endings(opened.events)).toEqual(['turn.completed', 'turn.completed']);
  });

  it.each([
    { how: 'failed', script: { text: 'Hel', failure: unauthorized() } },
    { how: 'cancelled', script: { text: 'Hel', hangs: true } },
    { how: 'cancelled', script: { text: 'Hel', calls: [{ name: 'deaf' }] } },
  ])('makes the next turn of steering that a $how turn left ($script)', async ({ how, script }) => {
    const opened = open([script, 'Two.']);
    steerAtFirstText(opened, 'and this?', 'and that?');
    const first = opened.session.send('Go.');
    await opened.clock.advance(0);
    if (how === 'cancelled') first.cancel();
    await opened.clock.advance(0);
    expect(endings(opened.events)).toEqual([`turn.${how}`, 'turn.completed']);
    const seen = opened.model.requests[1]?.messages ?? [];
    expect(linesOf(seen).slice(-2)).toEqual(['user: and this?', 'user: and that?']);
    expect(transcriptProblems(seen)).toEqual([]);
  });

  it('makes the next turn of steering that came before a turn that was cancelled before it started', async () => {
    const opened = open(['Two.']);
    const first = opened.session.send('Go.');
    opened.session.steer('rather this');
    first.cancel();
    await opened.clock.advance(0);
    expect(endings(opened.events)).toEqual(['turn.cancelled', 'turn.completed']);
    expect(inputs(opened)).toEqual(['user: Go.', 'user: rather this']);
    expect(linesOf(opened.session.messages).filter((line) => line.includes('rather this'))).toHaveLength(1);
  });

  it('puts that turn before those that wait', async () => {
    const opened = open(['One.', 'Two.', 'Three.']);
    steerAtFirstText(opened, 'steered');
    opened.session.send('Go.');
    const waiting = opened.session.send('waiting');
    await opened.clock.advance(0);
    expect(inputs(opened)).toEqual(['user: Go.', 'user: steered', 'user: waiting']);
    expect((await waiting.result).text).toBe('Three.');
  });

  it('starts a turn at once when it steers an idle session', async () => {
    const opened = open(['One.']);
    expect(opened.session.steer('Go.')).toEqual({ accepted: true });
    expect(opened.session.snapshot.status).toBe('inTurn');
    await opened.clock.advance(0);
    expect(endings(opened.events)).toEqual(['turn.completed']);
    expect(ofType(opened.events, 'turn.started')[0]?.turnId).toBeTypeOf('string');
    expect(opened.session.messages[0]).toEqual({
      role: 'user',
      id: expect.any(String),
      content: [{ type: 'text', text: 'Go.' }],
    });
    expect(inputs(opened)).toEqual(['user: Go.']);
    expect(ofType(opened.events, 'steering.applied')).toEqual([]);
  });

  it('starts a turn when it steers from a listener of session.idle', async () => {
    const opened = open(['One.', 'Two.']);
    const stop = opened.session.on('session.idle', () => {
      stop();
      opened.session.steer('And now?');
    });
    opened.session.send('Go.');
    await opened.clock.advance(0);
    expect(endings(opened.events)).toEqual(['turn.completed', 'turn.completed']);
  });

  it('queues what is sent during a turn, and runs it afterwards, in order', async () => {
    const opened = open([{ text: 'One.', hangs: true }, 'Two.', 'Three.']);
    const { clock, session, events, model } = opened;
    const turns = ['a', 'b', 'c'].map((text) => session.send(text));
    await clock.advance(0);
    expect(session.snapshot).toMatchObject({ status: 'inTurn', queued: 2, turn: { id: turns[0]?.id } });
    expect(model.requests).toHaveLength(1);
    turns[0]?.cancel();
    await clock.advance(0);
    expect(ofType(events, 'turn.started').map(({ turnId }) => turnId)).toEqual(turns.map(({ id }) => id));
    const outcomes = await Promise.all(turns.map(({ outcome }) => outcome));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['cancelled', 'completed', 'completed']);
    expect(inputs(opened)).toEqual(['user: a', 'user: b', 'user: c']);
  });

  it('shows a queued message to no model call before its turn', async () => {
    const { clock, model, session } = open(['One.', 'Two.']);
    session.send('a');
    session.send('b');
    await clock.advance(0);
    expect(linesOf(model.requests[0]?.messages ?? [])).toEqual(['user: a']);
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual(['user: a', 'assistant: One.', 'user: b']);
  });

  it('ends the running turn only, when the session is told to cancel', async () => {
    const { clock, session, events } = open([{ hangs: true }, 'Two.', 'Three.']);
    session.send('a');
    session.send('b');
    session.send('c');
    await clock.advance(0);
    session.cancel();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.cancelled', 'turn.completed', 'turn.completed']);
    expect(ofType(events, 'session.idle')).toHaveLength(1);
  });
});
