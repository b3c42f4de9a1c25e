import type { AssistantPart, FilePart, Message, ToolResultPart } from '../messages.ts';

/** Of a text: about 4 characters of English are a token, and about as many bytes of any other script. */
const bytesPerToken = 4;
/** What a part needs beside its text: its type, its ids, its place in the conversation. */
const tokensPerPart = 4;
/** An image takes some hundreds to some thousands, whatever its bytes; of a document one knows only once it is read. */
const tokensPerFile = 1_500;

/** Tokens of messages, about: every provider counts in its own way. */
export function tokensOf(messages: readonly Message[]): number {
  let tokens = 0;
  for (const { content } of messages) {
    if (typeof content === 'string') tokens += tokensPerPart + tokensOfText(content);
    else for (const part of content) tokens += tokensPerPart + tokensOfPart(part);
  }
  return Math.ceil(tokens);
}

function tokensOfPart(part: AssistantPart | FilePart | ToolResultPart): number {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return tokensOfText(part.text);
    case 'file':
      return tokensOfFile(part);
    case 'tool-call':
      return tokensOfText(part.toolName) + tokensOfText(JSON.stringify(part.input));
    case 'opaque':
      return tokensOfText(JSON.stringify(part.data));
    case 'tool-result':
      return tokensOfOutput(part);
  }
}

function tokensOfOutput({ output }: ToolResultPart): number {
  if (output.type === 'json') return tokensOfText(JSON.stringify(output.value));
  if (output.type !== 'content') return tokensOfText(output.value);
  let tokens = 0;
  for (const part of output.value) tokens += tokensPerPart + tokensOfPart(part);
  return tokens;
}

/** The base64 of a text is a third longer than the text; that of anything else says nothing of its tokens. */
function tokensOfFile({ mediaType, data }: FilePart): number {
  const isText = typeof data === 'string' && mediaType.startsWith('text/');
  return isText ? (data.length * 3) / 4 / bytesPerToken : tokensPerFile;
}

function tokensOfText(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) bytes += code > 0x7ff ? 2 : 1;
  }
  return bytes / bytesPerToken;
}
