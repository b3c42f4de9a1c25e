import type { Json } from '../../json.ts';
import type { FilePart, Message, TextPart, ToolResultPart } from '../../messages.ts';
import type { ToolChoice } from '../../model.ts';
import type { AnswerAbout, Dialect, SeenRequest, SseEvent, WholeAnswer, WholeCall } from './dialect.ts';
import { openaiError, openaiErrorAnswer } from './openaiErrors.ts';
import { listIn, objectIn, parsedIn, renamed, textIn } from './readJson.ts';

/** How a server writes where servers differ. */
interface Style {
  readonly done: boolean;
  readonly finish: boolean;
  readonly usage: 'own chunk' | 'with the finish' | 'none';
  readonly callIndex: boolean;
  readonly wholeCalls: boolean;
  readonly emptyChoices: boolean;
  readonly onlyEmptyChoices: boolean;
  readonly reasoningField: 'reasoning_content' | 'reasoning';
}

const openaiStyle: Style = {
  done: true,
  finish: true,
  usage: 'own chunk',
  callIndex: true,
  wholeCalls: false,
  emptyChoices: false,
  onlyEmptyChoices: false,
  reasoningField: 'reasoning_content',
};

const styles: Readonly<Record<string, Partial<Style>>> = {
  'no [DONE] after the finish reason': { done: false },
  'no usage': { usage: 'none' },
  'the usage with the finish reason': { usage: 'with the finish' },
  'deltas of tool calls without an index': { callIndex: false },
  'whole tool calls in one chunk': { wholeCalls: true },
  'chunks with empty choices between the deltas': { emptyChoices: true },
  'reasoning in a field of another name': { reasoningField: 'reasoning' },
  'nothing but empty choices': { onlyEmptyChoices: true },
  'a [DONE] without a finish reason': { finish: false },
};
const noAnswers: ReadonlySet<string> = new Set(['nothing but empty choices', 'a [DONE] without a finish reason']);

const finishReasons = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
} as const;

/** OpenAI's Chat Completions, and what most other servers imitate. */
export const openaiChat: Dialect = {
  name: 'OpenAI Chat Completions',
  basePath: '/v1',
  path: '/chat/completions',
  settings: ['temperature', 'topP', 'maxOutputTokens', 'reasoningEffort', 'stopSequences', 'seed', 'providerOptions'],
  deviations: Object.entries(styles).map(([name, { usage }]) => ({
    name,
    isAnswer: !noAnswers.has(name),
    hidesUsage: usage === 'none',
  })),
  events(answer, about, deviation) {
    return write(answer, about, { ...openaiStyle, ...(deviation !== undefined && styles[deviation]) });
  },
  error: openaiErrorAnswer,
  streamErrors: {
    'an error object': (kind, _about, message) => {
      const { message: words, type, code } = openaiError(kind, message);
      return part({ error: { message: words, type, code, param: null } }, 'frame');
    },
  },
  read,
};

function* write(answer: WholeAnswer, about: AnswerAbout, style: Style): Iterable<SseEvent> {
  const { reasoning, text, calls, finish } = answer;
  const delta = (fields: Json) => part(chunk(about, [choice(fields)]));
  const nothing = part(chunk(about, []), 'frame');
  if (style.onlyEmptyChoices) {
    yield* [nothing, nothing, { data: '[DONE]', role: 'after' }];
    return;
  }
  yield part(chunk(about, [choice({ role: 'assistant', content: '' })]), 'frame');
  for (const piece of reasoning) yield delta({ [style.reasoningField]: piece });
  let last = '';
  let lastEvent = nothing;
  for (const piece of text.pieces) {
    if (style.emptyChoices) yield nothing;
    // the same piece a million times is written once
    if (piece !== last || lastEvent === nothing) lastEvent = delta({ content: piece });
    last = piece;
    yield lastEvent;
  }
  for (const [index, call] of calls.entries()) {
    if (style.emptyChoices) yield nothing;
    yield* writeCall(call, style.callIndex ? { index } : {}, style, delta);
  }
  const usage = style.usage !== 'none' && wantsUsage(about) ? { usage: usageOf(answer) } : {};
  if (style.finish) {
    const withUsage = style.usage === 'with the finish' ? usage : {};
    yield part({ ...chunk(about, [choice({}, finishReasons[finish])]), ...withUsage }, 'end');
  }
  if (style.usage === 'own chunk' && 'usage' in usage) yield part({ ...chunk(about, []), ...usage }, 'after');
  if (style.done) yield { data: '[DONE]', role: 'after' };
}

function* writeCall(
  { id, name, input }: WholeCall,
  index: { readonly index?: number },
  style: Style,
  delta: (fields: Json) => SseEvent,
): Iterable<SseEvent> {
  const first = { ...index, id, type: 'function' };
  if (style.wholeCalls) {
    yield delta({ tool_calls: [{ ...first, function: { name, arguments: input.join('') } }] });
    return;
  }
  yield delta({ tool_calls: [{ ...first, function: { name, arguments: '' } }] });
  for (const piece of input) yield delta({ tool_calls: [{ ...index, function: { arguments: piece } }] });
}

function part(data: Json, role: SseEvent['role'] = 'part'): SseEvent {
  return { data: JSON.stringify(data), role };
}

function chunk({ index, body }: AnswerAbout, choices: readonly Json[]): { readonly [field: string]: Json } {
  return {
    id: `chatcmpl-${index}`,
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: textIn(objectIn(body).model),
    choices: [...choices],
  };
}

function choice(delta: Json, finishReason: string | null = null): Json {
  return { index: 0, delta, logprobs: null, finish_reason: finishReason };
}

/** It is only told to those who ask. */
function wantsUsage({ body }: AnswerAbout): boolean {
  return objectIn(objectIn(body).stream_options).include_usage === true;
}

function usageOf({ usage }: WholeAnswer): Json {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  };
}

function read(body: Json | undefined): SeenRequest {
  const request = objectIn(body);
  const messages: Message[] = [];
  let instructions: string | undefined;
  for (const [index, entry] of listIn(request.messages).entries()) {
    const message = objectIn(entry);
    const role = textIn(message.role);
    if (role === 'system' || role === 'developer') {
      const content = textsIn(message.content);
      if (index === 0) instructions = content;
      else messages.push({ role: 'system', id: `m${index}`, content });
    } else if (role === 'tool') {
      addResult(messages, index, {
        type: 'tool-result',
        toolCallId: textIn(message.tool_call_id),
        toolName: '',
        output: { type: 'text', value: textsIn(message.content) },
      });
    } else if (role === 'assistant') {
      messages.push({
        role,
        id: `m${index}`,
        content: [...textParts(message.content), ...callsIn(message.tool_calls)],
      });
    } else {
      messages.push({ role: 'user', id: `m${index}`, content: userParts(message.content) });
    }
  }
  return {
    model: textIn(request.model),
    isStream: request.stream === true,
    ...(instructions !== undefined && { instructions }),
    messages,
    tools: listIn(request.tools).map((tool) => {
      const { name, description, parameters } = objectIn(objectIn(tool).function);
      return {
        name: textIn(name),
        ...(typeof description === 'string' && { description }),
        inputSchema: objectIn(parameters),
      };
    }),
    toolChoice: choiceIn(request.tool_choice),
    settings: renamed(request, {
      temperature: 'temperature',
      top_p: 'topP',
      max_tokens: 'maxOutputTokens',
      max_completion_tokens: 'maxOutputTokens',
      reasoning_effort: 'reasoningEffort',
      stop: 'stopSequences',
      seed: 'seed',
    }),
  };
}

/** The results of one step are one message. */
function addResult(messages: Message[], index: number, result: ToolResultPart): void {
  const last = messages.at(-1);
  if (last?.role !== 'tool') messages.push({ role: 'tool', id: `m${index}`, content: [result] });
  else messages[messages.length - 1] = { ...last, content: [...last.content, result] };
}

function textParts(content: Json | undefined): TextPart[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return listIn(content).map((piece) => ({ type: 'text', text: textIn(objectIn(piece).text) }));
}

function userParts(content: Json | undefined): (TextPart | FilePart)[] {
  if (typeof content === 'string') return textParts(content);
  return listIn(content).map((entry) => {
    const { type, text, image_url: image, file, input_audio: audio } = objectIn(entry);
    if (type === 'text') return { type, text: textIn(text) };
    const url = textIn(objectIn(image).url) || textIn(objectIn(file).file_data) || textIn(objectIn(audio).data);
    return { type: 'file', mediaType: '', data: { url } };
  });
}

function textsIn(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  return listIn(content)
    .map((piece) => textIn(objectIn(piece).text))
    .join('');
}

function callsIn(calls: Json | undefined) {
  return listIn(calls).map((entry) => {
    const call = objectIn(entry);
    const { name, arguments: input } = objectIn(call.function);
    return {
      type: 'tool-call' as const,
      toolCallId: textIn(call.id),
      toolName: textIn(name),
      input: parsedIn(input),
    };
  });
}

function choiceIn(choice: Json | undefined): ToolChoice {
  if (choice === 'none' || choice === 'required') return choice;
  const tool = objectIn(objectIn(choice).function).name;
  return typeof tool === 'string' ? { tool } : 'auto';
}
