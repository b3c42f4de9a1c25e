import type { AssistantPart, Json, Message, Model, ModelPart, ToolCallPart, ToolResultPart } from 'turnchart';

/** A tool as the bare loop takes it: nothing is checked. */
export interface BareTool {
  readonly name: string;
  readonly execute: (input: Json) => unknown;
}

export interface BareOptions {
  readonly signal: AbortSignal;
  readonly onText: (text: string) => void;
}

/**
 * What one writes without a framework: call the model, run the tools it asks for side by side, call it again, until it
 * asks for none. Appends to `messages`, and gives the text of the last answer; `undefined` where it was aborted.
 */
export async function bareLoop(
  model: Model,
  tools: ReadonlyMap<string, BareTool>,
  messages: Message[],
  { signal, onText }: BareOptions,
): Promise<string | undefined> {
  for (let step = 1; ; step += 1) {
    let text = '';
    const calls: ToolCallPart[] = [];
    const take = (part: ModelPart): void => {
      if (part.type === 'text-delta') {
        text += part.text;
        onText(part.text);
      } else if (part.type === 'tool-call') {
        const { toolCallId, toolName, rawInput } = part;
        calls.push({ type: 'tool-call', toolCallId, toolName, input: JSON.parse(rawInput) as Json });
      } else if (part.type === 'error') {
        throw new Error(part.failure.message);
      }
    };
    const request = {
      messages,
      tools: [],
      toolChoice: 'auto',
      purpose: 'turn',
      requestId: `${step}`,
      attempt: 1,
    } as const;
    for await (const read of model.stream(request, { signal })) {
      if (Array.isArray(read)) for (const part of read) take(part);
      else take(read as ModelPart);
    }
    if (signal.aborted) return undefined;

    const content: AssistantPart[] = text === '' ? calls : [{ type: 'text', text }, ...calls];
    messages.push({ role: 'assistant', id: `answer.${step}`, content });
    if (calls.length === 0) return text;

    const results = await Promise.all(
      calls.map(async ({ toolCallId, toolName, input }): Promise<ToolResultPart> => {
        const value = JSON.stringify(await tools.get(toolName)?.execute(input));
        return { type: 'tool-result', toolCallId, toolName, output: { type: 'text', value } };
      }),
    );
    messages.push({ role: 'tool', id: `results.${step}`, content: results });
  }
}
