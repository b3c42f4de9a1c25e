import { createAgent, defineTool } from 'turnchart';
import { SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deferred, endings, expectNoUnhandledRejections, linesOf, ofType, record } from './support.ts';

function open() {
  const clock = new SimulatedClock();
  const answer = deferred<string>();
  let progress: (text: string) => void = () => {};
  const deaf = defineTool({
    name: 'deaf',
    input: z.object({}),
    retry: { maxAttempts: 2 },
    execute: (_, run) => {
      progress = run.progress;
      return answer.promise;
    },
  });
  const model = scriptedModel([{ calls: [{ name: 'deaf' }] }, 'Again.']);
  const session = createAgent({ model, tools: [deaf], clock }).session();
  return { clock, model, session, events: record(session), answer, report: (text: string) => progress(text) };
}

describe('30. A tool that ignores its signal does not hold the turn: the turn is cancelled at once and its late result is dropped.', () => {
  expectNoUnhandledRejections();

  it('cancels the turn at once while the tool goes on', async () => {
    const { clock, session, events } = open();
    const turn = session.send('Go.');
    await clock.advance(0);
    session.cancel();
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect((await turn.outcome).status).toBe('cancelled');
    expect(ofType(events, 'tool.cancelled')).toMatchObject([{ toolCallId: 'call_1', started: true }]);
  });

  it.each(['result', 'error', 'progress'])('drops a late %s', async (kind) => {
    const { clock, session, events, answer, report } = open();
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    const [told, messages] = [events.length, [...session.messages]];
    if (kind === 'result') answer.resolve('too late');
    else if (kind === 'error') answer.reject(new Error('too late'));
    else report('too late');
    await clock.advance(100_000);
    expect(events).toHaveLength(told);
    expect(session.messages).toEqual(messages);
    expect(JSON.stringify(messages)).not.toContain('too late');
  });

  it('drops a result that comes while the next turn runs', async () => {
    const { clock, model, session, events, answer } = open();
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    const second = session.send('And?');
    answer.resolve('too late');
    expect((await second.result).text).toBe('Again.');
    expect(ofType(events, 'tool.completed')).toEqual([]);
    const seen = model.requests[1]?.messages ?? [];
    expect(linesOf(seen)).toContain('tool: interrupted');
    expect(transcriptProblems(seen)).toEqual([]);
  });

  it('tells the model that the tool may have taken effect', async () => {
    const { clock, session } = open();
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    const results = session.messages.find(({ role }) => role === 'tool');
    expect(results).toMatchObject({ content: [{ synthesized: 'interrupted', output: { type: 'error' } }] });
  });

  it('closes the session without waiting for the tool', async () => {
    const { clock, session } = open();
    session.send('Go.');
    await clock.advance(0);
    await session.close();
    expect(session.snapshot.status).toBe('closed');
  });
});
