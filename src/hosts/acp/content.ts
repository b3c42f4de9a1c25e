import type { ContentBlock, ToolCallContent } from '@agentclientprotocol/sdk';
import type { FilePart, TextPart, ToolOutput } from '../../messages.ts';

/** What a user says, as the conversation has it. */
export function toParts(prompt: readonly ContentBlock[]): readonly (TextPart | FilePart)[] {
  return prompt.map(toPart);
}

function toPart(block: ContentBlock): TextPart | FilePart {
  switch (block.type) {
    case 'text':
      return text(block.text);
    case 'image':
    case 'audio':
      return { type: 'file', mediaType: block.mimeType, data: block.data };
    case 'resource_link':
      return text(`[${block.name}](${block.uri})`);
    case 'resource': {
      const { resource } = block;
      // the tags keep what a file says apart from what the user says
      if ('text' in resource) return text(`<resource uri="${resource.uri}">\n${resource.text}\n</resource>`);
      const mediaType = resource.mimeType ?? 'application/octet-stream';
      return { type: 'file', mediaType, data: resource.blob, name: resource.uri };
    }
  }
}

function text(said: string): TextPart {
  return { type: 'text', text: said };
}

/** A part of a message, as an editor shows it. */
export function toBlock(part: TextPart | FilePart): ContentBlock {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { mediaType, data, name } = part;
  if (typeof data !== 'string') {
    return { type: 'resource_link', uri: data.url, name: name ?? data.url, mimeType: mediaType };
  }
  if (mediaType.startsWith('image/')) return { type: 'image', mimeType: mediaType, data };
  if (mediaType.startsWith('audio/')) return { type: 'audio', mimeType: mediaType, data };
  return { type: 'resource', resource: { uri: name ?? 'attachment:', mimeType: mediaType, blob: data } };
}

/** What a tool gave, as an editor shows it. */
export function toToolContent(output: ToolOutput): ToolCallContent[] {
  switch (output.type) {
    case 'text':
    case 'error':
      return output.value === '' ? [] : [textContent(output.value)];
    case 'json':
      return [textContent(JSON.stringify(output.value, null, 2))];
    case 'content':
      return output.value.map((part) => ({ type: 'content', content: toBlock(part) }));
  }
}

export function textContent(said: string): ToolCallContent {
  return { type: 'content', content: { type: 'text', text: said } };
}
