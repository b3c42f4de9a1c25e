import { createAgent } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { talkOf, tooLarge, windowed } from './compactionSupport.ts';
import { ofType, record } from './support.ts';

describe('59. With compaction off, overflow is a failure at once.', () => {
  it('fails with the first overflow', async () => {
    const { model, turns, summaries } = windowed([{ failure: tooLarge() }, 'never'], 100_000);
    const session = createAgent({ model, compaction: false }).session({ messages: talkOf(30) });
    const events = record(session);
    expect(await session.send('go').outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'context_overflow', code: 'request_too_large' },
    });
    expect([turns.length, summaries.length]).toEqual([1, 0]);
    expect(ofType(events, 'compaction.started')).toEqual([]);
  });

  it('does not look at the threshold either', async () => {
    const { model, turns, summaries } = windowed(['Here.'], 100);
    const session = createAgent({ model, compaction: false }).session({ messages: talkOf(30, 4_000) });
    expect((await session.send('go').result).text).toBe('Here.');
    expect(turns[0]?.messages).toHaveLength(31);
    expect(summaries).toEqual([]);
  });

  it('still compacts when it is asked to', async () => {
    const { model, turns } = windowed(['Here.'], undefined);
    const session = createAgent({ model, compaction: false }).session({ messages: talkOf(30) });
    const events = record(session);
    expect(session.compact()).toEqual({ accepted: true });
    await session.send('go').result;
    expect(ofType(events, 'compaction.completed')).toMatchObject([{ reason: 'manual' }]);
    expect(turns[0]?.messages).toHaveLength(13);
  });
});
