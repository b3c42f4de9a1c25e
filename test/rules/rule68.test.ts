import { createAgent } from 'turnchart';
import { memoryStore, type Store } from 'turnchart/durability';
import { scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/host.ts';
import { machineVersion } from '../../src/machines/version.ts';
import { asks, start, workers } from './durableSupport.ts';
import { endings, linesOf, ofType } from './support.ts';
import { resultsIn } from './toolSupport.ts';

describe('68. A turn stored by an incompatible machine version is closed with a failure and a valid transcript; the session goes on.', () => {
  /** A turn in the middle of its tools, as other machines would have written it. */
  async function writtenBy(version: string, change: (row: Row, index: number) => Row = (row) => row): Promise<Store> {
    const { tools, finish } = workers('look', 'pay');
    const process = await start(['Well.', asks('look', 'pay')], { tools });
    process.session.send('Hello.');
    await process.clock.advance(0);
    process.session.send('Go.');
    await process.clock.advance(0);
    finish('look');
    await process.clock.advance(0);
    const stored = await (await process.crash()).read('talk');
    if (stored === undefined) expect.fail('Nothing was written.');
    const { messages, state, rows } = stored;
    const base = { sessionId: 'talk', at: 1 } as const;
    const store = memoryStore();
    await store.write([
      {
        ...base,
        type: 'checkpoint',
        rows: 0,
        messages: { index: 0, added: messages },
        state: { ...state, machineVersion: version },
      },
      {
        ...base,
        type: 'rows',
        index: 0,
        rows: rows.map((row, index) => JSON.stringify(change(JSON.parse(row), index))),
      },
    ]);
    return store;
  }

  /** Other machines begin other effects in this row. */
  const otherwise = (at: number) => (row: Row, index: number) =>
    index === at ? { ...row, began: [...row.began, 'another effect'] } : row;

  it('closes it, says why, and takes the next message', async () => {
    const found = await writtenBy('0', otherwise(4));
    const { tools, ran } = workers('look', 'pay');
    const { session, events, clock, model } = await start(['Fine.'], { tools }, found);
    const [turn] = session.turns;
    await clock.advance(0);
    expect(await turn?.outcome).toMatchObject({
      status: 'failed',
      failure: {
        type: 'internal',
        code: 'journal_diverged',
        message: expect.stringMatching(
          new RegExp(`begun by version 0 .* version ${machineVersion}\\. Row 5 .*its tools may have taken effect`),
        ),
      },
    });
    expect(endings(events)).toEqual(['turn.failed']);
    expect(transcriptProblems(session.messages)).toEqual([]);
    expect(ran).toEqual([]);

    session.send('And now?');
    await clock.advance(0);
    expect(ofType(events, 'turn.completed')).toMatchObject([{ text: 'Fine.' }]);
    expect(transcriptProblems(model.requests[0]?.messages ?? [])).toEqual([]);
    expect(linesOf(session.messages).slice(0, 3)).toEqual(['user: Hello.', 'assistant: Well.', 'user: Go.']);
  });

  it('closes it wherever the two disagree, with a result for every call', async () => {
    const count = (await (await writtenBy('0')).read('talk'))?.rows.length ?? 0;
    expect(count).toBeGreaterThan(5);
    for (let at = 1; at < count; at += 1) {
      const { tools, ran } = workers('look', 'pay');
      const { session, clock, events } = await start(['Fine.'], { tools }, await writtenBy('0', otherwise(at)));
      await clock.advance(0);
      expect(endings(events), `at row ${at + 1}`).toEqual(['turn.failed']);
      expect(transcriptProblems(session.messages)).toEqual([]);
      expect(ran).toEqual([]);
      session.send('And now?');
      await clock.advance(0);
      expect(endings(events)).toEqual(['turn.failed', 'turn.completed']);
    }
  });

  it('is not closed again by the next process', async () => {
    const first = await start([], {}, await writtenBy('0', otherwise(4)));
    await first.clock.advance(0);
    const second = await start(['Fine.'], {}, await first.crash());
    await second.clock.advance(0);
    expect(second.events).toEqual([]);
    expect(second.session.turns).toEqual([]);
    expect(transcriptProblems(second.session.messages)).toEqual([]);
  });

  it('goes on with a turn of another version where the machines agree on all of it', async () => {
    const { tools } = workers('look', 'pay');
    const { session, clock } = await start(['Fine.'], { tools }, await writtenBy('0'));
    await clock.advance(0);
    expect(resultsIn(session.messages)).toMatchObject([
      { output: { value: 'look is done' } },
      { synthesized: 'interrupted' },
    ]);
    expect(linesOf(session.messages).at(-1)).toBe('assistant: Fine.');
  });

  it('says that a message could not be taken which was the first thing that no machine understands', async () => {
    const { session, clock, events } = await start(['Fine.'], {}, await writtenBy('0', otherwise(0)));
    await clock.advance(0);
    expect(session.snapshot.status).toBe('idle');
    expect(ofType(events, 'diagnostic')).toMatchObject([
      { source: 'recovery', message: expect.stringContaining('Row 1') },
    ]);
    session.send('And now?');
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.completed']);
  });

  it('opens a session whose machines break on what was said', async () => {
    const poison = (row: Row, index: number): Row =>
      index === 3 && row.input.type === 'settled' ? { ...row, input: { ...row.input, result: { value: null } } } : row;
    const found = await writtenBy(machineVersion, poison);
    const { session, clock, events } = await start(['Fine.'], {}, found);
    await clock.advance(0);
    expect(ofType(events, 'turn.failed')).toMatchObject([
      { failure: { code: 'journal_diverged', message: expect.stringContaining('cannot be rebuilt') } },
    ]);
    expect(transcriptProblems(session.messages)).toEqual([]);
    session.send('And now?');
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.failed', 'turn.completed']);
  });

  it('writes the version of the machines with every checkpoint', async () => {
    const store = memoryStore();
    const session = createAgent({ model: scriptedModel(['Fine.']), store }).session({ id: 'talk' });
    await session.send('Hi').outcome;
    await session.close();
    expect((await store.read('talk'))?.state.machineVersion).toBe(machineVersion);
  });
});
