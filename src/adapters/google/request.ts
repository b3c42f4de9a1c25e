import type {
  Content,
  FunctionCall,
  FunctionResponsePart,
  GenerateContentConfig,
  GenerateContentParameters,
  Part,
  ThinkingConfig,
  ThinkingLevel,
  ToolConfig,
} from '@google/genai';
import type { Json } from '../../json.ts';
import type { AssistantPart, FilePart, Message, TextPart, ToolCallPart, ToolResultPart } from '../../messages.ts';
import type { ModelRequest, ToolChoice, ToolSpec } from '../../model.ts';
import { outputInstruction } from '../outputInstruction.ts';
import { isWire } from '../wire.ts';
import { FunctionCallingConfigMode } from './sdk.ts';
import { foreignCall, signatureOf } from './signatures.ts';

/** Families that do not insist on signatures, and take tools or an output schema, not both. */
const beforeGemini3 = /(?:^|\/)(?:gemini-[12]\b|gemma|learnlm)/;

/** What the SDK makes a request of. */
export function googleParameters(
  modelId: string,
  request: ModelRequest,
  signal: AbortSignal,
): GenerateContentParameters {
  const { instructions, messages, tools, toolChoice, outputSchema, settings = {} } = request;
  const { temperature, topP, maxOutputTokens, reasoningEffort, stopSequences, seed, providerOptions } = settings;
  const isOld = beforeGemini3.test(modelId);
  const isTold = outputSchema !== undefined && isOld && tools.length > 0;
  const system = systemInstruction(instructions, messages, isTold ? outputInstruction(outputSchema) : undefined);
  const config: GenerateContentConfig = {
    abortSignal: signal,
    automaticFunctionCalling: { disable: true },
    automaticContinuation: false,
    ...(system !== undefined && { systemInstruction: system }),
    ...(tools.length > 0 && {
      tools: [{ functionDeclarations: tools.map(declaration) }],
      toolConfig: toolConfig(toolChoice),
    }),
    ...(outputSchema !== undefined &&
      !isTold && { responseMimeType: 'application/json', responseJsonSchema: outputSchema }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(reasoningEffort !== undefined && { thinkingConfig: thinkingConfig(reasoningEffort) }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stopSequences: [...stopSequences] }),
    ...(seed !== undefined && { seed }),
    ...(providerOptions !== undefined && { httpOptions: { extraBody: { ...providerOptions } } }),
  };
  return { model: modelId, contents: contentsOf(messages, !isOld), config };
}

/** System messages at the beginning belong to the instructions; the API knows no others. */
function systemInstruction(
  instructions: string | undefined,
  messages: readonly Message[],
  outputForm: string | undefined,
): string | undefined {
  const texts = instructions === undefined ? [] : [instructions];
  for (const message of messages) {
    if (message.role !== 'system') break;
    texts.push(message.content);
  }
  if (outputForm !== undefined) texts.push(outputForm);
  return texts.length === 0 ? undefined : texts.join('\n\n');
}

function contentsOf(messages: readonly Message[], wantsSignatures: boolean): Content[] {
  const contents: { role: 'user' | 'model'; parts: Part[] }[] = [];
  const start = messages.findIndex(({ role }) => role !== 'system');
  for (const message of start === -1 ? [] : messages.slice(start)) {
    const parts = partsOf(message, wantsSignatures);
    const last = contents.at(-1);
    if (parts.length === 0) continue;
    if (message.role !== 'assistant') contents.push({ role: 'user', parts });
    // a call may only follow what a user said
    else if (last === undefined) contents.push(beginning, { role: 'model', parts });
    else if (last.role === 'model') last.parts.push(...parts);
    else contents.push({ role: 'model', parts });
  }
  return contents;
}

const beginning = { role: 'user' as const, parts: [{ text: '(The conversation goes on from here.)' }] };

function partsOf(message: Message, wantsSignatures: boolean): Part[] {
  switch (message.role) {
    case 'system':
      return [{ text: `<system>\n${message.content}\n</system>` }];
    case 'user':
      return message.content.map((part) => (part.type === 'text' ? { text: part.text } : filePart(part)));
    case 'assistant': {
      const first = message.content.find((part) => part.type === 'tool-call');
      return message.content.flatMap((part) => answerPart(part, wantsSignatures && part === first));
    }
    case 'tool':
      return message.content.map(resultPart);
  }
}

function filePart({ mediaType, data }: FilePart): Part & FunctionResponsePart {
  return typeof data === 'string'
    ? { inlineData: { mimeType: mediaType, data } }
    : { fileData: { mimeType: mediaType, fileUri: data.url } };
}

function answerPart(part: AssistantPart, needsSignature: boolean): Part[] {
  const thoughtSignature = signatureOf(part.providerMetadata);
  const signed = thoughtSignature === undefined ? {} : { thoughtSignature };
  switch (part.type) {
    case 'text':
      return part.text === '' && thoughtSignature === undefined ? [] : [{ text: part.text, ...signed }];
    case 'reasoning':
      if (thoughtSignature === undefined) return [];
      // a signature that came alone goes back alone
      return [{ text: part.text, ...(part.text !== '' && { thought: true }), ...signed }];
    case 'tool-call':
      return [
        { functionCall: functionCall(part), ...(needsSignature && { thoughtSignature: foreignCall }), ...signed },
      ];
    case 'opaque':
      return part.provider === 'google' && isWire(part.data) ? [part.data] : [];
  }
}

function functionCall({ toolCallId, toolName, input, invalid }: ToolCallPart): FunctionCall {
  // the API takes objects only
  const args = invalid ? { invalid: input } : isWire(input) ? input : { input };
  return { id: toolCallId, name: toolName, args };
}

function resultPart({ toolCallId, toolName, output }: ToolResultPart): Part {
  const named = { id: toolCallId, name: toolName };
  if (output.type === 'error') return { functionResponse: { ...named, response: { error: output.value } } };
  if (output.type !== 'content') return { functionResponse: { ...named, response: { output: output.value } } };
  const files = output.value.filter((part) => part.type === 'file').map(filePart);
  const response = { output: textIn(output.value) };
  return { functionResponse: { ...named, response, ...(files.length > 0 && { parts: files }) } };
}

function textIn(content: readonly (TextPart | FilePart)[]): Json {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

function declaration({ name, description, inputSchema }: ToolSpec) {
  return { name, ...(description !== undefined && { description }), parametersJsonSchema: inputSchema };
}

function toolConfig(choice: ToolChoice): ToolConfig {
  const { AUTO, NONE, ANY } = FunctionCallingConfigMode;
  if (typeof choice !== 'string') {
    return { functionCallingConfig: { mode: ANY, allowedFunctionNames: [choice.tool] } };
  }
  return { functionCallingConfig: { mode: { auto: AUTO, none: NONE, required: ANY }[choice] } };
}

/** The words for levels grow in number; the API knows which there are. */
function thinkingConfig(effort: string): ThinkingConfig {
  if (/^-?\d+$/.test(effort)) return { thinkingBudget: Number(effort) };
  return { thinkingLevel: effort.toUpperCase() as ThinkingLevel };
}
