// The turn as an ordinary XState machine: no session, no agent, only createActor.
// Run it: npm run example examples/embedTurn.ts
import { simulated } from 'turnchart/adapters/simulated';
import { services, turnMachine, userMessage } from 'turnchart/machines';
import { createActor, toPromise } from 'xstate';

const actor = createActor(
  turnMachine.provide(services({ model: simulated({ delayMs: 0 }), instructions: 'Be brief.' })),
  {
    input: { limits: { maxSteps: 3 } },
  },
);
actor.select(({ value }) => JSON.stringify(value)).subscribe((state) => console.log('state:', state));
actor.on('message.completed', ({ phase }) => console.log('answer:', phase));
actor.start();
actor.send({ type: 'turn.start', turnId: 'turn-1', message: userMessage('Hello!', 'message-1'), at: Date.now() });

const output = await toPromise(actor);
console.log('ended:', output.status, output.status === 'completed' ? output.text : '');
