// Steering: what is said while a turn is at work is taken by its next step, and answered with the rest.
// Run it: npm run example examples/steering.ts
import { createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const session = createAgent({ model: simulated({ delayMs: 0 }), tools: [calculate] }).session();

const stopListening = session.on('tool.started', () => {
  stopListening();
  session.steer('And what is 6*7?');
});
for await (const event of session.send('What is 17*23?')) {
  if (event.type === 'step.started') console.log(`step ${event.step}`);
  if (event.type === 'tool.called') console.log(`  calls ${event.toolName} ${JSON.stringify(event.input)}`);
  if (event.type === 'steering.applied') console.log('  reads what was said meanwhile');
  if (event.type === 'turn.completed') console.log(`answer: ${event.text}`);
}
