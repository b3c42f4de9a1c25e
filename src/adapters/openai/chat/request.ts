import type OpenAI from 'openai';
import type { FilePart, Message, TextPart, ToolCallPart, ToolOutput } from '../../../messages.ts';
import type { ModelRequest, ToolChoice, ToolSpec } from '../../../model.ts';
import { addressOfFile, isImage, kindOf, unsupportedFile } from '../../files.ts';
import { withOptions } from '../../providerOptions.ts';
import { argumentsOf, outputSchema, type Strictness, toolSchema } from '../body.ts';

type Body = OpenAI.Chat.ChatCompletionCreateParamsStreaming;
type ChatMessage = OpenAI.Chat.ChatCompletionMessageParam;

export interface ChatOptions {
  readonly strict: Strictness;
  readonly maxTokensName: 'max_completion_tokens' | 'max_tokens';
}

const api = 'Chat Completions';

/**
 * The body of a request to Chat Completions.
 *
 * @throws UnsupportedRequest for what that API has no word for.
 */
export function chatBody(modelId: string, request: ModelRequest, options: ChatOptions): Body {
  const { instructions, messages, tools, toolChoice, settings = {} } = request;
  const { temperature, topP, maxOutputTokens, reasoningEffort, stopSequences, seed, providerOptions } = settings;
  const body: Body = {
    model: modelId,
    messages: [
      ...(instructions === undefined ? [] : [{ role: 'system' as const, content: instructions }]),
      ...messages.flatMap(chatMessages),
    ],
    stream: true,
    stream_options: { include_usage: true },
    ...(tools.length > 0 && {
      tools: tools.map((tool) => chatTool(tool, options.strict)),
      tool_choice: chatToolChoice(toolChoice),
    }),
    ...(request.outputSchema !== undefined && {
      response_format: { type: 'json_schema', json_schema: outputSchema(request.outputSchema, options.strict) },
    }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxOutputTokens !== undefined && { [options.maxTokensName]: maxOutputTokens }),
    // the words for it grow in number; the API knows which there are
    ...(reasoningEffort !== undefined && { reasoning_effort: reasoningEffort as OpenAI.ReasoningEffort }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stop: [...stopSequences] }),
    ...(seed !== undefined && { seed }),
  };
  return { ...withOptions(body, providerOptions), stream: true };
}

function chatMessages(message: Message): ChatMessage[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [{ role: 'user', content: userContent(message.content) }];
    case 'assistant': {
      const text = message.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
      const calls = message.content.filter((part) => part.type === 'tool-call').map(chatToolCall);
      // one that only reasoned has nothing that this API could be told
      if (text === '' && calls.length === 0) return [];
      return [
        { role: 'assistant', content: text === '' ? null : text, ...(calls.length > 0 && { tool_calls: calls }) },
      ];
    }
    case 'tool':
      return message.content.map(({ toolCallId, output }) => {
        return { role: 'tool', tool_call_id: toolCallId, content: toolContent(output) };
      });
  }
}

function userContent(content: readonly (TextPart | FilePart)[]): string | OpenAI.Chat.ChatCompletionContentPart[] {
  const [first, ...others] = content;
  // servers that know only texts are many
  if (first?.type === 'text' && others.length === 0) return first.text;
  return content.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : filePart(part)));
}

const audioFormats: Readonly<Record<string, 'wav' | 'mp3'>> = {
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
};

function filePart(file: FilePart): OpenAI.Chat.ChatCompletionContentPart {
  if (isImage(file)) return { type: 'image_url', image_url: { url: addressOfFile(file) } };
  const { data, name = 'file.pdf' } = file;
  const kind = kindOf(file);
  const format = audioFormats[kind];
  if (format === undefined && kind !== 'application/pdf') {
    throw unsupportedFile(file, api, 'takes images, PDF, wav and mp3');
  }
  if (typeof data !== 'string') throw unsupportedFile(file, api, 'takes the address of an image only; give its data');
  if (format !== undefined) return { type: 'input_audio', input_audio: { data, format } };
  return { type: 'file', file: { filename: name, file_data: addressOfFile(file) } };
}

function chatToolCall(call: ToolCallPart): OpenAI.Chat.ChatCompletionMessageToolCall {
  const { toolCallId, toolName } = call;
  return { id: toolCallId, type: 'function', function: { name: toolName, arguments: argumentsOf(call) } };
}

function toolContent(output: ToolOutput): string | OpenAI.Chat.ChatCompletionContentPartText[] {
  if (output.type === 'json') return JSON.stringify(output.value);
  if (output.type !== 'content') return output.value;
  return output.value.map((part) => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    throw unsupportedFile(
      part,
      api,
      "takes only text as a tool's result; the Responses API takes files (`api: 'responses'`)",
    );
  });
}

function chatTool(
  { name, description, inputSchema }: ToolSpec,
  strictness: Strictness,
): OpenAI.Chat.ChatCompletionTool {
  const { schema, strict } = toolSchema(inputSchema, strictness);
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      parameters: schema,
      ...(strict && { strict }),
    },
  };
}

function chatToolChoice(choice: ToolChoice): OpenAI.Chat.ChatCompletionToolChoiceOption {
  return typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.tool } };
}
