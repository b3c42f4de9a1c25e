import { createAgent } from 'turnchart';
import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { talkOf, textsOf, tooLarge, windowed } from './compactionSupport.ts';
import { deferred, ofType, overloaded, record } from './support.ts';
import { tool } from './toolSupport.ts';

describe('58. On `context_overflow` the turn compacts, once per step, and repeats the step (the next attempt of it); the application sees no error, only compaction events. After compaction, another overflow is terminal: `turn.failed`, `context_overflow` / `request_too_large`.', () => {
  it('summarizes and repeats the step', async () => {
    const { model, turns, summaries } = windowed([{ failure: tooLarge() }, 'Here.'], undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const events = record(session);
    const result = await session.send('go').result;
    expect(result).toMatchObject({ text: 'Here.', steps: 1 });
    expect(ofType(events, 'compaction.started')).toMatchObject([{ reason: 'overflow' }]);
    expect(ofType(events, 'compaction.completed')).toMatchObject([{ reason: 'overflow', removed: 20 }]);
    expect(ofType(events, 'model.retrying')).toEqual([]);
    expect(turns.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(turns[0]?.requestId).not.toBe(turns[1]?.requestId);
    expect(turns[0]?.messages).toHaveLength(31);
    const shown = textsOf(turns[1]);
    expect(shown[0]).toContain('question 0');
    expect(shown[1]).toContain('They talked.');
    expect(shown.slice(2)).toHaveLength(10);
    expect(shown.at(-1)).toBe('go');
    expect(summaries).toHaveLength(1);
    // the usage of the failed attempt counts, and that of the summary
    expect(result.usage).toEqual({ inputTokens: 30, outputTokens: 15 });
    // the stored history keeps everything
    expect(session.messages).toHaveLength(32);
  });

  it('fails with the second overflow of a step', async () => {
    const { model, turns } = windowed([{ failure: tooLarge() }, { failure: tooLarge() }, 'never'], undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    expect(await session.send('go').outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'context_overflow', code: 'request_too_large' },
    });
    expect(turns).toHaveLength(2);
  });

  it('fails at once where there is nothing to leave out', async () => {
    const { model, turns, summaries } = windowed([{ failure: tooLarge() }], undefined);
    const outcome = await createAgent({ model }).session().send('go').outcome;
    expect(outcome).toMatchObject({ status: 'failed', failure: { type: 'context_overflow' } });
    expect([turns.length, summaries.length]).toEqual([1, 0]);
  });

  it('goes on in later turns with what it has left out', async () => {
    const { model, turns } = windowed([{ failure: tooLarge() }, 'Here.', 'And there.'], undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    await session.send('go').result;
    await session.send('more').result;
    expect(turns[2]?.messages).toHaveLength(14);
    expect(textsOf(turns[2])[1]).toContain('They talked.');
  });

  it('calls text stale that was shown before the overflow', async () => {
    const { model } = windowed([{ text: ['So ', 'far'], failure: tooLarge() }, 'Here.'], undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const events = record(session);
    const { text } = await session.send('go').result;
    expect(text).toBe('Here.');
    const [stale, fresh] = ofType(events, 'message.started');
    expect(ofType(events, 'message.superseded')).toMatchObject([{ messageId: stale?.messageId, attempt: 1 }]);
    expect(fresh).toMatchObject({ attempt: 2 });
    expect(JSON.stringify(session.messages)).not.toContain('So far');
  });

  it('says nothing of text where none was shown', async () => {
    const { model } = windowed([{ failure: tooLarge() }, 'Here.'], undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const events = record(session);
    await session.send('go').result;
    expect(ofType(events, 'message.superseded')).toEqual([]);
    expect(ofType(events, 'message.started')).toHaveLength(1);
  });

  it('counts the attempts of the new request from there', async () => {
    const failures = [overloaded(), tooLarge(), overloaded(), overloaded()].map((failure) => ({ failure }));
    const { model, turns } = windowed([...failures, 'Here.'], undefined);
    const clock = new SimulatedClock();
    const session = createAgent({ model, clock, modelRetry: { maxAttempts: 3 } }).session({ messages: talkOf(30) });
    const turn = session.send('go');
    while (session.snapshot.status !== 'idle') await clock.step();
    expect((await turn.result).text).toBe('Here.');
    expect(turns.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    const [first, second] = new Set(turns.map(({ requestId }) => requestId));
    expect(turns.map(({ requestId }) => requestId)).toEqual([first, first, second, second, second]);
  });

  it('is cancelled while it compacts: the summary is aborted, and the turn is over at once', async () => {
    const { model, turns, summarySignals } = windowed([{ text: 'So', failure: tooLarge() }], undefined, [
      { hangs: true },
    ]);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const events = record(session);
    const turn = session.send('go');
    for await (const { type } of turn) {
      if (type === 'compaction.started') break;
    }
    turn.cancel('Enough.');
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'Enough.' });
    // one that had not begun when the turn was cancelled is never asked
    expect(summarySignals.every(({ aborted }) => aborted)).toBe(true);
    expect(ofType(events, 'compaction.completed')).toEqual([]);
    expect(turns).toHaveLength(1);
    // stale text is no answer
    expect(JSON.stringify(session.messages.slice(30))).not.toContain('"So"');
  });

  it('aborts a summary that is under way', async () => {
    const clock = new SimulatedClock();
    const { model, summarySignals } = windowed([{ failure: tooLarge() }, 'Later.'], undefined, [{ hangs: true }]);
    const session = createAgent({ model, clock }).session({ messages: talkOf(30) });
    const turn = session.send('go');
    await clock.advance(100);
    expect(session.snapshot.turn?.state).toBe('compacting');
    expect(summarySignals.map(({ aborted }) => aborted)).toEqual([false]);
    turn.cancel();
    expect(summarySignals.map(({ aborted }) => aborted)).toEqual([true]);
    expect((await turn.outcome).status).toBe('cancelled');
    expect((await session.send('again').result).text).toBe('Later.');
  });

  it('fails with `timeout` where the time is over while it compacts', async () => {
    const clock = new SimulatedClock();
    const { model, summarySignals } = windowed([{ failure: tooLarge() }], undefined, [{ hangs: true }]);
    const agent = createAgent({ model, clock, limits: { maxDurationMs: 1_000 } });
    const session = agent.session({ messages: talkOf(30) });
    const turn = session.send('go');
    await clock.advance(1_000);
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { type: 'timeout' } });
    expect(summarySignals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('keeps what steers it meanwhile for the next step', async () => {
    const clock = new SimulatedClock();
    const summary = deferred<string>();
    const { model, turns } = windowed(
      [{ failure: tooLarge() }, { calls: [{ name: 'look' }] }, 'Here.'],
      undefined,
      () => summary.promise,
    );
    const session = createAgent({ model, clock, tools: [tool('look')] }).session({ messages: talkOf(30) });
    const turn = session.send('go');
    await clock.advance(0);
    expect(session.steer('slower').accepted).toBe(true);
    summary.resolve('They talked.');
    await turn.result;
    expect(turns.map((request) => textsOf(request).includes('slower'))).toEqual([false, false, true]);
  });
});
