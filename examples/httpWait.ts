// Over HTTP: send a message, show the answer as it comes, and wait for the event that ends the turn.
// Run it: npm run example examples/httpWait.ts
import { createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { httpClient } from 'turnchart/http/client';
import { z } from 'zod';
import { listen } from './httpServer.ts';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const agent = createAgent({ model: simulated({ delayMs: 0 }), tools: [calculate] });
await using server = await listen({ agent });
const client = httpClient({ baseUrl: server.baseUrl });
const { id } = await client.sessions.create();

for (const question of ['What is 17*23?', 'Simulate an overflow.', 'What is 6*7?']) {
  console.log(question);
  await client.messages.create(id, question);
  console.log(`  ${await answer()}`);
}

/** The stream begins with the latest message: a turn that is over already is not missed, nor is another one's end read. */
async function answer(): Promise<string> {
  for await (const { type, data } of client.events.stream(id)) {
    if (type === 'turn.completed') return String(data.text);
    if (type === 'turn.failed') return `(failed: ${JSON.stringify(data.error)})`;
    if (type === 'turn.cancelled') return '(cancelled)';
  }
  return '(the session is gone)';
}
