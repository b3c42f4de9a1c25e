import { createAgent, defineTool } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endings, record, unauthorized } from './support.ts';

const never = defineTool({ name: 'never', input: z.object({}), execute: () => new Promise<string>(() => {}) });

const ways: readonly { ending: string; script: readonly Script[]; cancels?: boolean }[] = [
  { ending: 'turn.completed', script: ['Hello.'] },
  { ending: 'turn.failed', script: [{ failure: unauthorized() }] },
  { ending: 'turn.cancelled', script: [{ calls: [{ name: 'never' }] }], cancels: true },
];

function open(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const session = createAgent({ model, tools: [never], clock }).session();
  return { clock, model, session, events: record(session) };
}

describe('3. After each kind of terminal event the session accepts a new message and runs it.', () => {
  it.each(ways)('answers the next message after $ending', async ({ ending, script, cancels }) => {
    const { clock, model, session, events } = open([...script, 'Again.']);
    const first = session.send('One');
    await clock.advance(0);
    if (cancels) first.cancel();
    await clock.advance(0);
    expect(session.snapshot.status).toBe('idle');

    const second = session.send('Two');
    expect((await second.result).text).toBe('Again.');
    expect(endings(events)).toEqual([ending, 'turn.completed']);
    expect(transcriptProblems(model.requests.at(-1)?.messages ?? [])).toEqual([]);
    expect(model.requests.at(-1)?.messages.at(-1)).toMatchObject({ content: [{ text: 'Two' }] });
    expect(session.snapshot).toEqual({ status: 'idle', queued: 0 });
  });

  it.each(ways)('runs a message that waited behind $ending', async ({ ending, script, cancels }) => {
    const { clock, session, events } = open([...script, 'Again.']);
    const first = session.send('One');
    const second = session.send('Two');
    await clock.advance(0);
    if (cancels) first.cancel();
    expect((await second.result).text).toBe('Again.');
    expect(endings(events)).toEqual([ending, 'turn.completed']);
  });

  it.each(ways)('takes a message from a listener of $ending', async ({ ending, script, cancels }) => {
    const { clock, session, events } = open([...script, 'Again.']);
    const stop = session.on('*', ({ type }) => {
      if (type !== ending) return;
      stop();
      session.send('Two');
    });
    const first = session.send('One');
    await clock.advance(0);
    if (cancels) first.cancel();
    await clock.advance(0);
    expect(endings(events)).toEqual([ending, 'turn.completed']);
    expect(session.messages.at(-1)).toMatchObject({ role: 'assistant', content: [{ text: 'Again.' }] });
  });
});
