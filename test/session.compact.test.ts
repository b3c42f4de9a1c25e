import { createAgent, type RecordingEntry, textOf } from 'turnchart';
import { memoryStore } from 'turnchart/durability';
import { findDivergence, readRecording } from 'turnchart/inspection';
import { SimulatedClock } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { fragileStore } from './durability/fragileStore.ts';
import { talkOf, textsOf, tooLarge, toolTalk, windowed } from './rules/compactionSupport.ts';
import { deferred, endings, ofType, record, typesOf } from './rules/support.ts';

/** A session of 30 messages whose summary comes when the test says so. */
function waiting(script: Parameters<typeof windowed>[0] = ['Here.', 'And there.']) {
  const clock = new SimulatedClock();
  const summary = deferred<string>();
  const { model, turns, summaries, summarySignals } = windowed(script, undefined, () => summary.promise);
  const agent = createAgent({ model, clock });
  const session = agent.session({ id: 's', messages: talkOf(30) });
  return { agent, clock, session, events: record(session), summary, turns, summaries, summarySignals };
}

describe('session.compact()', () => {
  it('shortens the conversation between turns, and tells when it is done', async () => {
    const { clock, session, events, summary, turns } = waiting();
    expect(session.compact()).toEqual({ accepted: true });
    await clock.advance(0);
    expect(session.snapshot).toEqual({ status: 'compacting', queued: 0 });
    summary.resolve('They talked.');
    await clock.advance(0);
    expect(typesOf(events)).toEqual(['compaction.started', 'compaction.completed', 'session.idle']);
    expect(events[1]).toMatchObject({ reason: 'manual', removed: 19 });
    expect(events.every(({ turnId }) => turnId === undefined)).toBe(true);
    const usage = { inputTokens: 10, outputTokens: 5 };
    expect(events[2]).toMatchObject({ usage });
    expect(session.usage).toEqual(usage);
    expect(session.messages).toEqual(talkOf(30));
    await session.send('go').result;
    expect(textsOf(turns[0])).toHaveLength(13);
    expect(textsOf(turns[0])[1]).toContain('They talked.');
  });

  it('summarizes, also where it would be enough to replace outputs: nobody knows what room is wanted', async () => {
    const { model, summaries } = windowed(['Here.'], 100_000);
    const session = createAgent({ model }).session({ messages: toolTalk(30, 900) });
    const events = record(session);
    session.compact();
    await session.send('go').result;
    expect(ofType(events, 'compaction.completed')).toMatchObject([{ reason: 'manual', removed: 50 }]);
    expect(summaries).toHaveLength(1);
  });

  describe('is refused', () => {
    it('where there is nothing to leave out', async () => {
      const { model } = windowed(['Here.'], undefined);
      const session = createAgent({ model }).session({ id: 's' });
      const reason = 'Session "s" has nothing to shorten beyond its last 10 messages.';
      expect(session.compact()).toEqual({ accepted: false, reason });
      await session.send('go').result;
      expect(session.compact()).toEqual({ accepted: false, reason });
    });

    it('a second time, as long as nothing has come since', async () => {
      const { clock, session, events, summary } = waiting();
      summary.resolve('They talked.');
      session.compact();
      await clock.advance(0);
      expect(session.compact()).toEqual({
        accepted: false,
        reason: 'Session "s" has nothing to shorten beyond its last 10 messages.',
      });
      expect(ofType(events, 'compaction.started')).toHaveLength(1);
    });

    it('while it compacts', async () => {
      const { clock, session, events } = waiting();
      session.compact();
      await clock.advance(0);
      expect(session.compact()).toEqual({ accepted: false, reason: 'Session "s" is compacting.' });
      expect(ofType(events, 'compaction.started')).toHaveLength(1);
      await session.close();
    });

    it('in a turn', async () => {
      const { session } = waiting();
      const turn = session.send('go');
      const reason = 'Session "s" is in a turn, which compacts by itself: try between turns.';
      expect(session.compact()).toEqual({ accepted: false, reason });
      await turn.result;
      expect(session.compact()).toEqual({ accepted: true });
      await session.close();
    });

    it('once the session is closed', async () => {
      const { session } = waiting();
      await session.close();
      expect(session.compact()).toEqual({ accepted: false, reason: 'Session "s" is closed.' });
    });
  });

  describe('meanwhile', () => {
    it('messages wait, in their order', async () => {
      const { clock, session, events, summary, turns } = waiting();
      session.compact();
      await clock.advance(0);
      const [one, two] = [session.send('one'), session.send('two')];
      expect(session.snapshot).toEqual({ status: 'compacting', queued: 2 });
      expect(session.turns.map(({ id }) => id)).toEqual([one.id, two.id]);
      await clock.advance(1_000);
      expect(turns).toEqual([]);
      summary.resolve('They talked.');
      await Promise.all([one.result, two.result]);
      expect(typesOf(events).slice(0, 3)).toEqual(['compaction.started', 'compaction.completed', 'turn.started']);
      expect(turns.map((request) => textsOf(request).at(-1))).toEqual(['one', 'two']);
      expect(textsOf(turns[0])[1]).toContain('They talked.');
      expect(ofType(events, 'session.idle')).toHaveLength(1);
    });

    it('what steers begins a turn, or is for the one that waits', async () => {
      const { clock, session, summary, events, turns } = waiting();
      session.compact();
      await clock.advance(0);
      expect(session.steer('one')).toEqual({ accepted: true });
      expect(session.steer('and more')).toEqual({ accepted: true });
      expect(session.snapshot.queued).toBe(1);
      summary.resolve('They talked.');
      await clock.advance(0);
      expect(endings(events)).toEqual(['turn.completed']);
      expect(textsOf(turns[0]).slice(-2)).toEqual(['one', 'and more']);
    });

    it('cancel() stops it, and what waits goes on with the conversation as it was', async () => {
      const { clock, session, events, summary, summarySignals, turns } = waiting();
      session.compact();
      await clock.advance(0);
      const turn = session.send('one');
      expect(session.cancel()).toEqual({ accepted: true });
      expect(summarySignals.map(({ aborted }) => aborted)).toEqual([true]);
      expect(typesOf(events)).toEqual(['compaction.started', 'compaction.cancelled']);
      // whoever presses it twice means the compaction
      expect(session.cancel()).toEqual({ accepted: true });
      summary.resolve('They talked.');
      expect((await turn.result).text).toBe('Here.');
      expect(textsOf(turns[0])).toHaveLength(31);
      expect(session.compact()).toEqual({ accepted: true });
      await session.close();
    });

    it('a turn that waits can be cancelled, and the compaction goes on', async () => {
      const { clock, session, summary, events, turns } = waiting();
      session.compact();
      await clock.advance(0);
      const turn = session.send('one');
      turn.cancel('Never mind.');
      summary.resolve('They talked.');
      expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'Never mind.' });
      expect(ofType(events, 'compaction.completed')).toHaveLength(1);
      expect(turns).toEqual([]);
    });

    it('no recording begins', async () => {
      const { clock, session } = waiting();
      session.compact();
      await clock.advance(0);
      expect(() => session.record(() => {})).toThrow(
        'Session "s" is compacting: a recording begins where a session rests.',
      );
      await session.close();
    });

    it('close() aborts the summary, and ends what waits', async () => {
      const { clock, session, events, summarySignals } = waiting();
      session.compact();
      await clock.advance(0);
      const turn = session.send('one');
      const closed = session.close();
      expect(summarySignals.map(({ aborted }) => aborted)).toEqual([true]);
      expect((await turn.outcome).status).toBe('cancelled');
      await closed;
      expect(session.snapshot.status).toBe('closed');
      expect(ofType(events, 'compaction.completed')).toEqual([]);
      expect(ofType(events, 'compaction.cancelled')).toMatchObject([{ reason: 'manual' }]);
    });

    it('close() of the agent closes the session too', async () => {
      const { agent, clock, session, summarySignals } = waiting();
      session.compact();
      await clock.advance(0);
      await agent.close();
      expect(session.snapshot.status).toBe('closed');
      expect(summarySignals.map(({ aborted }) => aborted)).toEqual([true]);
    });
  });

  it('changes nothing where the summary is no shorter than what it stands for', async () => {
    const { model, turns } = windowed(['Here.'], undefined, ['They talked of this and that. '.repeat(40)]);
    const session = createAgent({ model }).session({ messages: talkOf(14) });
    const events = record(session);
    const idle = new Promise((resolve) => session.on('session.idle', resolve));
    session.compact();
    await idle;
    expect(ofType(events, 'compaction.failed')).toMatchObject([
      { reason: 'manual', removed: 0, failure: { code: 'nothing_saved' } },
    ]);
    // what the summary took is paid
    expect(session.usage).toEqual({ inputTokens: 10, outputTokens: 5 });
    await session.send('go').result;
    expect(textsOf(turns[0]).slice(0, -1)).toEqual(talkOf(14).map((message) => textOf(message)));
  });

  it('goes on after a restart, and can be stopped there', async () => {
    const { store, until, changes } = fragileStore();
    const clock = new SimulatedClock();
    const { model } = windowed(['Here.'], undefined, () => new Promise<string>(() => {}));
    const session = createAgent({ model, clock, store }).session({ id: 's', messages: talkOf(30) });
    session.compact();
    await clock.advance(0);
    const later = windowed(['Here.'], undefined);
    const agent = createAgent({ model: later.model, clock, store: await until(changes.length) });
    const again = await agent.open({ id: 's', resume: 'manual' });
    const events = record(again);
    expect(again.snapshot.status).toBe('compacting');
    expect(again.cancel()).toEqual({ accepted: true });
    expect(typesOf(events)).toEqual(['compaction.cancelled', 'session.idle']);
    expect((await again.send('go').result).text).toBe('Here.');
    expect(later.summaries).toEqual([]);
    await again.close();
  });

  it('changes nothing where there is no summary: a turn that needs the room takes it by itself', async () => {
    const { model, turns } = windowed(['Here.'], undefined, [{ failure: tooLarge() }]);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const events = record(session);
    session.compact();
    await session.send('go').result;
    expect(ofType(events, 'compaction.failed')).toMatchObject([
      { reason: 'manual', removed: 0, failure: { code: 'request_too_large' } },
    ]);
    expect(textsOf(turns[0])).toHaveLength(31);
  });

  it('can be recorded and replayed, what was measured before included', async () => {
    const usage = { inputTokens: 800, outputTokens: 0 };
    const clock = new SimulatedClock();
    const { model } = windowed([{ text: 'One.', usage }, 'Two.', { failure: tooLarge() }, 'Three.', 'Four.'], 900);
    const session = createAgent({ model, clock }).session({ messages: talkOf(30) });
    await session.send('first').result;
    const entries: RecordingEntry[] = [];
    session.record((entry) => entries.push(entry));
    // too long by what the model said before the recording, and by no estimate
    await session.send('second').result;
    await session.send('third').result;
    expect(session.compact()).toEqual({ accepted: true });
    await session.send('fourth').result;
    const reasons = entries.flatMap((entry) =>
      entry.type === 'event' && entry.event.type === 'compaction.completed' ? [entry.event.reason] : [],
    );
    expect(reasons).toEqual(['threshold', 'overflow', 'manual']);
    const { sessions } = readRecording(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    expect(sessions.map(findDivergence)).toEqual([undefined]);
  });

  it('is there after the session was closed and opened again', async () => {
    const store = memoryStore();
    const { model } = windowed(['One.', 'Two.', 'Three.', 'Four.', 'Five.', 'Six.', 'Seven.'], undefined);
    const session = createAgent({ model, store }).session({ id: 's' });
    for (let turn = 0; turn < 7; turn += 1) await session.send(`message ${turn}`.padEnd(200, '.')).result;
    session.compact();
    await new Promise((resolve) => session.on('session.idle', resolve));
    await session.close();
    const later = windowed(['Eight.'], undefined);
    const again = createAgent({ model: later.model, store }).session({ id: 's' });
    expect(again.messages).toHaveLength(14);
    expect(again.usage).toEqual(session.usage);
    await again.send('message 7').result;
    expect(textsOf(later.turns[0]).slice(0, 3)).toEqual([
      expect.stringContaining('message 0'),
      expect.stringContaining('They talked.'),
      expect.stringContaining('message 2'),
    ]);
    await again.close();
  });
});
