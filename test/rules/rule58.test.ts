import { createAgent } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { talkOf, textsOf, tooLarge, windowed } from './compactionSupport.ts';
import { ofType, record } from './support.ts';

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
});
