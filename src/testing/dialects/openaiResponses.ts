import type { Json } from '../../json.ts';
import type { AssistantPart, FilePart, Message, TextPart, ToolResultPart } from '../../messages.ts';
import type { ToolChoice } from '../../model.ts';
import type { AnswerAbout, Dialect, SeenRequest, SseEvent, WholeAnswer, WholeCall } from './dialect.ts';
import { openaiError, openaiErrorAnswer } from './openaiErrors.ts';
import { listIn, objectIn, parsedIn, renamed, textIn } from './readJson.ts';

/** How a server writes where servers differ. */
interface Style {
  readonly done: boolean;
  readonly eventLines: boolean;
  readonly numbers: boolean;
  readonly news: boolean;
  readonly usage: boolean;
}

const openaiStyle: Style = { done: false, eventLines: true, numbers: true, news: false, usage: true };

const styles: Readonly<Record<string, Partial<Style>>> = {
  'a [DONE] after the end': { done: true },
  'no event lines': { eventLines: false },
  'no sequence numbers': { numbers: false },
  'events that nobody knows': { news: true },
  'no usage': { usage: false },
};

/** OpenAI's Responses API. */
export const openaiResponses: Dialect = {
  name: 'OpenAI Responses',
  basePath: '/v1',
  path: '/responses',
  settings: ['temperature', 'topP', 'maxOutputTokens', 'reasoningEffort', 'providerOptions'],
  deviations: Object.entries(styles).map(([name, { usage }]) => ({
    name,
    isAnswer: true,
    hidesUsage: usage === false,
  })),
  events(answer, about, deviation) {
    return new Stream(answer, about, { ...openaiStyle, ...(deviation !== undefined && styles[deviation]) }).write();
  },
  error: openaiErrorAnswer,
  streamErrors: {
    'an error event': (kind, _about, message) => {
      const { message: words, type, code } = openaiError(kind, message);
      const data = { type: 'error', code: code ?? type, message: words, param: null, sequence_number: 99 };
      return { event: 'error', data: JSON.stringify(data), role: 'frame' };
    },
    'a failed response': (kind, about, message) => {
      const { message: words, type, code } = openaiError(kind, message);
      const error = { code: code ?? type, message: words };
      const response = { ...responseOf(about), status: 'failed', error };
      const data = { type: 'response.failed', sequence_number: 99, response };
      return { event: 'response.failed', data: JSON.stringify(data), role: 'frame' };
    },
  },
  read,
};

/** Writes one answer: items in order, each opened, filled and closed, and the whole response at the end. */
class Stream {
  readonly #answer: WholeAnswer;
  readonly #about: AnswerAbout;
  readonly #style: Style;
  readonly #output: Json[] = [];
  #number = 0;

  constructor(answer: WholeAnswer, about: AnswerAbout, style: Style) {
    this.#answer = answer;
    this.#about = about;
    this.#style = style;
  }

  *write(): Iterable<SseEvent> {
    const { reasoning, text, calls, finish, usage } = this.#answer;
    const isCut = finish === 'length' || finish === 'content-filter';
    const response = responseOf(this.#about);
    yield this.#event('response.created', { response });
    yield this.#event('response.in_progress', { response });
    if (this.#style.news) yield this.#event('response.something_new', { news: [1, 2, 3] });
    if (reasoning.length > 0) yield* this.#reasoning(reasoning);
    if (this.#style.news) yield this.#event('keepalive', {});
    const hasText = text.pieces[Symbol.iterator]().next().done !== true;
    if (hasText) yield* this.#text(text);
    for (const call of calls) yield* this.#call(call);
    const reason = finish === 'length' ? 'max_output_tokens' : 'content_filter';
    const whole = {
      ...response,
      status: isCut ? 'incomplete' : 'completed',
      incomplete_details: isCut ? { reason } : null,
      output: this.#output,
      usage: this.#style.usage
        ? {
            input_tokens: usage.inputTokens,
            input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
            output_tokens: usage.outputTokens,
            output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
            total_tokens: usage.inputTokens + usage.outputTokens,
          }
        : null,
    };
    yield this.#event(isCut ? 'response.incomplete' : 'response.completed', { response: whole }, 'end');
    if (this.#style.done) yield { data: '[DONE]', role: 'after' };
  }

  *#reasoning(pieces: readonly string[]): Iterable<SseEvent> {
    const id = `rs_${this.#about.index}`;
    const at = { item_id: id, output_index: this.#output.length, summary_index: 0 };
    const opened = { id, type: 'reasoning', summary: [] };
    yield this.#event('response.output_item.added', { output_index: at.output_index, item: opened });
    yield this.#event('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    for (const delta of pieces) yield this.#event('response.reasoning_summary_text.delta', { ...at, delta }, 'part');
    const text = pieces.join('');
    yield this.#event('response.reasoning_summary_text.done', { ...at, text });
    yield this.#event('response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } });
    const item = { ...opened, summary: [{ type: 'summary_text', text }], encrypted_content: `sealed-${id}` };
    yield* this.#close(item);
  }

  *#text({ pieces, whole }: WholeAnswer['text']): Iterable<SseEvent> {
    const id = `msg_${this.#about.index}`;
    const at = { item_id: id, output_index: this.#output.length, content_index: 0 };
    const opened = { id, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    yield this.#event('response.output_item.added', { output_index: at.output_index, item: opened });
    const nothing = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    yield this.#event('response.content_part.added', { ...at, part: nothing });
    for (const delta of pieces) {
      yield this.#event('response.output_text.delta', { ...at, delta, logprobs: [] }, 'part');
    }
    const text = whole();
    const content = { ...nothing, text };
    yield this.#event('response.output_text.done', { ...at, text, logprobs: [] });
    yield this.#event('response.content_part.done', { ...at, part: content });
    yield* this.#close({ ...opened, status: this.#statusOfLast(), content: [content] });
  }

  *#call({ id: callId, name, input, isHalf }: WholeCall): Iterable<SseEvent> {
    const index = this.#output.length;
    const id = `fc_${this.#about.index}_${index}`;
    const opened = { id, type: 'function_call', call_id: callId, name, arguments: '', status: 'in_progress' };
    yield this.#event('response.output_item.added', { output_index: index, item: opened }, 'part');
    const at = { item_id: id, output_index: index };
    for (const delta of input) yield this.#event('response.function_call_arguments.delta', { ...at, delta }, 'part');
    const whole = input.join('');
    // what was cut off is closed as well, and only its status tells
    if (!isHalf) yield this.#event('response.function_call_arguments.done', { ...at, name, arguments: whole });
    yield* this.#close({ ...opened, arguments: whole, status: isHalf ? 'incomplete' : 'completed' });
  }

  *#close(item: Json): Iterable<SseEvent> {
    yield this.#event('response.output_item.done', { output_index: this.#output.length, item });
    this.#output.push(item);
  }

  #statusOfLast(): string {
    const { finish, calls } = this.#answer;
    return finish === 'length' && calls.length === 0 ? 'incomplete' : 'completed';
  }

  #event(type: string, fields: { readonly [field: string]: Json }, role: SseEvent['role'] = 'frame'): SseEvent {
    const { numbers, eventLines } = this.#style;
    const number = numbers ? { sequence_number: this.#number } : {};
    this.#number += 1;
    return { ...(eventLines && { event: type }), data: JSON.stringify({ type, ...number, ...fields }), role };
  }
}

function responseOf({ index, body }: AnswerAbout): { readonly [field: string]: Json } {
  return {
    id: `resp_${index}`,
    object: 'response',
    created_at: 1_700_000_000,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    model: textIn(objectIn(body).model),
    output: [],
    usage: null,
  };
}

function read(body: Json | undefined): SeenRequest {
  const request = objectIn(body);
  const messages: Message[] = [];
  let instructions = typeof request.instructions === 'string' ? request.instructions : undefined;
  const { input } = request;
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : listIn(input);
  for (const [index, entry] of items.entries()) {
    const item = objectIn(entry);
    const isSystem = item.role === 'system' || item.role === 'developer';
    if (isSystem && index === 0 && instructions === undefined) instructions = textsIn(item.content);
    else if (isSystem) messages.push({ role: 'system', id: `m${index}`, content: textsIn(item.content) });
    else addItem(messages, item, `m${index}`);
  }
  return {
    model: textIn(request.model),
    isStream: request.stream === true,
    ...(instructions !== undefined && { instructions }),
    messages,
    tools: listIn(request.tools).map((tool) => {
      const { name, description, parameters } = objectIn(tool);
      return {
        name: textIn(name),
        ...(typeof description === 'string' && { description }),
        inputSchema: objectIn(parameters),
      };
    }),
    toolChoice: choiceIn(request.tool_choice),
    settings: {
      ...renamed(request, { temperature: 'temperature', top_p: 'topP', max_output_tokens: 'maxOutputTokens' }),
      ...renamed(objectIn(request.reasoning), { effort: 'reasoningEffort' }),
    },
  };
}

/** Items lie side by side; those of one answer are one message here, and so are the results of one step. */
function addItem(messages: Message[], item: { readonly [field: string]: Json }, id: string): void {
  switch (item.type) {
    case 'function_call':
      addToAnswer(messages, id, {
        type: 'tool-call',
        toolCallId: textIn(item.call_id),
        toolName: textIn(item.name),
        input: parsedIn(item.arguments),
      });
      return;
    case 'function_call_output':
      addResult(messages, id, {
        type: 'tool-result',
        toolCallId: textIn(item.call_id),
        toolName: '',
        output: { type: 'text', value: typeof item.output === 'string' ? item.output : textsIn(item.output) },
      });
      return;
    case 'reasoning':
      addToAnswer(messages, id, {
        type: 'reasoning',
        text: textsIn(item.summary),
        ...(item.encrypted_content !== undefined && { providerMetadata: item.encrypted_content }),
      });
      return;
    default:
      if (item.role === 'user') messages.push({ role: 'user', id, content: userParts(item.content) });
      else addToAnswer(messages, id, { type: 'text', text: textsIn(item.content) });
  }
}

function addToAnswer(messages: Message[], id: string, part: AssistantPart): void {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', id, content: [part] });
  else messages[messages.length - 1] = { ...last, content: [...last.content, part] };
}

function addResult(messages: Message[], id: string, result: ToolResultPart): void {
  const last = messages.at(-1);
  if (last?.role !== 'tool') messages.push({ role: 'tool', id, content: [result] });
  else messages[messages.length - 1] = { ...last, content: [...last.content, result] };
}

function userParts(content: Json | undefined): (TextPart | FilePart)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return listIn(content).map((entry) => {
    const { type, text, image_url: image, file_data: data, file_url: url } = objectIn(entry);
    if (type === 'input_text') return { type: 'text', text: textIn(text) };
    return { type: 'file', mediaType: '', data: { url: textIn(image) || textIn(data) || textIn(url) } };
  });
}

function textsIn(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  return listIn(content)
    .map((piece) => textIn(objectIn(piece).text))
    .join('');
}

function choiceIn(choice: Json | undefined): ToolChoice {
  if (choice === 'none' || choice === 'required') return choice;
  const tool = objectIn(choice).name;
  return typeof tool === 'string' ? { tool } : 'auto';
}
