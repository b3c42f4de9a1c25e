import { setImmediate } from 'node:timers/promises';
import { Hono } from 'hono';
import { createAgent, defineTool, type Failure, type Message, textOf } from 'turnchart';
import { memoryStore, type Store } from 'turnchart/durability';
import {
  type AnswerAccepted,
  type HttpLimits,
  httpApp,
  type MessageAccepted,
  type MessageList,
  type SessionList,
  type SessionResource,
  type Snapshot,
} from 'turnchart/http';
import { httpClient, NotFoundError } from 'turnchart/http/client';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  answer,
  asAnotherProcess,
  localSubject,
  problem,
  SpokenModel,
  SseReader,
  type Subject,
  subject,
  textIn,
  typesOf,
} from './support.ts';

async function idle({ events }: Subject, path: string) {
  const stream = await events(path);
  const seen = await stream.until('session.idle');
  await stream.close();
  return seen;
}

describe('sessions', () => {
  it('are made, looked at and deleted', async () => {
    const served = subject(scriptedModel(['One.']));
    const made = await answer<SessionResource>(await served.post('/v1/sessions', { id: 'trip' }), 201);
    expect(made).toEqual({
      id: 'trip',
      agent: 'agent',
      status: 'idle',
      queued: 0,
      usage: { inputTokens: 0, outputTokens: 0 },
      last_event_id: '0',
    });
    await served.send('/v1/sessions/trip', 'Hi');
    const last = (await idle(served, '/v1/sessions/trip')).at(-1);
    expect(await answer(await served.get('/v1/sessions/trip'))).toEqual({
      ...made,
      usage: { inputTokens: 10, outputTokens: 5 },
      last_event_id: last?.id,
    });
    const { messages } = await answer<MessageList>(await served.get('/v1/sessions/trip/messages'));
    expect(messages.map(textOf)).toEqual(['Hi', 'One.']);
    expect((await served.app.request('/v1/sessions/trip', { method: 'DELETE' })).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      const gone = await problem(await served.app.request('/v1/sessions/trip', { method }));
      expect(gone).toMatchObject({ status: 404, code: 'session_not_found', detail: expect.stringContaining('"trip"') });
    }
  });

  it('have an id of their own each, or the one that is asked for, once', async () => {
    const { open, post } = subject(scriptedModel([]));
    expect(await open()).not.toBe(await open());
    const both = await Promise.all([post('/v1/sessions', { id: 'trip' }), post('/v1/sessions', { id: 'trip' })]);
    expect(both.map(({ status }) => status)).toEqual([201, 409]);
    expect(await problem(await post('/v1/sessions', { id: 'trip' }))).toMatchObject({ code: 'session_exists' });
  });

  it('are as many as are allowed, and no more, also where they come together', async () => {
    const { post, app } = localSubject(scriptedModel([]), {}, { limits: { maxSessions: 3 } });
    const made = await Promise.all([1, 2, 3, 4, 5].map((id) => post('/v1/sessions', { id: `s${id}` })));
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 429, 429]);
    expect(await problem(await post('/v1/sessions'))).toMatchObject({ code: 'too_many_sessions' });
    await app.request('/v1/sessions/s2', { method: 'DELETE' });
    expect((await post('/v1/sessions')).status).toBe(201);
  });

  it('show the states of their machines', async () => {
    const { open, send, events, get } = subject(new SpokenModel());
    const path = await open();
    const { turn_id } = await send(path, 'Speak!');
    const stream = await events(path);
    await stream.until('step.started');
    const snapshot = await answer<Snapshot>(await get(`${path}/snapshot`));
    expect(snapshot).toMatchObject({ status: 'inTurn', turn: { id: turn_id, state: 'callingModel', step: 1 } });
    expect(await answer(await get(path))).toMatchObject({ status: 'in_turn', queued: 0 });
    await stream.close();
  });
});

describe('the list of sessions', () => {
  const list = async ({ get }: Subject, query = '') => answer<SessionList>(await get(`/v1/sessions${query}`));

  it('has those that are open, the last one first', async () => {
    const served = subject(scriptedModel([{ text: 'On', hangs: true }]));
    expect(await list(served)).toEqual({ sessions: [] });
    await served.open('one');
    await served.send(await served.open('two'), 'Hi');
    expect(await list(served)).toEqual({
      sessions: [
        { id: 'two', agent: 'agent', status: 'in_turn' },
        { id: 'one', agent: 'agent', status: 'idle' },
      ],
    });
  });

  it('has those that are kept page by page, and before them those of which nothing is kept yet', async () => {
    const store = memoryStore();
    const before = subject(scriptedModel(['One.', 'Two.', 'Three.']), { store });
    for (const id of ['a', 'b', 'c']) {
      const path = await before.open(id);
      await before.send(path, `Hi ${id}`);
      await idle(before, path);
      before.clock.advance(1_000);
    }
    await before.agent.close();
    const served = subject(scriptedModel([{ text: 'On', hangs: true }]), { store });
    await served.open('fresh');
    await served.send('/v1/sessions/b', 'Again');
    const first = await list(served, '?limit=2');
    expect(first.sessions.map(({ id }) => id).sort()).toEqual(['b', 'c', 'fresh']);
    expect(first.sessions[0]).toEqual({ id: 'fresh', agent: 'agent', status: 'idle' });
    expect(first.sessions.find(({ id }) => id === 'b')).toMatchObject({ status: 'in_turn', title: 'Hi b' });
    expect(first.sessions.find(({ id }) => id === 'c')).toMatchObject({ status: 'idle', turns: 1 });
    const second = await list(served, `?limit=2&before=${encodeURIComponent(first.next ?? '')}`);
    expect(second.sessions).toEqual([
      {
        id: 'a',
        agent: 'agent',
        status: 'idle',
        title: 'Hi a',
        turns: 1,
        created_at: expect.any(Number),
        updated_at: expect.any(Number),
      },
    ]);
    expect(second).not.toHaveProperty('next');
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'before=c', 'after=c'])('is refused for ?%s', async (query) => {
    const { get } = subject(scriptedModel([]));
    expect(await problem(await get(`/v1/sessions?${query}`))).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

describe('sessions of a store', () => {
  it('are there for the next process, and deleted for all', async () => {
    const store = memoryStore();
    const before = subject(scriptedModel(['One.']), { store });
    const path = await before.open('trip');
    await before.send(path, 'Hi');
    await idle(before, path);
    const elsewhere = subject(scriptedModel([]), { store });
    expect(await problem(await elsewhere.get(path))).toMatchObject({ status: 409, code: 'session_locked' });
    await before.agent.close();
    const after = subject(scriptedModel(['Two.']), { store });
    expect(await problem(await after.post('/v1/sessions', { id: 'trip' }))).toMatchObject({ code: 'session_exists' });
    const { messages } = await answer<MessageList>(await after.get(`${path}/messages`));
    expect(messages.map(textOf)).toEqual(['Hi', 'One.']);
    expect((await after.app.request(path, { method: 'DELETE' })).status).toBe(204);
    expect(await store.list()).toEqual([]);
    expect((await after.get(path)).status).toBe(404);
    // one that is not open, too
    const other = await after.open('other');
    await after.send(other, 'Hi');
    await idle(after, other);
    await after.agent.close();
    const last = subject(scriptedModel([]), { store });
    expect((await last.app.request(other, { method: 'DELETE' })).status).toBe(204);
    expect(await store.list()).toEqual([]);
  });

  it('make room for each other where they are idle and nobody watches', async () => {
    const store = memoryStore();
    const served = subject(scriptedModel(['One.', 'Two.', 'Three.']), { store }, { limits: { maxSessions: 2 } });
    const [watched, unused] = [await served.open('watched'), await served.open('unused')];
    await served.send(unused, 'Hi');
    await idle(served, unused);
    const stream = await served.events(watched);
    const third = await served.open('third');
    await served.send(third, 'Hi');
    await idle(served, third);
    // it is opened again in the place of the third
    await served.send(unused, 'again');
    expect(textIn(await idle(served, unused))).toBe('Three.');
    await served.send(watched, 'Hi');
    expect(typesOf(await stream.until('session.idle'))[0]).toBe('turn.started');
    await stream.close();
    await served.agent.close();
  });

  it('are waited for where they are asked for while they make room', async () => {
    const memory = memoryStore();
    const [closing, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const lock = async (id: string) => {
      const taken = await memory.lock(id);
      if (id !== 'first') return taken;
      const release = async () => {
        closing.resolve();
        await released.promise;
        await taken.release();
      };
      return { release };
    };
    const store: Store = { ...asAnotherProcess(memory), lock };
    const served = subject(scriptedModel(['One.', 'Two.']), { store }, { limits: { maxSessions: 2 } });
    for (const id of ['first', 'other']) {
      await served.send(await served.open(id), 'Hi');
      await idle(served, `/v1/sessions/${id}`);
    }
    const third = served.post('/v1/sessions', { id: 'third' });
    await closing.promise;
    const again = served.get('/v1/sessions/first');
    // it is on its way: what makes room for it is closed
    while (!(await isFree(memory, 'other'))) await setImmediate();
    released.resolve();
    expect([(await third).status, (await again).status]).toEqual([201, 200]);
    await served.agent.close();
  });

  it('are refused where all that are open are in use', async () => {
    const served = subject(new SpokenModel(), { store: memoryStore() }, { limits: { maxSessions: 1 } });
    const path = await served.open();
    await served.send(path, 'Speak!');
    expect(await problem(await served.post('/v1/sessions'))).toMatchObject({ status: 429, code: 'too_many_sessions' });
    await served.agent.close();
  });

  it('are opened again after somebody else has closed them, and streams of before end', async () => {
    const clock = new SimulatedClock();
    const agent = createAgent({ model: scriptedModel(['One.', 'Two.']), clock, store: memoryStore() });
    const session = agent.session({ id: 'trip' });
    await session.send('before').outcome;
    const app = httpApp({ agent, sessions: [session] });
    const stream = new SseReader(await app.request('/v1/sessions/trip/events'));
    await stream.until('session.idle');
    await session.close();
    await clock.advance(30_000);
    expect((await stream.until('disconnecting')).at(-1)?.data).toMatchObject({ reason: 'session_closed' });
    const { messages } = await answer<MessageList>(await app.request('/v1/sessions/trip/messages'));
    expect(messages.map(textOf)).toEqual(['before', 'One.']);
    await agent.close();
  });
});

describe('a message', () => {
  it('starts a turn, or waits for the one before it', async () => {
    const model = new SpokenModel();
    const served = subject(model);
    const path = await served.open();
    const sent = [await served.send(path, 'first'), await served.send(path, 'second')];
    expect(sent.map(({ status }) => status)).toEqual(['started', 'queued']);
    expect(await answer(await served.get(path))).toMatchObject({ status: 'in_turn', queued: 1 });
    for (const text of ['One.', 'Two.']) {
      const stream = await served.events(path, '?since_id=0');
      await stream.until('step.started');
      model.say(text);
      model.finish();
      await stream.close();
    }
    expect((await idle(served, path)).at(-2)).toMatchObject({ type: 'turn.completed', turn_id: sent[1]?.turn_id });
  });

  it('may have parts', async () => {
    const model = scriptedModel(['I see.']);
    const served = subject(model);
    const path = await served.open();
    const content = [
      { type: 'text', text: 'Look!' },
      { type: 'file', mediaType: 'image/png', data: 'aGk=', name: 'a.png' },
      { type: 'file', mediaType: 'image/png', data: { url: 'https://example.com/b.png' } },
    ];
    await answer(await served.post(`${path}/messages`, { content }), 202);
    await idle(served, path);
    expect(model.requests[0]?.messages[0]?.content).toEqual(content);
  });

  it('is refused during a turn with 409 where it is not to wait', async () => {
    const model = new SpokenModel();
    const served = subject(model);
    const path = await served.open();
    expect((await served.send(path, 'first', { delivery: 'reject' })).status).toBe('started');
    const refused = await problem(await served.post(`${path}/messages`, { content: 'second', delivery: 'reject' }));
    expect(refused).toMatchObject({ status: 409, code: 'turn_in_progress' });
    model.finish();
    await idle(served, path);
    expect((await served.send(path, 'second', { delivery: 'reject' })).status).toBe('started');
    await served.agent.close();
  });

  it.each([
    'messages',
    'steer',
  ])('steers the running turn, sent to …/%s, and starts one where none runs', async (to) => {
    const look = defineTool({ name: 'look', description: 'Looks', input: z.object({}) });
    const model = scriptedModel([{ calls: [{ name: 'look' }] }, 'So it is.', 'Hello.']);
    const served = subject(model, { tools: [look] });
    const path = await served.open();
    const body = { content: 'Look up!', ...(to === 'messages' && { delivery: 'steer' }) };
    const { turn_id } = await served.send(path, 'Look!');
    const stream = await served.events(path);
    await stream.until('tool.resultRequested');
    const steered = await answer<MessageAccepted>(await served.post(`${path}/${to}`, body), 202);
    expect(steered).toMatchObject({ turn_id, status: 'steering' });
    expect(typesOf(await stream.until('session.idle'))).toContain('steering.applied');
    const next = await answer<MessageAccepted>(await served.post(`${path}/${to}`, body), 202);
    expect(next.status).toBe('started');
    expect((await stream.until('turn.completed')).at(-1)).toMatchObject({ turn_id: next.turn_id });
    await stream.close();
  });

  it('steers only the turn that it names', async () => {
    const model = new SpokenModel();
    const served = subject(model);
    const path = await served.open();
    const { turn_id } = await served.send(path, 'first');
    const steer = (id: string) => served.post(`${path}/steer`, { content: 'Up!', turn_id: id });
    expect((await steer(turn_id)).status).toBe(202);
    const refused = await problem(await steer('turn_0'));
    expect(refused).toMatchObject({ status: 409, code: 'not_waiting', detail: expect.stringContaining('"turn_0"') });
    await served.post(`${path}/cancel`);
    expect((await steer(turn_id)).status).toBe(409);
  });

  it.each(['queue', 'steer'])('is refused with 429 where as many wait as are allowed: %s', async (delivery) => {
    const served = subject(new SpokenModel(), {}, { limits: { maxQueued: 2 } });
    const path = await served.open();
    await served.send(path, 'first');
    for (const content of ['second', 'third']) await served.send(path, content, { delivery });
    const refused = await served.post(`${path}/messages`, { content: 'fourth', delivery });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await problem(refused)).toMatchObject({ status: 429, code: 'too_many_messages' });
    await served.agent.close();
  });
});

describe('a cancel', () => {
  it('does nothing where no turn runs, and says so', async () => {
    const served = subject(scriptedModel([]));
    const path = await served.open();
    expect(await answer(await served.post(`${path}/cancel`))).toEqual({ status: 'no_op' });
    expect(await answer(await served.post(`${path}/cancel`, {}))).toEqual({ status: 'no_op' });
  });

  it('ends the turn, then come the notes of the user and of the agent, then session.idle; the next message is taken', async () => {
    const model = new SpokenModel();
    const served = subject(model);
    const path = await served.open();
    const { turn_id } = await served.send(path, 'Speak!');
    const stream = await served.events(path);
    model.say('It goes on');
    await stream.until('message.delta');
    const cancelled = await answer(await served.post(`${path}/cancel`, { reason: 'Enough.' }));
    expect(cancelled).toEqual({ status: 'cancelled', turn_id });
    expect(model.signals[0]?.aborted).toBe(true);
    const rest = (await stream.until('session.idle')).slice(-4);
    expect(typesOf(rest)).toEqual(['turn.cancelled', 'message.added', 'message.added', 'session.idle']);
    expect(rest[0]).toMatchObject({ turn_id, data: { reason: 'Enough.' } });
    const notes = rest.slice(1, 3).map(({ data }) => data.message as Message);
    expect(notes.map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(notes[0] && textOf(notes[0])).toContain('Enough.');
    expect((await served.send(path, 'Again?')).status).toBe('started');
    model.say('Here I am.');
    model.finish();
    expect(textIn(await stream.until('turn.completed'))).toBe('Here I am.');
    await stream.close();
  });
});

describe('a turn that waits', () => {
  const look = defineTool({ name: 'look', description: 'Looks', input: z.object({}), execute: () => 'seen' });

  it('for more steps gets them, and for leave to spend more has it', async () => {
    const served = subject(scriptedModel([{ calls: [{ name: 'look' }] }, { calls: [{ name: 'look' }] }, 'Done.']), {
      tools: [look],
      limits: { maxSteps: 1, lastStep: 'ask', softCost: 1.5 },
      pricing: () => 1,
    });
    const path = await served.open();
    const { turn_id } = await served.send(path, 'Go!');
    const stream = await served.events(path);
    expect((await stream.until('turn.paused')).at(-1)?.data).toMatchObject({ reason: 'max_steps' });
    expect(await problem(await served.post(`${path}/resume`))).toMatchObject({ status: 409, code: 'not_waiting' });
    for (const steps of [0, 1.5, '2']) {
      expect(await problem(await served.post(`${path}/extend`, { steps }))).toMatchObject({ status: 400 });
    }
    const extended = await answer(await served.post(`${path}/extend`, { steps: 2 }));
    expect(extended).toEqual({ status: 'accepted', turn_id });
    expect((await stream.until('turn.paused')).at(-1)?.data).toMatchObject({ reason: 'soft_cost' });
    const refused = await problem(await served.post(`${path}/extend`, { steps: 2 }));
    expect(refused).toMatchObject({ status: 409, code: 'not_waiting' });
    expect(await answer(await served.post(`${path}/resume`))).toEqual({ status: 'accepted', turn_id });
    expect(textIn(await stream.until('session.idle'))).toBe('Done.');
    expect(await problem(await served.post(`${path}/resume`))).toMatchObject({ status: 409, code: 'not_waiting' });
    await stream.close();
  });

  it('to be resumed after its process has ended goes on', async () => {
    const store = memoryStore();
    const before = subject(new SpokenModel(), { store });
    const path = await before.open('trip');
    const { turn_id } = await before.send(path, 'Speak!');
    const cut = await before.events(path);
    await cut.until('step.started');
    await cut.close();
    const after = subject(scriptedModel(['All the same.']), { store: asAnotherProcess(store) });
    const app = httpApp({ agent: after.agent, sessions: await after.agent.recover({ resume: 'manual' }) });
    expect(await answer(await app.request(`${path}/resume`, { method: 'POST' }))).toMatchObject({ turn_id });
    await after.clock.advance(0);
    const stream = new SseReader(await app.request(`${path}/events`));
    expect(textIn(await stream.until('session.idle'))).toBe('All the same.');
    await stream.close();
    await after.agent.close();
  });
});

describe('a compaction', () => {
  it('is asked for between turns, and refused where there is nothing to shorten', async () => {
    const model = scriptedModel(['One.', 'Two.', 'A summary.', { text: 'On', hangs: true }]);
    const served = subject(model, { compaction: { keepMessages: 1 } });
    const path = await served.open();
    const nothing = await problem(await served.post(`${path}/compact`));
    expect(nothing).toMatchObject({ status: 409, code: 'nothing_to_compact' });
    for (const said of ['first', 'second']) {
      await served.send(path, `${said}, ${'and so on, '.repeat(40)}`);
      await idle(served, path);
    }
    const { since_id } = await answer<{ since_id: string }>(await served.post(`${path}/compact`), 202);
    const stream = await served.events(path, `?since_id=${since_id}`);
    expect(typesOf(await stream.until('session.idle'))).toEqual([
      'compaction.started',
      'compaction.completed',
      'session.idle',
    ]);
    await served.send(path, 'third');
    expect(await problem(await served.post(`${path}/compact`))).toMatchObject({ code: 'turn_in_progress' });
    await stream.close();
    await served.agent.close();
  });

  it('is ended by a cancel where no turn runs', async () => {
    const model = scriptedModel(['One.', 'Two.', { text: 'A summ', hangs: true }, 'Three.']);
    const served = subject(model, { compaction: { keepMessages: 1 } });
    const path = await served.open();
    for (const said of ['first', 'second']) {
      await served.send(path, `${said}, ${'and so on, '.repeat(40)}`);
      await idle(served, path);
    }
    const { since_id } = await answer<{ since_id: string }>(await served.post(`${path}/compact`), 202);
    const stream = await served.events(path, `?since_id=${since_id}`);
    await stream.until('compaction.started');
    expect(await answer(await served.post(`${path}/cancel`))).toEqual({ status: 'cancelled' });
    expect(typesOf(await stream.until('session.idle'))).toEqual(['compaction.cancelled', 'session.idle']);
    expect(await answer(await served.post(`${path}/cancel`))).toEqual({ status: 'no_op' });
    await stream.close();
    await served.agent.close();
  });
});

describe('a server that stops', () => {
  const erase = defineTool({ name: 'erase', description: 'Erases', input: z.object({}), approval: true });

  it('takes no more work, lets the turn end that runs, and tells the streams', async () => {
    const model = new SpokenModel();
    const served = subject(model);
    const [path, idlePath] = [await served.open(), await served.open()];
    await served.send(path, 'Speak!');
    const [stream, other] = [await served.events(path), await served.events(idlePath)];
    await stream.until('step.started');
    let isOver = false;
    const drained = served.app.drain().finally(() => {
      isOver = true;
    });
    const message = { id: 'm', role: 'user', parts: [{ type: 'text', text: 'Hi' }] };
    for (const response of [
      await served.post('/v1/sessions'),
      await served.post(`${path}/messages`, { content: 'More!' }),
      await served.post(`${idlePath}/steer`, { content: 'More!' }),
      await served.post(`${idlePath}/compact`),
      await served.post('/v1/chat', { id: 'chat', messages: [message] }),
    ]) {
      expect(response.headers.get('retry-after')).toBe('5');
      expect(await problem(response)).toMatchObject({ status: 503, code: 'server_stopping' });
    }
    // what runs can be read, and steered
    expect((await served.get(path)).status).toBe(200);
    expect((await served.post(`${path}/steer`, { content: 'Louder!' })).status).toBe(202);
    expect(isOver).toBe(false);
    model.say('So it is.');
    model.finish();
    model.finish();
    expect(await drained).toEqual({ unfinished: 0 });
    const rest = await stream.until('disconnecting');
    expect(typesOf(rest)).toContain('session.idle');
    expect(rest.at(-1)?.data).toEqual({ reason: 'server_stopping', since_id: rest.at(-2)?.id });
    expect((await other.until('disconnecting')).at(-1)?.data).toMatchObject({ reason: 'server_stopping' });
    expect(await problem(await served.get(`${path}/events`))).toMatchObject({ status: 503, code: 'server_stopping' });
    await served.agent.close();
  });

  it('cancels what has not ended in time, where nothing is kept', async () => {
    const served = localSubject(new SpokenModel());
    const path = await served.open();
    await served.send(path, 'Speak!');
    const stream = await served.events(path);
    await stream.until('step.started');
    const drained = served.app.drain({ graceMs: 5_000 });
    await served.clock.advance(4_999);
    expect((await served.get(path)).status).toBe(200);
    await served.clock.advance(1);
    expect(await drained).toEqual({ unfinished: 0 });
    expect(typesOf(await stream.until('disconnecting')).slice(-5)).toEqual([
      'turn.cancelled',
      'message.added',
      'message.added',
      'session.idle',
      'disconnecting',
    ]);
  });

  it('leaves what has not ended in time to the next one, where it is kept, and waits for nobody', async () => {
    const store = memoryStore();
    const served = subject(scriptedModel([{ calls: [{ name: 'erase' }] }]), { store, tools: [erase] });
    const path = await served.open('trip');
    const { turn_id } = await served.send(path, 'Erase!');
    const stream = await served.events(path);
    const asked = await stream.until('tool.approvalRequested');
    expect(await served.app.drain()).toEqual({ unfinished: 1 });
    expect((await stream.until('disconnecting')).map(({ type }) => type)).toEqual(['disconnecting']);
    const after = subject(scriptedModel(['Done.']), { store: asAnotherProcess(store), tools: [erase] });
    const app = httpApp({ agent: after.agent, sessions: await after.agent.recover() });
    await after.clock.advance(0);
    const resumed = new SseReader(await app.request(`${path}/events?since_id=${asked.at(-1)?.id}`));
    const deny = { tool_call_id: 'call_1', decision: 'deny' };
    const headers = { 'content-type': 'application/json' };
    const denied = await app.request(`${path}/approvals`, { method: 'POST', headers, body: JSON.stringify(deny) });
    expect(denied.status).toBe(200);
    expect((await resumed.until('turn.completed')).at(-1)).toMatchObject({ turn_id, data: { text: 'Done.' } });
    await resumed.close();
    await after.agent.close();
  });
});

describe('tool calls', () => {
  const erase = defineTool({
    name: 'erase',
    description: 'Erases',
    input: z.object({}),
    approval: true,
    execute: () => 'gone',
  });
  const ask = defineTool({ name: 'ask', description: 'Asks the user', input: z.object({}) });

  async function waiting(name: string, until: string, calls = 1) {
    const script = Array.from({ length: calls }, () => [{ calls: [{ name }] }, 'Done.']).flat();
    const served = subject(scriptedModel(script), { tools: [erase, ask] });
    const path = await served.open();
    await served.send(path, 'Go!');
    const stream = await served.events(path);
    await stream.until(until);
    return { served, path, stream };
  }

  it.each<[{ decision: string; reason?: string }, string]>([
    [{ decision: 'approve' }, 'tool.completed'],
    [{ decision: 'deny', reason: 'It is needed.' }, 'tool.denied'],
  ])('that wait for approval get it, or not: %j', async (decision, then) => {
    const { served, path, stream } = await waiting('erase', 'tool.approvalRequested');
    const body = { tool_call_id: 'call_1', ...decision };
    const taken = await answer<AnswerAccepted>(await served.post(`${path}/approvals`, body));
    expect(taken).toEqual({ status: 'accepted', tool_call_id: 'call_1' });
    const rest = await stream.until('session.idle');
    expect(typesOf(rest)).toContain(then);
    if (decision.reason)
      expect(rest.find(({ type }) => type === 'tool.denied')?.data).toMatchObject({ reason: decision.reason });
    expect(await problem(await served.post(`${path}/approvals`, body))).toMatchObject({ code: 'tool_call_not_found' });
    await stream.close();
  });

  it('are approved for the whole session where that is said', async () => {
    const { served, path, stream } = await waiting('erase', 'tool.approvalRequested', 2);
    const body = { tool_call_id: 'call_1', decision: 'approve', remember: 'session' };
    await answer(await served.post(`${path}/approvals`, body));
    await stream.until('session.idle');
    await served.send(path, 'Go!');
    expect(typesOf(await stream.until('session.idle'))).toContain('tool.completed');
    await stream.close();
  });

  it.each([
    [{ output: { found: 3 } }, { type: 'json', value: { found: 3 } }],
    [
      { output: 'no', is_error: true },
      { type: 'error', value: 'no' },
    ],
  ])('that a client runs get the result: %j', async (result, output) => {
    const { served, path, stream } = await waiting('ask', 'tool.resultRequested');
    const body = { tool_call_id: 'call_1', ...result };
    expect((await served.post(`${path}/tool-results`, body)).status).toBe(200);
    await stream.until('session.idle');
    const { messages } = await answer<MessageList>(await served.get(`${path}/messages`));
    expect(messages[2]?.content).toMatchObject([{ type: 'tool-result', output }]);
    await stream.close();
  });

  it('that wait for something else, or are not there, take no answer', async () => {
    const { served, path, stream } = await waiting('ask', 'tool.resultRequested');
    const approve = (tool_call_id: string) => served.post(`${path}/approvals`, { tool_call_id, decision: 'approve' });
    expect(await problem(await approve('call_1'))).toMatchObject({ status: 409, code: 'not_waiting' });
    expect(await problem(await approve('call_9'))).toMatchObject({ status: 404, code: 'tool_call_not_found' });
    await stream.close();
    await served.agent.close();
  });
});

describe('an idempotency key', () => {
  const key = { 'idempotency-key': 'k1' };

  it('makes of two requests one message', async () => {
    const model = scriptedModel(['One.', 'Two.']);
    const served = subject(model);
    const path = await served.open();
    const both = await Promise.all([1, 2].map(() => served.post(`${path}/messages`, { content: 'Hi' }, key)));
    const [first, second] = await Promise.all(both.map((response) => answer<MessageAccepted>(response, 202)));
    expect(second).toEqual(first);
    await idle(served, path);
    const late = await served.post(`${path}/messages`, { delivery: undefined, content: 'Hi' }, key);
    expect(await answer(late, 202)).toEqual(first);
    expect(model.requests).toHaveLength(1);
    // of another session it is another key
    const other = await served.open();
    expect(await answer(await served.post(`${other}/messages`, { content: 'Hi' }, key), 202)).not.toEqual(first);
    await served.agent.close();
  });

  it('makes of two results one, whose call waits no longer at the second', async () => {
    const ask = defineTool({ name: 'ask', description: 'Asks', input: z.object({}) });
    const served = subject(scriptedModel([{ calls: [{ name: 'ask' }] }, 'Done.']), { tools: [ask] });
    const path = await served.open();
    await served.send(path, 'Go!');
    const stream = await served.events(path);
    await stream.until('tool.resultRequested');
    const give = (output: string) => served.post(`${path}/tool-results`, { tool_call_id: 'call_1', output }, key);
    const first = await answer(await give('yes'));
    await stream.until('session.idle');
    expect(await answer(await give('yes'))).toEqual(first);
    expect(await problem(await give('no'))).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    await stream.close();
  });

  it('belongs to one request: 422 for another, also on another route', async () => {
    const served = subject(scriptedModel(['One.']));
    const path = await served.open();
    await answer(await served.post(`${path}/messages`, { content: 'Hi' }, key), 202);
    for (const [to, body] of [
      ['messages', { content: 'Ho' }],
      ['tool-results', { tool_call_id: 'call_1', output: 'Hi' }],
    ] as const) {
      const refused = await problem(await served.post(`${path}/${to}`, body, key));
      expect(refused).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    }
    await idle(served, path);
  });

  it('of a request that was refused can be used again', async () => {
    const model = new SpokenModel();
    const served = subject(model);
    const path = await served.open();
    await served.send(path, 'first');
    const send = () => served.post(`${path}/messages`, { content: 'second', delivery: 'reject' }, key);
    expect((await send()).status).toBe(409);
    model.finish();
    await idle(served, path);
    expect((await send()).status).toBe(202);
    await served.agent.close();
  });

  it('is forgotten after a hundred others, and has at most 255 characters', async () => {
    const served = subject(
      scriptedModel(() => 'Yes.'),
      {},
      { limits: { maxQueued: 200 } },
    );
    const path = await served.open();
    const send = (name: string) => served.post(`${path}/messages`, { content: 'Hi' }, { 'idempotency-key': name });
    const first = await answer<MessageAccepted>(await send('k0'), 202);
    for (let index = 1; index <= 100; index += 1) await send(`k${index}`);
    expect((await answer<MessageAccepted>(await send('k0'), 202)).turn_id).not.toBe(first.turn_id);
    expect(await problem(await send('k'.repeat(256)))).toMatchObject({ status: 400 });
    await served.agent.close();
  });
});

describe('a request that is wrong', () => {
  const parts = (part: object) => ({ content: [part] });
  it.each<[string, string, unknown, string]>([
    ['no content', 'messages', {}, '/content'],
    ['a blank content', 'messages', { content: ' \n' }, '/content'],
    ['no parts', 'messages', { content: [] }, '/content'],
    ['blank parts', 'messages', parts({ type: 'text', text: ' ' }), '/content'],
    ['a part of another kind', 'messages', parts({ type: 'video' }), '/content'],
    ['another delivery', 'messages', { content: 'Hi', delivery: 'pigeon' }, '/delivery'],
    ['a field that there is not', 'messages', { content: 'Hi', model: 'x' }, ''],
    ['no object', 'messages', [1], ''],
    ['a reason that is no text', 'cancel', { reason: 3 }, '/reason'],
    ['another decision', 'approvals', { tool_call_id: 'c', decision: 'maybe' }, '/decision'],
    ['an output that is missing', 'tool-results', { tool_call_id: 'c' }, '/output'],
  ])('for %s is answered with 400, and where it is wrong', async (_, to, body, at) => {
    const { open, post } = subject(scriptedModel([]));
    const refused = await problem(await post(`${await open()}/${to}`, body));
    expect(refused).toMatchObject({
      type: 'urn:turnchart:problem:invalid_request',
      title: expect.any(String),
      status: 400,
      code: 'invalid_request',
      detail: expect.stringContaining('/v1/openapi.json'),
    });
    expect(refused.errors?.map((error) => error.at)).toContain(at);
  });

  it.each(['', '-x', 'a b', 'a/b', 'x'.repeat(129)])('makes no session with the id "%s"', async (id) => {
    const { post } = subject(scriptedModel([]));
    expect(await problem(await post('/v1/sessions', { id }))).toMatchObject({ status: 400 });
  });

  it('for what is no JSON is answered with 400, and with 415 where it does not say that it is', async () => {
    const { open, post, app } = subject(scriptedModel([]));
    const path = await open();
    expect(await problem(await post(`${path}/messages`, '{"content":'))).toMatchObject({ status: 400 });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
      const init = { method: 'POST', headers: { 'content-type': type }, body: '{"content":"Hi"}' };
      const refused = await problem(await app.request(`${path}/messages`, init));
      expect(refused).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    }
    expect((await post(`${path}/messages`)).status).toBe(415);
  });

  it('for a route that there is not is answered with 404', async () => {
    const { open, post, get } = subject(scriptedModel([]));
    for (const refused of [await get('/'), await get('/v1/agents'), await post(`${await open()}/snapshot`)]) {
      expect(await problem(refused)).toMatchObject({ status: 404, code: 'route_not_found' });
    }
  });

  it.each([
    ['get', ''],
    ['get', '/messages'],
    ['get', '/events'],
    ['get', '/snapshot'],
    ['post', '/cancel'],
    ['delete', ''],
  ])('for a session that there is not is answered with 404: %s /v1/sessions/{id}%s', async (method, path) => {
    const { app } = subject(scriptedModel([]));
    const response = await app.request(`/v1/sessions/nobody${path}`, { method: method.toUpperCase() });
    expect(await problem(response)).toMatchObject({ status: 404, code: 'session_not_found' });
  });

  it('for a body that is too large is answered with 413, whether it says its length or not', async () => {
    const { open, post, app } = subject(scriptedModel([]), {}, { limits: { maxBodyBytes: 100 } });
    const path = `${await open()}/messages`;
    expect(await problem(await post(path, { content: 'x'.repeat(100) }))).toMatchObject({
      status: 413,
      code: 'body_too_large',
    });
    const body = new Blob([JSON.stringify({ content: 'x'.repeat(100) })]).stream();
    const headers = { 'content-type': 'application/json' };
    const streamed = new Request(`http://localhost${path}`, { method: 'POST', headers, body, duplex: 'half' });
    expect(await problem(await app.request(streamed))).toMatchObject({ status: 413 });
    expect((await post(path, { content: 'x'.repeat(10) })).status).toBe(202);
  });

  it('is answered with 500 where the server fails, which says why only to its log', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const store = { ...asAnotherProcess(memoryStore()), read: () => Promise.reject(new Error('the disk is gone')) };
    const { get } = subject(scriptedModel([]), { store });
    const failed = await problem(await get('/v1/sessions/trip'));
    expect(failed).toMatchObject({ status: 500, code: 'internal' });
    expect(JSON.stringify(failed)).not.toContain('disk');
    expect(String(log.mock.calls[0]?.[0])).toContain('the disk is gone');
    log.mockRestore();
  });
});

describe('who may', () => {
  const authorize = async (request: Request) => request.headers.get('authorization') === 'Bearer secret';

  it('is asked for every route, before anything else', async () => {
    const { get, post, app } = subject(scriptedModel([]), {}, { authorize });
    for (const refused of [await get('/v1/openapi.json'), await get('/nowhere'), await post('/v1/sessions', '{')]) {
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
      expect(await problem(refused)).toMatchObject({ status: 401, code: 'unauthorized' });
    }
    const token = { authorization: 'Bearer secret' };
    expect((await post('/v1/sessions', {}, token)).status).toBe(201);
    const document = await answer<{ security: unknown }>(await app.request('/v1/openapi.json', { headers: token }));
    expect(document.security).toEqual([{ bearer: [] }]);
  });

  it('is nobody else: pages of other origins may not read answers unless they are named', async () => {
    const origin = { origin: 'https://example.com' };
    const preflight = { method: 'OPTIONS', headers: { ...origin, 'access-control-request-method': 'POST' } };
    const closed = subject(scriptedModel([]));
    const refused = [await closed.get('/v1/openapi.json', origin), await closed.app.request('/v1/sessions', preflight)];
    for (const { headers } of refused) expect(headers.get('access-control-allow-origin')).toBeNull();
    const { get, app } = subject(scriptedModel([]), {}, { cors: ['https://example.com'], authorize });
    const allowed = await app.request('/v1/sessions', preflight);
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, 'https://example.com']);
    // the page is to be able to read what was refused, too
    expect((await get('/v1/openapi.json', origin)).headers.get('access-control-allow-origin')).toBe(origin.origin);
    const others = await get('/v1/openapi.json', { origin: 'https://other.example' });
    expect(others.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('httpApp', () => {
  it.each([
    [{ maxSession: 3 }, 'there is no limit `maxSession`'],
    [{ maxSessions: 0 }, 'the limit `maxSessions` must be a whole number from 1'],
    [{ maxBodyBytes: 1.5 }, 'the limit `maxBodyBytes` must be a whole number from 1'],
  ])('refuses the limits %j', (limits, message) => {
    const agent = createAgent({ model: scriptedModel([]) });
    expect(() => httpApp({ agent, limits: limits as Partial<HttpLimits> })).toThrow(message);
  });

  it('refuses options that there are not: one that is misspelt may have been to keep people out', () => {
    const agent = createAgent({ model: scriptedModel([]) });
    const misspelt = { agent, authorise: () => false };
    expect(() => httpApp(misspelt)).toThrow(/httpApp\(\).*`authorise`/);
    expect(() => httpApp({ agent, authorize: 'secret' as unknown as () => boolean })).toThrow('`authorize`');
  });

  it('can be a part of a larger app', async () => {
    const app = new Hono();
    app.route('/agents/support', httpApp({ agent: createAgent({ model: scriptedModel(['One.']) }) }));
    const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const made = await app.request('/agents/support/v1/sessions', { ...json, body: '{"id":"trip"}' });
    expect(made.status).toBe(201);
    const client = httpClient({
      baseUrl: 'http://localhost/agents/support/',
      fetch: async (url, init) => app.request(url, init),
    });
    await client.messages.create('trip', 'Hi');
    const seen = await client.events.stream('trip', { types: ['turn.completed'] }).next();
    expect(seen.value).toMatchObject({ type: 'turn.completed', data: { text: 'One.' } });
    await expect(client.sessions.get('other')).rejects.toThrow(NotFoundError);
  });

  it('says of a failed turn what applications branch on', async () => {
    const failure: Failure = {
      type: 'unknown',
      code: 'model_not_found',
      message: 'There is no such model.',
      retryable: false,
      cause: { status: 404 },
    };
    const served = subject(scriptedModel([{ failure }]));
    const path = await served.open();
    await served.send(path, 'Hi');
    const failed = (await idle(served, path)).find(({ type }) => type === 'turn.failed');
    const { code, message, cause } = failure;
    expect(failed?.data.error).toEqual({ type: code, message, cause });
    expect(failed?.data.failure).toMatchObject(failure);
  });

  it('serves sessions that are open already', async () => {
    const agent = createAgent({ model: scriptedModel(['One.', 'Two.']) });
    const session = agent.session({ id: 'trip' });
    await session.send('before').outcome;
    const app = httpApp({ agent, sessions: [session] });
    const { messages } = await answer<MessageList>(await app.request('/v1/sessions/trip/messages'));
    expect(messages.map(textOf)).toEqual(['before', 'One.']);
  });
});

async function isFree(store: Store, id: string): Promise<boolean> {
  try {
    await (await store.lock(id)).release();
    return true;
  } catch {
    return false;
  }
}
