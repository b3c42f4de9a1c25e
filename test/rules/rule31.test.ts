import { createAgent, defineTool } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { afterEnding, linesOf, ofType, overloaded, record, typesOf } from './support.ts';

const deaf = defineTool({ name: 'deaf', input: z.object({}), execute: () => new Promise<string>(() => {}) });

async function cancelled(script: Script, options: { cancelNotes?: boolean; reason?: string } = {}) {
  const { reason, ...others } = options;
  const clock = new SimulatedClock();
  const model = scriptedModel([script, 'Again.']);
  const session = createAgent({ model, tools: [deaf], clock, ...others }).session();
  const events = record(session);
  const turn = session.send('Go.');
  await clock.advance(0);
  turn.cancel(reason);
  return { clock, model, session, events, turn };
}

describe('31. With `cancelNotes` (default on), after `turn.cancelled`, without waiting for tools that ignore their signal, the history gets a user note that the work was cancelled and an assistant note confirming the stop, each with `message.added`. Later model calls see them. The session stays open. Without them, partial assistant text is kept as a `partial` message all the same.', () => {
  it('adds a note of the user and one of the assistant, each told after turn.cancelled', async () => {
    const { session, events } = await cancelled({ hangs: true });
    const after = afterEnding(events);
    expect(typesOf(after)).toEqual(['message.added', 'message.added', 'session.idle']);
    const notes = ofType(after, 'message.added');
    expect(notes.map(({ cause, message }) => [cause, message.role])).toEqual([
      ['cancel_note', 'user'],
      ['cancel_note', 'assistant'],
    ]);
    for (const event of notes) expect(event).not.toHaveProperty('turnId');
    expect(session.messages.slice(-2)).toEqual(notes.map(({ message }) => message));
    expect(session.messages.slice(-2)).toMatchObject([{ cause: 'cancel_note' }, { cause: 'cancel_note' }]);
  });

  it('says in the notes that the work was cancelled and that it has stopped', async () => {
    const { session } = await cancelled({ hangs: true });
    const [user, assistant] = linesOf(session.messages.slice(-2));
    expect(user).toMatch(/cancelled/i);
    expect(assistant).toMatch(/stopped/i);
  });

  it('gives the reason in the note of the user', async () => {
    const { session } = await cancelled({ hangs: true }, { reason: 'wrong city' });
    expect(linesOf(session.messages).at(-2)).toContain('wrong city');
  });

  it('does not wait for tools that ignore their signal', async () => {
    const { session, events } = await cancelled({ calls: [{ name: 'deaf' }] });
    expect(typesOf(afterEnding(events))).toEqual(['message.added', 'message.added', 'session.idle']);
    expect(session.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'user', 'assistant']);
    expect(transcriptProblems(session.messages)).toEqual([]);
  });

  it('shows the notes to later model calls', async () => {
    const { model, session } = await cancelled({ text: 'Hel', hangs: true });
    const before = linesOf(session.messages);
    await session.send('And?').result;
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual([...before, 'user: And?']);
    expect(before).toHaveLength(4);
  });

  it('leaves the session open', async () => {
    const { session } = await cancelled({ hangs: true });
    expect((await session.send('And?').result).text).toBe('Again.');
  });

  it.each([true, false])('keeps partial text as a partial message with cancelNotes %s', async (cancelNotes) => {
    const { session, events, turn } = await cancelled(
      { reasoning: 'Hm.', text: ['The ', 'beginn'], hangs: true },
      { cancelNotes },
    );
    const partial = { role: 'assistant', partial: true, content: [{ type: 'text', text: 'The beginn' }] };
    expect(session.messages[1]).toMatchObject(partial);
    expect(session.messages).toHaveLength(cancelNotes ? 4 : 2);
    expect((await turn.outcome).messages[1]).toMatchObject(partial);
    const ending = events.findIndex(({ type }) => type === 'turn.cancelled');
    expect(events[ending - 1]).toMatchObject({ type: 'messages.updated', added: 1, removed: 0, length: 2 });
    expect(ofType(events, 'message.completed')).toEqual([]);
  });

  it('shows partial text to later model calls', async () => {
    const { model, session } = await cancelled({ text: 'The beginn', hangs: true }, { cancelNotes: false });
    await session.send('Go on.').result;
    expect(linesOf(model.requests[1]?.messages ?? [])).toEqual(['user: Go.', 'assistant: The beginn', 'user: Go on.']);
  });

  it('adds no notes where cancelNotes is off', async () => {
    const { session, events } = await cancelled({ hangs: true }, { cancelNotes: false });
    expect(typesOf(afterEnding(events))).toEqual(['session.idle']);
    expect(linesOf(session.messages)).toEqual(['user: Go.']);
  });

  it('keeps no text of an attempt that had failed', async () => {
    const { session } = await cancelled({ text: 'Half', failure: overloaded() }, { cancelNotes: false });
    expect(linesOf(session.messages)).toEqual(['user: Go.']);
  });

  it('keeps no partial message where there was no text yet', async () => {
    const { session } = await cancelled(
      { reasoning: 'Hm.', calls: [{ name: 'deaf' }], hangs: true },
      { cancelNotes: false },
    );
    expect(linesOf(session.messages)).toEqual(['user: Go.']);
  });
});
