import type OpenAI from 'openai';
import type { Json } from '../../../json.ts';
import type { AssistantMessage, AssistantPart, FilePart, Message, TextPart, ToolOutput } from '../../../messages.ts';
import type { ModelRequest, ModelSettings, ToolChoice, ToolSpec } from '../../../model.ts';
import { addressOfFile, isImage, kindOf, unsupportedFile } from '../../files.ts';
import { withOptions } from '../../providerOptions.ts';
import { UnsupportedRequest } from '../../unsupported.ts';
import { argumentsOf, outputSchema, type Strictness, toolSchema } from '../body.ts';
import { itemOf } from './items.ts';

type Body = OpenAI.Responses.ResponseCreateParamsStreaming;
type Item = OpenAI.Responses.ResponseInputItem;

export interface ResponsesOptions {
  readonly strict: Strictness;
  /** Whose reasoning and opaque parts go back. */
  readonly provider: string;
}

const api = 'the Responses API';

/** Families that do not reason; the API refuses to hand out encrypted reasoning of a model that has none. */
const withoutReasoning = /^(?:.*\/)?(?:ft:)?(?:gpt-3|gpt-4|chatgpt-|gpt-5(?:\.\d+)?-chat)/;

/**
 * The body of a request to the Responses API. Nothing is stored there: the conversation travels with each request.
 *
 * @throws UnsupportedRequest for what that API has no word for.
 */
export function responsesBody(modelId: string, request: ModelRequest, options: ResponsesOptions): Body {
  const { instructions, messages, tools, toolChoice, settings = {} } = request;
  refuseUnknown(settings);
  const { temperature, topP, maxOutputTokens, reasoningEffort, providerOptions } = settings;
  const body: Body = {
    model: modelId,
    input: messages.flatMap((message) => inputItems(message, options.provider)),
    stream: true,
    store: false,
    ...(!withoutReasoning.test(modelId) && { include: ['reasoning.encrypted_content'] }),
    ...(instructions !== undefined && { instructions }),
    ...(tools.length > 0 && {
      tools: tools.map((tool) => responsesTool(tool, options.strict)),
      tool_choice: responsesToolChoice(toolChoice),
    }),
    ...(request.outputSchema !== undefined && {
      text: { format: { type: 'json_schema', ...outputSchema(request.outputSchema, options.strict) } },
    }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
    // the words for it grow in number; the API knows which there are
    ...(reasoningEffort !== undefined && { reasoning: { effort: reasoningEffort as OpenAI.ReasoningEffort } }),
  };
  return { ...withOptions(body, providerOptions), stream: true };
}

function refuseUnknown({ seed, stopSequences }: ModelSettings): void {
  const setting = seed !== undefined ? 'seed' : stopSequences?.length ? 'stopSequences' : undefined;
  if (setting === undefined) return;
  throw new UnsupportedRequest(
    `The setting \`${setting}\` is unknown to ${api}: leave it out, or use Chat Completions (\`api: 'chat'\`).`,
  );
}

function inputItems(message: Message, provider: string): Item[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [{ role: 'user', content: userContent(message.content) }];
    case 'assistant':
      return assistantItems(message, provider);
    case 'tool':
      return message.content.map(({ toolCallId, output }) => {
        return { type: 'function_call_output', call_id: toolCallId, output: toolOutput(output) };
      });
  }
}

/** Reasoning goes back only before the item that it led to: the API refuses it alone. */
function assistantItems({ content }: AssistantMessage, provider: string): Item[] {
  const items: Item[] = [];
  let isLedTo = false;
  for (const part of content.toReversed()) {
    const item = assistantItem(part, provider);
    if (item === undefined || (part.type === 'reasoning' && !isLedTo)) continue;
    if (part.type !== 'reasoning') isLedTo = 'id' in item;
    items.push(item);
  }
  return items.reverse();
}

function assistantItem(part: AssistantPart, provider: string): Item | undefined {
  const { id, encryptedContent, phase } = itemOf(part.providerMetadata, provider);
  switch (part.type) {
    case 'text':
      if (part.text === '') return undefined;
      if (id === undefined) return { role: 'assistant', content: part.text };
      return {
        type: 'message',
        role: 'assistant',
        id,
        status: 'completed',
        content: [{ type: 'output_text', text: part.text, annotations: [] }],
        ...(phase !== undefined && { phase }),
      };
    case 'reasoning':
      if (id === undefined || encryptedContent === undefined) return undefined;
      return {
        type: 'reasoning',
        id,
        summary: part.text === '' ? [] : [{ type: 'summary_text', text: part.text }],
        encrypted_content: encryptedContent,
      };
    case 'tool-call': {
      const { toolCallId, toolName } = part;
      return {
        type: 'function_call',
        call_id: toolCallId,
        name: toolName,
        arguments: argumentsOf(part),
        ...(id !== undefined && { id }),
      };
    }
    case 'opaque':
      return part.provider === provider && isItem(part.data) ? part.data : undefined;
  }
}

/** What this provider once sent as an item it takes back as one. */
function isItem(data: Json): data is Json & Item {
  return typeof data === 'object' && data !== null && 'type' in data;
}

type Content =
  | OpenAI.Responses.ResponseInputText
  | OpenAI.Responses.ResponseInputImage
  | OpenAI.Responses.ResponseInputFile;

function userContent(content: readonly (TextPart | FilePart)[]): string | Content[] {
  const [first, ...others] = content;
  return first?.type === 'text' && others.length === 0 ? first.text : content.map(contentPart);
}

function contentPart(part: TextPart | FilePart): Content {
  if (part.type === 'text') return { type: 'input_text', text: part.text };
  if (isImage(part)) return { type: 'input_image', detail: 'auto', image_url: addressOfFile(part) };
  if (/^(?:audio|video)\//.test(kindOf(part))) throw unsupportedFile(part, api, 'takes neither audio nor video');
  const { data, name = 'file' } = part;
  if (typeof data !== 'string') return { type: 'input_file', file_url: data.url };
  return { type: 'input_file', filename: nameWithEnding(name, kindOf(part)), file_data: addressOfFile(part) };
}

/** The API goes by the ending. */
function nameWithEnding(name: string, kind: string): string {
  return kind === 'application/pdf' && !/\.\w+$/.test(name) ? `${name}.pdf` : name;
}

function toolOutput(output: ToolOutput): string | Content[] {
  if (output.type === 'json') return JSON.stringify(output.value);
  return output.type === 'content' ? output.value.map(contentPart) : output.value;
}

function responsesTool({ name, description, inputSchema }: ToolSpec, strictness: Strictness): OpenAI.Responses.Tool {
  // left out, this API makes a schema strict by itself
  const { schema, strict } = toolSchema(inputSchema, strictness);
  return { type: 'function', name, ...(description !== undefined && { description }), parameters: schema, strict };
}

function responsesToolChoice(choice: ToolChoice): NonNullable<Body['tool_choice']> {
  return typeof choice === 'string' ? choice : { type: 'function', name: choice.tool };
}
