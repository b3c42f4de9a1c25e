import { LLMock } from '@copilotkit/aimock';
import { GoogleGenAI } from '@google/genai';
import type { Message, ModelRequest, TurnEvent } from 'turnchart';
import { createAgent } from 'turnchart';
import { type GoogleOptions, google } from 'turnchart/adapters/google';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  askServer,
  callsOf,
  failureOf,
  finishOf,
  linesOf,
  messageOf,
  only,
  read,
  request,
  sendEvents,
  sseServer,
  startEvents,
  textOf,
  toolResult,
  user,
} from './support.ts';
import { weatherTurn } from './weatherTurn.ts';

type Fields = Readonly<Record<string, unknown>>;

function ask(
  events: readonly (object | string)[],
  asked?: ModelRequest,
  options?: GoogleOptions,
  modelId = 'gemini-2.5-flash',
) {
  return askServer(events, asked, (baseURL) => google(modelId, { baseURL, apiKey: 'key-of-a-test', ...options }));
}

const chunk = (parts: readonly object[], fields: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...fields }],
  modelVersion: 'gemini-2.5-flash-001',
  responseId: 'response_1',
});
const stop = { finishReason: 'STOP' };
const fine = [chunk([{ text: 'Fine.' }], stop)];
const call = (name: string, args: object, fields: object = {}) => ({ functionCall: { name, args, ...fields } });

beforeEach(() => {
  for (const name of ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GEMINI_BASE_URL', 'GOOGLE_GENAI_USE_VERTEXAI']) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('google()', () => {
  test('names the variable where the key is missing', () => {
    expect(() => google('gemini-2.5-flash')).toThrow(/GEMINI_API_KEY/);
    expect(() => google('gemini-2.5-flash', { apiKey: '' })).toThrow(/GEMINI_API_KEY/);
    vi.stubEnv('GEMINI_API_KEY', ' ');
    expect(() => google('gemini-2.5-flash')).toThrow(/GEMINI_API_KEY/);
    for (const name of ['GEMINI_API_KEY', 'GOOGLE_API_KEY']) {
      vi.stubEnv(name, 'key-of-a-test');
      expect(google('gemini-2.5-flash', { contextWindow: 1_048_576 })).toMatchObject({
        provider: 'google',
        modelId: 'gemini-2.5-flash',
        contextWindow: 1_048_576,
      });
      vi.stubEnv(name, undefined);
    }
  });

  test.each<[option: string, options: GoogleOptions]>([
    ['baseURL', { baseURL: 'localhost' }],
    ['contextWindow', { contextWindow: 0 }],
    ['apiKey', { client: new GoogleGenAI({ apiKey: 'a' }) }],
  ])('refuses a wrong %s by name', (option, options) => {
    expect(() => google('gemini-2.5-flash', { apiKey: 'key', ...options })).toThrow(`\`${option}\``);
  });

  test('refuses to be without a model', () => {
    expect(() => google('', { apiKey: 'key' })).toThrow('model');
  });

  test('asks at the address of the model, with the key and the headers', async () => {
    const { calls } = await ask(fine, request('Hi'), { headers: { 'x-title': 'test' } });
    expect(calls[0]?.path).toBe('/v1/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse');
    expect(calls[0]?.headers).toMatchObject({ 'x-goog-api-key': 'key-of-a-test', 'x-title': 'test' });
    const beta = await ask(fine, request('Hi'), { apiVersion: 'v1beta' });
    expect(beta.calls[0]?.path).toBe('/v1/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse');
  });

  test("takes the key that Google's SDK takes where both variables are set, and the address of the environment", async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    await using server = await sseServer((response) => sendEvents(response, fine));
    vi.stubEnv('GEMINI_API_KEY', 'key-of-gemini');
    vi.stubEnv('GOOGLE_API_KEY', 'key-of-google');
    vi.stubEnv('GOOGLE_GEMINI_BASE_URL', server.url);
    await read(google('gemini-2.5-flash'), request('Hi'));
    expect(server.calls[0]?.headers).toMatchObject({ 'x-goog-api-key': 'key-of-google' });
    warned.mockRestore();
  });

  /** Where a model asks, without a network. */
  async function askedBy(options: GoogleOptions) {
    const asked: { url: string; headers: Headers }[] = [];
    const fetch = async (url: string | URL | Request, init?: RequestInit) => {
      asked.push({ url: String(url), headers: new Headers(init?.headers) });
      return new Response('{}', { status: 500 });
    };
    await read(google('gemini-2.5-flash', { ...options, fetch }), request('Hi'));
    expect(asked).toHaveLength(1);
    return asked[0];
  }

  test("asks through the user's own client, Vertex AI's too", async () => {
    const client = new GoogleGenAI({ vertexai: true, apiKey: 'key-of-vertex' });
    const asked = await askedBy({ client });
    expect(asked?.url).toBe(
      'https://aiplatform.googleapis.com/v1beta1/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    );
    expect(asked?.headers.get('x-goog-api-key')).toBe('key-of-vertex');
    vi.stubEnv('GOOGLE_GENAI_USE_VERTEXAI', 'true');
    expect((await askedBy({ apiKey: 'key' }))?.url).toMatch(/^https:\/\/generativelanguage\.googleapis\.com\//);
  });

  test("asks with the fetch of the user's own client, and once, whatever that client makes of errors", async () => {
    let count = 0;
    const fetch = async () => {
      count += 1;
      return new Response('{}', { status: 503 });
    };
    const client = new GoogleGenAI({ apiKey: 'key', httpOptions: { fetch, retryOptions: { attempts: 4 } } });
    const parts = await read(google('gemini-2.5-flash', { client }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code: 'overloaded', status: 503 });
    expect(count).toBe(1);
  });

  test('fails without a request where the SDK refuses to make one', async () => {
    const { parts, calls } = await ask(fine, request('Hi'), {}, 'no/../model');
    expect(failureOf(parts)).toMatchObject({ type: 'unknown', provider: 'google', model: 'no/../model' });
    expect(failureOf(parts)?.message).toContain('model');
    expect(calls).toHaveLength(0);
  });

  test('says nothing of its key, whatever the server says of it', async () => {
    await using server = await sseServer((response, { headers }) => {
      response.writeHead(400, {
        'content-type': 'application/json',
        'x-request-id': String(headers['x-goog-api-key']),
      });
      const message = `API key not valid: ${headers['x-goog-api-key']}, ${headers['x-other-auth']}`;
      response.end(JSON.stringify({ error: { code: 400, message, status: 'INVALID_ARGUMENT', received: headers } }));
    });
    const model = google('gemini-2.5-flash', {
      baseURL: server.url,
      apiKey: 'canary-0123456789',
      headers: { 'x-other-auth': 'Token canary-9876543210' },
    });
    const events: TurnEvent[] = [];
    const turn = createAgent({ model }).run('Hi', { onEvent: (event) => events.push(event) });
    const error = await turn.then(undefined, (error: Error) => error);
    expect(error).toMatchObject({ failure: { type: 'auth', status: 400 } });
    expect(JSON.stringify([events, error, String(error)])).not.toContain('canary');
  });
});

describe('a request to Gemini', () => {
  test('has what the model is to see in order, and nothing that only another provider understands', async () => {
    const messages: Message[] = [
      { role: 'system', id: '0', content: 'Today is Friday.' },
      user('Weather in Rome?'),
      { role: 'system', id: '00', content: 'It is late.' },
      { role: 'assistant', id: '01', content: [{ type: 'text', text: 'Rome?' }] },
      {
        role: 'assistant',
        id: '1',
        content: [
          { type: 'reasoning', text: 'Of another provider.', providerMetadata: { anthropic: { signature: 'x' } } },
          { type: 'text', text: 'Let me see.', providerMetadata: { openai: { id: 'msg_1' } } },
          { type: 'text', text: '' },
          { type: 'opaque', provider: 'anthropic', data: { type: 'redacted_thinking' } },
          { type: 'tool-call', toolCallId: 'a', toolName: 'weather', input: { city: 'Rome' } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'weather', input: '{"city":', invalid: true },
          { type: 'tool-call', toolCallId: 'c', toolName: 'weather', input: ['Rome'] },
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
          { type: 'tool-result', toolCallId: 'c', toolName: 'weather', output: { type: 'json', value: { error: 1 } } },
        ],
      },
      { role: 'assistant', id: '3', content: [{ type: 'reasoning', text: 'Only a thought.' }] },
      { role: 'assistant', id: '4', content: [{ type: 'text', text: 'Blue, and' }], partial: true },
      user('Go on.'),
    ];
    const { sent } = await ask(fine, request(messages, { instructions: 'Be brief.' }));
    const functionCall = (id: string, args: object) => ({ functionCall: { id, name: 'weather', args } });
    const functionResponse = (id: string, response: object, fields: object = {}) => ({
      functionResponse: { id, name: 'weather', response, ...fields },
    });
    expect(sent).toEqual({
      systemInstruction: { role: 'user', parts: [{ text: 'Be brief.\n\nToday is Friday.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'Weather in Rome?' }] },
        { role: 'user', parts: [{ text: '<system>\nIt is late.\n</system>' }] },
        {
          role: 'model',
          parts: [
            { text: 'Rome?' },
            { text: 'Let me see.' },
            functionCall('a', { city: 'Rome' }),
            functionCall('b', { invalid: '{"city":' }),
            functionCall('c', { input: ['Rome'] }),
          ],
        },
        {
          role: 'user',
          parts: [
            functionResponse(
              'a',
              { output: 'A map:' },
              { parts: [{ inlineData: { mimeType: 'image/png', data: 'aW1n' } }] },
            ),
            functionResponse('b', { error: 'No JSON.' }),
            functionResponse('c', { output: { error: 1 } }),
          ],
        },
        { role: 'model', parts: [{ text: 'Blue, and' }] },
        { role: 'user', parts: [{ text: 'Go on.' }] },
      ],
      generationConfig: {},
    });
  });

  test('begins with the user, where the conversation does not', async () => {
    const { sent } = await ask(
      fine,
      request([
        {
          role: 'assistant',
          id: '1',
          content: [{ type: 'tool-call', toolCallId: 'a', toolName: 'clock', input: {} }],
        },
        toolResult('a', 'clock', 'noon'),
      ]),
    );
    expect(sent.contents).toMatchObject([{ role: 'user' }, { role: 'model' }, { role: 'user' }]);
  });

  test('has files, by data and by address', async () => {
    const files: Message = {
      role: 'user',
      id: 'u',
      content: [
        { type: 'text', text: 'See.' },
        { type: 'file', mediaType: 'image/jpeg', data: 'anBn' },
        { type: 'file', mediaType: 'application/pdf', data: { url: 'https://example.com/a.pdf' }, name: 'a.pdf' },
        { type: 'file', mediaType: 'audio/wav', data: 'd2F2' },
      ],
    };
    const { sent } = await ask(fine, request([files]));
    expect(sent.contents).toEqual([
      {
        role: 'user',
        parts: [
          { text: 'See.' },
          { inlineData: { mimeType: 'image/jpeg', data: 'anBn' } },
          { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/a.pdf' } },
          { inlineData: { mimeType: 'audio/wav', data: 'd2F2' } },
        ],
      },
    ]);
  });

  test('has tools and the form of the output as JSON schemas', async () => {
    const schema = {
      type: 'object',
      properties: { city: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
      additionalProperties: false,
    };
    const tools = [{ name: 'weather', description: 'Current weather', inputSchema: schema }];
    const asked = request('Hi', { tools, toolChoice: { tool: 'weather' }, outputSchema: schema });
    const { sent } = await ask(fine, asked, {}, 'gemini-3-pro');
    expect(sent.tools).toEqual([
      { functionDeclarations: [{ name: 'weather', description: 'Current weather', parametersJsonSchema: schema }] },
    ]);
    expect(sent.toolConfig).toEqual({ functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] } });
    expect(sent.generationConfig).toEqual({ responseMimeType: 'application/json', responseJsonSchema: schema });
  });

  test('asks models before Gemini 3 for the form in words where there are tools, which they take no schema beside', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string' } } };
    const tools = [{ name: 'weather', inputSchema: { type: 'object' } }];
    const old = 'gemini-2.5-flash';
    const { sent } = await ask(
      fine,
      request('Hi', { tools, outputSchema: schema, instructions: 'Be brief.' }),
      {},
      old,
    );
    expect(sent.generationConfig ?? {}).not.toHaveProperty('responseJsonSchema');
    expect(JSON.stringify(sent.systemInstruction)).toMatch(/Be brief\..*JSON Schema.*city/);
    const { sent: alone } = await ask(fine, request('Hi', { outputSchema: schema }), {}, old);
    expect(alone.generationConfig).toEqual({ responseMimeType: 'application/json', responseJsonSchema: schema });
    expect(alone).not.toHaveProperty('systemInstruction');
  });

  test('has the settings, and the own options of the user last, at any depth', async () => {
    const settings = {
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 100,
      reasoningEffort: 'low',
      stopSequences: ['END'],
      seed: 7,
      providerOptions: {
        generationConfig: { topP: 1, topK: 40, thinkingConfig: { includeThoughts: true } },
        safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
      },
    };
    const { sent } = await ask(fine, request('Hi', { settings }));
    expect(sent).toMatchObject({
      generationConfig: {
        temperature: 0.5,
        topP: 1,
        topK: 40,
        maxOutputTokens: 100,
        stopSequences: ['END'],
        seed: 7,
        thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true },
      },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'OFF' }],
    });
    const budget = await ask(fine, request('Hi', { settings: { reasoningEffort: '1024' } }));
    expect(budget.sent.generationConfig).toEqual({ thinkingConfig: { thinkingBudget: 1024 } });
  });
});

describe('an answer of Gemini', () => {
  test('is read with thoughts, text, calls, usage, id and model', async () => {
    const usageMetadata = {
      promptTokenCount: 10,
      cachedContentTokenCount: 8,
      toolUsePromptTokenCount: 2,
      candidatesTokenCount: 4,
      thoughtsTokenCount: 3,
      totalTokenCount: 19,
    };
    const { parts } = await ask([
      { ...chunk([{ text: 'Hm', thought: true }]), usageMetadata: { promptTokenCount: 10 } },
      chunk([{ text: 'm.', thought: true }, { text: 'Hel' }]),
      chunk([{ text: 'lo.' }]),
      chunk([call('weather', { city: 'Rome' }, { id: 'call_a' }), call('clock', {})]),
      { ...chunk([call('clock', { zone: 'UTC' })], stop), usageMetadata },
    ]);
    expect(parts).toEqual([
      { type: 'reasoning-delta', id: '0', text: 'Hm' },
      { type: 'reasoning-delta', id: '0', text: 'm.' },
      { type: 'text-delta', id: '1', text: 'Hel' },
      { type: 'text-delta', id: '1', text: 'lo.' },
      { type: 'tool-call', toolCallId: 'call_a', toolName: 'weather', rawInput: '{"city":"Rome"}' },
      { type: 'tool-call', toolCallId: 'request-1.call_2', toolName: 'clock', rawInput: '{}' },
      { type: 'tool-call', toolCallId: 'request-1.call_3', toolName: 'clock', rawInput: '{"zone":"UTC"}' },
      {
        type: 'finish',
        finishReason: { unified: 'tool-calls', raw: 'STOP' },
        usage: { inputTokens: 12, outputTokens: 7, cachedInputTokens: 8, reasoningTokens: 3 },
        response: { id: 'response_1', modelId: 'gemini-2.5-flash-001' },
      },
    ]);
  });

  test('goes back part by part, signatures and what only the provider understands included', async () => {
    const answered = [
      { text: 'A thought.', thought: true, thoughtSignature: 'c2lnMQ==' },
      { executableCode: { language: 'PYTHON', code: 'print(1)' } },
      { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
      { text: 'I look', thoughtSignature: 'c2lnMg==' },
      { text: ' it up.' },
      { thoughtSignature: 'c2lnMw==', text: '' },
      { ...call('weather', { city: 'Rome' }, { id: 'a' }), thoughtSignature: 'c2lnNA==' },
      call('weather', { city: 'Oslo' }, { id: 'b' }),
    ];
    const { parts } = await ask([...answered.map((part) => chunk([part])), chunk([], stop)]);
    expect(textOf(parts)).toBe('I look it up.');
    const result = (id: string) => ({
      type: 'tool-result' as const,
      toolCallId: id,
      toolName: 'weather',
      output: { type: 'text' as const, value: 'sunny' },
    });
    const history: Message[] = [
      user('Hi'),
      messageOf(parts),
      { role: 'tool', id: 't', content: [result('a'), result('b')] },
    ];
    const { sent } = await ask(fine, request(history), {}, 'gemini-3-pro');
    expect(sent.contents).toMatchObject([{}, { role: 'model', parts: answered }, {}]);
    expect((sent.contents as Fields[])[1]).toEqual({ role: 'model', parts: answered });
  });

  test.each([
    ['gemini-3-pro-preview', true],
    ['gemini-flash-latest', true],
    ['gemini-2.5-flash', false],
    ['models/gemini-2.5-flash', false],
    ['gemma-3-27b-it', false],
  ])('of another model goes back to %s with a mark on its first call: %s', async (modelId, marks) => {
    const made = {
      role: 'assistant',
      id: 'a',
      content: ['a', 'b'].map((toolCallId) => ({
        type: 'tool-call',
        toolCallId,
        toolName: 'clock',
        input: {},
      })),
    } as unknown as Message;
    const { sent } = await ask(fine, request([user('Hi'), made]), {}, modelId);
    const [, answer] = sent.contents as { parts: Fields[] }[];
    expect(answer?.parts.map(({ thoughtSignature }) => thoughtSignature)).toEqual([
      marks ? 'skip_thought_signature_validator' : undefined,
      undefined,
    ]);
  });

  test.each([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content-filter'],
    ['RECITATION', 'content-filter'],
    ['PROHIBITED_CONTENT', 'content-filter'],
    ['BLOCKLIST', 'content-filter'],
    ['SPII', 'content-filter'],
    ['IMAGE_SAFETY', 'content-filter'],
    ['LANGUAGE', 'other'],
    ['SOMETHING_NEW', 'other'],
  ])('that ended by %s finishes with %s', async (finishReason, unified) => {
    const { parts } = await ask([chunk([{ text: 'Hal' }]), chunk([], { finishReason })]);
    expect(textOf(parts)).toBe('Hal');
    expect(finishOf(parts)?.finishReason).toEqual({ unified, raw: finishReason });
  });

  test('that is none, because the prompt is blocked, finishes as content-filter', async () => {
    const usageMetadata = { promptTokenCount: 9, totalTokenCount: 9 };
    const { parts } = await ask([{ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata }]);
    expect(parts).toEqual([
      {
        type: 'finish',
        finishReason: { unified: 'content-filter', raw: 'PROHIBITED_CONTENT' },
        usage: { inputTokens: 9, outputTokens: 0 },
        response: {},
      },
    ]);
  });

  test.each([
    'MALFORMED_FUNCTION_CALL',
    'UNEXPECTED_TOOL_CALL',
    'MALFORMED_RESPONSE',
  ])('that the API cannot read itself (%s) may be asked for again, and says what it has cost', async (finishReason) => {
    const end = {
      ...chunk([], { finishReason, finishMessage: 'call:weather{city' }),
      usageMetadata: { promptTokenCount: 9 },
    };
    const { parts } = await ask([chunk([{ text: 'Hm.' }]), end]);
    expect(parts.at(-2)).toMatchObject({ type: 'usage', usage: { inputTokens: 9 } });
    expect(failureOf(parts)).toMatchObject({ type: 'unknown', code: finishReason.toLowerCase(), retryable: true });
    expect(failureOf(parts)?.message).toContain('call:weather{city');
  });

  const unavailable = { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } };
  test.each<[how: string, event: object | string, failure: object]>([
    ['an error event', unavailable, { type: 'provider_unavailable', code: 'overloaded', status: 503 }],
    [
      'plain JSON instead of an event',
      `${JSON.stringify(unavailable, null, 2)}\n`,
      { type: 'provider_unavailable', code: 'overloaded', status: 503 },
    ],
    [
      'plain JSON in a list',
      JSON.stringify([unavailable]),
      { type: 'provider_unavailable', code: 'overloaded', status: 503 },
    ],
    ['plain JSON that is no error', '{"status":"ok"}', { code: 'stream_truncated' }],
    ['a line that is no JSON', 'data: {"candidates":\n\n', { code: 'stream_truncated' }],
    ['its end', '', { code: 'stream_truncated' }],
    ['plain JSON that is long', `{"nothing":"${'x'.repeat(70_000)}"`, { code: 'stream_truncated' }],
  ])('that is ended by %s is no answer, however it is cut into pieces', async (_how, event, failure) => {
    const bytes = Buffer.from(linesOf([chunk([{ text: 'Hel' }]), chunk([call('clock', {})]), event]));
    for (const size of [7, 300, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      const fetch = async () => new Response(ReadableStream.from(pieces));
      const parts = await read(google('gemini-2.5-flash', { apiKey: 'key', fetch }), request('Hi'));
      expect(textOf(parts)).toBe('Hel');
      expect(failureOf(parts)).toMatchObject({ provider: 'google', retryable: true, ...failure });
    }
  });

  test('goes on after a line of plain JSON that is no error', async () => {
    const { parts } = await ask([chunk([{ text: 'Hel' }]), '{"status":"ok"}\n', ...fine]);
    expect(textOf(parts)).toBe('HelFine.');
  });

  test('that is an error in plain JSON ends at once, where the server keeps the connection open after it', async () => {
    await using server = await sseServer((response) => {
      startEvents(response);
      response.write(`${JSON.stringify(unavailable)}\n`);
    });
    const parts = await read(google('gemini-2.5-flash', { baseURL: server.url, apiKey: 'key' }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ status: 503 });
    expect(await server.calls[0]?.closed).toBe('broken');
  });

  test('that is an error with a list of details tells the delay, and which request it was', async () => {
    await using server = await sseServer((response) => {
      response.writeHead(429, { 'content-type': 'application/json' });
      const details = [
        { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' },
        { '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId: 'request-of-google' },
      ];
      response.end(
        JSON.stringify({ error: { code: 429, message: 'Slow down.', status: 'RESOURCE_EXHAUSTED', details } }),
      );
    });
    const parts = await read(google('gemini-2.5-flash', { baseURL: server.url, apiKey: 'key' }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({
      type: 'rate_limit',
      retryAfterMs: 34_400,
      requestId: 'request-of-google',
      message: 'Slow down.',
    });
  });

  test('with fields of the wrong kind gives parts of the right kind', async () => {
    const { parts } = await ask([
      { candidates: 'x', promptFeedback: 5, usageMetadata: [] },
      { candidates: [{ content: 5 }, { content: { parts: [null, 5, { text: 7 }] } }] },
      chunk([{ functionCall: { name: 5, args: null } }]),
      { candidates: [{ index: 1, content: { parts: [{ text: 'Another answer.' }] }, finishReason: 'SAFETY' }] },
      { ...chunk([{ text: 'Fine.' }], stop), usageMetadata: { promptTokenCount: 'x' } },
    ]);
    expect(textOf(parts)).toBe('Fine.');
    expect(callsOf(parts)).toEqual([['', '{}']]);
    expect(only(parts, 'opaque').map(({ data }) => data)).toEqual([{ text: 7 }]);
    expect(finishOf(parts)).toMatchObject({ usage: { inputTokens: 0, outputTokens: 0 } });
  });
});

describe('google() asking aimock', () => {
  let mock: LLMock;
  beforeEach(async () => {
    mock = new LLMock({ port: 0, chunkSize: 4 });
    await mock.start();
  });
  afterEach(async () => {
    await mock.stop();
  });
  const model = () => google('gemini-2.5-flash', { baseURL: mock.url, apiVersion: 'v1beta', apiKey: 'key-of-a-test' });

  test('reads thoughts and a text with its usage', async () => {
    mock.onMessage('Hi', {
      content: 'Hello there.',
      reasoning: 'They greet me.',
      usage: { prompt_tokens: 9, completion_tokens: 3 },
    });
    const parts = await read(model(), request('Hi'));
    expect(only(parts, 'reasoning-delta').map(({ text }) => text)).toEqual(['They', ' gre', 'et m', 'e.']);
    expect(textOf(parts)).toBe('Hello there.');
    expect(finishOf(parts)).toMatchObject({
      finishReason: { unified: 'stop' },
      usage: { inputTokens: 9, outputTokens: 3 },
    });
  });

  test.each<[status: number, error: { message: string; type?: string }, failure: object]>([
    [400, { message: 'API key not valid. Please pass a valid API key.' }, { type: 'auth', retryable: false }],
    [429, { message: 'Slow down. Please retry in 3s.', type: 'RESOURCE_EXHAUSTED' }, { type: 'rate_limit' }],
    [
      400,
      { message: 'The input token count (9) exceeds the maximum number of tokens allowed (8).' },
      { type: 'context_overflow' },
    ],
    [500, { message: 'Sorry' }, { type: 'provider_unavailable', retryable: true }],
    [503, { message: 'The model is overloaded.' }, { type: 'provider_unavailable', code: 'overloaded' }],
  ])('reads a %i with %j, and asks once', async (status, error, failure) => {
    mock.onMessage('Hi', { error, status });
    const parts = await read(model(), request('Hi'));
    expect(parts).toHaveLength(1);
    expect(failureOf(parts)).toMatchObject({ status, provider: 'google', model: 'gemini-2.5-flash', ...failure });
    expect(mock.getRequests()).toHaveLength(1);
  });

  test('gives no answer where the stream is truncated', async () => {
    mock.onMessage('Hi', { content: 'A text that is far longer than that.' }, { truncateAfterChunks: 4 });
    const parts = await read(model(), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', retryable: true });
  });

  test('runs a whole turn: overload, rate limit, two tools, an answer', async () => {
    const call = (city: string) => ({ name: 'weather', arguments: JSON.stringify({ city }) });
    const answers = [
      { error: { message: 'The model is overloaded.' }, status: 503 },
      { error: { message: 'Slow down' }, status: 429, retryAfter: 0 },
      { toolCalls: [call('Rome'), call('Oslo')] },
      { content: 'It is sunny in both.' },
    ];
    const { result, retried, bodies } = await weatherTurn(mock, answers, { model: model() });
    expect(result.text).toBe('It is sunny in both.');
    expect(result.steps).toBe(2);
    expect(retried).toMatchObject([
      { type: 'provider_unavailable', code: 'overloaded', status: 503 },
      { type: 'rate_limit', code: 'rate_limit_exceeded', status: 429 },
    ]);
    // as aimock puts what it was asked
    const messages = bodies.at(-1)?.messages as readonly Fields[];
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool']);
    expect(messages.slice(-2).map(({ content }) => content)).toEqual([
      '{"output":{"city":"Rome","sky":"sunny"}}',
      '{"output":{"city":"Oslo","sky":"sunny"}}',
    ]);
  });
});
