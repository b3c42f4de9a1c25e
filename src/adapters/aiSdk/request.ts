import type {
  JSONSchema7,
  JSONValue,
  LanguageModelV3CallOptions,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4TextPart,
  LanguageModelV4ToolChoice,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import type { Json } from '../../json.ts';
import type { AssistantPart, FilePart, Message, TextPart, ToolOutput } from '../../messages.ts';
import type { ModelRequest, ModelSettings, ToolChoice, ToolSpec } from '../../model.ts';
import type { JsonSchema } from '../../schema.ts';
import { UnsupportedRequest } from '../unsupported.ts';
import { isWire, textIn } from '../wire.ts';
import type { AiSdkModel } from './aiSdk.ts';
import { isOwn, optionsOf } from './metadata.ts';
import { asV3 } from './version3.ts';

type AssistantContent = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'];

/**
 * What a model is called with.
 *
 * @throws UnsupportedRequest for what its version has no word for.
 */
export function callOptions(
  model: AiSdkModel,
  request: ModelRequest,
  signal: AbortSignal,
): LanguageModelV3CallOptions | LanguageModelV4CallOptions {
  const { instructions, messages, tools, toolChoice, outputSchema, settings = {} } = request;
  const { temperature, topP, maxOutputTokens, stopSequences, seed } = settings;
  const providerOptions = optionsByProvider(settings);
  const reasoning = reasoningOf(settings, model);
  const options: LanguageModelV4CallOptions = {
    prompt: promptOf(instructions, messages, model.provider),
    abortSignal: signal,
    ...(tools.length > 0 && { tools: tools.map(toolOf), toolChoice: choiceOf(toolChoice) }),
    ...(outputSchema !== undefined && {
      responseFormat: { type: 'json', name: 'output', schema: schemaOf(outputSchema) },
    }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stopSequences: [...stopSequences] }),
    ...(seed !== undefined && { seed }),
    ...(reasoning !== undefined && { reasoning }),
    ...(providerOptions !== undefined && { providerOptions }),
  };
  return model.specificationVersion === 'v3' ? asV3(options) : options;
}

function optionsByProvider({ providerOptions }: ModelSettings): SharedV4ProviderOptions | undefined {
  if (providerOptions === undefined) return undefined;
  const stray = Object.entries(providerOptions).find(([, options]) => !isWire(options));
  if (stray === undefined) return providerOptions as SharedV4ProviderOptions;
  throw new UnsupportedRequest(
    `The AI SDK takes \`providerOptions\` by provider, such as { openai: { ${stray[0]}: … } }; "${stray[0]}" names none.`,
  );
}

function reasoningOf({ reasoningEffort }: ModelSettings, { specificationVersion }: AiSdkModel) {
  if (reasoningEffort === undefined) return undefined;
  // the words for it grow in number; the package knows which there are
  if (specificationVersion === 'v4') return reasoningEffort as NonNullable<LanguageModelV4CallOptions['reasoning']>;
  throw new UnsupportedRequest(
    'The setting `reasoningEffort` is unknown to version 6 of the AI SDK: give it by `providerOptions`, or use a provider package for version 7.',
  );
}

function promptOf(
  instructions: string | undefined,
  messages: readonly Message[],
  provider: string,
): LanguageModelV4Message[] {
  const prompt: LanguageModelV4Message[] =
    instructions === undefined ? [] : [{ role: 'system', content: instructions }];
  for (const message of messages) {
    const isFirst = prompt.every(({ role }) => role === 'system');
    const entry = promptMessage(message, isFirst, provider);
    if (entry.content.length > 0) prompt.push(entry);
  }
  return prompt;
}

function promptMessage(message: Message, isFirst: boolean, provider: string): LanguageModelV4Message {
  switch (message.role) {
    case 'system':
      // in the middle of a conversation some packages refuse it
      if (isFirst) return { role: 'system', content: message.content };
      return { role: 'user', content: [{ type: 'text', text: `<system>\n${message.content}\n</system>` }] };
    case 'user':
      return { role: 'user', content: message.content.map(userPart) };
    case 'assistant':
      return { role: 'assistant', content: message.content.flatMap((part) => answerPart(part, provider)) };
    case 'tool':
      return {
        role: 'tool',
        content: message.content.map(({ toolCallId, toolName, output }) => {
          return { type: 'tool-result', toolCallId, toolName, output: outputOf(output) };
        }),
      };
  }
}

function userPart(part: TextPart | FilePart): LanguageModelV4TextPart | LanguageModelV4FilePart {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { name, ...file } = fileOf(part);
  return { type: 'file', ...file, ...(name !== undefined && { filename: name }) };
}

function fileOf({ mediaType, data, name }: FilePart) {
  const named = name === undefined ? {} : { name };
  if (typeof data === 'string') return { mediaType, data: { type: 'data' as const, data }, ...named };
  return { mediaType, data: { type: 'url' as const, url: urlOf(data.url) }, ...named };
}

function urlOf(url: string): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new UnsupportedRequest(`A file cannot be sent: its address is no URL: ${JSON.stringify(url)}.`);
}

function answerPart(part: AssistantPart, provider: string): AssistantContent {
  const options = optionsOf(part.providerMetadata, provider);
  switch (part.type) {
    case 'text':
      return part.text === '' ? [] : [{ type: 'text', text: part.text, ...options }];
    case 'reasoning':
      return isOwn(part.providerMetadata, provider) ? [{ type: 'reasoning', text: part.text, ...options }] : [];
    case 'tool-call': {
      const { toolCallId, toolName, input, invalid } = part;
      // servers that read the input want JSON
      return [{ type: 'tool-call', toolCallId, toolName, input: invalid ? { invalid: input } : input, ...options }];
    }
    case 'opaque':
      return part.provider === provider ? keptPart(part.data) : [];
  }
}

/** What was kept as the stream had it, as the prompt has it. */
function keptPart(data: Json): AssistantContent {
  if (!isWire(data)) return [];
  const { type, toolCallId, toolName, mediaType, kind, providerMetadata } = data;
  const providerOptions = isWire(providerMetadata)
    ? { providerOptions: providerMetadata as SharedV4ProviderOptions }
    : {};
  const call = { toolCallId: textIn(toolCallId) ?? '', toolName: textIn(toolName) ?? '' };
  switch (type) {
    case 'tool-call':
      return [{ type, ...call, input: parsed(data.input), providerExecuted: true, ...providerOptions }];
    case 'tool-result': {
      // it came as JSON
      const value = (data.result ?? null) as JSONValue;
      return [
        { type, ...call, output: { type: data.isError === true ? 'error-json' : 'json', value }, ...providerOptions },
      ];
    }
    case 'file':
    case 'reasoning-file': {
      const file = keptFile(data.data);
      return file === undefined ? [] : [{ type, mediaType: textIn(mediaType) ?? '', data: file, ...providerOptions }];
    }
    case 'custom':
      // `provider.kind`, as it came
      return [{ type, kind: kind as `${string}.${string}`, ...providerOptions }];
    default:
      return [];
  }
}

function keptFile(data: unknown) {
  if (typeof data === 'string') return { type: 'data' as const, data };
  const { data: base64, url } = isWire(data) ? data : {};
  if (typeof base64 === 'string') return { type: 'data' as const, data: base64 };
  return typeof url === 'string' ? { type: 'url' as const, url: urlOf(url) } : undefined;
}

function parsed(input: unknown): unknown {
  try {
    return typeof input === 'string' ? JSON.parse(input) : input;
  } catch {
    return input;
  }
}

function outputOf(output: ToolOutput): LanguageModelV4ToolResultOutput {
  switch (output.type) {
    case 'text':
      return output;
    case 'json':
      return { type: 'json', value: output.value as JSONValue };
    case 'error':
      return { type: 'error-text', value: output.value };
    case 'content':
      return { type: 'content', value: output.value.map(userPart) };
  }
}

function toolOf({ name, description, inputSchema }: ToolSpec): LanguageModelV4FunctionTool {
  return {
    type: 'function',
    name,
    ...(description !== undefined && { description }),
    inputSchema: schemaOf(inputSchema),
  };
}

/** JSON Schema is JSON Schema; the packages pass it on. */
function schemaOf(schema: JsonSchema): JSONSchema7 {
  return schema as JSONSchema7;
}

function choiceOf(choice: ToolChoice): LanguageModelV4ToolChoice {
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.tool };
}
