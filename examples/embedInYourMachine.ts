// A machine of your own that has a turn in it: a help desk that hands over to a person where the model gives up.
// Run it: npm run example examples/embedInYourMachine.ts
import { simulated } from 'turnchart/adapters/simulated';
import { services, turnMachine, userMessage } from 'turnchart/machines';
import { assign, createActor, sendTo, setup, waitFor } from 'xstate';

const helpDesk = setup({
  types: {
    context: {} as { question: string; answer: string },
    events: {} as { type: 'ask'; question: string },
  },
  actors: { turn: turnMachine.provide(services({ model: simulated({ delayMs: 0 }) })) },
}).createMachine({
  id: 'helpDesk',
  context: { question: '', answer: '' },
  initial: 'open',
  states: {
    open: {
      on: { ask: { target: 'answering', actions: assign(({ event }) => ({ question: event.question })) } },
    },
    answering: {
      invoke: {
        id: 'turn',
        src: 'turn',
        input: { modelRetry: { maxAttempts: 1 } },
        onDone: [
          {
            guard: ({ event }) => event.output.status === 'completed',
            target: 'answered',
            actions: assign(({ event }) => ({ answer: event.output.status === 'completed' ? event.output.text : '' })),
          },
          { target: 'waitingForPerson' },
        ],
      },
      // the turn rests until it gets its message
      entry: sendTo('turn', ({ context }) => ({
        type: 'turn.start',
        turnId: 'turn-1',
        message: userMessage(context.question, 'message-1'),
        at: Date.now(),
      })),
    },
    answered: { type: 'final' },
    waitingForPerson: { type: 'final' },
  },
});

for (const question of ['Hello!', 'Please simulate an outage.']) {
  const desk = createActor(helpDesk).start();
  desk.send({ type: 'ask', question });
  const { value, context } = await waitFor(desk, (snapshot) => snapshot.status === 'done');
  console.log(`${question} -> ${String(value)} ${context.answer}`);
}
