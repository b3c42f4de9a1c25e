import OpenAI from 'openai';
import {
  type Dialect,
  type FaultAnswer,
  type FaultServer,
  faultServer,
  googleGemini,
  openaiChat,
  openaiResponses,
} from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { toLines, wholeAnswer } from '../../src/testing/faults.ts';

const body = { model: 'm', stream: true, stream_options: { include_usage: true } };
const answer: FaultAnswer = {
  reasoning: ['Let me ', 'see.'],
  text: ['Grüße', ', 世界', ' 🎉'],
  calls: [{ id: 'call_a', name: 'weather', input: { city: 'Zürich', days: [1, 2, 3] } }, { name: 'clock' }],
};

function ask(server: FaultServer, dialect: Dialect, init: RequestInit = {}): Promise<Response> {
  return fetch(server.url + dialect.path, { method: 'POST', body: JSON.stringify(body), ...init });
}

/** All chunks of a body, as they came, and what it ended with, if not well. */
async function chunksOf(response: Response): Promise<{ chunks: Uint8Array[]; text: string; error: unknown }> {
  const chunks: Uint8Array[] = [];
  let error: unknown;
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { chunks, text: Buffer.concat(chunks).toString(), error };
}

function eventsOf(dialect: Dialect, index = 0) {
  let calls = 0;
  return [
    ...dialect.events(
      wholeAnswer(answer, () => `call_${++calls}`),
      { index, body },
    ),
  ];
}

function written(dialect: Dialect, index = 0): string {
  return eventsOf(dialect, index)
    .map((event) => toLines(event, {}))
    .join('');
}

async function send(dialect: Dialect, what: FaultAnswer) {
  await using server = await faultServer(dialect);
  server.enqueue(what);
  const response = await ask(server, dialect);
  return { response, ...(await chunksOf(response)) };
}

describe.each([openaiChat, openaiResponses, googleGemini])('the fault server speaking $name', (dialect) => {
  it('sends what the dialect says, the same bytes each time', async () => {
    await using server = await faultServer(dialect);
    server.enqueue(answer);
    const response = await ask(server, dialect);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('date')).toBeNull();
    expect((await chunksOf(response)).text).toBe(written(dialect));
  });

  it('keeps what it was asked', async () => {
    await using server = await faultServer(dialect);
    server.enqueue(answer);
    const coming = server.request(0);
    await (await ask(server, dialect, { headers: { authorization: 'Bearer key' } })).text();
    const request = await coming;
    expect(server.requests).toEqual([request]);
    const { pathname, search } = new URL(server.url + dialect.path);
    expect(request).toMatchObject({
      method: 'POST',
      path: pathname + search,
      headers: { authorization: 'Bearer key' },
      body,
    });
    expect(await request.ended).toBe('whole');
    expect(server.openRequests).toBe(0);
  });

  it.each(['fin', 'rst'] as const)('cuts the connection after as many parts as it is told (%s)', async (how) => {
    const { text, error } = await send(dialect, { ...answer, fault: { type: 'cut', afterParts: 3, how } });
    expect(error).toBeInstanceOf(TypeError);
    const parts = eventsOf(dialect).filter(({ role }) => role === 'part');
    // a reset may overtake what was sent before it
    if (how === 'fin') expect(text).toContain(parts[2]?.data);
    expect(text).not.toContain(parts[3]?.data);
  });

  it.each(['fin', 'rst'] as const)('cuts the connection before any headers (%s)', async (end) => {
    await using server = await faultServer(dialect);
    server.enqueue({ fault: { type: 'noHeaders', end } });
    await expect(ask(server, dialect)).rejects.toThrow('fetch failed');
    expect(await server.requests[0]?.ended).toBe('broken');
  });

  it('ends in good order without the mark of the end', async () => {
    const { text, error } = await send(dialect, { ...answer, fault: { type: 'noMark' } });
    const events = eventsOf(dialect);
    const end = events.findIndex(({ role }) => role === 'end');
    expect(error).toBeUndefined();
    expect(text).toBe(
      events
        .slice(0, end)
        .map((event) => toLines(event, {}))
        .join(''),
    );
  });

  it('reports an error in the stream, in each of its forms', async () => {
    for (const [form, write] of Object.entries(dialect.streamErrors)) {
      const fault = { type: 'streamError', form, afterParts: 1, message: 'As planned.' } as const;
      const { text, error } = await send(dialect, { ...answer, fault });
      expect(error).toBeUndefined();
      expect(text).toContain('As planned.');
      expect(text.endsWith(toLines(write('server', { index: 0, body }, 'As planned.'), {}))).toBe(true);
    }
  });

  it('tears one line, and sends the rest', async () => {
    const { text } = await send(dialect, { ...answer, fault: { type: 'badLine', afterParts: 1 } });
    const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
    expect(lines.filter((line) => !isJson(line.slice(6)))).toHaveLength(1);
    expect(lines).toHaveLength(eventsOf(dialect).filter(({ data }) => data.startsWith('{')).length);
  });

  it('stops half way in the JSON of the last call', async () => {
    const { text, error } = await send(dialect, { ...answer, fault: { type: 'halfCall', end: 'noMark' } });
    expect(error).toBeUndefined();
    expect(text).toContain('call_a');
    expect(text).not.toContain('"{}"');
    const { text: whole } = await send(dialect, { ...answer, fault: { type: 'halfCall', end: 'length' } });
    expect(whole.length).toBeGreaterThan(text.length);
    expect(whole).toMatch(/"finish_reason":"length"|"reason":"max_output_tokens"|"finishReason":"MAX_TOKENS"/);
  });

  it('sends the errors of the provider, with headers', async () => {
    await using server = await faultServer(dialect);
    server.enqueue({ fault: { type: 'error', kind: 'rate_limit', headers: { 'retry-after': '7' } } });
    const response = await ask(server, dialect);
    const expected = dialect.error('rate_limit');
    expect(response.status).toBe(expected.status);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.json()).toEqual(expected.body);
  });

  it('sends any status, and any 200 that is no stream', async () => {
    const teapot = await send(dialect, { fault: { type: 'status', status: 418, body: 'tea' } });
    expect([teapot.response.status, teapot.text]).toEqual([418, 'tea']);
    const html = await send(dialect, { fault: { type: 'notSse', contentType: 'text/html', body: '<h1>' } });
    expect(html.response.headers.get('content-type')).toBe('text/html');
    expect([html.response.status, html.text]).toEqual([200, '<h1>']);
  });

  it('is silent after the headers, or before them, until the client goes', async () => {
    await using server = await faultServer(dialect);
    const controller = new AbortController();
    const { signal } = controller;
    server.enqueue({ ...answer, fault: { type: 'silence' } }, { fault: { type: 'noHeaders' } });
    const response = await ask(server, dialect, { signal });
    expect(response.status).toBe(200);
    const second = ask(server, dialect, { signal });
    const requests = [await server.request(0), await server.request(1)];
    expect(server.openRequests).toBe(2);
    controller.abort();
    await expect(second).rejects.toThrow();
    expect((await chunksOf(response)).text).toBe('');
    expect(await Promise.all(requests.map(({ ended }) => ended))).toEqual(['broken', 'broken']);
    expect(server.openRequests).toBe(0);
  });

  it.each([1, 3, 64])('cuts what it sends into chunks of %s bytes', async (chunkBytes) => {
    const { chunks, text } = await send(dialect, { ...answer, wire: { chunkBytes } });
    expect(text).toBe(written(dialect));
    // a reader that was busy elsewhere may find two of them waiting
    const cut = chunks.filter(({ length }) => length === chunkBytes);
    expect(cut.length).toBeGreaterThan(0.9 * (chunks.length - 1));
  });

  it('sends many events in one write', async () => {
    const { chunks, text } = await send(dialect, { ...answer, wire: { eventsPerWrite: 1_000 } });
    expect(text).toBe(written(dialect));
    expect(chunks).toHaveLength(1);
  });

  it('ends lines as it is told, and sends comments', async () => {
    const plain = written(dialect);
    const { text: crlf } = await send(dialect, { ...answer, wire: { lineEnd: '\r\n' } });
    expect(crlf).toBe(plain.replaceAll('\n', '\r\n'));
    const { text: commented } = await send(dialect, { ...answer, wire: { comments: true } });
    expect(commented.replaceAll(': keep-alive\n\n', '')).toBe(plain);
    expect(commented.length).toBeGreaterThan(plain.length);
  });

  it('waits for what a test gives it to wait for', async () => {
    await using server = await faultServer(dialect);
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.enqueue({ text: ['before', 'after'], wire: { hold: { part: 1, until } } });
    const response = await ask(server, dialect);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('before')) text += (await reader?.read())?.value;
    expect(text).not.toContain('after');
    release();
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) text += read.value;
    expect(text).toContain('after');
  });

  it('writes deltas while they are read', async () => {
    const { text } = await send(dialect, { deltas: { count: 1_000, text: 'ab' }, wire: { eventsPerWrite: 100 } });
    expect(text.split('"ab"')).toHaveLength(1_001);
  });

  it('refuses what nobody told it to answer', async () => {
    await using server = await faultServer(dialect);
    const beyond = await ask(server, dialect);
    expect(beyond.status).toBe(400);
    expect(await beyond.text()).toContain('No answer is enqueued for request 0.');
    const elsewhere = await fetch(`${server.url}/elsewhere`);
    expect(elsewhere.status).toBe(404);
  });

  it('answers by a function, and does not keep requests where nobody wants them', async () => {
    await using server = await faultServer(dialect, {
      keepsRequests: false,
      answer: ({ body: asked }, index) => ({ text: `${index}: ${(asked as { model: string }).model}` }),
    });
    expect(await (await ask(server, dialect)).text()).toContain('0: m');
    expect(await (await ask(server, dialect)).text()).toContain('1: m');
    expect(server.requests).toEqual([]);
  });

  it('ends all connections when it is closed', async () => {
    const server = await faultServer(dialect);
    server.enqueue({ text: 'Hi', fault: { type: 'silence', afterParts: 1 } }, { fault: { type: 'noHeaders' } });
    const response = await ask(server, dialect);
    const second = ask(server, dialect);
    await server.request(1);
    expect(server.openSockets).toBe(2);
    await Promise.all([server.close(), expect(second).rejects.toThrow('fetch failed')]);
    expect(server.openSockets).toBe(0);
    expect((await chunksOf(response)).error).toBeInstanceOf(TypeError);
    await expect(ask(server, dialect)).rejects.toThrow();
  });

  it('says when it is closed that an answer could not be made', async () => {
    const server = await faultServer(dialect, {
      answer: () => {
        throw new Error('planned');
      },
    });
    await expect(ask(server, dialect)).rejects.toThrow('fetch failed');
    await expect(server.close()).rejects.toMatchObject({ cause: { message: 'planned' } });
  });

  it('refuses a deviation and a form of errors that the dialect does not have, and names those it has', async () => {
    await using server = await faultServer(dialect);
    const [{ name } = { name: '' }] = dialect.deviations;
    expect(() => server.enqueue({ fault: { type: 'deviation', name: 'bad manners' } })).toThrow(name);
    const [form = ''] = Object.keys(dialect.streamErrors);
    expect(() => server.enqueue({ fault: { type: 'streamError', form: 'a shrug' } })).toThrow(form);
  });
});

describe('what the dialects write', () => {
  it("is read by OpenAI's own reader of Chat Completions", async () => {
    await using server = await faultServer(openaiChat);
    server.enqueue(answer);
    const client = new OpenAI({ apiKey: 'key', baseURL: server.url });
    const stream = client.chat.completions.stream({
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      stream_options: { include_usage: true },
    });
    const { choices, usage } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'Grüße, 世界 🎉',
        tool_calls: [
          { id: 'call_a', function: { name: 'weather', arguments: '{"city":"Zürich","days":[1,2,3]}' } },
          { id: 'call_1', function: { name: 'clock', arguments: '{}' } },
        ],
      },
    });
    expect(usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 5 });
  });

  it("is read by OpenAI's own reader of Responses", async () => {
    await using server = await faultServer(openaiResponses);
    server.enqueue(answer, { text: 'So far', finish: 'length' });
    const client = new OpenAI({ apiKey: 'key', baseURL: server.url });
    const read = async () => client.responses.stream({ model: 'm', input: 'Hi' }).finalResponse();
    const response = await read();
    expect(response.output_text).toBe('Grüße, 世界 🎉');
    expect(response).toMatchObject({
      status: 'completed',
      output: [
        { type: 'reasoning', summary: [{ text: 'Let me see.' }] },
        { type: 'message', status: 'completed' },
        { type: 'function_call', call_id: 'call_a', arguments: '{"city":"Zürich","days":[1,2,3]}' },
        { type: 'function_call', call_id: 'call_1', arguments: '{}' },
      ],
      usage: { input_tokens: 10, output_tokens: 5 },
    });
    expect(await read()).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ type: 'message', status: 'incomplete' }],
    });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
