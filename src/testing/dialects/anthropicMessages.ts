import type { Json } from '../../json.ts';
import type { AssistantPart, FilePart, Message, TextPart, ToolResultPart } from '../../messages.ts';
import type { ToolChoice, Usage } from '../../model.ts';
import type {
  AnswerAbout,
  Dialect,
  ErrorAnswer,
  ErrorKind,
  SeenRequest,
  SseEvent,
  WholeAnswer,
  WholeCall,
} from './dialect.ts';
import { listIn, objectIn, renamed, textIn } from './readJson.ts';

/** How a server writes where servers differ. */
interface Style {
  readonly eventLines: boolean;
  readonly pings: boolean;
  readonly news: boolean;
  readonly usage: 'both ends' | 'at the end' | 'none';
  readonly closes: boolean;
  readonly wholeInput: boolean;
  readonly stopReason: boolean;
  readonly done: boolean;
}

const anthropicStyle: Style = {
  eventLines: true,
  pings: false,
  news: false,
  usage: 'both ends',
  closes: true,
  wholeInput: false,
  stopReason: true,
  done: false,
};

const styles: Readonly<Record<string, Partial<Style>>> = {
  'no event lines': { eventLines: false },
  'pings between the blocks': { pings: true },
  'events and blocks that nobody knows': { news: true },
  'its usage at the end only': { usage: 'at the end' },
  'no usage': { usage: 'none' },
  'blocks that nobody closes': { closes: false },
  'the input of tools whole, as their blocks begin': { wholeInput: true },
  'a [DONE] after the end': { done: true },
  'an end without a reason': { stopReason: false },
};

const stopReasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
} as const;

/** Anthropic's Messages API. */
export const anthropicMessages: Dialect = {
  name: 'Anthropic Messages',
  basePath: '',
  path: '/v1/messages',
  settings: ['maxOutputTokens', 'reasoningEffort', 'stopSequences', 'providerOptions'],
  deviations: Object.entries(styles).map(([name, { usage, stopReason }]) => ({
    name,
    isAnswer: stopReason !== false,
    hidesUsage: usage === 'none',
  })),
  events(answer, about, deviation) {
    return write(answer, about, { ...anthropicStyle, ...(deviation !== undefined && styles[deviation]) });
  },
  error: errorAnswer,
  streamErrors: {
    'an error event': (kind, about, message) => {
      const { type, message: words } = { ...errors[kind], ...(message !== undefined && { message }) };
      const data = { type: 'error', error: { details: null, type, message: words }, request_id: `req_${about.index}` };
      return { event: 'error', data: JSON.stringify(data), role: 'frame' };
    },
  },
  read,
};

type Fields = { readonly [field: string]: Json };

function* write(answer: WholeAnswer, about: AnswerAbout, style: Style): Iterable<SseEvent> {
  const { reasoning, text, calls, finish, usage } = answer;
  const event = (type: string, fields: Fields, role: SseEvent['role'] = 'frame'): SseEvent => {
    return { ...(style.eventLines && { event: type }), data: JSON.stringify({ type, ...fields }), role };
  };
  let index = 0;
  function* block(content: Fields, deltas: Iterable<SseEvent>, role?: SseEvent['role']): Iterable<SseEvent> {
    yield event('content_block_start', { index, content_block: content }, role);
    yield* deltas;
    if (style.closes) yield event('content_block_stop', { index });
    if (style.pings) yield event('ping', {});
    index += 1;
  }
  const delta = (fields: Fields, role?: SseEvent['role']) =>
    event('content_block_delta', { index, delta: fields }, role);
  function* thoughts(): Iterable<SseEvent> {
    for (const thinking of reasoning) yield delta({ type: 'thinking_delta', thinking }, 'part');
    yield delta({ type: 'signature_delta', signature: `sealed-${about.index}` });
  }
  function* words(): Iterable<SseEvent> {
    let last: string | undefined;
    let lastEvent = delta({ type: 'text_delta', text: '' }, 'part');
    for (const piece of text.pieces) {
      // the same piece a million times is written once
      if (piece !== last) lastEvent = delta({ type: 'text_delta', text: piece }, 'part');
      last = piece;
      yield lastEvent;
    }
  }
  function* input({ input }: WholeCall): Iterable<SseEvent> {
    yield delta({ type: 'input_json_delta', partial_json: '' });
    for (const json of input) yield delta({ type: 'input_json_delta', partial_json: json }, 'part');
  }
  yield event('message_start', { message: messageOf(about, style.usage === 'both ends' ? usage : undefined) });
  yield event('ping', {});
  if (style.news) yield event('something_new', { news: [1, 2, 3] });
  if (reasoning.length > 0) yield* block({ type: 'thinking', thinking: '', signature: '' }, thoughts());
  if (style.news) yield* block({ type: 'something_new' }, [delta({ type: 'new_delta', news: 'x' })]);
  const hasText = text.pieces[Symbol.iterator]().next().done !== true;
  if (hasText) yield* block({ type: 'text', text: '' }, words());
  for (const call of calls) {
    const opened = { type: 'tool_use', id: call.id, name: call.name };
    if (style.wholeInput) yield* block({ ...opened, input: JSON.parse(call.input.join('')) as Json }, [], 'part');
    else yield* block({ ...opened, input: {} }, input(call), 'part');
  }
  yield event('message_delta', {
    delta: { stop_reason: style.stopReason ? stopReasons[finish] : null, stop_sequence: null },
    ...(style.usage !== 'none' && { usage: usageOf(usage) }),
  });
  yield event('message_stop', {}, 'end');
  if (style.done) yield { data: '[DONE]', role: 'after' };
}

function messageOf({ index, body }: AnswerAbout, usage: Usage | undefined): Json {
  return {
    id: `msg_${index}`,
    type: 'message',
    role: 'assistant',
    model: textIn(objectIn(body).model),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    // what is written is counted while it is written
    ...(usage !== undefined && { usage: { ...usageOf(usage), output_tokens: 1, output_tokens_details: null } }),
  };
}

/** What came from the cache is not counted among the input. */
function usageOf({ inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0 }: Usage): Fields {
  return {
    input_tokens: inputTokens - cachedInputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
  };
}

const errors: Readonly<
  Record<ErrorKind, { readonly status: number; readonly type: string; readonly message: string }>
> = {
  auth: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
  rate_limit: {
    status: 429,
    type: 'rate_limit_error',
    message: "This request would exceed your organization's rate limit of 50 requests per minute.",
  },
  quota: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  },
  server: { status: 500, type: 'api_error', message: 'Internal server error' },
  overloaded: { status: 529, type: 'overloaded_error', message: 'Overloaded' },
  overflow: {
    status: 400,
    type: 'invalid_request_error',
    message: 'prompt is too long: 213462 tokens > 200000 maximum',
  },
  invalid_request: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'max_tokens: 1000000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5-20250929',
  },
  model_not_found: { status: 404, type: 'not_found_error', message: 'model: claude-nought' },
};

function errorAnswer(kind: ErrorKind, words?: string): ErrorAnswer {
  const { status, type, message } = errors[kind];
  return { status, body: { type: 'error', error: { type, message: words ?? message }, request_id: 'req_error' } };
}

function read(body: Json | undefined): SeenRequest {
  const request = objectIn(body);
  const instructions = textsIn(request.system);
  return {
    model: textIn(request.model),
    isStream: request.stream === true,
    ...(instructions !== '' && { instructions }),
    messages: listIn(request.messages).flatMap(messagesIn),
    tools: listIn(request.tools).map((tool) => {
      const { name, description, input_schema: schema } = objectIn(tool);
      return {
        name: textIn(name),
        ...(typeof description === 'string' && { description }),
        inputSchema: objectIn(schema),
      };
    }),
    toolChoice: choiceIn(request.tool_choice),
    settings: {
      ...renamed(request, { max_tokens: 'maxOutputTokens', stop_sequences: 'stopSequences' }),
      ...renamed(objectIn(request.output_config), { effort: 'reasoningEffort' }),
    },
  };
}

/** The results of tools are part of what the user says; here they are a message of their own. */
function messagesIn(entry: Json, index: number): Message[] {
  const { role, content } = objectIn(entry);
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : listIn(content).map(objectIn);
  const id = `m${index}`;
  if (role === 'assistant') return [{ role, id, content: blocks.flatMap(assistantPartIn) }];
  const results = blocks.flatMap(resultIn);
  const parts = blocks.flatMap(userPartIn);
  return [
    ...(results.length > 0 ? [{ role: 'tool' as const, id, content: results }] : []),
    ...(parts.length > 0 ? [{ role: 'user' as const, id: `${id}.user`, content: parts }] : []),
  ];
}

function assistantPartIn(block: Fields): AssistantPart[] {
  switch (block.type) {
    case 'text':
      return [{ type: 'text', text: textIn(block.text) }];
    case 'thinking':
      return [
        { type: 'reasoning', text: textIn(block.thinking), providerMetadata: { signature: block.signature ?? '' } },
      ];
    case 'tool_use': {
      const { id, name, input = {} } = block;
      return [{ type: 'tool-call', toolCallId: textIn(id), toolName: textIn(name), input }];
    }
    default:
      return [{ type: 'opaque', provider: 'anthropic', data: block }];
  }
}

function resultIn(block: Fields): ToolResultPart[] {
  if (block.type !== 'tool_result') return [];
  const type = block.is_error === true ? 'error' : 'text';
  const output = { type, value: textsIn(block.content) } as const;
  return [{ type: 'tool-result', toolCallId: textIn(block.tool_use_id), toolName: '', output }];
}

function userPartIn(block: Fields): (TextPart | FilePart)[] {
  if (block.type === 'text') return [{ type: 'text', text: textIn(block.text) }];
  if (block.type === 'tool_result') return [];
  const { media_type: mediaType, data, url } = objectIn(block.source);
  return [{ type: 'file', mediaType: textIn(mediaType), data: typeof data === 'string' ? data : { url: textIn(url) } }];
}

function textsIn(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  return listIn(content)
    .map((piece) => textIn(objectIn(piece).text))
    .join('');
}

function choiceIn(choice: Json | undefined): ToolChoice {
  const { type, name } = objectIn(choice);
  if (type === 'none') return type;
  if (type === 'any') return 'required';
  return type === 'tool' ? { tool: textIn(name) } : 'auto';
}
