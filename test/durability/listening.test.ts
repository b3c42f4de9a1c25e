import { createAgent, type Session, type TurnEvent } from 'turnchart';
import { memoryStore, type Store } from 'turnchart/durability';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { asks, start } from '../rules/durableSupport.ts';
import { deferred, record, typesOf } from '../rules/support.ts';
import { tool } from '../rules/toolSupport.ts';
import { bound } from './fragileStore.ts';

/** A store whose writes wait until they are let through, one by one. */
function slowStore() {
  const inner = memoryStore();
  const waiting: (() => void)[] = [];
  const store: Store = {
    ...bound(inner),
    write: async (changes) => {
      const { promise, resolve } = deferred();
      waiting.push(resolve);
      await promise;
      await inner.write(changes);
    },
  };
  return { store, inner, waiting };
}

function listen(session: Pick<Session<unknown>, 'on'>): readonly TurnEvent[] {
  const events: TurnEvent[] = [];
  session.on('*', (event) => events.push(event), { kept: true });
  return events;
}

describe('a listener that asks for kept events', () => {
  it('is told each of them once everything that led to it is in the store, in order', async () => {
    const { store, inner, waiting } = slowStore();
    const clock = new SimulatedClock();
    const model = scriptedModel([{ ...asks('look') }, { text: ['So ', 'it is.'] }]);
    const session = await createAgent({ model, tools: [tool('look')], store, clock }).open({ id: 'talk' });
    const [told, kept] = [record(session), listen(session)];
    session.send('Go.');
    for (let writes = 0; ; writes += 1) {
      await clock.advance(0);
      const stored = await inner.read('talk');
      const numbers = kept.map(({ seq }) => seq);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(kept).toEqual(told.slice(0, kept.length));
      // what the store has by now says all of it again
      const agent = createAgent({ model, tools: [tool('look')], store: inner });
      const again = stored === undefined ? [] : await agent.events('talk');
      expect(again.slice(0, kept.length).map(toText)).toEqual(kept.filter(({ n }) => n === undefined).map(toText));
      const next = waiting.shift();
      if (next === undefined) break;
      next();
      expect(writes).toBeLessThan(50);
    }
    expect(kept).toEqual(told);
    expect(typesOf(kept).at(-1)).toBe('session.idle');
    expect(session.snapshot.status).toBe('idle');
  });

  it('is not told of an answer that streams before it is whole', async () => {
    const { clock, session } = await start([{ text: 'So far', hangs: true }]);
    const kept = listen(session);
    session.send('Go.');
    await clock.advance(0);
    expect(typesOf(kept)).toEqual(['turn.started', 'message.added', 'step.started']);
    session.cancel();
    await clock.advance(0);
    expect(typesOf(kept).slice(3, 5)).toEqual(['message.started', 'message.delta']);
  });

  it('misses none and gets none twice where the process ends, after whatever change', async () => {
    const script = [asks('look', 'look'), { text: ['So ', 'it is.'] }];
    const tools = [tool('look', undefined, { idempotent: true })];
    const whole = await start(script, { tools });
    whole.session.send('Go.');
    await whole.clock.advance(0);
    expect(whole.session.snapshot.status).toBe('idle');
    // the first change makes the session, the second keeps the message
    for (let count = 2; count <= whole.changes(); count += 1) {
      const first = await start(script, { tools });
      const before: TurnEvent[] = [];
      // a process that ends after that write tells nothing any more
      first.session.on('*', (event) => void (first.changes() <= count && before.push(event)), { kept: true });
      first.session.send('Go.');
      await first.clock.advance(0);

      const found = await first.crashAfter(count);
      const isAnswered = JSON.stringify(await found.journal('talk')).includes('tool-call');
      const clock = new SimulatedClock(2_000_000);
      const agent = createAgent({
        model: scriptedModel(isAnswered ? script.slice(1) : script),
        tools,
        clock,
        store: found,
      });
      const session = agent.session({ id: 'talk' });
      const after: TurnEvent[] = [];
      session.on('*', (event) => after.push(event), { kept: true });
      const missed = await agent.events('talk', { after: before.at(-1)?.seq ?? 0 });
      await clock.advance(0);
      const all = [...before, ...missed, ...after].filter(({ n }) => n === undefined);
      expect(
        all.map(({ seq }) => seq),
        `after ${count} changes`,
      ).toEqual(all.map((_, index) => index + 1));
      expect(typesOf(all).filter((type) => type === 'turn.completed')).toHaveLength(1);
    }
  });

  it('is told the same as any other where there is no store', async () => {
    const session = createAgent({ model: scriptedModel([{ text: ['So ', 'it is.'] }]) }).session();
    const [told, kept] = [record(session), listen(session)];
    await session.send('Go.').outcome;
    expect(kept).toEqual(told);
    expect(kept.length).toBeGreaterThan(5);
  });

  it('is told nothing that happened before it listened, or after it has ended its subscription', async () => {
    const { store, waiting } = slowStore();
    const clock = new SimulatedClock();
    const session = await createAgent({ model: scriptedModel(['One.']), store, clock }).open({ id: 'talk' });
    const early: TurnEvent[] = [];
    const stop = session.on('*', (event) => early.push(event), { kept: true });
    session.send('Go.');
    await clock.advance(0);
    const late = listen(session);
    stop();
    waiting.shift()?.();
    await clock.advance(0);
    expect(early).toEqual([]);
    expect(late).toEqual([]);
  });

  it('that throws becomes a diagnostic', async () => {
    const { clock, session, events } = await start(['One.']);
    session.on(
      'turn.completed',
      () => {
        throw new Error('No.');
      },
      { kept: true },
    );
    session.send('Go.');
    await clock.advance(0);
    expect(events.find(({ type }) => type === 'diagnostic')).toMatchObject({
      source: 'listener of turn.completed',
      message: 'Error: No.',
    });
  });

  it('is told of nothing that could not be kept', async () => {
    const inner = memoryStore();
    let writes = 0;
    const store: Store = {
      ...bound(inner),
      write: (changes) => {
        writes += 1;
        if (writes === 3) throw new Error('no space left');
        return inner.write(changes);
      },
    };
    const model = scriptedModel([asks('look'), 'One.']);
    const options = { model, tools: [tool('look')], store };
    const session = createAgent(options).session({ id: 'talk' });
    const [told, kept] = [record(session), listen(session)];
    expect((await session.send('Go.').outcome).status).toBe('failed');
    expect(typesOf(told)).toContain('turn.failed');
    expect(typesOf(kept)).toContain('tool.called');
    const again = await createAgent(options).events('talk');
    expect(kept.filter(({ n }) => n === undefined).map(toText)).toEqual(again.map(toText));
  });

  it('is refused with an option that there is not', () => {
    const session = createAgent({ model: scriptedModel([]) }).session();
    const options = { keep: true } as object;
    expect(() => session.on('*', () => {}, options)).toThrow("on('*'): the option `keep` is not supported.");
  });
});

describe('the events of a stored session', () => {
  it('are there in another process, also those of turns that have ended', async () => {
    const first = await start(['One.', 'Two.']);
    for (const text of ['a', 'b']) {
      first.session.send(text);
      await first.clock.advance(0);
    }
    const agent = createAgent({ model: scriptedModel([]), store: await first.crash() });
    const durable = first.events.filter(({ n }) => n === undefined);
    expect((await agent.events('talk')).map(toText)).toEqual(durable.map(toText));
    const { seq } = durable[7] ?? expect.fail('There are too few events.');
    expect((await agent.events('talk', { after: seq })).map(toText)).toEqual(durable.slice(8).map(toText));
    expect(await agent.events('talk', { after: durable.length })).toEqual([]);
  });

  it('are none of a session that there is not', async () => {
    const agent = createAgent({ model: scriptedModel([]), store: memoryStore() });
    expect(await agent.events('nobody')).toEqual([]);
  });

  it('need a store', async () => {
    const agent = createAgent({ model: scriptedModel([]) });
    await expect(agent.events('talk')).rejects.toThrow('events(): agent "agent" has no `store`.');
    await expect(agent.recover()).rejects.toThrow('recover(): agent "agent" has no `store`.');
  });
});

function toText(event: TurnEvent): string {
  return JSON.stringify(event);
}
