// Turns that wait instead of failing: for more steps, and for leave to spend more. Or that must come to an answer.
// Run it: npm run example examples/pauses.ts
import { createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const agent = createAgent({
  model: simulated({ delayMs: 0 }),
  tools: [calculate],
  // in any currency; a real price list tells models apart
  pricing: () => 0.02,
});
const session = agent.session();
session.on('turn.paused', ({ reason, spent, limit }) => {
  console.log(`  paused: ${reason}, ${spent} of ${limit}. The turn is ${session.snapshot.turn?.state}`);
  // an app asks somebody; the turn waits for as long as it takes, and no limit on time runs
  const { accepted } = reason === 'max_steps' ? session.extend(1) : session.resume();
  console.log(`  goes on: ${accepted}`);
});

const question = 'What is 17*23?';
console.log('out of steps');
const extended = await session.send(question, { limits: { maxSteps: 1, lastStep: 'ask' } }).result;
console.log(`  ${extended.text} (${extended.steps} steps)`);

console.log('more spent than was thought');
const resumed = await session.send(question, { limits: { softCost: 0.01 } }).result;
console.log(`  ${resumed.text} (cost ${resumed.cost})`);

console.log('no tools in the last step');
const forced = await session.send(question, { limits: { maxSteps: 1, lastStep: 'answer' } }).result;
console.log(`  ${forced.text}`);

console.log(session.extend(5).reason);
