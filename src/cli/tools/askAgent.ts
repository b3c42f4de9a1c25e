import { agentTool } from '../../agentTool.ts';
import { createAgent } from '../../index.ts';
import type { Model } from '../../model.ts';
import type { AnyTool } from '../../tool.ts';

/** A demonstration: another agent with the same model and tools. Offered together with the simulated model only. */
export function askAgent(model: Model, tools: readonly AnyTool[]): AnyTool {
  return agentTool({
    name: 'ask_agent',
    description: 'A demonstration: another agent, which has the other tools and answers a question by itself.',
    agent: createAgent({ name: 'helper', model, tools, limits: { lastStep: 'ask' } }),
  });
}
