import type { Json } from '../json.ts';
import type { FilePart, TextPart } from '../messages.ts';
import { ToolContent } from '../tool.ts';
import type { McpContent, McpResource, McpResult } from './client.ts';

/**
 * What a tool returns for what a server has answered: content where there are files, text where all is text, JSON where
 * that is all there is.
 *
 * @throws Error with the server's words where the call failed
 */
export function toOutput(result: McpResult): ToolContent | string | Json {
  const { content = [], structuredContent, isError, toolResult } = result;
  const parts = content.map(toPart);
  if (isError) throw new Error(textOf(parts) || 'The server says that it failed, and not why.');
  if (parts.some(({ type }) => type === 'file')) return new ToolContent(parts);
  if (parts.length > 0) return textOf(parts);
  return structuredContent ?? toolResult ?? '';
}

function textOf(parts: readonly (TextPart | FilePart)[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function toPart(content: McpContent): TextPart | FilePart {
  switch (content.type) {
    case 'text':
      return { type: 'text', text: content.text };
    case 'image':
    case 'audio':
      return { type: 'file', mediaType: content.mimeType, data: content.data };
    case 'resource_link':
      return { type: 'text', text: [content.name, content.uri, content.description].filter(Boolean).join(' · ') };
    case 'resource':
      return toResource(content.resource);
    default:
      return { type: 'text', text: JSON.stringify(content) };
  }
}

function toResource(resource: McpResource): TextPart | FilePart {
  const { uri, mimeType = 'application/octet-stream' } = resource;
  if ('text' in resource) return { type: 'text', text: `${uri}\n${resource.text}` };
  return { type: 'file', mediaType: mimeType, data: resource.blob, name: uri };
}
