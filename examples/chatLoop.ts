// A chat: one session, a message per line, answers as they stream. Ctrl-C stops an answer, and between answers the chat.
// Run it: npm run example examples/chatLoop.ts    (type something, or pipe lines into it)
import { createInterface } from 'node:readline';
import { createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const agent = createAgent({ model: simulated(), tools: [calculate], modelRetry: { initialDelayMs: 100 } });
const session = agent.session();

process.on('SIGINT', () => {
  if (session.snapshot.status === 'idle') process.exit();
  session.cancel('Ctrl-C');
});

for await (const message of messages()) {
  for await (const event of session.send(message)) {
    if (event.type === 'message.delta') process.stdout.write(event.text);
    if (event.type === 'message.superseded') process.stdout.write('… (once more)\n');
    if (event.type === 'turn.failed') process.stdout.write(`(failed: ${event.failure.message})`);
    if (event.type === 'turn.cancelled') process.stdout.write('… (stopped)');
  }
  process.stdout.write('\n');
}
console.log(`${session.messages.length} messages, ${session.usage.outputTokens} tokens said`);

/** The lines of standard input; a few of our own where it is empty. */
async function* messages(): AsyncGenerator<string> {
  const prompt = process.stdin.isTTY ? '> ' : '';
  let isEmpty = true;
  process.stdout.write(prompt);
  for await (const line of createInterface({ input: process.stdin })) {
    isEmpty = false;
    if (line.trim() !== '') yield line;
    process.stdout.write(prompt);
  }
  if (!isEmpty) return;
  for (const line of ['what is 17*23?', 'simulate a cut stream, then what is 6*7?', 'simulate an outage']) {
    console.log(`> ${line}`);
    yield line;
  }
}
