import type { Store } from 'turnchart/durability';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { asks, type Process, start, workers } from './durableSupport.ts';
import { ofType } from './support.ts';

describe('66. Three recoveries of one turn without a new durable event end it with `no_progress`.', () => {
  /** Processes one after the other, each of which ends in the same place. */
  async function recoverInVain(found: Store, times: number, begin: (found: Store) => Promise<Process>): Promise<Store> {
    let next = found;
    for (let time = 0; time < times; time += 1) {
      const process = await begin(next);
      await process.clock.advance(0);
      expect(ofType(process.events, 'turn.failed')).toEqual([]);
      next = await process.crash();
    }
    return next;
  }

  it('ends a turn whose model call ends the process again and again', async () => {
    const hang = (found?: Store) => start([{ text: 'So far', hangs: true }], {}, found);
    const first = await hang();
    first.session.send('Go.');
    await first.clock.advance(0);
    const found = await recoverInVain(await first.crash(), 3, hang);

    const last = await start(['Fine.'], {}, found);
    const [turn] = last.session.turns;
    await last.clock.advance(0);
    expect(await turn?.outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'no_progress', code: 'recovered_in_vain', message: expect.stringContaining('4 times') },
    });
    expect(ofType(last.events, 'turn.failed')).toHaveLength(1);
    expect(last.model.requests).toEqual([]);
    last.session.send('And now?');
    await last.clock.advance(0);
    expect(ofType(last.events, 'turn.completed')).toMatchObject([{ text: 'Fine.' }]);
    expect(transcriptProblems(last.session.messages)).toEqual([]);
  });

  it('ends a turn whose idempotent tool does', async () => {
    const before = workers('look');
    const first = await start([asks('look')], { tools: before.tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    const found = await recoverInVain(await first.crash(), 3, (next) => start([], { tools: before.tools }, next));
    expect(before.ran).toHaveLength(4);

    const after = workers('look');
    const last = await start([], { tools: after.tools }, found);
    await last.clock.advance(0);
    expect(ofType(last.events, 'turn.failed')).toMatchObject([{ failure: { code: 'recovered_in_vain' } }]);
    expect(after.ran).toEqual([]);
    expect(transcriptProblems(last.session.messages)).toEqual([]);
  });

  it('tells nobody again what was said before', async () => {
    const hang = (found?: Store) => start([{ text: 'So far', hangs: true }], {}, found);
    const first = await hang();
    first.session.send('Go.');
    await first.clock.advance(0);
    const last = await hang(await recoverInVain(await first.crash(), 3, hang));
    await last.clock.advance(0);
    expect(ofType(last.events, 'turn.started')).toEqual([]);
    const numbers = last.events.filter(({ n }) => n === undefined).map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  });

  it('counts anew when something has come of one', async () => {
    const before = workers('look', 'lookUp');
    const tools = before.tools;
    const first = await start([asks('look', 'lookUp')], { tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    let found = await recoverInVain(await first.crash(), 2, (next) => start([], { tools }, next));
    const third = await start([], { tools }, found);
    await third.clock.advance(0);
    before.finish('look');
    await third.clock.advance(0);
    found = await recoverInVain(await third.crash(), 2, (next) => start([], { tools }, next));
    const last = await start(['Fine.'], { tools }, found);
    await last.clock.advance(0);
    before.finish('lookUp');
    await last.clock.advance(0);
    expect(ofType(last.events, 'turn.completed')).toMatchObject([{ text: 'Fine.' }]);
  });
});
