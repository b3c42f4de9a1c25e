import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createAgent, type Message, textOf } from 'turnchart';
import { httpApp } from 'turnchart/http';
import { ConflictError, httpClient, NotFoundError } from 'turnchart/http/client';
import { heapInUse, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { listen } from './server.ts';
import { SpokenModel, SseReader, subject, textIn, typesOf } from './support.ts';

describe('over sockets', () => {
  it('a client has a conversation, and deletes it', async () => {
    const { app } = subject(scriptedModel(['One.', 'Two.']));
    await using server = await listen(app);
    const client = httpClient({ baseUrl: server.url });
    const { id } = await client.sessions.create();
    for (const said of ['One.', 'Two.']) {
      await client.messages.create(id, said);
      let text = '';
      for await (const { type, data } of client.events.stream(id)) {
        if (type === 'message.delta') text += data.text;
        if (type === 'session.idle') break;
      }
      expect(text).toBe(said);
    }
    expect((await client.messages.list(id)).map(textOf)).toEqual(['One.', 'One.', 'Two.', 'Two.']);
    await client.sessions.delete(id);
    await expect(client.messages.list(id)).rejects.toThrow(NotFoundError);
  });

  it('text comes while the model speaks, and a cancel stops it at once', async () => {
    const model = new SpokenModel();
    const { app } = subject(model);
    await using server = await listen(app);
    const client = httpClient({ baseUrl: server.url });
    const { id } = await client.sessions.create();
    await client.messages.create(id, 'Speak!');
    const events = client.events.stream(id);
    model.say('It goes');
    let text = '';
    while (text === '') text = textIn([(await events.next()).value ?? fail()]);
    expect(text).toBe('It goes');
    await expect(client.messages.create(id, 'More!', { delivery: 'reject' })).rejects.toThrow(ConflictError);
    expect(await client.sessions.cancel(id)).toMatchObject({ status: 'cancelled' });
    const rest = [];
    for await (const event of events) {
      rest.push(event);
      if (event.type === 'session.idle') break;
    }
    expect(typesOf(rest).slice(-4)).toEqual(['turn.cancelled', 'message.added', 'message.added', 'session.idle']);
    expect(model.signals[0]?.aborted).toBe(true);
  });

  it('a connection that is destroyed ends its stream and no turn', async () => {
    const model = new SpokenModel();
    const { app, clock } = subject(model, {}, { limits: { maxStreams: 1 } });
    await using server = await listen(app);
    const client = httpClient({ baseUrl: server.url });
    const { id } = await client.sessions.create();
    await client.messages.create(id, 'Speak!');
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(`GET /v1/sessions/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    let received = '';
    for await (const chunk of socket.setEncoding('utf8')) {
      received += chunk;
      if (received.includes('step.started')) break;
    }
    socket.destroy();
    expect(received).toContain('content-type: text/event-stream');
    // its place becomes free
    let response = await fetch(`${server.url}/v1/sessions/${id}/events`);
    while (response.status === 429) response = await fetch(`${server.url}/v1/sessions/${id}/events`);
    const stream = new SseReader(response);
    model.say('All the same.');
    model.finish();
    expect(textIn(await stream.until('session.idle'))).toBe('All the same.');
    expect(clock.pending).toBe(1);
    await stream.close();
  });

  it('a reader that pauses gets everything once it goes on', async () => {
    const texts = Array.from({ length: 60 }, (_, turn) => `${turn} ${'x'.repeat(20_000)}`);
    const { app, open, send, events } = subject(scriptedModel(texts), {}, { limits: { maxLogChars: 20_000_000 } });
    await using server = await listen(app);
    const path = await open();
    const slow = await fetch(`${server.url}${path}/events?since_id=0`);
    for (const said of texts) {
      await send(path, said.slice(0, 2));
      const fast = await events(path, '?types=session.idle');
      await fast.until('session.idle');
      await fast.close();
    }
    const reader = new SseReader(slow);
    const seen = await reader.take(8);
    while (textIn(seen).length < texts.join('').length) seen.push(...(await reader.until('session.idle')));
    expect(textIn(seen)).toBe(texts.join(''));
    await reader.close();
  });

  it('a message as long as a body may be is told to all who read, and to who comes later', async () => {
    const { app } = subject(scriptedModel(() => 'I see.'));
    await using server = await listen(app);
    const client = httpClient({ baseUrl: server.url });
    const { id } = await client.sessions.create();
    const content = 'x'.repeat(1024 * 1024 - 100);
    const read = async (since?: string) => {
      let heard = 0;
      for await (const { type, data } of client.events.stream(id, since === undefined ? {} : { since })) {
        if (type === 'message.added') heard = textOf(data.message as Message).length;
        if (type === 'session.idle') break;
      }
      return heard;
    };
    const readers = [read('0'), read('0'), read('0')];
    await client.messages.create(id, content);
    expect(await Promise.all([...readers, read()])).toEqual(Array.from({ length: 4 }, () => content.length));
    expect(await read()).toBe(content.length);
  });
});

describe('under load', () => {
  const sessionCount = 50;
  const streamsEach = 6;
  const pieces = Array.from({ length: 20 }, (_, index) => `piece ${index} ${'x'.repeat(500)}`);

  /** A turn in each of the sessions at once, each with several streams, some of which begin before it. */
  async function round(url: string): Promise<void> {
    const client = httpClient({ baseUrl: url });
    const sessions = await Promise.all(Array.from({ length: sessionCount }, () => client.sessions.create()));
    const read = async (id: string) => {
      const seen = [];
      for await (const event of client.events.stream(id, { since: '0' })) {
        seen.push(event);
        if (event.type === 'session.idle') return seen;
      }
      return fail();
    };
    const streams = sessions.flatMap(({ id }) => Array.from({ length: streamsEach }, () => ({ id, seen: read(id) })));
    await Promise.all(sessions.map(({ id }) => client.messages.create(id, 'Speak!')));
    for (const { id, seen } of streams) {
      const events = await seen;
      const durable = events.filter((event) => event.id === `${event.seq}`).map(({ seq }) => seq);
      expect(durable).toEqual(Array.from(durable, (_, index) => index + 1));
      expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
      expect(textIn(events)).toBe(pieces.join(''));
      expect(events.at(-1)?.type).toBe('session.idle');
      expect(new Set(events.map(({ session_id }) => session_id))).toEqual(new Set([id]));
    }
    await Promise.all(sessions.map(({ id }) => client.sessions.delete(id)));
  }

  it('300 streams of 50 turns at once lose no event, and leave nothing behind', { timeout: 60_000 }, async () => {
    const clock = new SimulatedClock();
    const agent = createAgent({ model: scriptedModel(() => ({ text: pieces })), clock });
    const app = httpApp({ agent });
    await using server = await listen(app);
    await round(server.url);
    const before = await heapInUse();
    for (let count = 0; count < 3; count += 1) await round(server.url);
    // no stream is open any more once the server has heard so
    while (clock.pending > 0) await setImmediate();
    expect((await heapInUse()) - before).toBeLessThan(4 * 1024 * 1024);
  });
});

function fail(): never {
  throw new Error('The stream has ended.');
}
