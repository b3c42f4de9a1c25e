import type {
  LanguageModelV3CallOptions,
  LanguageModelV3Message,
  LanguageModelV3ToolResultOutput,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4ToolResultOutput,
} from '@ai-sdk/provider';

type V3Content<Role> = Extract<LanguageModelV3Message, { role: Role }>['content'];
type V4Content<Role> = Extract<LanguageModelV4Message, { role: Role }>['content'];

/** What a model is called with, in the words of version 3: it has others for files, and none for some things. */
export function asV3({ prompt, reasoning: _, ...options }: LanguageModelV4CallOptions): LanguageModelV3CallOptions {
  return { ...options, prompt: prompt.map(message) };
}

function message(entry: LanguageModelV4Message): LanguageModelV3Message {
  switch (entry.role) {
    case 'system':
      return entry;
    case 'user':
      return { ...entry, content: entry.content.map((part) => (part.type === 'file' ? filePart(part) : part)) };
    case 'assistant':
      return { ...entry, content: entry.content.flatMap(answerPart) };
    case 'tool':
      return { ...entry, content: entry.content.map(toolPart) };
  }
}

function filePart({ data, ...part }: LanguageModelV4FilePart) {
  return { ...part, data: data.type === 'data' ? data.data : data.type === 'url' ? data.url : '' };
}

function answerPart(part: V4Content<'assistant'>[number]): V3Content<'assistant'> {
  switch (part.type) {
    case 'file':
      return [filePart(part)];
    case 'tool-result':
      return [{ ...part, output: output(part.output) }];
    case 'custom':
    case 'reasoning-file':
      return [];
    default:
      return [part];
  }
}

function toolPart(part: V4Content<'tool'>[number]): V3Content<'tool'>[number] {
  return part.type === 'tool-result' ? { ...part, output: output(part.output) } : part;
}

function output(said: LanguageModelV4ToolResultOutput): LanguageModelV3ToolResultOutput {
  if (said.type !== 'content') return said;
  return {
    type: 'content',
    value: said.value.map((part) => {
      if (part.type !== 'file') return part;
      const { data, mediaType, filename } = part;
      if (data.type === 'url') return { type: 'file-url', url: data.url.href };
      const name = filename === undefined ? {} : { filename };
      return { type: 'file-data', data: data.type === 'data' ? String(data.data) : '', mediaType, ...name };
    }),
  };
}
