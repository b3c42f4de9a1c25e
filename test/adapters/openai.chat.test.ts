import type { Message, ModelRequest } from 'turnchart';
import { type OpenAIOptions, openai } from 'turnchart/adapters/openai';
import { describe, expect, test } from 'vitest';
import {
  askServer,
  callsOf,
  failureOf,
  finishOf,
  only,
  read,
  request,
  sseServer,
  startEvents,
  textOf,
  user,
} from './support.ts';

function ask(events: readonly (object | string)[], asked?: ModelRequest, options?: OpenAIOptions) {
  return askServer(events, asked, (baseURL) => openai('gpt-5-mini', { baseURL, apiKey: 'key-of-a-test', ...options }));
}

function delta(fields: object, finishReason: string | null = null) {
  const choices = [{ index: 0, delta: fields, finish_reason: finishReason }];
  return { id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'gpt-5-mini-2025', choices };
}

const stop = delta({}, 'stop');
const done = 'data: [DONE]\n\n';
const fine = [delta({ content: 'Fine.' }), stop, done];

describe('a request to Chat Completions', () => {
  test('has what the model is to see in order, and asks for a stream with its usage', async () => {
    const messages: Message[] = [
      { role: 'system', id: '0', content: 'Today is Friday.' },
      user('Weather in Rome?'),
      {
        role: 'assistant',
        id: '1',
        content: [
          { type: 'reasoning', text: 'Which tool?', providerMetadata: { openai: { id: 'rs_1' } } },
          { type: 'text', text: 'Let me ' },
          { type: 'opaque', provider: 'openai', data: { type: 'web_search_call' } },
          { type: 'text', text: 'see.' },
          { type: 'tool-call', toolCallId: 'a', toolName: 'weather', input: { city: 'Rome' } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'weather', input: '{"city":', invalid: true },
          { type: 'tool-call', toolCallId: 'c', toolName: 'clock', input: {} },
          { type: 'tool-call', toolCallId: 'd', toolName: 'look', input: {} },
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
            output: { type: 'json', value: { sky: 'blue' } },
          },
          { type: 'tool-result', toolCallId: 'b', toolName: 'weather', output: { type: 'error', value: 'No JSON.' } },
          { type: 'tool-result', toolCallId: 'c', toolName: 'clock', output: { type: 'text', value: '' } },
          {
            type: 'tool-result',
            toolCallId: 'd',
            toolName: 'look',
            output: { type: 'content', value: [{ type: 'text', text: 'trees' }] },
          },
        ],
      },
      { role: 'assistant', id: '3', content: [{ type: 'reasoning', text: 'Only a thought.' }] },
      { role: 'assistant', id: '4', content: [{ type: 'text', text: 'Blue, and' }], partial: true },
      { ...user('I stopped you.'), cause: 'cancel_note' } as Message,
      user('Go on.'),
    ];
    const { sent } = await ask(fine, request(messages, { instructions: 'Be brief.' }));
    const call = (id: string, name: string, args: string) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    });
    expect(sent).toEqual({
      model: 'gpt-5-mini',
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'system', content: 'Today is Friday.' },
        { role: 'user', content: 'Weather in Rome?' },
        {
          role: 'assistant',
          content: 'Let me see.',
          tool_calls: [
            call('a', 'weather', '{"city":"Rome"}'),
            call('b', 'weather', '{"invalid":"{\\"city\\":"}'),
            call('c', 'clock', '{}'),
            call('d', 'look', '{}'),
          ],
        },
        { role: 'tool', tool_call_id: 'a', content: '{"sky":"blue"}' },
        { role: 'tool', tool_call_id: 'b', content: 'No JSON.' },
        { role: 'tool', tool_call_id: 'c', content: '' },
        { role: 'tool', tool_call_id: 'd', content: [{ type: 'text', text: 'trees' }] },
        { role: 'assistant', content: 'Blue, and' },
        { role: 'user', content: 'I stopped you.' },
        { role: 'user', content: 'Go on.' },
      ],
    });
  });

  test('has images, PDF and sound', async () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'file', mediaType: 'image/png', data: 'aW1n' },
      { type: 'file', mediaType: 'image/jpeg', data: { url: 'https://example.com/a.jpg' } },
      { type: 'file', mediaType: 'application/pdf', data: 'cGRm', name: 'a.pdf' },
      { type: 'file', mediaType: 'audio/mpeg', data: 'bXAz' },
    ] as const;
    const { sent } = await ask(fine, request([{ role: 'user', id: 'u', content }]));
    expect(sent.messages[0]?.content).toEqual([
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,aW1n' } },
      { type: 'image_url', image_url: { url: 'https://example.com/a.jpg' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,cGRm' } },
      { type: 'input_audio', input_audio: { data: 'bXAz', format: 'mp3' } },
    ]);
  });

  test.each<[what: string, message: Message, says: RegExp]>([
    [
      'a video',
      {
        role: 'user',
        id: 'u',
        content: [{ type: 'file', mediaType: 'video/mp4', data: 'bXA0', name: 'holiday.mp4' }],
      },
      /"holiday\.mp4" of type video\/mp4 cannot be sent/,
    ],
    [
      'the address of a PDF',
      {
        role: 'user',
        id: 'u',
        content: [{ type: 'file', mediaType: 'application/pdf', data: { url: 'https://example.com/a.pdf' } }],
      },
      /application\/pdf cannot be sent: .* address of an image only/,
    ],
    [
      'an image as the result of a tool',
      {
        role: 'tool',
        id: 't',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'a',
            toolName: 'look',
            output: { type: 'content', value: [{ type: 'file', mediaType: 'image/png', data: 'aW1n' }] },
          },
        ],
      },
      /image\/png cannot be sent: .*only text as a tool's result/,
    ],
  ])('is not made where there is %s in it: the failure names it', async (_what, message, says) => {
    const { parts, calls } = await ask(fine, request([user('Hi'), message]));
    expect(failureOf(parts)).toMatchObject({
      type: 'unknown',
      code: 'invalid_request',
      retryable: false,
      provider: 'openai',
      model: 'gpt-5-mini',
      message: expect.stringMatching(says),
    });
    expect(calls).toHaveLength(0);
  });

  test('has the tools, and which of them are to be called; strictly where that is wanted and possible', async () => {
    const closed = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const open = { type: 'object', properties: { zone: { type: 'string' } } };
    const tools = [
      { name: 'weather', description: 'Current weather', inputSchema: closed },
      { name: 'clock', inputSchema: open },
    ];
    const { sent } = await ask(fine, request('Hi', { tools, toolChoice: { tool: 'clock' } }));
    expect(sent.tools).toEqual([
      { type: 'function', function: { name: 'weather', description: 'Current weather', parameters: closed } },
      { type: 'function', function: { name: 'clock', parameters: open } },
    ]);
    expect(sent.tool_choice).toEqual({ type: 'function', function: { name: 'clock' } });
    const { sent: strict } = await ask(fine, request('Hi', { tools, toolChoice: 'required' }), { strict: true });
    expect(strict.tools[0]?.function).toMatchObject({
      strict: true,
      parameters: { ...closed, additionalProperties: false },
    });
    expect(strict.tools[1]?.function).toEqual({ name: 'clock', parameters: open });
    expect(strict.tool_choice).toBe('required');
  });

  test('names no choice of tools where there are none', async () => {
    const { sent } = await ask(fine, request('Hi', { toolChoice: 'required' }));
    expect(sent).not.toHaveProperty('tool_choice');
    expect(sent).not.toHaveProperty('tools');
  });

  test('has the form of the output, strictly unless that is switched off', async () => {
    const outputSchema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const form = async (options: OpenAIOptions) => {
      const { sent } = await ask(fine, request('Hi', { outputSchema }), options);
      return sent.response_format;
    };
    const schema = { ...outputSchema, additionalProperties: false };
    expect(await form({})).toEqual({ type: 'json_schema', json_schema: { name: 'output', strict: true, schema } });
    expect(await form({ strict: false })).toEqual({
      type: 'json_schema',
      json_schema: { name: 'output', strict: false, schema: outputSchema },
    });
  });

  test('has the settings, and the own options of the user last', async () => {
    const settings = {
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 100,
      reasoningEffort: 'low',
      stopSequences: ['END'],
      seed: 7,
      providerOptions: { temperature: 1, stream: false, stream_options: { include_obfuscation: false }, top_k: 5 },
    };
    const { sent } = await ask(fine, request('Hi', { settings }));
    expect(sent).toMatchObject({
      temperature: 1,
      top_p: 0.9,
      max_completion_tokens: 100,
      reasoning_effort: 'low',
      stop: ['END'],
      seed: 7,
      top_k: 5,
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
    });
    const older = await ask(fine, request('Hi', { settings: { maxOutputTokens: 5 } }), { maxTokensName: 'max_tokens' });
    expect(older.sent).toMatchObject({ max_tokens: 5 });
    expect(older.sent).not.toHaveProperty('max_completion_tokens');
  });
});

describe('an answer of Chat Completions', () => {
  test('is read with reasoning, text, usage, id and model', async () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 7,
      total_tokens: 17,
      prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 1 },
      completion_tokens_details: { reasoning_tokens: 5 },
    };
    const { parts } = await ask([
      delta({ role: 'assistant', content: '', reasoning_content: 'Hm' }),
      delta({ content: null, reasoning: 'm.' }),
      delta({ content: 'Hel' }),
      delta({ content: 'lo.' }),
      stop,
      { id: 'chatcmpl-1', choices: [], usage },
      done,
    ]);
    expect(parts).toEqual([
      { type: 'reasoning-delta', text: 'Hm' },
      { type: 'reasoning-delta', text: 'm.' },
      { type: 'text-delta', text: 'Hel' },
      { type: 'text-delta', text: 'lo.' },
      {
        type: 'finish',
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: { inputTokens: 10, outputTokens: 7, cachedInputTokens: 8, cacheWriteTokens: 1, reasoningTokens: 5 },
        response: { id: 'chatcmpl-1', modelId: 'gpt-5-mini-2025' },
      },
    ]);
  });

  test('says reasoning once, where a server puts it into both fields', async () => {
    const { parts } = await ask([delta({ reasoning_content: 'Hm.', reasoning: 'Hm.' }), ...fine]);
    expect(only(parts, 'reasoning-delta').map(({ text }) => text)).toEqual(['Hm.']);
  });

  test('counts nothing where no usage is told', async () => {
    const { parts } = await ask(fine);
    expect(finishOf(parts)?.usage).toEqual({ inputTokens: 0, outputTokens: 0 });
  });

  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['tool_calls', 'tool-calls'],
    ['function_call', 'tool-calls'],
    ['content_filter', 'content-filter'],
    ['insufficient_system_resource', 'other'],
    ['constructor', 'other'],
  ])('that ends with %s finishes with %s', async (raw, unified) => {
    const { parts } = await ask([delta({ content: 'Hm.' }), delta({}, raw), done]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified, raw });
  });

  test('keeps its first reason to finish', async () => {
    const { parts } = await ask([delta({}, 'length'), delta({}, 'stop'), done]);
    expect(finishOf(parts)?.finishReason.unified).toBe('length');
  });

  test('that is a refusal is its text, and finishes as content-filter', async () => {
    const { parts } = await ask([delta({ refusal: 'I will ' }), delta({ refusal: 'not.' }), stop, done]);
    expect(textOf(parts)).toBe('I will not.');
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'content-filter', raw: 'refusal' });
  });

  test('of another choice is left out', async () => {
    const other = { id: 'x', choices: [{ index: 1, delta: { content: 'No.' }, finish_reason: 'length' }] };
    const { parts } = await ask([other, ...fine]);
    expect(textOf(parts)).toBe('Fine.');
    expect(finishOf(parts)?.finishReason.unified).toBe('stop');
  });

  test('that is a whole message in one event is read', async () => {
    const whole = {
      id: 'x',
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
    };
    const { parts } = await ask([whole]);
    expect(textOf(parts)).toBe('Hi.');
    expect(finishOf(parts)?.finishReason.unified).toBe('stop');
  });

  test('with fields of the wrong kind gives parts of the right kind', async () => {
    const { parts } = await ask([
      delta({ content: 5, reasoning: {}, refusal: [], tool_calls: 'none' }),
      { id: 7, model: null, choices: [null, 'x', { index: 0, delta: 'x', finish_reason: 5 }], usage: 'much' },
      { choices: 'none', usage: { prompt_tokens: '5' } },
      ...fine,
    ]);
    expect(textOf(parts)).toBe('Fine.');
    expect(finishOf(parts)?.usage).toEqual({ inputTokens: 0, outputTokens: 0 });
  });
});

describe('tool calls of Chat Completions', () => {
  const callDelta = (fields: object, name?: string, args?: unknown) =>
    delta({ tool_calls: [{ ...fields, function: { ...(name !== undefined && { name }), arguments: args } }] });
  const end = [delta({}, 'tool_calls'), done];
  const calls: [string, string][] = [
    ['weather', '{"city":"Rome"}'],
    ['clock', '{}'],
  ];

  test.each<[how: string, events: readonly object[]]>([
    [
      'in pieces, by index, the id only in the first',
      [
        callDelta({ index: 0, id: 'a', type: 'function' }, 'weather', ''),
        callDelta({ index: 1, id: 'b', type: 'function' }, 'clock', ''),
        callDelta({ index: 0 }, undefined, '{"city":'),
        callDelta({ index: 1 }, undefined, '{}'),
        callDelta({ index: 0 }, undefined, '"Rome"}'),
      ],
    ],
    [
      'in pieces without an index',
      [
        callDelta({ id: 'a' }, 'weather', '{"city":'),
        callDelta({}, undefined, '"Rome"}'),
        callDelta({ id: 'b' }, 'clock', '{}'),
      ],
    ],
    [
      'with id and name in every piece',
      [
        callDelta({ index: 0, id: 'a' }, 'weather', '{"city":'),
        callDelta({ index: 0, id: 'a' }, 'weather', '"Rome"}'),
        callDelta({ index: 1, id: 'b' }, 'clock', '{}'),
      ],
    ],
    [
      'all with the index 0',
      [callDelta({ index: 0, id: 'a' }, 'weather', '{"city":"Rome"}'), callDelta({ index: 0, id: 'b' }, 'clock', '{}')],
    ],
    [
      'all in one event',
      [
        delta({
          tool_calls: [
            { index: 0, id: 'a', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
            { index: 1, id: 'b', function: { name: 'clock', arguments: '{}' } },
          ],
        }),
      ],
    ],
    [
      'with arguments that are an object',
      [callDelta({ id: 'a' }, 'weather', { city: 'Rome' }), callDelta({ id: 'b' }, 'clock', {})],
    ],
    [
      'without index and id',
      [callDelta({}, 'weather', '{"city":'), callDelta({}, undefined, '"Rome"}'), callDelta({}, 'clock', '{}')],
    ],
  ])('come %s', async (_how, events) => {
    const { parts } = await ask([...events, ...end]);
    expect(callsOf(parts)).toEqual(calls);
    const ids = only(parts, 'tool-call').map(({ toolCallId }) => toolCallId);
    expect(new Set(ids).size).toBe(2);
    const streamed = (id: string | undefined) =>
      only(parts, 'tool-input-delta')
        .filter(({ toolCallId }) => toolCallId === id)
        .map(({ delta }) => delta)
        .join('');
    expect(ids.map(streamed)).toEqual(calls.map(([, input]) => input));
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'tool-calls', raw: 'tool_calls' });
  });

  test('get an id where the server gives none, another one in every request', async () => {
    const events = [callDelta({}, 'clock', '{}'), ...end];
    const first = await ask(events);
    const second = await ask(events, request('Hi', { requestId: 'request-2' }));
    const idOf = ({ parts }: typeof first) => only(parts, 'tool-call')[0]?.toolCallId;
    expect([idOf(first), idOf(second)]).toEqual(['request-1.call_1', 'request-2.call_1']);
  });

  test('without arguments have an empty input', async () => {
    const { parts } = await ask([callDelta({ index: 0, id: 'a' }, 'clock'), ...end]);
    expect(callsOf(parts)).toEqual([['clock', '']]);
  });

  test('of the old kind are calls', async () => {
    const { parts } = await ask([
      delta({ function_call: { name: 'weather', arguments: '{"city":' } }),
      delta({ function_call: { arguments: '"Rome"}' } }),
      delta({}, 'function_call'),
    ]);
    expect(callsOf(parts)).toEqual([['weather', '{"city":"Rome"}']]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'tool-calls', raw: 'function_call' });
  });

  test('that end with stop finish as tool-calls all the same', async () => {
    const { parts } = await ask([callDelta({ index: 0, id: 'a' }, 'clock', '{}'), stop, done]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'tool-calls', raw: 'stop' });
  });

  test('that are cut off by the limit are told as they came', async () => {
    const { parts } = await ask([callDelta({ index: 0, id: 'a' }, 'weather', '{"city":"R'), delta({}, 'length'), done]);
    expect(callsOf(parts)).toEqual([['weather', '{"city":"R']]);
    expect(finishOf(parts)?.finishReason.unified).toBe('length');
  });

  test('are none where the stream is cut off', async () => {
    const { parts } = await ask([callDelta({ index: 0, id: 'a' }, 'weather', '{"city":"Rome"}')]);
    expect(callsOf(parts)).toEqual([]);
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code: 'stream_truncated' });
  });
});

describe('an answer of Chat Completions that breaks off', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 1 };

  test.each<[what: string, event: object | string, failure: object]>([
    [
      'an error object',
      { error: { message: 'Slow down.', type: 'requests', code: 'rate_limit_exceeded' } },
      { type: 'rate_limit', code: 'rate_limit_exceeded', message: 'Slow down.', retryable: true },
    ],
    [
      'an error with a status for a code, as OpenRouter sends it',
      {
        id: 'gen',
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
        error: { code: 502, message: 'Upstream is gone' },
      },
      { type: 'provider_unavailable', status: 502, message: 'Upstream is gone' },
    ],
    [
      'an error that is a text',
      { error: 'model runner has unexpectedly stopped' },
      { message: 'model runner has unexpectedly stopped' },
    ],
    [
      'an event named error',
      'event: error\ndata: {"message":"The engine is overloaded","type":"server_error"}\n\n',
      { type: 'provider_unavailable', message: 'The engine is overloaded' },
    ],
    [
      'a finish reason "error"',
      delta({}, 'error'),
      { type: 'unknown', message: 'The provider ended the answer with an error.' },
    ],
    [
      'a line that is no JSON',
      'data: {"choices": [\n\n',
      { type: 'provider_unavailable', code: 'stream_truncated', retryable: true },
    ],
  ])('with %s says so, and what it has cost', async (_what, event, failure) => {
    const { parts } = await ask([delta({ content: 'Hel' }), { choices: [], usage }, event, stop, done]);
    expect(textOf(parts)).toBe('Hel');
    expect(parts.slice(-2)).toMatchObject([
      { type: 'usage', usage: { inputTokens: 3, outputTokens: 1 } },
      { type: 'error', failure },
    ]);
  });

  test('after its finish reason is whole, even where the connection is lost', async () => {
    await using server = await sseServer((response) => {
      startEvents(response);
      response.write(`data: ${JSON.stringify(delta({ content: 'Hi.' }, 'stop'))}\n\n`, () => response.destroy());
    });
    const parts = await read(openai('m', { baseURL: server.url, apiKey: 'key' }), request('Hi'));
    expect(textOf(parts)).toBe('Hi.');
    expect(finishOf(parts)?.finishReason.unified).toBe('stop');
  });

  test.each([
    ['[DONE] alone', 'text/event-stream', 'data: [DONE]\n\n'],
    ['nothing', 'text/event-stream', ''],
    ['a page', 'text/html', '<html>Sign in</html>'],
    [
      'an answer that is not streamed',
      'application/json',
      JSON.stringify({ choices: [{ message: { content: 'Hi' } }] }),
    ],
  ])('before it began, with %s, is an empty response', async (_what, type, body) => {
    await using server = await sseServer((response) => {
      response.writeHead(200, { 'content-type': type });
      response.end(body);
    });
    const parts = await read(openai('m', { baseURL: server.url, apiKey: 'key' }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code: 'empty_response', retryable: true });
    if (type !== 'text/event-stream') expect(failureOf(parts)?.message).toContain(type);
  });
});
