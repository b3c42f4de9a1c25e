import { createAgent, defineTool } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { endings, overloaded, record } from './support.ts';

const busy: readonly Script[] = [
  { text: 'A', failure: overloaded() },
  { text: ['B', 'C'], calls: [{ name: 'work' }, { name: 'work' }] },
  { text: ['D', 'E'] },
];

function start() {
  const clock = new SimulatedClock();
  const work = defineTool({
    name: 'work',
    input: z.object({}),
    execute: (_, { progress }) =>
      new Promise<string>((resolve) => {
        progress('on it');
        clock.setTimeout(() => resolve('done'), 10);
      }),
  });
  const session = createAgent({
    model: scriptedModel(busy),
    tools: [work],
    clock,
    limits: { maxParallelTools: 1 },
  }).session();
  const events = record(session);
  return { clock, session, events };
}

describe('2. Under any interleaving of provider results, tool results, timers, cancel, steer and approvals, exactly one terminal event is emitted.', () => {
  it('emits one terminal event wherever in a turn with a retry and two tools it is cancelled', async () => {
    const reference = start();
    reference.session.send('Go.');
    await reference.clock.advance(10_000);
    expect(endings(reference.events)).toEqual(['turn.completed']);
    expect(reference.events.length).toBeGreaterThan(25);

    const seen = new Set<string | undefined>();
    for (let place = 1; place <= reference.events.length; place += 1) {
      const { clock, session, events } = start();
      session.on('*', () => {
        if (events.length === place) session.cancel();
      });
      const turn = session.send('Go.');
      await clock.advance(10_000);
      expect(endings(events), `cancelled at event ${place}`).toHaveLength(1);
      expect(transcriptProblems(session.messages), `cancelled at event ${place}`).toEqual([]);
      seen.add((await turn.outcome).status);
    }
    expect([...seen].sort()).toEqual(['cancelled', 'completed']);
  });

  it('emits one terminal event where everything happens at the same time', async () => {
    const { clock, session, events } = start();
    const turn = session.send('Go.');
    session.on('tool.completed', () => {
      session.steer('Hurry.');
      turn.cancel('too slow');
      turn.cancel('again');
    });
    await clock.advance(10_000);
    // what steered the cancelled turn became the next one
    expect(endings(events)).toEqual(['turn.cancelled', 'turn.completed']);
  });
});
