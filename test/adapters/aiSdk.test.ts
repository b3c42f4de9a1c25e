import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import {
  APICallError,
  type LanguageModelV3,
  type LanguageModelV3CallOptions,
  type LanguageModelV3StreamPart,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4StreamPart,
  LoadAPIKeyError,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider';
import { LLMock } from '@copilotkit/aimock';
import type { Message, Model } from 'turnchart';
import { type AiSdkModel, aiSdk } from 'turnchart/adapters/ai-sdk';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  callsOf,
  failureOf,
  finishOf,
  messageOf,
  only,
  read,
  request,
  sendEvents,
  sseServer,
  textOf,
  toolResult,
  user,
} from './support.ts';
import { weatherTurn } from './weatherTurn.ts';

type Part = LanguageModelV3StreamPart | LanguageModelV4StreamPart;

const usage = {
  inputTokens: { total: 10, noCache: 1, cacheRead: 8, cacheWrite: 1 },
  outputTokens: { total: 7, text: 4, reasoning: 3 },
};
const finish = (unified: string, raw: string | undefined = unified): Part => {
  return { type: 'finish', usage, finishReason: { unified, raw } } as Part;
};
const text = (delta: string, id = '0'): Part[] => [
  { type: 'text-start', id },
  { type: 'text-delta', id, delta },
  { type: 'text-end', id },
];
const fine = [...text('Fine.'), finish('stop')];

/** A stream of these parts; an error instead of a part breaks it. */
function streamOf<T>(parts: readonly (T | Error)[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) {
        if (part instanceof Error) return controller.error(part);
        controller.enqueue(part);
      }
      controller.close();
    },
  });
}

/** A model of version 3 that gives these parts, and keeps what it was called with. */
function version3(parts: readonly (Part | Error)[] = fine) {
  const calls: LanguageModelV3CallOptions[] = [];
  const model: LanguageModelV3 = {
    specificationVersion: 'v3',
    provider: 'acme.chat',
    modelId: 'large',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('not here')),
    async doStream(options) {
      calls.push(options);
      return { stream: streamOf(parts) as ReadableStream<LanguageModelV3StreamPart> };
    },
  };
  return { model, calls };
}

/** The same in version 4. */
function version4(parts: readonly (Part | Error)[] = fine) {
  const calls: LanguageModelV4CallOptions[] = [];
  const model: LanguageModelV4 = {
    specificationVersion: 'v4',
    provider: 'acme.chat',
    modelId: 'large',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('not here')),
    async doStream(options) {
      calls.push(options);
      return {
        stream: streamOf(parts) as ReadableStream<LanguageModelV4StreamPart>,
        response: { headers: { 'x-request-id': 'req_1' } },
      };
    },
  };
  return { model, calls };
}

describe('aiSdk()', () => {
  test('is the model of a provider package, under the name of the provider', () => {
    expect(aiSdk(version3().model, { contextWindow: 1_000 })).toMatchObject({
      provider: 'acme',
      modelId: 'large',
      contextWindow: 1_000,
    });
    expect(aiSdk(createOpenAI({ apiKey: 'key' })('gpt-5'))).toMatchObject({ provider: 'openai', modelId: 'gpt-5' });
  });

  test('says what to do with a model of an older version, of a newer one, and with what is none', () => {
    const of = (specificationVersion: string) => () =>
      aiSdk({ ...version3().model, specificationVersion } as AiSdkModel);
    expect(of('v2')).toThrow(/specification v2.*[Uu]pdate its provider package.*AI SDK 6/);
    expect(of('v5')).toThrow(/specification v5.*newer Turnchart/);
    for (const none of ['openai/gpt-5', undefined, {}, createOpenAI({ apiKey: 'key' })]) {
      expect(() => aiSdk(none as unknown as AiSdkModel)).toThrow(/no language model of the AI SDK/);
    }
    expect(() => aiSdk(version3().model, { contextWindow: 0 })).toThrow('`contextWindow`');
  });

  test('names the variable where the key is missing, and asks nothing', async () => {
    for (const name of ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY']) vi.stubEnv(name, undefined);
    const asked = vi.fn(async () => new Response());
    const openai = createOpenAI({ fetch: asked });
    const parts = await read(aiSdk(openai('gpt-5')), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'auth', retryable: false, provider: 'openai', model: 'gpt-5' });
    expect(failureOf(parts)?.message).toContain('OPENAI_API_KEY');
    const anthropic = createAnthropic({ fetch: asked });
    const failure = failureOf(await read(aiSdk(anthropic('claude-sonnet-4-5')), request('Hi')));
    expect(failure?.message).toContain('ANTHROPIC_API_KEY');
    expect(asked).not.toHaveBeenCalled();
    vi.unstubAllEnvs();
  });
});

describe('a request through the AI SDK', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const url = 'https://example.com/a.pdf';
  const messages: Message[] = [
    { role: 'system', id: '0', content: 'Today is Friday.' },
    {
      role: 'user',
      id: '1',
      content: [
        { type: 'text', text: 'See.' },
        { type: 'file', mediaType: 'image/png', data: 'aW1n' },
        { type: 'file', mediaType: 'application/pdf', data: { url }, name: 'a.pdf' },
      ],
    },
    {
      role: 'assistant',
      id: '2',
      content: [
        { type: 'reasoning', text: 'Of another provider.', providerMetadata: { anthropic: { signature: 'x' } } },
        { type: 'text', text: '' },
        { type: 'text', text: 'Let me see.', providerMetadata: { openai: { id: 'msg_1' } } },
        { type: 'opaque', provider: 'anthropic', data: { type: 'redacted_thinking' } },
        { type: 'tool-call', toolCallId: 'a', toolName: 'weather', input: { city: 'Rome' } },
        { type: 'tool-call', toolCallId: 'b', toolName: 'weather', input: '{"city":', invalid: true },
      ],
    },
    {
      role: 'tool',
      id: '3',
      content: [
        {
          type: 'tool-result',
          toolCallId: 'a',
          toolName: 'weather',
          output: {
            type: 'content',
            value: [
              { type: 'text', text: 'A map:' },
              { type: 'file', mediaType: 'image/png', data: 'aW1n', name: 'map.png' },
              { type: 'file', mediaType: 'image/png', data: { url } },
            ],
          },
        },
        { type: 'tool-result', toolCallId: 'b', toolName: 'weather', output: { type: 'error', value: 'No JSON.' } },
      ],
    },
    { role: 'assistant', id: '4', content: [{ type: 'reasoning', text: 'Only a thought.' }] },
    { role: 'system', id: '5', content: 'It is late.' },
  ];
  const file = { type: 'file', mediaType: 'image/png' };
  const document = { type: 'file', mediaType: 'application/pdf', filename: 'a.pdf' };
  const map = { mediaType: 'image/png', filename: 'map.png' };

  test.each([
    [
      'version 3',
      version3,
      [
        { ...file, data: 'aW1n' },
        { ...document, data: new URL(url) },
      ],
      [
        { type: 'file-data', data: 'aW1n', ...map },
        { type: 'file-url', url },
      ],
    ],
    [
      'version 4',
      version4,
      [
        { ...file, data: { type: 'data', data: 'aW1n' } },
        { ...document, data: { type: 'url', url: new URL(url) } },
      ],
      [
        { type: 'file', data: { type: 'data', data: 'aW1n' }, ...map },
        { ...file, data: { type: 'url', url: new URL(url) } },
      ],
    ],
  ] as const)('has in %s what the model is to see in order', async (_version, make, files, results) => {
    const { model, calls } = make();
    await read(aiSdk(model), request(messages, { instructions: 'Be brief.' }));
    expect(calls[0]?.prompt).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: 'Today is Friday.' },
      { role: 'user', content: [{ type: 'text', text: 'See.' }, ...files] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Let me see.' },
          { type: 'tool-call', toolCallId: 'a', toolName: 'weather', input: { city: 'Rome' } },
          { type: 'tool-call', toolCallId: 'b', toolName: 'weather', input: { invalid: '{"city":' } },
        ],
      },
      {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: 'a',
            toolName: 'weather',
            output: { type: 'content', value: [{ type: 'text', text: 'A map:' }, ...results] },
          },
          {
            type: 'tool-result',
            toolCallId: 'b',
            toolName: 'weather',
            output: { type: 'error-text', value: 'No JSON.' },
          },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: '<system>\nIt is late.\n</system>' }] },
    ]);
  });

  test('has tools, the form of the output and the settings', async () => {
    const { model, calls } = version4();
    const controller = new AbortController();
    const tools = [{ name: 'weather', description: 'Current weather', inputSchema: schema }];
    const settings = {
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 100,
      stopSequences: ['END'],
      seed: 7,
      reasoningEffort: 'low',
      providerOptions: { acme: { serviceTier: 'flex' } },
    };
    const asked = request('Hi', { tools, toolChoice: { tool: 'weather' }, outputSchema: schema, settings });
    await read(aiSdk(model), asked, controller.signal);
    const { reasoningEffort, ...same } = settings;
    expect(calls).toEqual([
      {
        prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
        abortSignal: controller.signal,
        tools: [{ type: 'function', name: 'weather', description: 'Current weather', inputSchema: schema }],
        toolChoice: { type: 'tool', toolName: 'weather' },
        responseFormat: { type: 'json', name: 'output', schema },
        reasoning: reasoningEffort,
        ...same,
      },
    ]);
    await read(aiSdk(model), request('Hi', { tools, toolChoice: 'required' }));
    expect(calls[1]?.toolChoice).toEqual({ type: 'required' });
  });

  test.each([
    ['reasoningEffort', version3, { reasoningEffort: 'low' }],
    ['providerOptions', version4, { providerOptions: { serviceTier: 'flex' } }],
  ] as const)('is not made with %s that it has no word for: the failure names it', async (setting, make, settings) => {
    const { model, calls } = make();
    const parts = await read(aiSdk(model), request('Hi', { settings }));
    expect(parts).toHaveLength(1);
    expect(failureOf(parts)).toMatchObject({ type: 'unknown', code: 'invalid_request', retryable: false });
    expect(failureOf(parts)?.message).toContain(`\`${setting}\``);
    expect(calls).toHaveLength(0);
  });

  test('is not made with a file whose address is none', async () => {
    const { model, calls } = version4();
    const content = [{ type: 'file' as const, mediaType: 'image/png', data: { url: 'nowhere' } }];
    const parts = await read(aiSdk(model), request([{ role: 'user', id: 'u', content }]));
    expect(failureOf(parts)).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(calls).toHaveLength(0);
  });
});

describe('an answer through the AI SDK', () => {
  test('is read with reasoning, text, calls, usage, id and model, and without what is no part of it', async () => {
    const { model } = version4([
      { type: 'stream-start', warnings: [{ type: 'unsupported', feature: 'seed' }] },
      { type: 'response-metadata', id: 'resp_1', modelId: 'large-2', timestamp: new Date(0) },
      { type: 'ping' },
      { type: 'raw', rawValue: {} },
      { type: 'reasoning-start', id: '0' },
      { type: 'reasoning-delta', id: '0', delta: 'Hm.' },
      { type: 'reasoning-delta', id: '0', delta: '', providerMetadata: { acme: { signature: 's' } } },
      { type: 'reasoning-end', id: '0' },
      ...text('Let me see.'),
      { type: 'source', sourceType: 'url', id: 's', url: 'https://example.com' },
      { type: 'tool-input-start', id: 'a', toolName: 'weather' },
      { type: 'tool-input-delta', id: 'a', delta: '{"city":' },
      { type: 'tool-input-delta', id: 'a', delta: '"Rome"}' },
      { type: 'tool-input-end', id: 'a' },
      {
        type: 'tool-call',
        toolCallId: 'a',
        toolName: 'weather',
        input: '{"city":"Rome"}',
        providerMetadata: { acme: { itemId: 'fc_1' } },
      },
      ...text('Again.'),
      { type: 'something-new' } as unknown as Part,
      finish('stop'),
    ]);
    const metadata = (options?: object) => ({ aiSdk: { provider: 'acme.chat', ...(options && { options }) } });
    expect(await read(aiSdk(model), request('Hi'))).toEqual([
      { type: 'reasoning-delta', id: '0', text: 'Hm.' },
      { type: 'block-end', id: '0', providerMetadata: metadata({ acme: { signature: 's' } }) },
      { type: 'text-delta', id: '1', text: 'Let me see.' },
      { type: 'tool-input-delta', toolCallId: 'a', toolName: 'weather', delta: '{"city":' },
      { type: 'tool-input-delta', toolCallId: 'a', toolName: 'weather', delta: '"Rome"}' },
      {
        type: 'tool-call',
        toolCallId: 'a',
        toolName: 'weather',
        rawInput: '{"city":"Rome"}',
        providerMetadata: metadata({ acme: { itemId: 'fc_1' } }),
      },
      { type: 'text-delta', id: '2', text: 'Again.' },
      {
        type: 'finish',
        finishReason: { unified: 'tool-calls', raw: 'stop' },
        usage: { inputTokens: 10, outputTokens: 7, cachedInputTokens: 8, cacheWriteTokens: 1, reasoningTokens: 3 },
        response: { id: 'resp_1', modelId: 'large-2' },
      },
    ]);
  });

  test.each([
    ['version 3', version3, 'aW1n', 'aW1n', true],
    [
      'version 4',
      version4,
      { type: 'data', data: new Uint8Array([105, 109, 103]) },
      { type: 'data', data: 'aW1n' },
      false,
    ],
  ] as const)('goes back in %s with all that its package wants back, and to nobody else', async (_v, make, data, back, isV3) => {
    const acme = (name: string) => ({ acme: { name } });
    const call = { type: 'tool-call', toolCallId: 's', toolName: 'search' } as const;
    const { model } = make([
      { type: 'reasoning-start', id: '0', providerMetadata: acme('redacted') },
      { type: 'reasoning-end', id: '0' },
      { type: 'reasoning-start', id: '0' },
      { type: 'reasoning-delta', id: '0', delta: 'Hm.' },
      { type: 'reasoning-end', id: '0' },
      { type: 'tool-input-start', id: 's', toolName: 'search', providerExecuted: true },
      { type: 'tool-input-delta', id: 's', delta: '{"q":1}' },
      { ...call, input: '{"q":1}', providerExecuted: true },
      { ...call, type: 'tool-result', result: { found: 2 } },
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta: 'See.' },
      { type: 'text-end', id: '0', providerMetadata: acme('text') },
      { type: 'file', mediaType: 'image/png', data } as Part,
      { type: 'custom', kind: 'acme.mark', providerMetadata: acme('mark') },
      { type: 'tool-call', toolCallId: 'a', toolName: 'clock', input: '{}', providerMetadata: acme('call') },
      finish('tool-calls'),
    ]);
    const parts = await read(aiSdk(model), request('Hi'));
    expect(callsOf(parts)).toEqual([['clock', '{}']]);
    const history = request([user('Hi'), messageOf(parts), toolResult('a', 'clock', 'noon')]);
    const { model: next, calls } = make();
    await read(aiSdk(next), history);
    expect(calls[0]?.prompt[1]).toEqual({
      role: 'assistant',
      content: [
        { type: 'reasoning', text: '', providerOptions: acme('redacted') },
        { type: 'reasoning', text: 'Hm.' },
        { ...call, input: { q: 1 }, providerExecuted: true },
        { ...call, type: 'tool-result', output: { type: 'json', value: { found: 2 } } },
        { type: 'text', text: 'See.', providerOptions: acme('text') },
        { type: 'file', mediaType: 'image/png', data: back },
        ...(isV3 ? [] : [{ type: 'custom', kind: 'acme.mark', providerOptions: acme('mark') }]),
        { type: 'tool-call', toolCallId: 'a', toolName: 'clock', input: {}, providerOptions: acme('call') },
      ],
    });
    const other = make();
    await read(aiSdk({ ...other.model, provider: 'other.chat' }), history);
    expect(other.calls[0]?.prompt[1]).toEqual({
      role: 'assistant',
      content: [
        { type: 'text', text: 'See.' },
        { type: 'tool-call', toolCallId: 'a', toolName: 'clock', input: {} },
      ],
    });
  });

  test.each([
    ['stop', 'stop', 'stop'],
    ['length', 'max_tokens', 'length'],
    ['content-filter', 'refusal', 'content-filter'],
    ['stop', 'pause_turn', 'pause'],
    ['other', 'something_new', 'other'],
    ['something-new', 'something_new', 'other'],
  ])('that ended by %s (%s) finishes with %s', async (unified, raw, ours) => {
    const parts = await read(aiSdk(version3([...text('So.'), finish(unified, raw)]).model), request('Hi'));
    expect(finishOf(parts)?.finishReason).toEqual({ unified: ours, raw });
  });

  const broken: readonly Part[] = [
    ...text('So far.'),
    { type: 'tool-call', toolCallId: 'a', toolName: 'clock', input: '{"zo' },
  ];
  test.each<[how: string, parts: readonly (Part | Error)[], code: string]>([
    ['no finish', broken, 'stream_truncated'],
    ['a finish that gives no reason', [...broken, finish('other', undefined)].map(withoutRaw), 'stream_truncated'],
    ['a finish that says so', [...broken, finish('interrupted')], 'stream_truncated'],
    ['an error of the connection', [...broken, new TypeError('terminated')], 'network'],
    ['nothing at all', [], 'empty_response'],
    ['a finish of nothing', [finish('other')].map(withoutRaw), 'empty_response'],
  ])('with %s is none', async (_how, given, code) => {
    const parts = await read(aiSdk(version4(given).model), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code, retryable: true });
    expect(callsOf(parts)).toEqual([]);
  });

  /** As the packages finish a stream whose end they have not seen. */
  function withoutRaw(part: Part | Error): Part | Error {
    const isOther = !(part instanceof Error) && part.type === 'finish' && part.finishReason.unified === 'other';
    return isOther ? ({ ...part, finishReason: { unified: 'other', raw: undefined } } as Part) : part;
  }

  test('that ended by an error says what was said of it, and what it has cost', async () => {
    const parts = await read(aiSdk(version4([...text('So.'), finish('error', 'upstream_error')]).model), request('Hi'));
    expect(parts.at(-2)).toMatchObject({ type: 'usage', usage: { inputTokens: 10 } });
    expect(failureOf(parts)?.message).toContain('upstream_error');
  });

  test.each<[what: string, error: unknown, failure: object]>([
    [
      'words of the provider',
      { type: 'overloaded_error', message: 'Overloaded' },
      { code: 'overloaded', requestId: 'req_1' },
    ],
    ['a text', 'Too many requests', { type: 'rate_limit' }],
    ['an error', new TypeError('terminated'), { code: 'network' }],
    ['nothing', undefined, { type: 'unknown' }],
  ])('with an error part that is %s fails with it', async (_what, error, failure) => {
    const parts = await read(
      aiSdk(version4([...text('So.'), { type: 'error', error }, finish('stop')]).model),
      request('Hi'),
    );
    expect(textOf(parts)).toBe('So.');
    expect(failureOf(parts)).toMatchObject({ provider: 'acme', model: 'large', ...failure });
  });

  test('comes in one array as far as it comes at once', async () => {
    const { model } = version3([...Array.from({ length: 50 }, (_, index) => text(`${index} `)).flat(), finish('stop')]);
    const reads: unknown[] = [];
    for await (const some of aiSdk(model).stream(request('Hi'), new AbortController())) reads.push(some);
    expect(reads).toHaveLength(1);
  });

  test('ends as aborted, even where the model goes on', async () => {
    const controller = new AbortController();
    const endless = new ReadableStream({
      start(stream) {
        for (const part of text('Hel')) stream.enqueue(part);
      },
    });
    const model = { ...version3().model, doStream: async () => ({ stream: endless }) };
    const parts: unknown[] = [];
    for await (const some of aiSdk(model).stream(request('Hi'), controller)) {
      parts.push(...[some].flat());
      controller.abort();
    }
    expect(parts).toMatchObject([{ type: 'text-delta', text: 'Hel' }, { type: 'aborted' }]);
  });

  test('ends as aborted, where the package calls that a failed call of status 200', async () => {
    const controller = new AbortController();
    const doStream = async () => {
      controller.abort();
      throw new APICallError({ message: 'Failed', url: '', requestBodyValues: {}, statusCode: 200 });
    };
    const parts = await read(aiSdk({ ...version3().model, doStream }), request('Hi'), controller.signal);
    expect(parts).toEqual([{ type: 'aborted' }]);
  });
});

describe('a failure through the AI SDK', () => {
  const call = (fields: object) =>
    new APICallError({
      message: 'It failed.',
      url: 'https://api.example.com',
      requestBodyValues: { prompt: 'secret' },
      ...fields,
    });

  test.each<[what: string, error: unknown, failure: object]>([
    [
      'a spent quota, which the package would retry',
      call({
        statusCode: 429,
        isRetryable: true,
        responseBody: '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
      }),
      { type: 'budget', code: 'insufficient_quota', status: 429, retryable: false },
    ],
    [
      'a limit with its delay in the headers',
      call({ statusCode: 429, isRetryable: false, responseHeaders: { 'retry-after': '7', 'request-id': 'r' } }),
      { type: 'rate_limit', retryAfterMs: 7_000, retryable: true, requestId: 'r' },
    ],
    [
      'a key that is refused',
      call({ statusCode: 401, data: { error: { message: 'invalid x-api-key' } } }),
      { type: 'auth', message: 'invalid x-api-key', name: 'AI_APICallError' },
    ],
    [
      'a code that is only in the data',
      call({ statusCode: 400, data: { error: { code: 'context_length_exceeded', message: 'Too long.' } } }),
      { type: 'context_overflow' },
    ],
    [
      'a server that is not there',
      call({
        message: 'Cannot connect to API: connect ECONNREFUSED',
        cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
      }),
      { type: 'provider_unavailable', code: 'network' },
    ],
    [
      'an answer that broke off',
      call({ statusCode: 200, cause: new TypeError('terminated') }),
      { type: 'provider_unavailable', code: 'network' },
    ],
    [
      'a limit that a gateway tells of',
      Object.assign(
        new Error('Slow down.', {
          cause: call({
            statusCode: 429,
            responseHeaders: { 'retry-after': '7' },
            responseBody: '{"generationId":"gen_1"}',
          }),
        }),
        { name: 'GatewayRateLimitError', statusCode: 429, isRetryable: true },
      ),
      { type: 'rate_limit', retryAfterMs: 7_000, message: 'Slow down.', name: 'GatewayRateLimitError' },
    ],
    ['an error of nobody', new TypeError('fetch failed'), { type: 'provider_unavailable', code: 'network' }],
    [
      'a key that is missing',
      new LoadAPIKeyError({ message: 'API key is missing.' }),
      { type: 'auth', retryable: false },
    ],
    [
      'a request that the package cannot make',
      new UnsupportedFunctionalityError({ functionality: 'file parts' }),
      { type: 'unknown', code: 'invalid_request', retryable: false },
    ],
  ])('is %s', async (_what, error, failure) => {
    const doStream = () => Promise.reject(error);
    const parts = await read(aiSdk({ ...version4().model, doStream }), request('Hi'));
    expect(parts).toHaveLength(1);
    expect(failureOf(parts)).toMatchObject({ provider: 'acme', model: 'large', ...failure });
    expect(JSON.stringify(parts)).not.toContain('secret');
  });

  test.each([
    'chat',
    'responses',
    'messages',
  ] as const)('says nothing of the key of %s, whatever the server says of it', async (api) => {
    await using server = await sseServer((response, { headers }) => {
      response.writeHead(401, { 'content-type': 'application/json' });
      const key = headers['x-api-key'] ?? headers.authorization;
      response.end(
        JSON.stringify({ type: 'error', error: { message: `Your key is ${key}`, type: 'x', received: headers } }),
      );
    });
    const settings = { baseURL: server.url, apiKey: 'canary0123456789' };
    const model =
      api === 'messages' ? createAnthropic(settings)('claude-sonnet-4-5') : createOpenAI(settings)[api]('gpt-5');
    const parts = await read(aiSdk(model), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'auth', status: 401 });
    expect(JSON.stringify(parts)).not.toContain('canary');
  });

  test('is one of the answer, where the server says nothing that the package can read', async () => {
    await using server = await sseServer((response) => sendEvents(response, [{ nonsense: true }]));
    const openai = createOpenAI({ baseURL: server.url, apiKey: 'key' });
    const parts = await read(aiSdk(openai.chat('gpt-4o')), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', retryable: true });
  });
});

describe('aiSdk() asking aimock', () => {
  let mock: LLMock;
  beforeEach(async () => {
    mock = new LLMock({ port: 0, chunkSize: 4 });
    await mock.start();
  });
  afterEach(async () => {
    await mock.stop();
  });
  const models: Readonly<Record<string, () => Model>> = {
    'OpenAI over chat': () => aiSdk(createOpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'key' }).chat('gpt-4o')),
    'OpenAI over responses': () => aiSdk(createOpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'key' })('gpt-5-mini')),
    Anthropic: () => aiSdk(createAnthropic({ baseURL: `${mock.url}/v1`, apiKey: 'key' })('claude-sonnet-4-5')),
  };

  test.each(Object.keys(models))('as %s runs a whole turn: overload, rate limit, a tool, an answer', async (name) => {
    const answers = [
      { error: { message: 'Overloaded', type: 'overloaded_error' }, status: 529 },
      { error: { message: 'Slow down', type: 'rate_limit_error' }, status: 429, retryAfter: 0 },
      { content: 'I look.', toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Rome"}' }] },
      { content: 'It is sunny in Rome.' },
    ];
    const model = models[name]?.();
    if (model === undefined) throw new Error(`There is no ${name}.`);
    const { result, retried, bodies } = await weatherTurn(mock, answers, { model });
    expect(result.text).toBe('It is sunny in Rome.');
    expect(result.steps).toBe(2);
    expect(retried).toMatchObject([
      { type: 'provider_unavailable', code: 'overloaded', status: 529 },
      { type: 'rate_limit', status: 429 },
    ]);
    const last = JSON.stringify(bodies.at(-1));
    expect(last).toContain('call_1');
    expect(last).toContain('sunny');
  });

  test('reads thinking with its signature, which goes back', async () => {
    mock.onMessage('Hi', { content: 'Hello.', reasoning: 'They greet me.' });
    mock.onMessage('Again', { content: 'Hello again.' });
    const model = models.Anthropic?.() as Model;
    const parts = await read(model, request('Hi'));
    expect(
      only(parts, 'reasoning-delta')
        .map(({ text }) => text)
        .join(''),
    ).toBe('They greet me.');
    const history = [user('Hi'), messageOf(parts), user('Again')];
    expect(textOf(await read(model, request(history)))).toBe('Hello again.');
    expect(messageOf(parts).content).toMatchObject([
      { type: 'reasoning', providerMetadata: { aiSdk: { provider: 'anthropic.messages' } } },
      { type: 'text', text: 'Hello.' },
    ]);
  });
});
