import { setImmediate as hop } from 'node:timers/promises';
import { createAgent, defineTool, type Model } from 'turnchart';
import { StoreError } from 'turnchart/durability';
import {
  type EventList,
  httpApp,
  type MessageAccepted,
  type SessionResource,
  type SessionsElsewhere,
} from 'turnchart/http';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { elsewhere } from './elsewhere.ts';
import { answer, problem, SpokenModel, SseReader, serveElsewhere, typesOf } from './support.ts';

// What is said of hosts elsewhere in this folder holds where the sessions are not of the host's process, too.
serveElsewhere();
await import('./events.test.ts');
await import('./chat.test.ts');
await import('./client.test.ts');
await import('./httpApp.test.ts');

const asJson = { accept: 'application/json' };

/** A host of sessions that others may serve as well. */
function host(sessions: SessionsElsewhere) {
  const app = httpApp({ agent: sessions });
  const headers = { 'content-type': 'application/json' };
  return {
    app,
    get: (path: string) => Promise.resolve(app.request(`/v1/sessions${path}`)),
    post: (path: string, body: object = {}) =>
      Promise.resolve(app.request(`/v1/sessions${path}`, { method: 'POST', headers, body: JSON.stringify(body) })),
    delete: (path: string) => Promise.resolve(app.request(`/v1/sessions${path}`, { method: 'DELETE' })),
    events: async (path: string) => new SseReader(await app.request(`/v1/sessions${path}/events`)),
  };
}

function twoHosts(model: Model) {
  const clock = new SimulatedClock();
  const sessions = elsewhere(createAgent({ model, clock }));
  return { clock, sessions, one: host(sessions), other: host(sessions) };
}

describe('two hosts of the same sessions', () => {
  it('say the same of each of them, whichever is asked', async () => {
    const { one, other } = twoHosts(scriptedModel(['One.']));
    await answer(await one.post('', { id: 'trip' }), 201);
    expect(await problem(await other.post('', { id: 'trip' }))).toMatchObject({ code: 'session_exists' });
    const streams = [await one.events('/trip'), await other.events('/trip')];
    await answer(await other.post('/trip/messages', { content: 'Hi.' }), 202);
    const [here, there] = await Promise.all(streams.map((stream) => stream.until('session.idle')));
    expect(typesOf(here ?? [])).toContain('turn.completed');
    expect(here).toEqual(there);
    expect(await answer(await one.get('/trip'))).toEqual(await answer(await other.get('/trip')));
    for (const stream of streams) await stream.close();
  });

  it('refuse what the turn of the other one stands against', async () => {
    const { one, other } = twoHosts(new SpokenModel());
    await one.post('', { id: 'trip' });
    await one.get('/trip');
    await answer(await other.post('/trip/messages', { content: 'Speak!' }), 202);
    const refused = await problem(await one.post('/trip/messages', { content: 'Me, too!', delivery: 'reject' }));
    expect(refused.code).toBe('turn_in_progress');
    expect(await answer(await one.post('/trip/cancel'))).toMatchObject({ status: 'cancelled' });
  });

  it('end the streams of a session that the other one deletes, once somebody asks for it', async () => {
    const { one, other } = twoHosts(scriptedModel([]));
    await one.post('', { id: 'trip' });
    const stream = await other.events('/trip');
    expect((await one.delete('/trip')).status).toBe(204);
    expect(await problem(await other.get('/trip'))).toMatchObject({ code: 'session_not_found' });
    expect((await stream.until('disconnecting')).at(-1)?.data).toMatchObject({ reason: 'session_deleted' });
  });
});

describe('a host of sessions elsewhere', () => {
  it('listens to a session as long as somebody uses it, and takes it up again when it is asked for', async () => {
    const { clock, sessions, one } = twoHosts(scriptedModel(['One.', 'Two.']));
    const listening = new Set<string>();
    const open: SessionsElsewhere['open'] = async (id) => {
      const session = await sessions.open(id);
      listening.add(id);
      return { ...session, close: () => void listening.delete(id) };
    };
    const watched = host({ ...sessions, open });
    await watched.post('', { id: 'trip' });
    const stream = await watched.events('/trip');
    await one.post('/trip/messages', { content: 'Hi.' });
    await stream.until('session.idle');
    await clock.advance(200_000);
    expect([...listening]).toEqual(['trip']);
    await stream.close();
    await clock.advance(200_000);
    expect([...listening]).toEqual([]);
    // nor is a timer left
    expect(clock.pending).toBe(0);

    const again = await watched.events('/trip');
    expect([...listening]).toEqual(['trip']);
    const told = await again.until('session.idle');
    expect(typesOf(told)[0]).toBe('turn.started');
    await again.close();
  });

  it('has told whatever was there when a request came, however slowly it hears of it', async () => {
    const { sessions } = twoHosts(scriptedModel(['One.', 'Two.']));
    const open: SessionsElsewhere['open'] = async (id) => ({ ...(await sessions.open(id)), on: () => () => undefined });
    const deaf = host({ ...sessions, open });
    await deaf.post('', { id: 'trip' });
    const turn = async () => {
      const accepted = await answer<MessageAccepted>(await deaf.post('/trip/messages', { content: 'Hi.' }), 202);
      const status = async () => (await answer<SessionResource>(await deaf.get('/trip'))).status;
      while ((await status()) !== 'idle') await hop();
      return accepted;
    };
    await turn();
    const { since_id, turn_id } = await turn();
    const list = async (query = '') =>
      answer<EventList>(await deaf.app.request(`/v1/sessions/trip/events${query}`, { headers: asJson }));
    const { events } = await list();
    expect(events[0]).toMatchObject({ type: 'turn.started', turn_id, seq: Number(since_id) + 1 });
    expect(events.at(-1)?.type).toBe('session.idle');
    expect((await list(`?since_id=${since_id}`)).events).toEqual(events);
    // another host may have told of more than was kept
    expect((await list('?since_id=1000')).events).toEqual([]);
  });

  it('ends the answer of a chat that waits for somebody, also where that could not be seen at first', async () => {
    const erase = defineTool({ name: 'erase', input: z.object({}), approval: true, execute: () => 'gone' });
    const clock = new SimulatedClock();
    const model = scriptedModel([{ calls: [{ name: 'erase' }] }]);
    const sessions = elsewhere(createAgent({ model, clock, tools: [erase] }));
    let isCut = false;
    let isAsked = false;
    const open: SessionsElsewhere['open'] = async (id) => {
      const session = await sessions.open(id);
      const send: typeof session.send = (content) => {
        isCut = true;
        return session.send(content);
      };
      const on: typeof session.on = (_, listener) =>
        session.on('*', (event) => {
          if (event.type === 'tool.approvalRequested') isAsked = true;
          listener(event);
        });
      return { ...session, send, on, look: () => (isCut ? Promise.reject(new StoreError('cut')) : session.look()) };
    };
    const { app } = host({ ...sessions, open });
    const response = await app.request('/v1/chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        id: 'trip',
        messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'Go.' }] }],
      }),
    });
    const answered = response.text();
    while (!isAsked) await hop();
    for (let after = 0; after < 10; after += 1) await hop();
    isCut = false;
    await clock.advance(60_000);
    expect(await answered).toContain('[DONE]');
  });

  it('has taken a message though it cannot see what became of it', async () => {
    const { sessions } = twoHosts(scriptedModel(['One.']));
    let isCut = false;
    const open: SessionsElsewhere['open'] = async (id) => {
      const session = await sessions.open(id);
      const send: typeof session.send = (content) => {
        isCut = true;
        return session.send(content);
      };
      return { ...session, send, look: () => (isCut ? Promise.reject(new StoreError('cut')) : session.look()) };
    };
    const cut = host({ ...sessions, open });
    await cut.post('', { id: 'trip' });
    expect((await cut.post('/trip/messages', { content: 'Hi.' })).status).toBe(202);
  });

  it('gives a message a turn of its own that was to steer one which has ended meanwhile', async () => {
    const { sessions } = twoHosts(new SpokenModel());
    const open: SessionsElsewhere['open'] = async (id) => {
      const session = await sessions.open(id);
      return { ...session, steer: async () => ({ accepted: false, reason: 'It has ended.' }) };
    };
    const late = host({ ...sessions, open });
    await late.post('', { id: 'trip' });
    const first = await answer<MessageAccepted>(await late.post('/trip/messages', { content: 'Speak!' }), 202);
    const inTurn = async () => (await answer<SessionResource>(await late.get('/trip'))).status === 'in_turn';
    while (!(await inTurn())) await hop();
    const more = await answer<MessageAccepted>(
      await late.post('/trip/messages', { content: 'Louder!', delivery: 'steer' }),
      202,
    );
    expect(more.status).toBe('queued');
    expect(more.turn_id).not.toBe(first.turn_id);
    const aimed = await problem(await late.post('/trip/steer', { content: 'Louder!', turn_id: first.turn_id }));
    expect(aimed.code).toBe('not_waiting');
  });

  it('answers with 503 where they cannot be reached, and says why only to its log', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { sessions } = twoHosts(scriptedModel([]));
    const has = () => Promise.reject(new StoreError('the cable is cut'));
    const response = await host({ ...sessions, has }).get('/trip');
    expect(response.headers.get('retry-after')).toBe('5');
    const failed = await problem(response);
    expect(failed).toMatchObject({ status: 503, code: 'sessions_unavailable' });
    expect(JSON.stringify(failed)).not.toContain('cable');
    expect(String(log.mock.calls[0]?.[0])).toContain('the cable is cut');
    log.mockRestore();
  });

  it('takes a message once with its idempotency key, also while the first is on its way', async () => {
    const { one } = twoHosts(new SpokenModel());
    await one.post('', { id: 'trip' });
    const send = () =>
      one.app.request('/v1/sessions/trip/messages', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' },
        body: JSON.stringify({ content: 'Hi.' }),
      });
    const [first, second] = await Promise.all([send(), send()]);
    expect(await answer(first as Response, 202)).toEqual(await answer(second as Response, 202));
    expect(await answer(await one.get('/trip'))).toMatchObject({ queued: 0 });
  });

  it('takes one message at a time that is not to wait', async () => {
    const { one } = twoHosts(new SpokenModel());
    await one.post('', { id: 'trip' });
    const send = () => one.post('/trip/messages', { content: 'Hi.', delivery: 'reject' });
    const statuses = (await Promise.all([send(), send(), send()])).map(({ status }) => status);
    expect(statuses).toEqual([202, 409, 409]);
  });
});
