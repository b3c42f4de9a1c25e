import { defineTool, type WireEvent } from 'turnchart';
import { memoryStore } from 'turnchart/durability';
import { type EventList, httpApp } from 'turnchart/http';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  answer,
  asAnotherProcess,
  expectSame,
  localSubject,
  problem,
  SpokenModel,
  SseReader,
  subject,
  textIn,
  typesOf,
} from './support.ts';

const terminal = ['turn.completed', 'turn.failed', 'turn.cancelled'];

describe('a stream of events without a cursor', () => {
  it('begins with the latest message, so that a turn is seen that has ended before', async () => {
    const { open, send, events, agent } = subject(scriptedModel(['One.', 'Two.']));
    const path = await open();
    for (const said of ['first', 'second']) {
      const { turn_id } = await send(path, said);
      // nothing is read before it is over
      const over = await events(path, '?types=session.idle');
      await over.until('session.idle');
      const stream = await events(path);
      const seen = await stream.until('session.idle');
      expect(seen[0]?.type).toBe('turn.started');
      expect(new Set(seen.map((event) => event.turn_id))).toEqual(new Set([turn_id, undefined]));
      await Promise.all([over.close(), stream.close()]);
    }
    await agent.close();
  });

  it('does not read the end of the turn before, also where the message waits for it', async () => {
    const model = new SpokenModel();
    const { open, send, events } = subject(model);
    const path = await open();
    const first = await send(path, 'first');
    const running = await events(path);
    await running.until('step.started');
    const second = await send(path, 'second');
    expect([first.status, second.status]).toEqual(['started', 'queued']);
    const stream = await events(path);
    model.say('One.');
    model.finish();
    await running.until('turn.completed');
    model.say('Two.');
    model.finish();
    const seen = await stream.until('session.idle');
    expect(seen.filter(({ type }) => terminal.includes(type)).map(({ turn_id }) => turn_id)).toEqual([second.turn_id]);
    expect(textIn(seen)).toBe('Two.');
    await Promise.all([running.close(), stream.close()]);
  });

  it('waits for the first message where there is none', async () => {
    const { open, send, events } = subject(scriptedModel(['One.']));
    const path = await open();
    const stream = await events(path);
    await send(path, 'first');
    expect((await stream.until('session.idle'))[0]?.type).toBe('turn.started');
    await stream.close();
  });

  it('begins with a message that steers a turn', async () => {
    const model = new SpokenModel();
    const { open, send, events } = subject(model);
    const path = await open();
    const { turn_id } = await send(path, 'first');
    const before = await events(path);
    const last = (await before.until('step.started')).at(-1)?.id;
    const steered = await send(path, 'no, second', { delivery: 'steer' });
    expect(steered).toMatchObject({ turn_id, status: 'steering', since_id: last });
    const stream = await events(path);
    model.say('One.');
    expect(await stream.take(2)).toEqual(await before.take(2));
    await Promise.all([before.close(), stream.close()]);
  });
});

describe('a stream of events with a cursor', () => {
  const tool = defineTool({ name: 'look', description: 'Looks', input: z.object({}), execute: () => 'seen' });
  const script = () =>
    scriptedModel([
      { reasoning: 'Hm.', text: ['I ', 'look.'], calls: [{ name: 'look' }] },
      { text: ['So ', 'it ', 'is.'] },
    ]);

  it.each(['Last-Event-ID', 'since_id'])('goes on behind every event without gaps or duplicates, by %s', async (by) => {
    const { open, send, events } = subject(script(), { tools: [tool] });
    const path = await open();
    const { since_id } = await send(path, 'Look!');
    const live = await events(path, `?since_id=${since_id}`);
    const all = await live.until('session.idle');
    expect(all.length).toBeGreaterThan(15);
    for (const [index, { id }] of all.slice(0, -1).entries()) {
      const query = by === 'since_id' ? `?since_id=${id}` : '?since_id=1';
      const resumed = await events(path, query, by === 'since_id' ? {} : { [by]: id });
      expectSame([...all.slice(0, index + 1), ...(await resumed.until('session.idle'))], all);
      await resumed.close();
    }
    await live.close();
  });

  it('goes on behind any piece of text with the rest of it', async () => {
    const model = new SpokenModel();
    const { open, send, events } = subject(model);
    const path = await open();
    await send(path, 'Speak!');
    const live = await events(path);
    const all = await live.until('step.started');
    const pieces = ['It ', 'goes ', 'on ', 'and ', 'on.'];
    for (const piece of pieces) {
      model.say(piece);
      all.push(...(await live.until('message.delta')));
    }
    model.finish();
    all.push(...(await live.until('session.idle')));
    expect(all.filter(({ type }) => type === 'message.delta')).toHaveLength(pieces.length);
    for (const [index, { id }] of all.slice(0, -1).entries()) {
      const resumed = await events(path, `?since_id=${id}`);
      expectSame([...all.slice(0, index + 1), ...(await resumed.until('session.idle'))], all);
      await resumed.close();
    }
    await live.close();
  });

  it('gets in the middle of an answer one delta with the text so far, then what follows', async () => {
    const model = new SpokenModel();
    const { open, send, events } = subject(model);
    const path = await open();
    await send(path, 'Speak!');
    const live = await events(path);
    model.say('It ', 'goes ');
    for (let text = ''; text !== 'It goes '; ) text += textIn([await live.event()]);
    const late = await events(path);
    expect(textIn(await late.until('message.delta'))).toBe('It goes ');
    model.say('on.');
    expect(textIn([await late.event()])).toBe('on.');
    model.finish();
    expect(textIn(await late.until('session.idle'))).toBe('');
    await Promise.all([live.close(), late.close()]);
  });

  it.each([
    ['?since_id=yesterday', 400, 'invalid_request', 'Not the id of an event, such as 17 or 17.3'],
    ['?since_id=-1', 400, 'invalid_request', 'Not the id of an event, such as 17 or 17.3'],
    ['?since_id=9', 410, 'cursor_expired', undefined],
    ['?types=turn.finished', 400, 'invalid_request', '"turn.finished" is no type of event'],
    ['?types=turn.failed,&exclude=', 400, 'invalid_request', '"" is no type of event'],
    ['?exclude=deltas', 400, 'invalid_request', '"deltas" is no type of event'],
    ['?since=3', 400, 'invalid_request', 'Unrecognized key: "since"'],
  ])('is refused for %s with %i', async (query, status, code, message) => {
    // elsewhere, another host may have told of more than is kept
    const { open, get } = localSubject(scriptedModel([]));
    const refused = await problem(await get(`${await open()}/events${query}`));
    expect(refused).toMatchObject({ status, code });
    if (message !== undefined) expect(refused.errors?.[0]).toMatchObject({ message });
  });

  it('is refused for a Last-Event-ID that is none', async () => {
    const { open, get } = subject(scriptedModel([]));
    const refused = await get(`${await open()}/events`, { 'last-event-id': 'yesterday' });
    expect(await problem(refused)).toMatchObject({ status: 400, detail: expect.stringContaining('"yesterday"') });
  });
});

describe('a stream of events', () => {
  it('is JSON for whoever accepts nothing else', async () => {
    const { open, send, events, get } = subject(scriptedModel(['One.']));
    const path = await open();
    await send(path, 'first');
    const live = await events(path);
    const all = await live.until('session.idle');
    const read = async (query = '') =>
      answer<EventList>(await get(`${path}/events${query}`, { accept: 'application/json' }));
    expect(await read()).toEqual({ events: all, last_event_id: all.at(-1)?.id });
    expect((await read('?since_id=3')).events).toEqual(all.slice(3));
    expect((await read(`?since_id=${all.at(-1)?.id}`)).events).toEqual([]);
    await live.close();
  });

  it('has only the types that are wanted, and none that is excluded', async () => {
    const { open, send, events, get } = subject(scriptedModel(['One.']));
    const path = await open();
    await send(path, 'first');
    const live = await events(path, '?types=turn.started,turn.completed,session.idle');
    expect(typesOf(await live.until('session.idle'))).toEqual(['turn.started', 'turn.completed', 'session.idle']);
    const query = '?types=turn.started,turn.completed&exclude=turn.started';
    const listed = await answer<EventList>(await get(`${path}/events${query}`, { accept: 'application/json' }));
    expect(typesOf(listed.events)).toEqual(['turn.completed']);
    const but = await events(path, '?exclude=message.delta');
    const rest = typesOf(await but.until('session.idle'));
    expect(rest).toContain('message.started');
    expect(rest).not.toContain('message.delta');
    await Promise.all([live.close(), but.close()]);
  });

  it('says at once where it begins, so that whoever is cut off before an event comes back to the same place', async () => {
    const { open, send, events } = subject(scriptedModel(['One.', 'Two.']));
    const path = await open();
    await send(path, 'first');
    const first = await events(path);
    const last = (await first.until('session.idle')).at(-1)?.id;
    const idle = await events(path, `?since_id=${last}`);
    await idle.readOnce();
    expect(idle.ids).toEqual([last]);
    await Promise.all([first.close(), idle.close()]);
  });

  it('has a heartbeat every 30 seconds of the clock, and no timer once it is closed', async () => {
    const { open, events, clock } = subject(scriptedModel([]));
    const path = await open();
    const { pending } = clock;
    const stream = await events(path);
    await stream.readOnce();
    await clock.advance(29_999);
    expect(stream.comments).toEqual([]);
    await clock.advance(1);
    await stream.readOnce();
    expect(stream.comments).toEqual(['heartbeat']);
    await clock.advance(30_000);
    await stream.readOnce();
    expect(stream.comments).toEqual(['heartbeat', 'heartbeat']);
    expect(clock.pending).toBe(pending + 1);
    await stream.close();
    expect(clock.pending).toBe(pending);
  });

  it('gathers no heartbeats for a reader that does not read', async () => {
    const { open, events, clock } = subject(scriptedModel([]));
    const stream = await events(await open());
    await clock.advance(3_600_000);
    await stream.readOnce();
    expect(stream.comments).toEqual([]);
    await clock.advance(30_000);
    await stream.readOnce();
    expect(stream.comments).toEqual(['heartbeat']);
    await stream.close();
  });

  it('cancels no turn by being closed', async () => {
    const model = new SpokenModel();
    const { open, send, events } = subject(model);
    const path = await open();
    await send(path, 'Speak!');
    const stream = await events(path);
    await stream.until('step.started');
    await stream.close();
    model.say('All the same.');
    model.finish();
    const later = await events(path);
    expect(typesOf(await later.until('session.idle'))).toContain('turn.completed');
    expect(model.signals[0]?.aborted).toBe(false);
    await later.close();
  });

  it('ends with `disconnecting` for a reader that is too slow, which then goes on where it was', async () => {
    const texts = Array.from({ length: 25 }, (_, turn) => `${turn} ${'x'.repeat(200)}`);
    const { open, send, events } = subject(scriptedModel(texts), {}, { limits: { maxLogChars: 100_000 } });
    const path = await open();
    const slow = await events(path);
    for (const text of texts) {
      await send(path, text);
      const fast = await events(path, '?types=session.idle');
      await fast.until('session.idle');
      await fast.close();
    }
    const seen = await slow.until('disconnecting');
    const disconnected = seen.pop();
    expect(await slow.next()).toBeUndefined();
    expect(disconnected?.data).toEqual({ reason: 'slow_reader', since_id: slow.ids.at(-1) });
    const again = await events(path, `?since_id=${disconnected?.data.since_id}`);
    while (textIn(seen.slice(-10)) !== texts.at(-1)) seen.push(...(await again.until('session.idle')));
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map(({ seq }) => seq).toSorted((a, b) => a - b));
    expect(textIn(seen)).toBe(texts.join(''));
    await again.close();
  });

  it('ends with `disconnecting` rather than with a gap where more was said at once than is kept in memory', async () => {
    const text = 'x'.repeat(9_000);
    const model = new SpokenModel();
    const limits = { maxLogChars: 10_000 };
    const { open, send, events, agent } = subject(model, { store: memoryStore() }, { limits });
    const path = await open();
    await send(path, 'Hi');
    const exclude = 'exclude=message.delta';
    const stream = await events(path, `?since_id=0&${exclude}`);
    const seen = await stream.until('step.started');
    model.say(text);
    model.finish();
    seen.push(...(await stream.until('disconnecting')));
    const disconnected = seen.pop();
    expect(disconnected?.data).toMatchObject({ reason: 'slow_reader' });
    const again = await events(path, `?since_id=${disconnected?.data.since_id}&${exclude}`);
    seen.push(...(await again.until('session.idle')));
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
    expect(seen.find(({ type }) => type === 'turn.completed')?.data).toMatchObject({ text });
    await again.close();
    await agent.close();
  });

  it('ends when its session is deleted', async () => {
    const { open, send, events, app, get } = subject(new SpokenModel());
    const path = await open();
    await send(path, 'Speak!');
    const stream = await events(path);
    await stream.until('step.started');
    expect((await app.request(path, { method: 'DELETE' })).status).toBe(204);
    const rest = await stream.until('disconnecting');
    expect(typesOf(rest)).toContain('turn.cancelled');
    expect(rest.at(-1)?.data).toMatchObject({ reason: 'session_deleted' });
    expect(await stream.next()).toBeUndefined();
    expect(await problem(await get(path))).toMatchObject({ status: 404, code: 'session_not_found' });
  });

  it('is one of as many as are allowed, and makes room when it is closed', async () => {
    const { open, events, get } = subject(scriptedModel([]), {}, { limits: { maxStreams: 2 } });
    const path = await open();
    const [first, second] = [await events(path), await events(path)];
    const refused = await get(`${path}/events`);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await problem(refused)).toMatchObject({ status: 429, code: 'too_many_streams' });
    await first.close();
    const third = await events(path);
    await Promise.all([second.close(), third.close()]);
  });

  it('is none where only the head is asked for', async () => {
    const { open, app, clock } = subject(scriptedModel([]));
    const path = await open();
    const { pending } = clock;
    const head = await app.request(`${path}/events`, { method: 'HEAD' });
    expect([head.status, await head.text(), clock.pending]).toEqual([200, '', pending]);
  });
});

describe('events that are not in memory any more', () => {
  const limits = { maxLogChars: 8_000 };
  const messages = ['first', 'second', 'third', 'fourth', 'fifth'];

  it('are gone without a store: 410, and the way out', async () => {
    const { open, send, events, get } = localSubject(scriptedModel(messages), {}, { limits });
    const path = await open();
    for (const said of messages) {
      await send(path, said);
      const stream = await events(path);
      await stream.until('session.idle');
      await stream.close();
    }
    const refused = await problem(await get(`${path}/events?since_id=1`));
    expect(refused).toMatchObject({ status: 410, code: 'cursor_expired' });
    expect(refused.detail).toContain('stream its events without a since_id');
    // without a cursor it is as much of the latest message as there is
    const stream = await events(path);
    expect(typesOf(await stream.until('session.idle'))).toContain('turn.completed');
    await stream.close();
  });

  it('come out of the store, without gaps', async () => {
    const { open, send, events, get, agent } = subject(scriptedModel(messages), { store: memoryStore() }, { limits });
    const path = await open();
    const all: WireEvent[] = [];
    for (const said of messages) {
      await send(path, said);
      const stream = await events(path);
      all.push(...(await stream.until('session.idle')));
      await stream.close();
    }
    const kept = all.filter(({ type }) => type !== 'message.delta');
    for (const [index, { id }] of kept.slice(0, -1).entries()) {
      const stream = await events(path, `?since_id=${id}&exclude=message.delta`);
      expect(await stream.take(kept.length - index - 1)).toEqual(kept.slice(index + 1));
      await stream.close();
    }
    const listed = await answer<EventList>(
      await get(`${path}/events?since_id=2&exclude=message.delta`, { accept: 'application/json' }),
    );
    expect(listed.events).toEqual(kept.slice(2));
    await agent.close();
  });

  it('are gone where the store does not have all of them either: 410 rather than a gap', async () => {
    const served = subject(scriptedModel(messages), { store: memoryStore() }, { limits });
    const path = await served.open();
    for (const said of messages) {
      await served.send(path, said);
      const stream = await served.events(path);
      await stream.until('session.idle');
      await stream.close();
    }
    const kept = await served.agent.events(path.split('/').at(-1) ?? '', { after: 2 });
    const events = vi.spyOn(served.agent, 'events');
    for (const [some, status] of [
      [kept, 200],
      [kept.slice(1), 410],
      [kept.slice(0, 3), 410],
      [[], 410],
    ] as const) {
      events.mockResolvedValueOnce(some);
      const response = await served.get(`${path}/events?since_id=2`, { accept: 'application/json' });
      expect([some.length, response.status]).toEqual([some.length, status]);
    }
    await served.agent.close();
  });

  it('come out of the store in another process, with the latest message as the place to begin', async () => {
    const store = memoryStore();
    const before = subject(scriptedModel(['One.', 'Two.']), { store });
    const path = await before.open('trip');
    const all: WireEvent[] = [];
    for (const said of ['first', 'second']) {
      await before.send(path, said);
      const stream = await before.events(path);
      all.push(...(await stream.until('session.idle')));
      await stream.close();
    }
    await before.agent.close();
    const after = subject(scriptedModel(['Three.']), { store });
    const kept = all.filter(({ type }) => type !== 'message.delta');
    const everything = await after.events(path, '?since_id=0');
    expect(await everything.take(kept.length)).toEqual(kept);
    const latest = await after.events(path);
    expect(await latest.take(kept.length / 2)).toEqual(kept.slice(kept.length / 2));
    await after.send(path, 'third');
    expect(textIn(await everything.until('session.idle'))).toBe('Three.');
    await Promise.all([everything.close(), latest.close()]);
    await after.agent.close();
  });

  it.each([
    ['of many turns are not all said again', 40, 'x', 100],
    ['of a long turn are said again back to its start', 1, 'call', 1_000],
  ])('%s when their session is opened again', async (_, turns, kind, count) => {
    const store = memoryStore();
    const tool = defineTool({ name: 'look', description: 'Looks', input: z.object({}), execute: () => 'seen' });
    const steps = Array.from({ length: 30 }, () => ({ calls: [{ name: 'look' }] }));
    const script = kind === 'call' ? [...steps, 'Done.'] : Array.from({ length: turns }, () => 'Done.');
    const extras = { store, tools: [tool], limits: { maxSteps: 100, repeatedCalls: 100 } };
    const before = subject(scriptedModel(script), extras);
    const path = await before.open('trip');
    let last: WireEvent | undefined;
    for (let turn = 0; turn < turns; turn += 1) {
      await before.send(path, 'Go!');
      const stream = await before.events(path);
      last = (await stream.until('session.idle')).at(-1);
      await stream.close();
    }
    await before.agent.close();
    const after = subject(scriptedModel([]), extras);
    const asked = vi.spyOn(after.agent, 'events');
    const latest = await after.events(path);
    expect((await latest.event()).type).toBe('turn.started');
    const seq = last?.seq ?? 0;
    expect(seq).toBeGreaterThan(200);
    expect(asked.mock.lastCall).toEqual(['trip', { after: Math.max(0, seq - count) }]);
    const all = await after.events(path, '?since_id=0');
    const seen = await all.take(seq);
    expect(seen.map((event) => event.seq)).toEqual(Array.from({ length: seq }, (_, index) => index + 1));
    await Promise.all([latest.close(), all.close()]);
    await after.agent.close();
  });

  it('are not missed where the turn goes on in another process', async () => {
    const store = memoryStore();
    const model = new SpokenModel();
    const before = subject(model, { store });
    const path = await before.open('trip');
    const { turn_id } = await before.send(path, 'Speak!');
    const cut = await before.events(path);
    const seen = await cut.until('step.started');
    await cut.close();
    // as if its process had ended
    const after = subject(scriptedModel(['All the same.']), { store: asAnotherProcess(store) });
    const [session] = await after.agent.recover();
    const app = httpApp({ agent: after.agent, sessions: session === undefined ? [] : [session] });
    const stream = new SseReader(await app.request(`${path}/events?since_id=${seen.at(-1)?.id}`));
    await after.clock.advance(0);
    const rest = await stream.until('session.idle');
    expect(rest[0]?.seq).toBe((seen.at(-1)?.seq ?? 0) + 1);
    expect(rest.find(({ type }) => type === 'turn.completed')).toMatchObject({ turn_id });
    await stream.close();
    await after.agent.close();
  });
});
