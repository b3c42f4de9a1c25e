import type { Message, ModelRequest } from 'turnchart';
import { type OpenAIOptions, openai } from 'turnchart/adapters/openai';
import { describe, expect, test } from 'vitest';
import {
  askServer,
  callsOf,
  failureOf,
  finishOf,
  messageOf,
  only,
  request,
  textOf,
  toolResult,
  user,
} from './support.ts';

function ask(
  events: readonly (object | string)[],
  asked?: ModelRequest,
  options?: OpenAIOptions,
  modelId = 'gpt-5-mini',
) {
  return askServer(events, asked, (baseURL) =>
    openai(modelId, { api: 'responses', baseURL, apiKey: 'key-of-a-test', ...options }),
  );
}

const at = (place: number, itemId: string) => ({ output_index: place, item_id: itemId });
const added = (place: number, item: object) => ({ type: 'response.output_item.added', output_index: place, item });
const finished = (place: number, item: object) => ({ type: 'response.output_item.done', output_index: place, item });
const textDelta = (place: number, delta: string) => {
  return { type: 'response.output_text.delta', ...at(place, `msg_${place}`), content_index: 0, delta };
};
const message = (place: number, text: string, fields: object = {}) => {
  const content = [{ type: 'output_text', text, annotations: [] }];
  return { id: `msg_${place}`, type: 'message', role: 'assistant', status: 'completed', content, ...fields };
};
const reasoning = (place: number, fields: object = { encrypted_content: `secret_${place}` }) => {
  return { id: `rs_${place}`, type: 'reasoning', summary: [], ...fields };
};
const call = (place: number, name: string, args: string, fields: object = {}) => {
  return { id: `fc_${place}`, type: 'function_call', call_id: `call_${place}`, name, arguments: args, ...fields };
};
const usage = {
  input_tokens: 10,
  output_tokens: 7,
  total_tokens: 17,
  input_tokens_details: { cached_tokens: 8 },
  output_tokens_details: { reasoning_tokens: 5 },
};
const completed = (fields: object = {}) => {
  const response = { id: 'resp_1', model: 'gpt-5-mini-2025', status: 'completed', usage, output: [], ...fields };
  return { type: 'response.completed', response };
};
const created = { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', error: null } };
const fine = [created, textDelta(0, 'Fine.'), finished(0, message(0, 'Fine.')), completed()];

describe('a request to the Responses API', () => {
  test('has what the model is to see in order, and leaves nothing at the provider', async () => {
    const messages: Message[] = [
      { role: 'system', id: '0', content: 'Today is Friday.' },
      user('Weather in Rome?'),
      {
        role: 'assistant',
        id: '1',
        content: [
          { type: 'reasoning', text: 'Of another provider.', providerMetadata: { anthropic: { signature: 'x' } } },
          { type: 'text', text: 'Let me see.' },
          { type: 'opaque', provider: 'anthropic', data: { type: 'redacted_thinking' } },
          { type: 'tool-call', toolCallId: 'a', toolName: 'weather', input: { city: 'Rome' } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'weather', input: '{"city":', invalid: true },
        ],
      },
      {
        role: 'tool',
        id: '2',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'a',
            toolName: 'weather',
            output: {
              type: 'content',
              value: [
                { type: 'text', text: 'A map:' },
                { type: 'file', mediaType: 'image/png', data: 'aW1n' },
              ],
            },
          },
          { type: 'tool-result', toolCallId: 'b', toolName: 'weather', output: { type: 'error', value: 'No JSON.' } },
        ],
      },
      { role: 'assistant', id: '3', content: [{ type: 'text', text: 'Blue, and' }], partial: true },
      user('Go on.'),
    ];
    const { sent, calls } = await ask(fine, request(messages, { instructions: 'Be brief.' }));
    expect(calls[0]?.path).toBe('/v1/responses');
    expect(sent).toEqual({
      model: 'gpt-5-mini',
      instructions: 'Be brief.',
      stream: true,
      store: false,
      include: ['reasoning.encrypted_content'],
      input: [
        { role: 'system', content: 'Today is Friday.' },
        { role: 'user', content: 'Weather in Rome?' },
        { role: 'assistant', content: 'Let me see.' },
        { type: 'function_call', call_id: 'a', name: 'weather', arguments: '{"city":"Rome"}' },
        { type: 'function_call', call_id: 'b', name: 'weather', arguments: '{"invalid":"{\\"city\\":"}' },
        {
          type: 'function_call_output',
          call_id: 'a',
          output: [
            { type: 'input_text', text: 'A map:' },
            { type: 'input_image', detail: 'auto', image_url: 'data:image/png;base64,aW1n' },
          ],
        },
        { type: 'function_call_output', call_id: 'b', output: 'No JSON.' },
        { role: 'assistant', content: 'Blue, and' },
        { role: 'user', content: 'Go on.' },
      ],
    });
  });

  test('has images and documents, and refuses sound by name', async () => {
    const asked = (...files: object[]) =>
      request([{ role: 'user', id: 'u', content: [{ type: 'text', text: 'See.' }, ...files] } as Message]);
    const { sent } = await ask(
      fine,
      asked(
        { type: 'file', mediaType: 'image/jpeg', data: { url: 'https://example.com/a.jpg' } },
        { type: 'file', mediaType: 'application/pdf', data: 'cGRm' },
        { type: 'file', mediaType: 'application/pdf', data: { url: 'https://example.com/a.pdf' } },
      ),
    );
    expect(sent.input[0]?.content).toEqual([
      { type: 'input_text', text: 'See.' },
      { type: 'input_image', detail: 'auto', image_url: 'https://example.com/a.jpg' },
      { type: 'input_file', filename: 'file.pdf', file_data: 'data:application/pdf;base64,cGRm' },
      { type: 'input_file', file_url: 'https://example.com/a.pdf' },
    ]);
    const { parts, calls } = await ask(fine, asked({ type: 'file', mediaType: 'audio/wav', data: 'd2F2' }));
    expect(failureOf(parts)).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(failureOf(parts)?.message).toContain('audio/wav');
    expect(calls).toHaveLength(0);
  });

  test('has tools and the form of the output', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const tools = [{ name: 'weather', description: 'Current weather', inputSchema: schema }];
    const asked = request('Hi', { tools, toolChoice: { tool: 'weather' }, outputSchema: schema });
    const { sent } = await ask(fine, asked);
    expect(sent.tools).toEqual([
      { type: 'function', name: 'weather', description: 'Current weather', parameters: schema, strict: false },
    ]);
    expect(sent.tool_choice).toEqual({ type: 'function', name: 'weather' });
    const closed = { ...schema, additionalProperties: false };
    expect(sent.text).toEqual({ format: { type: 'json_schema', name: 'output', strict: true, schema: closed } });
    const { sent: strict } = await ask(fine, asked, { strict: true });
    expect(strict.tools[0]).toMatchObject({ strict: true, parameters: closed });
  });

  test('has the settings, and the own options of the user last', async () => {
    const settings = {
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 100,
      reasoningEffort: 'low',
      stopSequences: [],
      providerOptions: { reasoning: { summary: 'auto' }, top_p: 1 },
    };
    const { sent } = await ask(fine, request('Hi', { settings }));
    expect(sent).toMatchObject({
      temperature: 0.5,
      top_p: 1,
      max_output_tokens: 100,
      reasoning: { effort: 'low', summary: 'auto' },
    });
  });

  test.each(['seed', 'stopSequences'])('is not made with the setting %s: the failure names it', async (setting) => {
    const settings = { seed: { seed: 7 }, stopSequences: { stopSequences: ['END'] } }[setting] ?? {};
    const { parts, calls } = await ask(fine, request('Hi', { settings }));
    expect(parts).toHaveLength(1);
    expect(failureOf(parts)).toMatchObject({ type: 'unknown', code: 'invalid_request', retryable: false });
    expect(failureOf(parts)?.message).toContain(`\`${setting}\``);
    expect(calls).toHaveLength(0);
  });

  test.each([
    ['gpt-5', true],
    ['o4-mini', true],
    ['gpt-9', true],
    ['gpt-4o', false],
    ['gpt-4.1-mini', false],
    ['gpt-5-chat-latest', false],
    ['openai/gpt-4o', false],
  ])('to %s asks for encrypted reasoning: %s', async (modelId, asks) => {
    const { sent } = await ask(fine, request('Hi'), {}, modelId);
    expect('include' in sent).toBe(asks);
  });
});

describe('an answer of the Responses API', () => {
  test('is read with reasoning, text, call, usage, id and model', async () => {
    const summary = (delta: string, index: number) => {
      return { type: 'response.reasoning_summary_text.delta', ...at(0, 'rs_0'), summary_index: index, delta };
    };
    const { parts } = await ask([
      created,
      added(0, reasoning(0, {})),
      summary('Hm', 0),
      summary('m.', 0),
      summary('Aha.', 1),
      finished(0, reasoning(0)),
      added(1, message(1, '')),
      textDelta(1, 'Hel'),
      textDelta(1, 'lo.'),
      finished(1, message(1, 'Hello.', { phase: 'commentary' })),
      added(2, call(2, 'weather', '')),
      { type: 'response.function_call_arguments.delta', ...at(2, 'fc_2'), delta: '{"city":' },
      { type: 'response.function_call_arguments.delta', ...at(2, 'fc_2'), delta: '"Rome"}' },
      { type: 'response.function_call_arguments.done', ...at(2, 'fc_2'), arguments: '{"city":"Rome"}' },
      finished(2, call(2, 'weather', '{"city":"Rome"}')),
      completed(),
    ]);
    expect(parts).toEqual([
      { type: 'reasoning-delta', id: '0', text: 'Hm' },
      { type: 'reasoning-delta', id: '0', text: 'm.' },
      { type: 'reasoning-delta', id: '0', text: '\n\nAha.' },
      { type: 'block-end', id: '0', providerMetadata: { openai: { id: 'rs_0', encryptedContent: 'secret_0' } } },
      { type: 'text-delta', id: '1', text: 'Hel' },
      { type: 'text-delta', id: '1', text: 'lo.' },
      { type: 'block-end', id: '1', providerMetadata: { openai: { id: 'msg_1', phase: 'commentary' } } },
      { type: 'tool-input-delta', toolCallId: 'call_2', toolName: 'weather', delta: '{"city":' },
      { type: 'tool-input-delta', toolCallId: 'call_2', toolName: 'weather', delta: '"Rome"}' },
      {
        type: 'tool-call',
        toolCallId: 'call_2',
        toolName: 'weather',
        rawInput: '{"city":"Rome"}',
        providerMetadata: { openai: { id: 'fc_2' } },
      },
      {
        type: 'finish',
        finishReason: { unified: 'tool-calls', raw: 'completed' },
        usage: { inputTokens: 10, outputTokens: 7, cachedInputTokens: 8, reasoningTokens: 5 },
        response: { id: 'resp_1', modelId: 'gpt-5-mini-2025' },
      },
    ]);
  });

  test('goes back item by item, encrypted reasoning and what only the provider understands included', async () => {
    const search = { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'x' } };
    const { parts } = await ask([
      finished(0, reasoning(0)),
      finished(1, search),
      textDelta(2, 'I look.'),
      finished(2, message(2, 'I look.', { phase: 'commentary' })),
      finished(3, reasoning(3)),
      finished(4, call(4, 'weather', '{}')),
      completed(),
    ]);
    const history = [user('Hi'), messageOf(parts), toolResult('call_4', 'weather', 'sunny')];
    const { sent } = await ask(fine, request(history));
    expect(sent.input.slice(1)).toEqual([
      { type: 'reasoning', id: 'rs_0', summary: [], encrypted_content: 'secret_0' },
      search,
      message(2, 'I look.', { phase: 'commentary' }),
      { type: 'reasoning', id: 'rs_3', summary: [], encrypted_content: 'secret_3' },
      call(4, 'weather', '{}'),
      { type: 'function_call_output', call_id: 'call_4', output: '"sunny"' },
    ]);
    const other = await ask(fine, request(history), { providerName: 'azure' });
    expect(other.sent.input.slice(1)).toEqual([
      { role: 'assistant', content: 'I look.' },
      { type: 'function_call', call_id: 'call_4', name: 'weather', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_4', output: '"sunny"' },
    ]);
  });

  test('goes back without reasoning that led to nothing', async () => {
    const cut = {
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    };
    const { parts } = await ask([finished(0, reasoning(0)), cut]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'length', raw: 'max_output_tokens' });
    const { sent } = await ask(fine, request([user('Hi'), messageOf(parts), user('Go on.')]));
    expect(sent.input.map(({ role }) => role)).toEqual(['user', 'user']);
  });

  test('goes back without ids where its reasoning cannot go with it', async () => {
    const { parts } = await ask([
      finished(0, reasoning(0, {})),
      textDelta(1, 'Hi.'),
      finished(1, message(1, 'Hi.')),
      finished(2, call(2, 'clock', '{}')),
      completed(),
    ]);
    expect(JSON.stringify(parts)).not.toContain('providerMetadata');
    expect(callsOf(parts)).toEqual([['clock', '{}']]);
  });

  test.each<[how: string, events: readonly object[]]>([
    ['only with the item', [finished(0, message(0, 'Hi.')), completed()]],
    ['only with the response', [completed({ output: [message(0, 'Hi.')] })]],
    [
      'with the deltas, the item and the response',
      [textDelta(0, 'Hi.'), finished(0, message(0, 'Hi.')), completed({ output: [message(0, 'Hi.')] })],
    ],
    [
      'under an id that changes',
      [
        { ...textDelta(0, 'H'), item_id: 'x1' },
        { ...textDelta(0, 'i.'), item_id: 'x2' },
        finished(0, { ...message(0, 'Hi.'), id: 'x3' }),
        completed(),
      ],
    ],
  ])('says its text once, where that comes %s', async (_how, events) => {
    const { parts } = await ask(events);
    expect(textOf(parts)).toBe('Hi.');
    expect(messageOf(parts).content).toMatchObject([{ type: 'text', text: 'Hi.' }]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'stop', raw: 'completed' });
  });

  test.each<[how: string, events: readonly object[]]>([
    ['only with the item', [finished(0, call(0, 'clock', '{"a":1}')), completed()]],
    ['only with the response', [completed({ output: [call(0, 'clock', '{"a":1}')] })]],
    [
      'only with the deltas',
      [
        added(0, call(0, 'clock', '')),
        { type: 'response.function_call_arguments.delta', ...at(0, 'fc_0'), delta: '{"a":' },
        { type: 'response.function_call_arguments.delta', ...at(0, 'fc_0'), delta: '1}' },
        completed(),
      ],
    ],
  ])('makes its call once, where that comes %s', async (_how, events) => {
    const { parts } = await ask(events);
    expect(callsOf(parts)).toEqual([['clock', '{"a":1}']]);
    expect(finishOf(parts)?.finishReason.unified).toBe('tool-calls');
  });

  test('that is a refusal is its text, and finishes as content-filter', async () => {
    const { parts } = await ask([
      { type: 'response.refusal.delta', ...at(0, 'msg_0'), content_index: 0, delta: 'I will not.' },
      finished(0, { ...message(0, ''), content: [{ type: 'refusal', refusal: 'I will not.' }] }),
      completed(),
    ]);
    expect(textOf(parts)).toBe('I will not.');
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'content-filter', raw: 'refusal' });
  });

  test.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content-filter'],
    ['something_new', 'other'],
  ])('that is incomplete by %s finishes with %s', async (reason, unified) => {
    const response = { status: 'incomplete', incomplete_details: { reason }, usage };
    const { parts } = await ask([textDelta(0, 'Hal'), { type: 'response.incomplete', response }]);
    expect(textOf(parts)).toBe('Hal');
    expect(finishOf(parts)).toMatchObject({ finishReason: { unified, raw: reason }, usage: { inputTokens: 10 } });
  });

  test('with a call that the limit cut off tells it as it came', async () => {
    const { parts } = await ask([
      added(0, call(0, 'weather', '')),
      { type: 'response.function_call_arguments.delta', ...at(0, 'fc_0'), delta: '{"city":"R' },
      { type: 'response.incomplete', response: { incomplete_details: { reason: 'max_output_tokens' } } },
    ]);
    expect(callsOf(parts)).toEqual([['weather', '{"city":"R']]);
    expect(finishOf(parts)?.finishReason.unified).toBe('length');
  });

  test.each<[how: string, event: object | string, failure: object]>([
    [
      'failed',
      {
        type: 'response.failed',
        response: { status: 'failed', usage, error: { code: 'rate_limit_exceeded', message: 'Slow down.' } },
      },
      { type: 'rate_limit', code: 'rate_limit_exceeded', message: 'Slow down.', retryable: true, requestId: 'req_1' },
    ],
    [
      'failed, though it is called completed',
      completed({ status: 'failed', error: { code: 'server_error', message: 'Sorry.' } }),
      { type: 'provider_unavailable', message: 'Sorry.' },
    ],
  ])('that %s is no answer, and says what it has cost', async (_how, event, failure) => {
    const { parts } = await ask([textDelta(0, 'Hel'), event]);
    expect(parts.slice(-2)).toMatchObject([
      { type: 'usage', usage: { inputTokens: 10, outputTokens: 7 } },
      { type: 'error', failure },
    ]);
  });

  test.each<[how: string, event: object | string, failure: object]>([
    [
      'an error event',
      { type: 'error', code: 'server_error', message: 'The server had an error.', param: null, sequence_number: 3 },
      { type: 'provider_unavailable', message: 'The server had an error.' },
    ],
    [
      'an error within an error event',
      {
        type: 'error',
        error: { type: 'invalid_request_error', code: 'context_length_exceeded', message: 'Too long.' },
      },
      { type: 'context_overflow', message: 'Too long.' },
    ],
    [
      'an error event by name',
      'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"Slow down."}\n\n',
      { type: 'rate_limit', message: 'Slow down.' },
    ],
    ['a line that is no JSON', 'data: {"type":\n\n', { code: 'stream_truncated' }],
    ['a [DONE] in the middle', 'data: [DONE]\n\n', { code: 'stream_truncated' }],
    ['its end', '', { code: 'stream_truncated' }],
  ])('that is ended by %s is no answer', async (_how, event, failure) => {
    const { parts } = await ask([created, textDelta(0, 'Hel'), finished(1, call(1, 'clock', '{}')), event]);
    expect(failureOf(parts)).toMatchObject({ provider: 'openai', model: 'gpt-5-mini', ...failure });
  });

  test('with fields of the wrong kind gives parts of the right kind', async () => {
    const { parts } = await ask([
      { type: 5 },
      { type: 'response.output_text.delta', delta: 5 },
      { type: 'response.output_item.added', item: 'x' },
      { type: 'response.function_call_arguments.delta', output_index: 9, delta: '{}' },
      { type: 'response.output_item.done', item: null },
      ...fine.slice(1, -1),
      { type: 'response.completed', response: 'x' },
    ]);
    expect(textOf(parts)).toBe('Fine.');
    expect(finishOf(parts)).toMatchObject({ usage: { inputTokens: 0, outputTokens: 0 }, response: {} });
    expect(only(parts, 'error')).toEqual([]);
  });
});
