import type { Model, ToolChoice } from '../model.ts';
import type { AnyTool } from '../tool.ts';

/**
 * What a step does otherwise than the agent's options say.
 *
 * @example
 * ```ts
 * const agent = createAgent({
 *   model: small,
 *   tools: [search, book],
 *   prepareStep: ({ step }) => (step === 1 ? { tools: ['search'], toolChoice: 'required' } : { model: large }),
 * });
 * ```
 */
export interface StepOptions {
  /** Who answers. @default the agent's */
  readonly model?: Model;
  /** What the model may call, of the agent's tools. @default all */
  readonly tools?: readonly (string | AnyTool)[];
  /** Whether the model may call tools, must, or must not. @default the agent's */
  readonly toolChoice?: ToolChoice;
  /** What the model is told before the conversation. @default the agent's */
  readonly instructions?: string;
}

const known = ['model', 'tools', 'toolChoice', 'instructions'] as const satisfies readonly (keyof StepOptions)[];

/** @throws TypeError naming what cannot be used of what `prepareStep` gave */
export function checkStepOptions(options: unknown): asserts options is StepOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError('`prepareStep` must give an object like { model, tools }, or nothing.');
  }
  const { model, tools, instructions, ...others } = options as { readonly [name in keyof StepOptions]: unknown };
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined || name === 'toolChoice') continue;
    throw new TypeError(`\`prepareStep\`: there is no option \`${name}\`. Known: ${known.join(', ')}.`);
  }
  if (model !== undefined && !isModel(model)) {
    throw new TypeError('`prepareStep`: `model` has no `stream` function: give it a model of an adapter.');
  }
  if (tools !== undefined && !Array.isArray(tools)) throw new TypeError('`prepareStep`: `tools` must be an array.');
  if (instructions !== undefined && typeof instructions !== 'string') {
    throw new TypeError('`prepareStep`: `instructions` must be a text.');
  }
}

function isModel(model: unknown): boolean {
  return typeof model === 'object' && model !== null && 'stream' in model && typeof model.stream === 'function';
}

/**
 * Whether the tools of a step are those that it is to choose from.
 *
 * @throws TypeError where they are not
 */
export function checkStepChoice(choice: ToolChoice | undefined, tools: readonly string[]): void {
  if (choice === undefined || choice === 'auto' || choice === 'none' || choice === 'required') return;
  const tool: unknown = typeof choice === 'object' && choice !== null ? choice.tool : undefined;
  if (typeof tool !== 'string') {
    throw new TypeError("`prepareStep`: `toolChoice` must be 'auto', 'none', 'required' or { tool: name }.");
  }
  if (tools.includes(tool)) return;
  throw new TypeError(
    `\`prepareStep\`: \`toolChoice\` names "${tool}", which is not among the tools of the step: give both.`,
  );
}
