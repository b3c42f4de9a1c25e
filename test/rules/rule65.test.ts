import { createAgent, type TurnEvent } from 'turnchart';
import { Random, refoldFuzz, type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { fragileStore } from '../durability/fragileStore.ts';
import { overloaded } from './support.ts';
import { later, tool } from './toolSupport.ts';

const conversations = 60;
const timeout = 60_000;

describe('65. Replaying a stored turn gives the same states and the same events, byte for byte (fuzzed).', () => {
  it('gives the same states, effects, timers and events at random moments of random turns', { timeout }, async () => {
    const report = await refoldFuzz({ runs: 25, seed: 65 });
    expect(report.breach).toBeUndefined();
    expect(report.turns).toBeGreaterThan(25);
  });

  it('gives the events that listeners were told, and at every write the state of that moment', {
    timeout,
  }, async () => {
    let events = 0;
    let states = 0;
    for (let seed = 1; seed <= conversations; seed += 1) {
      const { told, agent, moments, writes, until, options } = await converseAtRandom(seed);
      const again = await agent.events('talk');
      expect(again.map(toText), `seed ${seed}`).toEqual(told.map(toText));
      const from = Math.floor(told.length / 2);
      expect((await agent.events('talk', { after: from })).map(toText)).toEqual(told.slice(from).map(toText));
      events += told.length;

      const count = new Random(seed).whole(1, moments.length);
      const reopened = createAgent({ ...options, store: await until(writes.slice(0, count).flat().length) }).session({
        id: 'talk',
        resume: 'manual',
      });
      expect(toText(reopened.snapshot), `seed ${seed}, after ${count} writes`).toBe(moments[count - 1]);
      states += 1;
    }
    expect(events).toBeGreaterThan(40 * conversations);
    expect(states).toBe(conversations);
  });
});

/** A conversation in which anything happens, with all durable events and a snapshot for each write. */
async function converseAtRandom(seed: number) {
  const random = new Random(seed);
  const clock = new SimulatedClock();
  const { store, writes, until } = fragileStore();
  const moments: string[] = [];
  const options = {
    model: scriptedModel(() => randomAnswer(random)),
    tools: ['quick', 'slow', 'broken'].map((name) => tool(name, () => work(name), { retry: { maxAttempts: 2 } })),
    limits: { maxSteps: 4, maxParallelTools: 2 },
    clock,
  };
  const work = async (name: string) => {
    if (name === 'slow') await later(clock, random.whole(1, 2_000));
    if (name === 'broken') throw new Error('It is broken.');
    return { by: name };
  };
  const observed: typeof store = {
    ...store,
    write(changes) {
      moments.push(toText(session.snapshot));
      return store.write(changes);
    },
  };
  const agent = createAgent({ ...options, store: observed });
  const session = agent.session({ id: 'talk' });
  const told: TurnEvent[] = [];
  session.on('*', (event) => void (event.n === undefined && told.push(event)), { kept: true });
  for (let step = 0; step < 12; step += 1) {
    const command = random.whole(0, 5);
    if (command < 2) session.send(`Message ${step}`);
    else if (command === 2) session.steer(`Steering ${step}`);
    else if (command === 3) session.cancel('Enough.');
    await clock.advance(random.whole(0, 900));
  }
  session.send('And at last?');
  while (session.snapshot.status !== 'idle') await clock.advance(5_000);
  expect(moments).toHaveLength(writes.length);
  return { told, agent, moments, writes, until, options };
}

function randomAnswer(random: Random): Script {
  const text = ['So ', 'it ', 'is.'].slice(0, random.whole(0, 3));
  if (random.chance(0.2)) return { text, failure: overloaded() };
  const calls = Array.from({ length: random.chance(0.5) ? random.whole(1, 4) : 0 }, () => ({
    name: random.pick(['quick', 'slow', 'broken', 'unknown']),
  }));
  return { text, calls };
}

function toText(value: unknown): string {
  return JSON.stringify(value);
}
