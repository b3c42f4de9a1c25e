import type { Store } from 'turnchart/durability';
import { services, turnMachine } from 'turnchart/machines';
import { SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { enqueueActions } from 'xstate';
import { Keeper } from '../../src/keeper.ts';
import { emptyHistory } from '../../src/machines/history.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { Session } from '../../src/session.ts';
import { endings, ofType, record } from '../rules/support.ts';
import { fragileStore } from './fragileStore.ts';

/** A stored session whose machines break whenever they are steered: the bug of somebody who changed one. */
function open(store: Store) {
  const clock = new SimulatedClock();
  const model = scriptedModel((_, index) => (index === 0 ? { text: 'So', hangs: true } : 'Fine.'));
  const turn = turnMachine.provide({
    ...services({ model, tools: [] }),
    actions: {
      keepSteering: enqueueActions(() => {
        throw new Error('planted');
      }),
    },
  });
  const machine = sessionMachine.provide({ actors: { turn } });
  const about = { agent: 'fragile', machine, input: {}, model: { provider: 'p', modelId: 'm' }, clock };
  const kept = new Keeper(store).takeAtOnce('talk', 'auto');
  const session = new Session(
    { ...about, maxOutputChars: 1_000, hasPricing: false, outputs: new Map(), onBusy: () => {} },
    'talk',
    undefined,
    emptyHistory,
    kept,
  );
  return { clock, model, session, events: record(session) };
}

describe('an input that breaks the machines', () => {
  async function breaking() {
    const fragile = fragileStore();
    const first = open(fragile.store);
    first.session.send('Hello.');
    await first.clock.advance(0);
    const before = fragile.changes.length;
    first.session.steer('And this?');
    await first.clock.advance(0);
    return { ...fragile, ...first, before };
  }

  it('fails its turn, and is nothing that a later process sees', async () => {
    const { events, changes, until } = await breaking();
    expect(ofType(events, 'turn.failed')).toMatchObject([{ failure: { type: 'internal' } }]);
    const again = open(await until(changes.length));
    await again.clock.advance(0);
    expect(again.events).toEqual([]);
    expect(again.session.snapshot.status).toBe('idle');
    expect(transcriptProblems(again.session.messages)).toEqual([]);
  });

  it('fails its turn once more where the process ended before that was kept, and calls no model', async () => {
    const { changes, before, until } = await breaking();
    const poison = changes.findIndex(
      (change, index) => index >= before && change.type === 'rows' && change.rows.join().includes('session.steer'),
    );
    expect(poison).toBeGreaterThan(-1);
    const { clock, model, session, events } = open(await until(poison + 1));
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.failed']);
    expect(ofType(events, 'turn.failed')).toMatchObject([
      { failure: { code: 'journal_diverged', message: expect.stringContaining('broke the machines: Error: planted') } },
    ]);
    expect(model.requests).toEqual([]);
    expect(transcriptProblems(session.messages)).toEqual([]);
    session.cancel();
    session.send('And now?');
    await clock.advance(0);
    session.cancel();
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.failed', 'turn.cancelled']);
  });
});
