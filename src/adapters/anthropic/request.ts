import type Anthropic from '@anthropic-ai/sdk';
import type { Json } from '../../json.ts';
import { type Message, toolCallsOf } from '../../messages.ts';
import type { ModelRequest, ModelSettings, ToolChoice, ToolSpec } from '../../model.ts';
import { outputInstruction } from '../outputInstruction.ts';
import { withOptions } from '../providerOptions.ts';
import { UnsupportedRequest } from '../unsupported.ts';
import { isWire } from '../wire.ts';
import { withBreakpoints } from './cache.ts';
import { conversationOf } from './conversation.ts';
import { toOutputFormat } from './outputFormat.ts';
import { toolNameOf } from './toolNames.ts';

type Body = Anthropic.MessageCreateParamsStreaming;

export interface MessagesOptions {
  /** Whose thinking and opaque parts go back. */
  readonly provider: string;
  readonly cache: '5m' | '1h' | undefined;
  readonly parallelToolCalls: boolean | undefined;
}

/** The API insists on a number. All models since Claude 4 may write that much. */
const defaultMaxTokens = 32_000;

/**
 * The body of a request to the Messages API.
 *
 * @throws UnsupportedRequest for what that API has no word for.
 */
export function messagesBody(modelId: string, request: ModelRequest, options: MessagesOptions): Body {
  const { instructions, messages, outputSchema, settings = {} } = request;
  refuseUnknown(settings);
  const { maxOutputTokens = defaultMaxTokens, reasoningEffort, stopSequences } = settings;
  const { tools: serverTools, ...providerOptions } = settings.providerOptions ?? {};
  const format = outputSchema === undefined ? undefined : toOutputFormat(outputSchema);
  const { system: systemMessages, turns } = conversationOf(messages, options.provider);
  const system = [
    instructions ?? '',
    ...systemMessages,
    outputSchema !== undefined && format === undefined ? outputInstruction(outputSchema) : '',
  ].filter((text) => text.trim() !== '');
  const own = request.tools.map(messagesTool);
  const given = [...own, ...toolsIn(serverTools)];
  const unknown = given.length > 0 ? [] : calledTools(messages);
  const plain = { system: system.join('\n\n'), tools: [...given, ...unknown], messages: [...turns] };
  const prompt = options.cache === undefined ? plain : withBreakpoints(plain, options.cache);
  const choice: Anthropic.ToolChoice | undefined =
    own.length > 0
      ? messagesToolChoice(request.toolChoice, options.parallelToolCalls)
      : unknown.length > 0
        ? { type: 'none' }
        : undefined;
  const body: Body = {
    model: modelId,
    max_tokens: maxOutputTokens,
    messages: prompt.messages,
    stream: true,
    ...(prompt.system !== '' && { system: prompt.system }),
    ...(prompt.tools.length > 0 && { tools: prompt.tools }),
    ...(choice !== undefined && { tool_choice: choice }),
    ...((format !== undefined || reasoningEffort !== undefined) && {
      output_config: {
        // the words for it grow in number; the API knows which there are
        ...(reasoningEffort !== undefined && { effort: reasoningEffort as Effort }),
        ...(format !== undefined && { format: { type: 'json_schema', schema: format } }),
      },
    }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stop_sequences: [...stopSequences] }),
  };
  return { ...withOptions(body, providerOptions), stream: true };
}

type Effort = NonNullable<Anthropic.OutputConfig['effort']>;

function refuseUnknown({ temperature, topP, seed }: ModelSettings): void {
  const [setting] = Object.entries({ temperature, topP, seed }).find(([, value]) => value !== undefined) ?? [];
  if (setting === undefined) return;
  throw new UnsupportedRequest(`The setting \`${setting}\` is unknown to the Messages API: leave it out.`);
}

function messagesTool({ name, description, inputSchema }: ToolSpec): Anthropic.Tool {
  return {
    name,
    ...(description !== undefined && { description }),
    // the API insists on the type, which tools of others leave out at times
    input_schema: { ...inputSchema, type: 'object' },
  };
}

/** Tools that were called before: the API wants to know of them, even where none may be called any more. */
function calledTools(messages: readonly Message[]): readonly Anthropic.Tool[] {
  const names = new Set(messages.flatMap(toolCallsOf).map(({ toolName }) => toolNameOf(toolName)));
  return [...names].map((name) => messagesTool({ name, inputSchema: {} }));
}

function toolsIn(tools: Json | undefined): readonly Anthropic.ToolUnion[] {
  return Array.isArray(tools) ? tools.filter(isTool) : [];
}

function isTool(tool: Json): tool is Json & Anthropic.ToolUnion {
  return isWire(tool);
}

function messagesToolChoice(choice: ToolChoice, parallelToolCalls: boolean | undefined): Anthropic.ToolChoice {
  if (choice === 'none') return { type: 'none' };
  const single = parallelToolCalls === false && { disable_parallel_tool_use: true };
  if (typeof choice !== 'string') return { type: 'tool', name: choice.tool, ...single };
  return { type: choice === 'required' ? 'any' : 'auto', ...single };
}
