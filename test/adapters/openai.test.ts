import { LLMock } from '@copilotkit/aimock';
import OpenAI, { AzureOpenAI } from 'openai';
import { createAgent, type TurnEvent } from 'turnchart';
import { type OpenAIOptions, openai } from 'turnchart/adapters/openai';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { callsOf, failureOf, finishOf, only, read, request, sendEvents, sseServer, textOf } from './support.ts';
import { weatherTurn } from './weatherTurn.ts';

const apis = ['chat', 'responses'] as const;
type Api = (typeof apis)[number];

/** A short answer in either API. */
function answer(api: Api, text: string): object[] {
  if (api === 'chat') {
    return [{ choices: [{ index: 0, delta: { content: text } }] }, { choices: [{ delta: {}, finish_reason: 'stop' }] }];
  }
  return [
    { type: 'response.output_text.delta', output_index: 0, delta: text },
    { type: 'response.completed', response: { status: 'completed' } },
  ];
}

beforeEach(() => {
  for (const name of ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OPENAI_ADMIN_KEY']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('openai()', () => {
  test('names the variable where the key is missing', () => {
    expect(() => openai('gpt-5')).toThrow(/OPENAI_API_KEY/);
    expect(() => openai('gpt-5', { apiKey: '' })).toThrow(/OPENAI_API_KEY/);
    expect(() => openai('some/model', { baseURL: 'https://openrouter.ai/api/v1' })).toThrow(
      /for openrouter\.ai: .*OPENAI_API_KEY/,
    );
    vi.stubEnv('OPENAI_API_KEY', ' ');
    expect(() => openai('gpt-5')).toThrow(/OPENAI_API_KEY/);
    vi.stubEnv('OPENAI_API_KEY', 'key-of-a-test');
    expect(openai('gpt-5')).toMatchObject({ provider: 'openai', modelId: 'gpt-5' });
  });

  test.each([
    'http://localhost:11434/v1',
    'http://127.0.0.1:8000/v1',
    'http://[::1]:8000/v1',
    'http://192.168.1.5/v1',
    'http://ollama:11434/v1',
    'http://box.local/v1',
    'http://host.docker.internal:1234/v1',
  ])('takes no key for %s', (baseURL) => {
    expect(openai('qwen3', { baseURL, providerName: 'ollama', contextWindow: 32_768 })).toMatchObject({
      provider: 'ollama',
      modelId: 'qwen3',
      contextWindow: 32_768,
    });
  });

  test.each<[options: object, says: string]>([
    [{ api: 'completions' }, '`api`'],
    [{ baseURL: 'localhost' }, '`baseURL`'],
    [{ maxTokensName: 'tokens' }, '`maxTokensName`'],
    [{ contextWindow: 0 }, '`contextWindow`'],
    [{ client: new OpenAI({ apiKey: 'a' }), apiKey: 'b' }, '`apiKey`'],
  ])('refuses %j by name', (options, says) => {
    expect(() => openai('gpt-5', { apiKey: 'key', ...options } as OpenAIOptions)).toThrow(says);
  });

  test('refuses to be without a model', () => {
    expect(() => openai('', { apiKey: 'key' })).toThrow('model');
  });

  /** Where a model asks, without a network. */
  async function pathOf(options: OpenAIOptions): Promise<string> {
    const urls: string[] = [];
    const fetch = async (url: string | URL | Request) => {
      urls.push(String(url));
      return new Response('{}', { status: 500 });
    };
    const client = options.client?.withOptions({ fetch });
    await read(openai('gpt-5', client === undefined ? { ...options, fetch } : { ...options, client }), request('Hi'));
    expect(urls).toHaveLength(1);
    return urls[0] ?? '';
  }

  test('speaks the Responses API to OpenAI, and Chat Completions to other servers', async () => {
    const apiKey = 'key';
    expect(await pathOf({ apiKey })).toBe('https://api.openai.com/v1/responses');
    expect(await pathOf({ apiKey, baseURL: 'https://eu.api.openai.com/v1' })).toMatch(/\/responses$/);
    expect(await pathOf({ apiKey, api: 'chat' })).toMatch(/\/chat\/completions$/);
    expect(await pathOf({ apiKey, baseURL: 'https://api.example.com/v1' })).toMatch(/\/chat\/completions$/);
    expect(await pathOf({ apiKey, baseURL: 'https://api.example.com/v1', api: 'responses' })).toMatch(/\/responses$/);
    vi.stubEnv('OPENAI_BASE_URL', 'https://gateway.example.com/v1');
    expect(await pathOf({ apiKey })).toBe('https://gateway.example.com/v1/chat/completions');
  });

  test("asks through the user's own client, without its retries", async () => {
    expect(await pathOf({ client: new OpenAI({ apiKey: 'key' }) })).toMatch(/\/responses$/);
    const client = new AzureOpenAI({
      apiKey: 'key',
      endpoint: 'https://me.openai.azure.com',
      apiVersion: '2025-04-01-preview',
    });
    expect(await pathOf({ client })).toBe(
      'https://me.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview',
    );
  });

  test('sends key, headers, organization and project; nothing of a key where there is none', async () => {
    await using server = await sseServer((response) => sendEvents(response, answer('chat', 'Hi.')));
    const headersOf = async (options: OpenAIOptions) => {
      await read(openai('m', { baseURL: server.url, ...options }), request('Hi'));
      return server.calls.at(-1)?.headers;
    };
    expect(
      await headersOf({ apiKey: 'a-key', headers: { 'x-title': 'test' }, organization: 'org', project: 'proj' }),
    ).toMatchObject({
      authorization: 'Bearer a-key',
      'x-title': 'test',
      'openai-organization': 'org',
      'openai-project': 'proj',
    });
    expect(await headersOf({ apiKey: async () => 'a-token' })).toMatchObject({ authorization: 'Bearer a-token' });
    expect(await headersOf({ headers: { authorization: 'Basic abc' } })).toMatchObject({ authorization: 'Basic abc' });
    expect(await headersOf({})).not.toHaveProperty('authorization');
  });
});

describe.each(apis)('openai() over %s', (api) => {
  test('says nothing of its key, whatever the server says of it', async () => {
    const apiKey = 'canary-0123456789';
    const headers = { 'x-other-auth': 'Token canary-9876543210' };
    await using server = await sseServer((response, { headers }) => {
      response.writeHead(401, { 'content-type': 'application/json', 'x-request-id': String(headers.authorization) });
      const message = `Incorrect key: ${headers.authorization}, ${headers['x-other-auth']}`;
      response.end(JSON.stringify({ error: { message, code: 'invalid_api_key', received: headers } }));
    });
    for (const key of [apiKey, async () => apiKey]) {
      const model = openai('m', { baseURL: server.url, apiKey: key, headers, api });
      const events: TurnEvent[] = [];
      const turn = createAgent({ model }).run('Hi', { onEvent: (event) => events.push(event) });
      const error = await turn.then(undefined, (error: Error) => error);
      expect(error).toMatchObject({ failure: { type: 'auth', status: 401, name: 'AuthenticationError' } });
      expect(events.some(({ type }) => type === 'turn.failed')).toBe(true);
      expect(JSON.stringify([events, error, String(error)])).not.toContain('canary');
    }
  });
});

describe.each(apis)('openai() asking aimock over %s', (api) => {
  let mock: LLMock;
  beforeEach(async () => {
    mock = new LLMock({ port: 0, chunkSize: 4 });
    await mock.start();
  });
  afterEach(async () => {
    await mock.stop();
  });
  const model = (modelId = 'gpt-5-mini') =>
    openai(modelId, { api, baseURL: `${mock.url}/v1`, apiKey: 'key-of-a-test' });

  test('reads a text with its usage', async () => {
    mock.onMessage('Hi', { content: 'Hello there.', usage: { prompt_tokens: 9, completion_tokens: 3 } });
    const parts = await read(model(), request('Hi'));
    expect(textOf(parts)).toBe('Hello there.');
    expect(finishOf(parts)).toMatchObject({
      finishReason: { unified: 'stop' },
      usage: { inputTokens: 9, outputTokens: 3 },
    });
  });

  test('reads reasoning before the text', async () => {
    mock.onMessage('Hi', { content: 'Hello.', reasoning: 'They greet me.' });
    const parts = await read(model(), request('Hi'));
    const reasoning = only(parts, 'reasoning-delta').map(({ text }) => text);
    expect(reasoning.join('')).toBe('They greet me.');
    expect(parts[0]?.type).toBe('reasoning-delta');
    expect(textOf(parts)).toBe('Hello.');
  });

  test('reads parallel tool calls', async () => {
    const toolCalls = [
      { name: 'weather', arguments: '{"city":"Rome"}' },
      { name: 'clock', arguments: '{}' },
    ];
    mock.onMessage('Hi', { toolCalls });
    const parts = await read(model(), request('Hi'));
    expect(callsOf(parts)).toEqual(toolCalls.map(({ name, arguments: input }) => [name, input]));
    expect(finishOf(parts)?.finishReason.unified).toBe('tool-calls');
  });

  test.each<[status: number, error: { message: string; type?: string; code?: string }, failure: object]>([
    [401, { message: 'Incorrect API key', code: 'invalid_api_key' }, { type: 'auth', retryable: false }],
    [429, { message: 'Slow down', code: 'rate_limit_exceeded' }, { type: 'rate_limit', retryAfterMs: 1_000 }],
    [429, { message: 'Quota', type: 'insufficient_quota' }, { type: 'budget', retryable: false }],
    [400, { message: 'Too long', code: 'context_length_exceeded' }, { type: 'context_overflow' }],
    [500, { message: 'Sorry' }, { type: 'provider_unavailable', retryable: true }],
    [529, { message: 'Overloaded' }, { type: 'provider_unavailable', code: 'overloaded' }],
  ])('reads a %i with %j, and asks once', async (status, error, failure) => {
    mock.onMessage('Hi', { error, status });
    const parts = await read(model(), request('Hi'));
    expect(parts).toHaveLength(1);
    expect(failureOf(parts)).toMatchObject({ status, provider: 'openai', model: 'gpt-5-mini', ...failure });
    expect(mock.getRequests()).toHaveLength(1);
  });

  test('gives no answer where the stream is truncated', async () => {
    mock.onMessage('Hi', { content: 'A text that is far longer than that.' }, { truncateAfterChunks: 4 });
    const parts = await read(model(), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', retryable: true });
  });

  test('runs a whole turn: overload, rate limit, a tool, an answer', async () => {
    const answers = [
      { error: { message: 'Overloaded' }, status: 529 },
      { error: { message: 'Slow down', code: 'rate_limit_exceeded' }, status: 429, retryAfter: 0 },
      { toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Rome"}' }] },
      { content: 'It is sunny in Rome.' },
    ];
    const { result, retried, bodies } = await weatherTurn(mock, answers, { model: model() });
    expect(result.text).toBe('It is sunny in Rome.');
    expect(result.steps).toBe(2);
    expect(retried).toMatchObject([
      { type: 'provider_unavailable', code: 'overloaded', status: 529 },
      { type: 'rate_limit', code: 'rate_limit_exceeded', status: 429 },
    ]);
    expect(bodies).toHaveLength(4);
    // the attempts of a step ask the same
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
    expect(JSON.stringify(bodies[3])).toContain('{\\"city\\":\\"Rome\\",\\"sky\\":\\"sunny\\"}');
    expect(JSON.stringify(bodies[3])).toContain('call_1');
  });
});
