import { memoryStore } from 'turnchart/durability';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { asks, start, workers } from './durableSupport.ts';
import { endings, linesOf, ofType, overloaded } from './support.ts';
import { resultsIn, tool } from './toolSupport.ts';

describe('64. A crash after the last model answer is stored completes the turn without another model call. A crash in a batch continues with the calls that had not started. A wait (retry, approval) resumes with the time that was left.', () => {
  it('completes a turn whose last answer is stored, and asks no model', async () => {
    const first = await start([asks('look'), 'It is fine.'], { tools: [tool('look')] });
    await first.session.send('Go.').outcome;
    await first.clock.advance(0);
    const stored = await first.crash();
    // everything but the checkpoint of the turn's end
    const found = memoryStore();
    for (const entry of await stored.journal('talk')) {
      const base = { sessionId: 'talk', at: 1 };
      if (entry.type === 'row') await found.write([{ ...base, type: 'rows', index: entry.index, rows: [entry.row] }]);
      else if (entry.rows === 0) {
        const messages = { index: 0, added: [] };
        await found.write([{ ...base, type: 'checkpoint', rows: 0, messages, state: entry.state }]);
      }
    }
    expect(await found.list()).toMatchObject([{ status: 'inTurn' }]);

    const second = await start([], { tools: [tool('look')] }, found);
    await second.clock.advance(0);
    expect(second.model.requests).toEqual([]);
    expect(linesOf(second.session.messages)).toEqual(linesOf(first.session.messages));
    expect(second.session.usage).toEqual(first.session.usage);
    expect(await (await second.crash()).list()).toMatchObject([{ status: 'idle', turns: 1 }]);
  });

  it('goes on with the turn that waited behind it', async () => {
    const first = await start(['One.', { text: 'Tw', hangs: true }]);
    first.session.send('a');
    first.session.send('b');
    await first.clock.advance(0);
    const second = await start(['Two.'], {}, await first.crash());
    expect(second.session.turns).toHaveLength(1);
    await second.clock.advance(0);
    expect(linesOf(second.session.messages)).toEqual(['user: a', 'assistant: One.', 'user: b', 'assistant: Two.']);
    expect(second.model.requests).toHaveLength(1);
    expect(endings(second.events)).toEqual(['turn.completed']);
  });

  it('goes on in a batch with the calls that had not started', async () => {
    const names = ['pay', 'payTwice', 'payThrice'];
    const before = workers(...names);
    const limits = { maxParallelTools: 1 };
    const first = await start([asks(...names)], { tools: before.tools, limits });
    first.session.send('Go.');
    await first.clock.advance(0);
    before.finish('pay');
    await first.clock.advance(0);
    expect(before.ran).toEqual(['pay', 'payTwice']);

    const after = workers(...names);
    const second = await start(['Well.'], { tools: after.tools, limits }, await first.crash());
    await second.clock.advance(0);
    expect(after.ran).toEqual(['payThrice']);
    after.finish('payThrice');
    await second.clock.advance(0);
    expect(resultsIn(second.session.messages).map(({ output }) => output.value)).toEqual([
      'pay is done',
      expect.stringContaining('Interrupted'),
      'payThrice is done',
    ]);
    expect(transcriptProblems(second.session.messages)).toEqual([]);
    expect(second.session.snapshot.status).toBe('idle');
  });

  describe('a model call that waits to be retried', () => {
    async function waiting(elapsed: number) {
      const options = { modelRetry: { initialDelayMs: 1_000, jitter: 0 } };
      const first = await start([{ failure: overloaded() }], options);
      first.session.send('Go.');
      await first.clock.advance(0);
      const [retrying] = ofType(first.events, 'model.retrying');
      expect(retrying?.delayMs).toBe(1_000);
      const second = await start(['Well.'], options, await first.crash(), first.clock.now() + elapsed);
      await second.clock.advance(0);
      return second;
    }

    it('is retried after the time that was left', async () => {
      const { clock, model, session } = await waiting(400);
      expect(session.snapshot.turn).toMatchObject({ state: 'retrying', retryAt: 1_001_000 });
      await clock.advance(599);
      expect(model.requests).toHaveLength(0);
      await clock.advance(1);
      expect(model.requests).toMatchObject([{ attempt: 2 }]);
      expect(session.snapshot.status).toBe('idle');
    });

    it('is retried at once where that has passed', async () => {
      const { model, session } = await waiting(86_400_000);
      expect(model.requests).toHaveLength(1);
      expect(session.snapshot.status).toBe('idle');
    });
  });

  it('runs a tool that waits to be retried after the time that was left', async () => {
    let runs = 0;
    const tools = [
      tool(
        'look',
        () => {
          runs += 1;
          if (runs === 1) throw new Error('Not now.');
          return 'seen';
        },
        { retry: { maxAttempts: 2, initialDelayMs: 1_000, jitter: 0 } },
      ),
    ];
    const first = await start([asks('look')], { tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    const second = await start(['Well.'], { tools }, await first.crash(), first.clock.now() + 400);
    await second.clock.advance(599);
    expect(runs).toBe(1);
    await second.clock.advance(1);
    expect(runs).toBe(2);
    expect(resultsIn(second.session.messages)).toMatchObject([{ output: { value: 'seen' } }]);
  });

  it('ends a turn in time that may take no longer', async () => {
    const options = { limits: { maxDurationMs: 1_000 } };
    const first = await start([{ hangs: true }], options);
    first.session.send('Go.');
    await first.clock.advance(0);
    const second = await start([{ hangs: true }], options, await first.crash(), first.clock.now() + 600);
    await second.clock.advance(399);
    expect(second.session.snapshot.status).toBe('inTurn');
    await second.clock.advance(1);
    expect(ofType(second.events, 'turn.failed')).toMatchObject([{ failure: { type: 'timeout' } }]);
  });
});
