// Functions that look at messages, tool calls and answers before they go on: they deny, rewrite, or only log.
// Run it: npm run example examples/guardrails.ts
import { createAgent, defineTool, GuardrailError, type Guardrails } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const allow = { action: 'allow' } as const;
const guardrails: Guardrails = {
  input: [
    function noCardNumbers(text) {
      return /(?:\d{4} ?){4}/.test(text) ? { action: 'deny', reason: 'There is a card number in it.' } : allow;
    },
    {
      name: 'no mail addresses',
      check(text) {
        const value = text.replaceAll(/\S+@[\w.]+/g, '(address)');
        return value === text ? allow : { action: 'rewrite', value, reason: 'Addresses stay here.' };
      },
    },
  ],
  tool: [
    function smallNumbersOnly({ input }) {
      return /\d{4}/.test(JSON.stringify(input)) ? { action: 'deny', reason: 'Three digits at most.' } : allow;
    },
  ],
  output: [
    {
      name: 'names other products',
      // for a while it only logs what it would do
      advisory: true,
      check: (text) => (text.includes('openai') ? { action: 'deny', reason: 'It names openai.' } : allow),
    },
  ],
};
const session = createAgent({ model: simulated({ delayMs: 0 }), tools: [calculate], guardrails }).session();
session.on('guardrail.triggered', ({ stage, name, action, reason }) => {
  console.log(`  ${stage}, ${name}: ${action}. ${reason}`);
});
session.on('message.replaced', ({ replacement }) => console.log(`  the model reads: ${replacement}`));

for (const question of [
  'My card is 1234 5678 9012 3456.',
  'I am ada@example.com, what is 17*23?',
  'What is 1234*2?',
  'Hello!',
]) {
  console.log(question);
  try {
    const { text } = await session.send(question).result;
    console.log(`  ${text.slice(0, 96)}`);
  } catch (error) {
    if (!(error instanceof GuardrailError)) throw error;
    console.log(`  ${error.name}: ${error.message}`);
  }
}
