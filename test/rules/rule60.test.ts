import fc from 'fast-check';
import { createAgent, type TurnEvent } from 'turnchart';
import { describe, expect, it, vi } from 'vitest';
import { counting, talkOf, tooLarge, toolTalk, windowed } from './compactionSupport.ts';
import { endings, ofType, record } from './support.ts';
import { tool } from './toolSupport.ts';

vi.setConfig({ testTimeout: 60_000 });

describe('60. At most 2 compactions in a turn without a successful model call in between; those that somebody asks for between turns do not count.', () => {
  it('does not compact a third time in a turn', async () => {
    const { model, turns, summaries } = windowed(() => ({ failure: tooLarge() }), 4_000);
    const session = createAgent({ model }).session({ messages: toolTalk(30, 500) });
    const events = record(session);
    expect((await session.send('one').outcome).status).toBe('failed');
    // outputs of tools first, then the messages
    expect(ofType(events, 'compaction.completed').map(({ reason }) => reason)).toEqual(['threshold', 'overflow']);
    expect([turns.length, summaries.length]).toEqual([2, 1]);
  });

  it('lets every message try again, so that a session is never lost', async () => {
    const failure = tooLarge();
    const script = [...Array.from({ length: 8 }, () => ({ failure })), 'Fine.'];
    const { model, turns } = windowed(script, undefined);
    const session = createAgent({ model }).session({ messages: talkOf(30) });
    const events = record(session);
    for (const text of ['one', 'two', 'three', 'four']) {
      expect((await session.send(text).outcome).status).toBe('failed');
    }
    expect((await session.send('five').result).text).toBe('Fine.');
    expect(ofType(events, 'compaction.started')).toHaveLength(4);
    expect(turns.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1]);
  });

  it('lets somebody compact as often as there is something to leave out', async () => {
    const { model } = windowed(() => ({ failure: tooLarge() }), undefined);
    const session = createAgent({ model, compaction: { keepMessages: 1 } }).session({ messages: talkOf(30, 400) });
    const events = record(session);
    for (const text of ['one', 'two', 'three']) {
      await session.send(text).outcome;
      const idle = new Promise((resolve) => session.on('session.idle', resolve));
      expect(session.compact()).toEqual({ accepted: true });
      await idle;
    }
    // no model has ever answered
    expect(ofType(events, 'turn.failed')).toHaveLength(3);
    const reasons = ofType(events, 'compaction.completed').map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === 'manual')).toHaveLength(3);
  });

  it('does not compact again where nothing is left to shorten, however much is estimated', async () => {
    // so much is measured that no compaction gets below the threshold
    const usage = { inputTokens: 50_000, outputTokens: 0 };
    const read = tool('read', () => 'word '.repeat(200));
    const { model, turns, summaries } = windowed([{ calls: [{ name: 'read' }], usage }, 'Done.'], 1_000);
    const session = createAgent({ model, tools: [read] }).session({ messages: talkOf(30) });
    const events = record(session);
    expect((await session.send('go').result).text).toBe('Done.');
    expect(ofType(events, 'compaction.started')).toHaveLength(1);
    expect([turns.length, summaries.length]).toEqual([2, 1]);
  });

  it('ends every turn with a model that takes ever less', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 10, max: 2_000 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        async (contextWindow, keepMessages, reportsUsage) => {
          const { model, problems } = counting(
            contextWindow,
            (_, index) => (index % 3 === 2 ? { text: 'So.' } : { text: 'Well.', calls: [{ name: 'read' }] }),
            { reportsUsage },
          );
          const read = tool('read', () => 'word '.repeat(60), { repeatable: true });
          const session = createAgent({ model, tools: [read], compaction: { keepMessages } }).session();
          const events = record(session);
          for (let turn = 0; turn < 6; turn += 1) await session.send(`Message ${turn}. ${'so '.repeat(40)}`).outcome;
          expect(endings(events)).toHaveLength(6);
          expect(problems).toEqual([]);
          expect(mostInARow(events)).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 40 },
    );
  });
});

/** Compactions of a turn without a successful model call in between, at most. */
function mostInARow(events: readonly TurnEvent[]): number {
  let most = 0;
  let inARow = 0;
  for (const { type } of events) {
    if (type === 'message.completed' || type === 'turn.started') inARow = 0;
    if (type === 'compaction.started') inARow += 1;
    most = Math.max(most, inARow);
  }
  return most;
}
