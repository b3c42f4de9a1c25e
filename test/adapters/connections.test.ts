import type { Model } from 'turnchart';
import { anthropic } from 'turnchart/adapters/anthropic';
import { google } from 'turnchart/adapters/google';
import { openai } from 'turnchart/adapters/openai';
import { describe, expect, test } from 'vitest';
import { failureOf, finishOf, linesOf, read, request, sendEvents, sseServer, startEvents, textOf } from './support.ts';

interface Adapter {
  createModel(baseURL: string, options?: { readonly fetch?: typeof fetch }): Model;
  /** The events that say something, and those that end the answer after it. */
  says(text: string): readonly object[];
  readonly end: readonly (object | string)[];
}

const apiKey = 'key-of-a-test';
const marked: Readonly<Record<string, Adapter>> = {
  'openai() over chat': {
    createModel: (baseURL, options) => openai('m', { baseURL, apiKey, api: 'chat', ...options }),
    says: (text) => [{ choices: [{ index: 0, delta: { content: text } }] }],
    end: [{ choices: [{ delta: {}, finish_reason: 'stop' }] }, 'data: [DONE]\n\n'],
  },
  'openai() over responses': {
    createModel: (baseURL, options) => openai('m', { baseURL, apiKey, api: 'responses', ...options }),
    says: (delta) => [{ type: 'response.output_text.delta', output_index: 0, delta }],
    end: [{ type: 'response.completed', response: { status: 'completed' } }],
  },
  'anthropic()': {
    createModel: (baseURL, options) => anthropic('m', { baseURL: new URL(baseURL).origin, apiKey, ...options }),
    says: (text) => [
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    ],
    end: [
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'message_stop' },
    ],
  },
};
const adapters: Readonly<Record<string, Adapter>> = {
  ...marked,
  // which knows no mark of the end but the end
  'google()': {
    createModel: (baseURL, options) => google('m', { baseURL, apiKey, ...options }),
    says: (text) => [{ candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] } }] }],
    end: [{ candidates: [{ index: 0, finishReason: 'STOP' }] }],
  },
};

describe.each(Object.entries(adapters))('%s', (_name, { createModel, says, end }) => {
  const answer = [...says('Hi.'), ...end];

  test('fails as network where nobody listens', async () => {
    const server = await sseServer(() => {});
    await server[Symbol.asyncDispose]();
    const parts = await read(createModel(server.url), request());
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code: 'network', retryable: true });
    expect(failureOf(parts)?.message).toContain('ECONNREFUSED');
  });

  test('fails as network where the connection is lost in the middle', async () => {
    await using server = await sseServer((response) => {
      startEvents(response);
      response.write(linesOf(says('Hel')), () => response.destroy());
    });
    const parts = await read(createModel(server.url), request());
    expect(textOf(parts)).toBe('Hel');
    expect(failureOf(parts)).toMatchObject({ type: 'provider_unavailable', code: 'network', retryable: true });
  });

  test('keeps to one connection for one call after the other', async () => {
    await using server = await sseServer((response) => sendEvents(response, answer));
    const model = createModel(server.url);
    for (let call = 0; call < 5; call += 1) {
      expect(textOf(await read(model, request()))).toBe('Hi.');
      // what is left of an answer is read in the background
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.calls).toHaveLength(5);
    expect(server.sockets).toBe(1);
  });

  test('asks nothing where the signal has aborted before', async () => {
    await using server = await sseServer((response) => sendEvents(response, answer));
    expect(await read(createModel(server.url), request(), AbortSignal.abort())).toEqual([{ type: 'aborted' }]);
    expect(server.calls).toHaveLength(0);
  });

  test('closes the connection when the signal aborts before the headers', async () => {
    const controller = new AbortController();
    await using server = await sseServer(() => controller.abort());
    expect(await read(createModel(server.url), request(), controller.signal)).toEqual([{ type: 'aborted' }]);
    expect(await server.calls[0]?.closed).toBe('broken');
  });

  test('closes the connection when the signal aborts in the middle, even with a fetch that ignores it', async () => {
    const deaf: typeof fetch = (url, init) => fetch(url, { ...init, signal: null });
    for (const options of [{}, { fetch: deaf }]) {
      const controller = new AbortController();
      await using server = await sseServer((response) => {
        startEvents(response);
        response.write(linesOf(says('Hel')));
      });
      const parts: unknown[] = [];
      for await (const some of createModel(server.url, options).stream(request(), controller)) {
        parts.push(...[some].flat());
        controller.abort();
      }
      expect(parts).toMatchObject([{ type: 'text-delta', text: 'Hel' }, { type: 'aborted' }]);
      expect(await server.calls[0]?.closed).toBe('broken');
    }
  });
});

describe.each(Object.entries(marked))('%s', (_name, { createModel, says, end }) => {
  test('ends with the answer, where the server keeps the connection open after it', async () => {
    await using server = await sseServer((response) => {
      startEvents(response);
      response.write(linesOf([...says('Hi.'), ...end]));
    });
    const parts = await read(createModel(server.url), request());
    expect(finishOf(parts)?.finishReason.unified).toBe('stop');
    expect(await server.calls[0]?.closed).toBe('broken');
  });
});
