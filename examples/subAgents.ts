// An agent that calls another one as a tool: what it says arrives as events, what it uses counts, questions come through.
// Run it: npm run example examples/subAgents.ts
import { agentTool, createAgent, defineTool } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { z } from 'zod';

const model = simulated({ delayMs: 0 });
const calculate = defineTool({
  name: 'calculate',
  description: 'Multiplies numbers, as in 17*23',
  input: z.object({ expression: z.string() }),
  approval: true,
  execute: ({ expression }) => expression.split('*').reduce((product, factor) => product * Number(factor), 1),
});
const mathematician = createAgent({ name: 'mathematician', model, tools: [calculate] });
const secretary = createAgent({
  name: 'secretary',
  model,
  tools: [agentTool({ name: 'ask_mathematician', description: 'Works out numbers', agent: mathematician })],
});

const session = secretary.session();
session.on('tool.called', ({ agent, toolName, input }) =>
  console.log(`${agent}: ${toolName} ${JSON.stringify(input)}`),
);
session.on('agent.event', ({ event }) => {
  if (event.type === 'tool.called') console.log(`  ${event.agent}: ${event.toolName} ${JSON.stringify(event.input)}`);
  // whom the sub-agent asks, the session answers
  if (event.type === 'tool.approvalRequested') session.approve(event.toolCallId);
  if (event.type === 'turn.completed') console.log(`  ${event.agent}: ${event.text}`);
});

const { text, steps, usage } = await session.send('Ask an agent: what is 17*23?').result;
console.log(`secretary: ${text}`);
console.log(`${steps} steps of its own, ${usage.inputTokens + usage.outputTokens} tokens of both together`);

// a failure of the sub-agent is a result like any other, and the turn goes on
const failing = await session.send('Ask an agent to simulate an overflow.').result;
console.log(`secretary: ${failing.text}`);
