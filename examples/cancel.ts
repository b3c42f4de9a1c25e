// Three ways to stop a turn: a signal, turn.cancel, session.cancel. The outcome says so, and the session goes on.
// Run it: npm run example examples/cancel.ts
import { setTimeout } from 'node:timers/promises';
import { createAgent, defineTool, textOf } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const hang = defineTool({
  name: 'hang',
  description: 'Waits for an hour',
  input: z.object({}),
  // handed on, the signal stops whatever the tool has begun
  execute: (_, { signal }) => setTimeout(3_600_000, 'done', { signal }),
});
const session = createAgent({ model: simulated({ delayMs: 1 }), tools: [hang] }).session();

const timed = await session.send('Simulate an endless answer.', { signal: AbortSignal.timeout(50) }).outcome;
if (timed.status === 'cancelled') console.log('by a signal:', timed.reason);

const turn = session.send('Simulate an endless answer.');
for await (const event of turn) {
  if (event.type === 'message.delta') turn.cancel('That will do.');
  if (event.type === 'turn.cancelled') console.log('by turn.cancel:', event.reason);
}
// what was said until then stays in the conversation
for (const message of (await turn.outcome).messages) console.log(`  ${message.role}: ${textOf(message)}`);

session.on('tool.started', () => session.cancel('No time for tools.'));
session.on('tool.cancelled', ({ toolName, started }) => console.log('tool stopped:', toolName, { started }));
const hanging = await session.send('Simulate a hanging tool.').outcome;
console.log('by session.cancel:', hanging.status, hanging.stopReason);

const { text } = await session.send('Hello!').result;
console.log('and the session goes on:', text.slice(0, 24));
