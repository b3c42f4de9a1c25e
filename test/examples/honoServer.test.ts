import { createParser } from 'eventsource-parser';
import { createAgent, textOf, type WireEvent } from 'turnchart';
import { type Script, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { createApp } from '../../examples/honoServer.ts';

function server(...script: Script[]) {
  const model = scriptedModel(script);
  const app = createApp(createAgent({ model }));
  const post = (body: object | string, init: RequestInit = {}) =>
    app.request('/chat', { ...init, method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
  return { model, post };
}

describe('POST /chat', () => {
  it('streams the events of a turn in their order, the terminal one last', async () => {
    const { post } = server({ text: ['Hello ', 'you.'] });
    const response = await post({ message: 'Hello!' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = eventsIn(await response.text());
    expect(events.map(({ type }) => type).filter((type) => type !== 'message.delta')).toEqual([
      'turn.started',
      'message.added',
      'step.started',
      'message.started',
      'message.completed',
      'step.finished',
      'turn.completed',
    ]);
    const text = events.map(({ type, data }) => (type === 'message.delta' ? data.text : '')).join('');
    expect(text).toBe('Hello you.');
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  });

  it('goes on with the session that it is given the id of, and with no other', async () => {
    const { post, model } = server('One.', 'Two.', 'Three.');
    const [first] = eventsIn(await (await post({ message: 'first' })).text());
    const again = await post({ message: 'second', sessionId: first?.session_id });
    expect(eventsIn(await again.text()).at(-1)?.session_id).toBe(first?.session_id);
    const other = eventsIn(await (await post({ message: 'third' })).text());
    expect(other.at(-1)?.session_id).not.toBe(first?.session_id);
    expect(model.requests.map(({ messages }) => messages.map(textOf))).toEqual([
      ['first'],
      ['first', 'One.', 'second'],
      ['third'],
    ]);
  });

  it('cancels the turn of a client that stops reading, and the session takes the next message', async () => {
    const { post, model } = server({ text: 'It goes on', hangs: true }, 'Here I am.');
    const reader = (await post({ message: 'Hello!' })).body?.getReader();
    const seen = eventsIn(await readUntil(reader, 'message.delta'));
    expect(model.signals[0]?.aborted).toBe(false);
    await reader?.cancel();
    expect(model.signals[0]?.aborted).toBe(true);
    const next = await post({ message: 'Again?', sessionId: seen[0]?.session_id });
    expect(eventsIn(await next.text()).at(-1)).toMatchObject({ type: 'turn.completed', data: { text: 'Here I am.' } });
    expect(model.requests[1]?.messages.map(textOf)).toContain(
      'I cancelled the work on this. Reason: The client has gone away.',
    );
  });

  it('cancels the turn of a request that is aborted', async () => {
    const { post, model } = server({ text: 'It goes on', hangs: true });
    const client = new AbortController();
    const reader = (await post({ message: 'Hello!' }, { signal: client.signal })).body?.getReader();
    await readUntil(reader, 'message.delta');
    client.abort(new Error('the tab was closed'));
    expect(model.signals[0]?.aborted).toBe(true);
    const rest = eventsIn(await readUntil(reader, 'turn.cancelled'));
    expect(rest.at(-1)).toMatchObject({ type: 'turn.cancelled', data: { reason: 'the tab was closed' } });
  });

  it.each([
    ['no JSON', 'Hello!', /expected object/],
    ['no message', { question: 'Hello!' }, /at message/],
    ['a blank message', { message: '  ' }, /at message/],
    ['a message that is no text', { message: 17 }, /expected string, received number/],
    ['an id that is no text', { message: 'Hello!', sessionId: 17 }, /at sessionId/],
  ])('answers %s with 400, what to send, and what was wrong', async (_, body, details) => {
    const { post, model } = server();
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: expect.stringContaining('Send JSON like { "message": "Hello!" }'),
      details: expect.stringMatching(details),
    });
    expect(model.requests).toEqual([]);
  });

  it('answers the id of a session that there is not with 404 and the way out', async () => {
    const response = await server().post({ message: 'Hello!', sessionId: 'nobody' });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: 'There is no session "nobody". Leave "sessionId" out to open one.',
    });
  });
});

/** The events of a stream; each is what its `event` and `id` fields say. */
function eventsIn(stream: string): WireEvent[] {
  const events: WireEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      const wire = JSON.parse(data) as WireEvent;
      expect({ id, event }).toEqual({ id: wire.id, event: wire.type });
      events.push(wire);
    },
  });
  parser.feed(stream);
  return events;
}

async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array> | undefined, end: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  while (!text.includes(end)) {
    const { value, done = true } = (await reader?.read()) ?? {};
    if (done) throw new Error(`The stream ended without "${end}": ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  return text;
}
