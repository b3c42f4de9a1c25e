import type Anthropic from '@anthropic-ai/sdk';
import type { FilePart } from '../../messages.ts';
import { isImage, kindOf, unsupportedFile } from '../files.ts';

export type FileBlock = Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam;
type ImageType = Anthropic.Base64ImageSource['media_type'];

const api = 'the Messages API';
const imageTypes: ReadonlySet<string> = new Set<ImageType>(['image/jpeg', 'image/png', 'image/gif', 'image/webp']);

/**
 * A file as a block: an image, a PDF or a text.
 *
 * @throws UnsupportedRequest for what the API does not take.
 */
export function fileBlock(file: FilePart): FileBlock {
  const { data, name } = file;
  const kind = kindOf(file);
  const title = name !== undefined && { title: name };
  if (isImage(file)) {
    if (typeof data !== 'string') return { type: 'image', source: { type: 'url', url: data.url } };
    if (!isImageType(kind)) throw unsupportedFile(file, api, 'takes images as JPEG, PNG, GIF and WebP');
    return { type: 'image', source: { type: 'base64', media_type: kind, data } };
  }
  if (kind === 'application/pdf') {
    if (typeof data !== 'string') return { type: 'document', source: { type: 'url', url: data.url }, ...title };
    return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data }, ...title };
  }
  if (!kind.startsWith('text/')) throw unsupportedFile(file, api, 'takes images, PDF and texts');
  if (typeof data !== 'string') {
    throw unsupportedFile(file, api, 'takes the address of an image or a PDF only; give its data');
  }
  return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: textOf(file, data) }, ...title };
}

function isImageType(kind: string): kind is ImageType {
  return imageTypes.has(kind);
}

function textOf(file: FilePart, base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  } catch {
    throw unsupportedFile(file, api, 'cannot be given what is no base64');
  }
}
