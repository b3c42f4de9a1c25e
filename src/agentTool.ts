import type { Agent } from './agent.ts';
import type { SubAgentParts } from './machines/delegation.ts';
import { checkTool, type Tool } from './tool.ts';

export interface AgentToolOptions {
  /** How the model calls it: letters, digits, `_` and `-`, 64 at most. */
  readonly name: string;
  /** What the agent is good at; the model reads it. */
  readonly description: string;
  /** Who works on it. */
  readonly agent: Pick<Agent, 'name' | 'close'>;
  /** Whether somebody has to be asked first. @default false */
  readonly approval?: boolean;
}

const agents = new WeakMap<object, SubAgentParts>();

/** @internal Makes an agent known as one that others can call. */
export function registerAgent(agent: object, parts: SubAgentParts): void {
  agents.set(agent, parts);
}

/**
 * Another agent as a tool: the model says what it is to do, and reads its answer. Its turn is part of the turn that calls
 * it: what it uses counts, a cancel reaches it, its events arrive as `agent.event`, and it goes on after a restart. It
 * knows nothing of the conversation but what it is asked. Agents may be nested 4 deep.
 *
 * @throws TypeError for an agent that `createAgent()` did not make
 * @example
 * ```ts
 * const research = agentTool({ name: 'research', description: 'Looks things up in our documents', agent: researcher });
 * const writer = createAgent({ model, tools: [research] });
 * ```
 */
export function agentTool({ name, description, agent, approval }: AgentToolOptions): Tool<{ prompt: string }, string> {
  const parts = agents.get(agent);
  if (parts === undefined) {
    throw new TypeError(`agentTool(): \`agent\` of "${name}" is no agent: make it with createAgent().`);
  }
  const tool = {
    name,
    description,
    input: promptSchema,
    agent: parts,
    ...(approval !== undefined && { approval }),
  };
  checkTool(tool);
  return tool;
}

/** Checked here: JSON Schema alone would let anything through. */
const promptSchema = {
  '~standard': {
    version: 1,
    vendor: 'turnchart',
    validate: (value: unknown) =>
      typeof value === 'object' && value !== null && 'prompt' in value && isPrompt(value.prompt)
        ? { value: { prompt: value.prompt } }
        : { issues: [{ message: 'it must be a text that says what to do', path: ['prompt'] }] },
    jsonSchema: {
      input: () => ({
        type: 'object',
        properties: { prompt: { type: 'string', description: 'What to do, with all that has to be known for it' } },
        required: ['prompt'],
        additionalProperties: false,
      }),
      output: () => ({ type: 'object' }),
    },
  },
} as const;

function isPrompt(prompt: unknown): prompt is string {
  return typeof prompt === 'string' && prompt.trim() !== '';
}
