// One question, one answer; and the errors that say why there is none.
// Run it: npm run example examples/oneShot.ts
import { AgentError, createAgent, defineTool, MaxStepsError, ModelCallError, TurnCancelledError } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const model = simulated({ delayMs: 0 });
const agent = createAgent({ model, tools: [calculate] });

const { text, steps, toolCalls, usage } = await agent.run('What is 17*23?');
console.log(text);
console.log(`${steps} steps, ${toolCalls.length} tool call, ${usage.inputTokens} tokens in, ${usage.outputTokens} out`);

const impatient = createAgent({ model, tools: [calculate], modelRetry: { maxAttempts: 1 }, limits: { maxSteps: 1 } });
const runs = [
  () => impatient.run('Simulate an outage.'),
  () => impatient.run('What is 17*23?'),
  () => impatient.run('Simulate an endless answer.', { signal: AbortSignal.timeout(50) }),
];
for (const run of runs) {
  try {
    await run();
  } catch (error) {
    console.log(explain(error));
  }
}

function explain(error: unknown): string {
  if (error instanceof ModelCallError) return `The model failed (${error.failure?.code}): ${error.message}`;
  if (error instanceof MaxStepsError) return `No answer within ${error.limit} step: ${error.message}`;
  if (error instanceof TurnCancelledError) return `Cancelled: ${error.reason}`;
  // whatever else ends a turn is of this class, with the failure as data
  if (error instanceof AgentError) return `${error.name}: ${error.message}`;
  throw error;
}
