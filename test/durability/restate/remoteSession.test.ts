import { createAgent, type TurnOutcome } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { expect, it } from 'vitest';
import { type Kept, setupFor } from '../../../src/durability/restate/protocol.ts';
import { RemoteSession } from '../../../src/durability/restate/remoteSession.ts';
import { noUsage } from '../../../src/model.ts';

const nothing: Kept = {
  isThere: false,
  seq: 0,
  messages: [],
  usage: noUsage,
  snapshot: { status: 'idle', queued: 0 },
  turns: [],
};

it('a turn whose message is on its way is not lost, however long that takes; one of which nothing is known any more is', async () => {
  const clock = new SimulatedClock();
  const setup = setupFor('test', createAgent({ model: scriptedModel([]), clock }));
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let given = 0;
  const client = {
    look: async () => nothing,
    events: async () => ({ events: [], outcomes: {} }),
    ask: async () => ({ accepted: true }) as const,
    give: () => arrived[given++]?.promise ?? Promise.resolve(),
  };
  using session = await RemoteSession.open<undefined>({
    id: 'talk',
    client,
    setup,
    bus: undefined,
    pollMs: 500,
    after: undefined,
  });
  const outcomes: TurnOutcome[] = [];
  const sending = [session.send('Go.'), session.send('Go on.')];
  for (const turn of sending) void turn.then(({ outcome }) => outcome).then((outcome) => outcomes.push(outcome));
  arrived[0]?.resolve();
  const first = await sending[0];
  for (let asked = 0; asked < 40; asked += 1) await clock.advance(500);
  expect(outcomes).toMatchObject([{ turnId: first?.id, status: 'failed', failure: { code: 'outcome_lost' } }]);
  arrived[1]?.resolve();
  expect((await sending[1])?.id).not.toBe(first?.id);
  await clock.advance(500);
  expect(outcomes).toHaveLength(1);
});
