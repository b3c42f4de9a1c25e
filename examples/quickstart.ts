import { createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const agent = createAgent({ model: simulated(), instructions: 'Be brief.', tools: [calculate] });

const turn = agent.session().send('What is 17*23?');
for await (const event of turn) if (event.type === 'message.delta') process.stdout.write(event.text);
console.log('\n', (await turn.result).usage);
