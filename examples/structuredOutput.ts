// Answers in a form: typed by a schema, checked, asked for again where they do not fit, and another form for one turn.
// Run it: npm run example examples/structuredOutput.ts
import { createAgent, InvalidOutputError, Retry } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const order = z.object({
  quantity: z.int().positive(),
  item: z.string(),
  colour: z.enum(['red', 'green', 'blue']),
  urgent: z.boolean(),
});
const agent = createAgent({
  model: simulated({ delayMs: 0 }),
  output: order,
  // it may correct the output, by giving another, or have it made again, with a hint that the model reads
  validateOutput: (output) => {
    if (output.quantity > 100) throw new Retry('Nobody orders more than 100: read the quantity again.');
    return { ...output, item: output.item.toLowerCase() };
  },
  retries: 1,
});
const session = agent.session();
session.on('output.rejected', ({ reason, retriesLeft }) => console.log(`  rejected: ${reason} (${retriesLeft} left)`));

for (const text of [
  'An urgent order of 3 green "Lamps".',
  'Simulate an invalid answer, then an order of 2 red "Chairs".',
  '500 blue "Tables".',
]) {
  console.log(text);
  try {
    const { output } = await session.send(text).result;
    console.log(`  ${output.quantity} × ${output.colour} ${output.item}${output.urgent ? ', urgent' : ''}`);
  } catch (error) {
    if (!(error instanceof InvalidOutputError)) throw error;
    console.log(`  ${error.name}: ${error.message}`);
  }
}

// a form for one turn only
const plain = createAgent({ model: simulated({ delayMs: 0 }) });
const { output } = await plain.run('Ada is 36.', { output: z.object({ age: z.int() }) });
console.log(output.age + 1);
