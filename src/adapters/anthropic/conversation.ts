import type Anthropic from '@anthropic-ai/sdk';
import type { Json } from '../../json.ts';
import type {
  AssistantMessage,
  AssistantPart,
  FilePart,
  Message,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../../messages.ts';
import { isWire, type Wire } from '../wire.ts';
import { type FileBlock, fileBlock } from './files.ts';
import { metadataOf } from './metadata.ts';
import { CallIds, toolNameOf } from './toolNames.ts';

type Block = Anthropic.ContentBlockParam;

/** What one side says. The API wants them in turns, the user first. */
export interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: Block[];
}

export interface Conversation {
  /** System messages that come before everything else; they belong to the instructions. */
  readonly system: readonly string[];
  readonly turns: readonly Turn[];
}

/** What stands where the API insists on a user's message, and there is none. */
const opening: Block = { type: 'text', text: '(The conversation goes on from here.)' };

/**
 * The messages as the API takes them:
 *
 * - messages of one side that follow each other are one, results of tools first
 * - a system message in the middle is a text of the user in `<system>` tags: only some models take it as it is
 * - texts of nothing but blanks are left out, and messages of which nothing is left
 * - thinking that led to nothing is left out, and thinking of other providers
 * - calls of tools at the provider that have no result are left out once the user has gone on
 * - where the user does not begin, a line of ours does
 *
 * @throws UnsupportedRequest for files that the API does not take.
 */
export function conversationOf(messages: readonly Message[], provider: string): Conversation {
  const about = { provider, ids: new CallIds(), abandoned: abandonedCalls(messages, provider) };
  const system: string[] = [];
  const turns: Turn[] = [];
  for (const message of messages) {
    switch (message.role) {
      case 'system':
        if (isBlank(message.content)) break;
        if (turns.length === 0) system.push(message.content);
        else say(turns, 'user', [{ type: 'text', text: `<system>\n${message.content}\n</system>` }]);
        break;
      case 'user':
        say(turns, 'user', contentBlocks(message.content));
        break;
      case 'assistant':
        say(turns, 'assistant', assistantBlocks(message, about));
        break;
      case 'tool':
        say(
          turns,
          'user',
          message.content.map((result) => resultBlock(result, about)),
        );
    }
  }
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: [opening] });
  return { system, turns: turns.map(arranged) };
}

/** What a part must know of the conversation. */
interface About {
  readonly provider: string;
  readonly ids: CallIds;
  /** The ids of calls that ran at the provider, and that nothing came of. */
  readonly abandoned: ReadonlySet<unknown>;
}

/** An answer that pauses may end with a call. Where the user goes on instead of the model, nothing comes of it any more. */
function abandonedCalls(messages: readonly Message[], provider: string): ReadonlySet<unknown> {
  const lastSaid = messages.findLastIndex(({ role }) => role === 'user' || role === 'system');
  const calls = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'assistant') continue;
    for (const part of message.content) {
      if (part.type !== 'opaque' || part.provider !== provider || !isWire(part.data)) continue;
      const { type, id, tool_use_id: answered } = part.data;
      if (type === 'server_tool_use' && index < lastSaid) calls.add(id);
      calls.delete(answered);
    }
  }
  return calls;
}

function isServerCall(block: Block): block is Anthropic.ServerToolUseBlockParam {
  return block.type === 'server_tool_use';
}

function say(turns: Turn[], role: Turn['role'], content: readonly Block[]): void {
  if (content.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === role) last.content.push(...content);
  else turns.push({ role, content: [...content] });
}

function arranged({ role, content }: Turn, index: number, turns: readonly Turn[]): Turn {
  if (role === 'user') return { role, content: [...content.filter(isResult), ...content.filter((b) => !isResult(b))] };
  const last = content.at(-1);
  if (index < turns.length - 1 || last?.type !== 'text') return { role, content };
  // an answer that is to be gone on with must not end with blanks
  return { role, content: [...content.slice(0, -1), { ...last, text: last.text.trimEnd() }] };
}

function isResult({ type }: Block): boolean {
  return type === 'tool_result';
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}

function contentBlocks(content: readonly (TextPart | FilePart)[]): (Anthropic.TextBlockParam | FileBlock)[] {
  return content
    .filter((part) => part.type === 'file' || !isBlank(part.text))
    .map((part) => (part.type === 'file' ? fileBlock(part) : { type: 'text', text: part.text }));
}

/** Thinking goes back only before what it led to: the API refuses it at the end. */
function assistantBlocks({ content }: AssistantMessage, about: About): Block[] {
  const blocks = content.flatMap((part) => assistantBlock(part, about) ?? []);
  return blocks.slice(0, blocks.findLastIndex(({ type }) => type !== 'thinking' && type !== 'redacted_thinking') + 1);
}

function assistantBlock(part: AssistantPart, { provider, ids, abandoned }: About): Block | undefined {
  const { signature, citations, caller } = metadataOf(part.providerMetadata, provider);
  switch (part.type) {
    case 'text':
      if (isBlank(part.text)) return undefined;
      return {
        type: 'text',
        text: part.text,
        ...(citations !== undefined && { citations: citations.filter(isCitation) }),
      };
    case 'reasoning':
      return signature === undefined ? undefined : { type: 'thinking', thinking: part.text, signature };
    case 'tool-call':
      return {
        type: 'tool_use',
        id: ids.ofCall(part.toolCallId),
        name: toolNameOf(part.toolName),
        input: inputOf(part),
        ...(isCaller(caller) && !abandoned.has(caller.tool_id) && { caller }),
      };
    case 'opaque':
      if (part.provider !== provider || !isBlock(part.data)) return undefined;
      return isServerCall(part.data) && abandoned.has(part.data.id) ? undefined : part.data;
  }
}

/** The API takes objects only. */
function inputOf({ input, invalid }: ToolCallPart): object {
  if (invalid) return { invalid: input };
  return isWire(input) ? input : { value: input };
}

// what this provider once sent it takes back

function isBlock(data: Json): data is Json & Block {
  return isWire(data) && typeof data.type === 'string';
}

function isCitation(citation: Wire): citation is Wire & Anthropic.TextCitationParam {
  return typeof citation.type === 'string';
}

function isCaller(caller: Wire | undefined): caller is Wire & Anthropic.ServerToolCaller20260120 {
  return typeof caller?.type === 'string';
}

function resultBlock({ toolCallId, output }: ToolResultPart, { ids }: About): Anthropic.ToolResultBlockParam {
  const result = { type: 'tool_result' as const, tool_use_id: ids.ofResult(toolCallId) };
  switch (output.type) {
    case 'error':
      // an error without words is refused
      return { ...result, is_error: true, content: isBlank(output.value) ? 'The tool failed.' : output.value };
    case 'content': {
      const content = contentBlocks(output.value);
      return { ...result, ...(content.length > 0 && { content }) };
    }
    case 'json':
      return { ...result, content: JSON.stringify(output.value) };
    case 'text':
      return { ...result, ...(!isBlank(output.value) && { content: output.value }) };
  }
}
