import type { SubAgentParts } from '../machines/delegation.ts';
import type { ToolCallPart } from '../messages.ts';
import type { ToolSpec } from '../model.ts';
import { type JsonSchema, toJsonSchema } from '../schema.ts';
import { type AnyTool, checkTool } from '../tool.ts';

/** The tools of an agent: by name, and as the model is told of them. */
export interface Toolbox {
  readonly byName: ReadonlyMap<string, AnyTool>;
  readonly specs: readonly ToolSpec[];
  /** The agents that tools stand for, by tool. */
  readonly agents: ReadonlyMap<string, SubAgentParts>;
  /**
   * Inputs as their schemas gave them, by call: dates, defaults and the like do not travel as JSON. Each is for one
   * attempt; for the next one, and after a restart, it is made again.
   */
  readonly inputs: WeakMap<ToolCallPart, unknown>;
}

/** @throws TypeError for a tool that cannot be used, or whose name is taken. */
export function createToolbox(tools: readonly AnyTool[]): Toolbox {
  const byName = new Map<string, AnyTool>();
  for (const tool of tools) {
    checkTool(tool);
    if (byName.has(tool.name)) throw new TypeError(`Two tools are called "${tool.name}": rename one of them.`);
    byName.set(tool.name, tool);
  }
  const agents = new Map(
    tools.flatMap(({ name, agent }) => (agent === undefined ? [] : [[name, agent as SubAgentParts] as const])),
  );
  return { byName, specs: tools.map(toSpec), agents, inputs: new WeakMap() };
}

function toSpec(tool: AnyTool): ToolSpec {
  const { name, description } = tool;
  return { name, ...(description !== undefined && { description }), inputSchema: describeInput(tool) };
}

function describeInput({ name, input }: AnyTool): JsonSchema {
  try {
    return toJsonSchema(input);
  } catch (error) {
    throw new TypeError(`Tool "${name}": \`input\` has no JSON Schema form.`, { cause: error });
  }
}
