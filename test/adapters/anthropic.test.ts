import Anthropic from '@anthropic-ai/sdk';
import { LLMock } from '@copilotkit/aimock';
import { createAgent, type TurnEvent } from 'turnchart';
import { type AnthropicOptions, anthropic } from 'turnchart/adapters/anthropic';
import { anthropicMessages, faultServer } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { callsOf, failureOf, finishOf, only, read, request, sendEvents, sseServer, textOf } from './support.ts';
import { weatherTurn } from './weatherTurn.ts';

/** A short answer. */
function answer(text: string): object[] {
  return [
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
    { type: 'message_stop' },
  ];
}

/** The base URL of a server: this API has no /v1 in it. */
const baseOf = ({ url }: { readonly url: string }) => new URL(url).origin;

beforeEach(() => {
  const names = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_BASE_URL', 'ANTHROPIC_CUSTOM_HEADERS'];
  for (const name of names) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('anthropic()', () => {
  test('names the variable where the key is missing', () => {
    expect(() => anthropic('claude-sonnet-5-5')).toThrow(/ANTHROPIC_API_KEY/);
    expect(() => anthropic('claude-sonnet-5-5', { apiKey: '' })).toThrow(/ANTHROPIC_API_KEY/);
    expect(() => anthropic('some/model', { baseURL: 'https://gateway.example.com' })).toThrow(
      /for gateway\.example\.com: .*ANTHROPIC_API_KEY/,
    );
    vi.stubEnv('ANTHROPIC_API_KEY', ' ');
    expect(() => anthropic('claude-sonnet-5-5')).toThrow(/ANTHROPIC_API_KEY/);
    vi.stubEnv('ANTHROPIC_API_KEY', 'key-of-a-test');
    expect(anthropic('claude-sonnet-5-5')).toMatchObject({ provider: 'anthropic', modelId: 'claude-sonnet-5-5' });
  });

  test('takes no key for a server in its own network', () => {
    const options = { baseURL: 'http://localhost:11434', providerName: 'ollama', contextWindow: 32_768 };
    expect(anthropic('qwen3', options)).toMatchObject({
      provider: 'ollama',
      modelId: 'qwen3',
      contextWindow: 32_768,
    });
  });

  test.each<[options: object, says: string]>([
    [{ cache: true }, '`cache`'],
    [{ baseURL: 'localhost' }, '`baseURL`'],
    [{ contextWindow: 0 }, '`contextWindow`'],
    [{ client: new Anthropic({ apiKey: 'a' }), apiKey: 'b' }, '`apiKey`'],
  ])('refuses %j by name', (options, says) => {
    expect(() => anthropic('claude-sonnet-5-5', { apiKey: 'key', ...options } as AnthropicOptions)).toThrow(says);
  });

  test('refuses to be without a model', () => {
    expect(() => anthropic('', { apiKey: 'key' })).toThrow('model');
  });

  test('sends key and headers; nothing of a key where there is none', async () => {
    await using server = await sseServer((response) => sendEvents(response, answer('Hi.')));
    const headersOf = async (options: AnthropicOptions) => {
      await read(anthropic('m', { baseURL: baseOf(server), ...options }), request('Hi'));
      return server.calls.at(-1)?.headers;
    };
    expect(await headersOf({ apiKey: 'a-key', headers: { 'anthropic-beta': 'some-beta' } })).toMatchObject({
      authorization: 'Bearer a-key',
      'anthropic-beta': 'some-beta',
      'anthropic-version': expect.any(String),
    });
    expect(await headersOf({ apiKey: async () => 'a-token' })).toMatchObject({ authorization: 'Bearer a-token' });
    const keyed = await headersOf({ headers: { 'x-api-key': 'abc' } });
    expect(keyed).toMatchObject({ 'x-api-key': 'abc' });
    expect(keyed).not.toHaveProperty('authorization');
    expect(await headersOf({})).not.toHaveProperty('authorization');
  });

  test('asks where ANTHROPIC_BASE_URL says', async () => {
    await using server = await sseServer((response) => sendEvents(response, answer('Hi.')));
    vi.stubEnv('ANTHROPIC_BASE_URL', baseOf(server));
    expect(textOf(await read(anthropic('m', { apiKey: 'key' }), request('Hi')))).toBe('Hi.');
    expect(server.calls[0]?.path).toBe('/v1/messages');
  });

  test("asks through the user's own client, without its retries", async () => {
    await using server = await sseServer((response) => {
      response.writeHead(529, { 'content-type': 'application/json' });
      response.end('{}');
    });
    const client = new Anthropic({ apiKey: 'canary-0123456789', baseURL: baseOf(server) });
    const parts = await read(anthropic('m', { client }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code: 'overloaded', status: 529 });
    expect(server.calls).toHaveLength(1);
    expect(server.calls[0]?.headers.authorization).toBe('Bearer canary-0123456789');
  });

  test('says nothing of its key, whatever the server says of it', async () => {
    const apiKey = 'canary-0123456789';
    const headers = { 'x-other-auth': 'Token canary-9876543210' };
    await using server = await sseServer((response, { headers }) => {
      response.writeHead(401, { 'content-type': 'application/json', 'request-id': String(headers.authorization) });
      const key = String(headers.authorization).replace('Bearer ', '');
      const message = `invalid x-api-key ${key}, ${headers['x-other-auth']}`;
      response.end(
        JSON.stringify({ type: 'error', error: { type: 'authentication_error', message }, received: headers }),
      );
    });
    const baseURL = baseOf(server);
    for (const model of [
      anthropic('m', { baseURL, headers, apiKey }),
      anthropic('m', { baseURL, headers, apiKey: async () => apiKey }),
      anthropic('m', { client: new Anthropic({ baseURL, apiKey }) }),
      anthropic('m', { client: new Anthropic({ baseURL, authToken: apiKey }) }),
    ]) {
      const events: TurnEvent[] = [];
      const turn = createAgent({ model }).run('Hi', { onEvent: (event) => events.push(event) });
      const error = await turn.then(undefined, (error: Error) => error);
      expect(error).toMatchObject({ failure: { type: 'auth', status: 401, name: 'AuthenticationError' } });
      expect(events.some(({ type }) => type === 'turn.failed')).toBe(true);
      expect(JSON.stringify([events, error, String(error)])).not.toContain('canary');
    }
  });

  test('never loses the name of a request', async () => {
    await using server = await sseServer((response) => {
      response.writeHead(400, { 'content-type': 'application/json', 'request-id': 'req_header' });
      response.end(JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message: 'No.' } }));
    });
    const parts = await read(anthropic('m', { baseURL: baseOf(server), apiKey: 'key' }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ message: 'No.', requestId: 'req_header', name: 'BadRequestError' });
  });

  test('waits as long as the limit that is spent asks for', async () => {
    await using server = await faultServer(anthropicMessages);
    const soon = new Date(Date.now() + 60_000).toISOString();
    const late = new Date(Date.now() + 3_600_000).toISOString();
    const limits = {
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': soon,
      'anthropic-ratelimit-input-tokens-remaining': '400000',
      'anthropic-ratelimit-input-tokens-reset': late,
    };
    server.enqueue(
      { fault: { type: 'error', kind: 'rate_limit', headers: limits } },
      { fault: { type: 'error', kind: 'overloaded', headers: { 'retry-after': '7' } } },
    );
    const model = anthropic('m', { baseURL: server.url, apiKey: 'key' });
    expect(failureOf(await read(model, request('Hi')))).toMatchObject({
      type: 'rate_limit',
      retryable: true,
      resetAt: Date.parse(soon),
    });
    expect(failureOf(await read(model, request('Hi')))).toMatchObject({ code: 'overloaded', retryAfterMs: 7_000 });
  });
});

describe('anthropic() asking aimock', () => {
  let mock: LLMock;
  beforeEach(async () => {
    mock = new LLMock({ port: 0, chunkSize: 4, strict: true });
    await mock.start();
  });
  afterEach(async () => {
    await mock.stop();
  });
  const model = (options: AnthropicOptions = {}) =>
    anthropic('claude-sonnet-5-5', { baseURL: mock.url, apiKey: 'key-of-a-test', ...options });

  test('reads a text with its usage', async () => {
    mock.onMessage('Hi', { content: 'Hello there.', usage: { input_tokens: 9, output_tokens: 3 } });
    const parts = await read(model(), request('Hi'));
    expect(textOf(parts)).toBe('Hello there.');
    expect(finishOf(parts)).toMatchObject({
      finishReason: { unified: 'stop' },
      usage: { inputTokens: 9, outputTokens: 3 },
    });
  });

  test('reads thinking before the text, with its signature', async () => {
    mock.onMessage('Hi', { content: 'Hello.', reasoning: 'They greet me.', reasoningSignature: 'sealed' });
    const parts = await read(model(), request('Hi'));
    const reasoning = only(parts, 'reasoning-delta').map(({ text }) => text);
    expect(reasoning.join('')).toBe('They greet me.');
    expect(only(parts, 'block-end')).toMatchObject([{ providerMetadata: { anthropic: { signature: 'sealed' } } }]);
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

  test.each<[status: number, error: { message: string; type?: string }, failure: object]>([
    [401, { message: 'invalid x-api-key', type: 'authentication_error' }, { type: 'auth', retryable: false }],
    [403, { message: 'Not for this key', type: 'permission_error' }, { type: 'auth', retryable: false }],
    [429, { message: 'Slow down', type: 'rate_limit_error' }, { type: 'rate_limit', retryable: true }],
    [400, { message: 'Your credit balance is too low to access the Anthropic API.' }, { type: 'budget' }],
    [402, { message: 'Billing', type: 'billing_error' }, { type: 'budget', retryable: false }],
    [400, { message: 'prompt is too long: 213462 tokens > 200000 maximum' }, { type: 'context_overflow' }],
    [413, { message: 'Request exceeds the maximum size', type: 'request_too_large' }, { type: 'context_overflow' }],
    [
      400,
      { message: 'max_tokens: 1000000 > 64000, which is the maximum allowed number of output tokens' },
      { type: 'unknown', code: 'invalid_request', retryable: false },
    ],
    [404, { message: 'model: claude-0', type: 'not_found_error' }, { type: 'unknown', code: 'model_not_found' }],
    [500, { message: 'Sorry', type: 'api_error' }, { type: 'provider_unavailable', retryable: true }],
    [529, { message: 'Overloaded', type: 'overloaded_error' }, { type: 'provider_unavailable', code: 'overloaded' }],
  ])('reads a %i with %j, and asks once', async (status, error, failure) => {
    mock.onMessage('Hi', { error, status });
    const parts = await read(model(), request('Hi'));
    expect(parts).toHaveLength(1);
    expect(failureOf(parts)).toMatchObject({ status, provider: 'anthropic', model: 'claude-sonnet-5-5', ...failure });
    expect(mock.getRequests()).toHaveLength(1);
  });

  test('gives no answer where the stream is truncated', async () => {
    mock.onMessage('Hi', { content: 'A text that is far longer than that.' }, { truncateAfterChunks: 4 });
    const parts = await read(model(), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', retryable: true });
  });

  test('runs a whole turn: overload, rate limit, thinking, a tool, a pause, an answer', async () => {
    const answers = [
      { error: { message: 'Overloaded', type: 'overloaded_error' }, status: 529 },
      { error: { message: 'Slow down', type: 'rate_limit_error' }, status: 429, retryAfter: 0 },
      {
        reasoning: 'I need the weather.',
        reasoningSignature: 'sealed',
        toolCalls: [{ id: 'toolu_1', name: 'weather', arguments: '{"city":"Rome"}' }],
      },
      { content: 'Let me think.', finishReason: 'pause_turn' },
      { content: 'It is sunny in Rome.' },
    ];
    const { result, retried, bodies } = await weatherTurn(mock, answers, {
      model: model({ cache: '5m' }),
      settings: { providerOptions: { thinking: { type: 'enabled', budget_tokens: 1_024 } } },
    });
    expect(result.text).toBe('It is sunny in Rome.');
    expect(result.steps).toBe(2);
    expect(retried).toMatchObject([
      { type: 'provider_unavailable', code: 'overloaded', status: 529 },
      { type: 'rate_limit', code: 'rate_limit_exceeded', status: 429 },
    ]);
    expect(bodies).toHaveLength(5);
    // the attempts of a step ask the same
    expect(bodies[1]).toEqual(bodies[0]);
    expect(bodies[2]).toEqual(bodies[0]);
    expect(JSON.stringify(bodies[3])).toContain('{\\"city\\":\\"Rome\\",\\"sky\\":\\"sunny\\"}');
    expect(JSON.stringify(bodies[3])).toContain('toolu_1');
    // what was said before the pause is the last message
    expect(JSON.stringify(bodies[4])).toContain('Let me think.');
  });
});
