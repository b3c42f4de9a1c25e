import type { FilePart } from '../messages.ts';
import { UnsupportedRequest } from './unsupported.ts';

/** The address of a file: the provider fetches it, or it carries the file itself. */
export function addressOfFile({ mediaType, data }: FilePart): string {
  return typeof data === 'string' ? `data:${mediaType};base64,${data}` : data.url;
}

export function isImage({ mediaType }: FilePart): boolean {
  return mediaType.toLowerCase().startsWith('image/');
}

/** The general and the special kind, without parameters: `audio/wav`. */
export function kindOf({ mediaType }: FilePart): string {
  return (mediaType.split(';')[0] ?? '').trim().toLowerCase();
}

export function unsupportedFile({ mediaType, name }: FilePart, api: string, what: string): UnsupportedRequest {
  const file = name === undefined ? 'A file' : `The file "${name}"`;
  return new UnsupportedRequest(`${file} of type ${mediaType} cannot be sent: ${api} ${what}.`);
}
