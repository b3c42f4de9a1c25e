import { defineTool, textOf, type WireEvent } from 'turnchart';
import type { ProblemCode } from 'turnchart/http';
import {
  BadRequestError,
  ConflictError,
  ConnectionError,
  type ConnectionOptions,
  CursorExpiredError,
  HttpError,
  httpClient,
  NotFoundError,
  ProblemError,
  ServerError,
  TooManyRequestsError,
  UnauthorizedError,
} from 'turnchart/http/client';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { expectSame, localSubject, SpokenModel, type Subject, subject, textIn, typesOf } from './support.ts';

type Fetch = NonNullable<ConnectionOptions['fetch']>;

/** A client that asks an app without a network; its streams wait by a clock of their own. */
function clientOf({ app }: Subject, options: Partial<ConnectionOptions> = {}) {
  const timers = new SimulatedClock();
  const fetch: Fetch = async (url, init) => app.request(url, init);
  const client = httpClient({ baseUrl: 'http://localhost', fetch, timers, ...options });
  return { client, timers };
}

async function until(events: AsyncIterable<WireEvent>, type: string): Promise<WireEvent[]> {
  const seen: WireEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.type === type) break;
  }
  return seen;
}

describe('a client', () => {
  it('has a conversation', async () => {
    const { client } = clientOf(subject(scriptedModel(['One.', 'Two.'])));
    const session = await client.sessions.create({ id: 'trip' });
    expect(await client.sessions.get('trip')).toEqual(session);
    expect(await client.sessions.list({ limit: 5 })).toEqual({
      sessions: [{ id: 'trip', agent: session.agent, status: 'idle' }],
    });
    expect((await client.sessions.list()).sessions).toHaveLength(1);
    for (const said of ['One.', 'Two.']) {
      const { turn_id } = await client.messages.create('trip', said);
      const seen = await until(client.events.stream('trip'), 'turn.completed');
      expect(new Set(seen.map((event) => event.turn_id))).toEqual(new Set([turn_id]));
      expect(textIn(seen)).toBe(said);
    }
    expect((await client.messages.list('trip')).map(textOf)).toEqual(['One.', 'One.', 'Two.', 'Two.']);
    expect((await client.sessions.snapshot('trip')).status).toBe('idle');
    const { events } = await client.events.list('trip', { types: ['turn.completed'], since: '0' });
    expect(typesOf(events)).toEqual(['turn.completed', 'turn.completed']);
    await client.sessions.delete('trip');
    await expect(client.sessions.get('trip')).rejects.toThrow(NotFoundError);
  });

  it('cancels, steers, and does nothing where there is nothing to be cancelled', async () => {
    const model = new SpokenModel();
    const { client } = clientOf(subject(model));
    const { id } = await client.sessions.create();
    expect(await client.sessions.cancel(id)).toEqual({ status: 'no_op' });
    const { turn_id } = await client.messages.create(id, 'Speak!');
    expect(await client.sessions.steer(id, 'Louder!', { turnId: turn_id })).toMatchObject({ status: 'steering' });
    expect(await client.sessions.cancel(id, { reason: 'Enough.' })).toEqual({ status: 'cancelled', turn_id });
    const seen = await until(client.events.stream(id, { since: '0' }), 'turn.cancelled');
    expect(seen.at(-1)?.data).toMatchObject({ reason: 'Enough.' });
    await client.sessions.delete(id);
  });

  it('lets a turn go on that is paused, and shortens the conversation', async () => {
    const look = defineTool({
      name: 'look',
      description: 'Looks',
      input: z.object({}),
      execute: () => 'seen '.repeat(80),
    });
    const script = scriptedModel([{ calls: [{ name: 'look' }] }, { calls: [{ name: 'look' }] }, 'Done.', 'A summary.']);
    const { client } = clientOf(
      subject(script, {
        tools: [look],
        limits: { maxSteps: 1, lastStep: 'ask', softCost: 1.5 },
        pricing: () => 1,
        compaction: { keepMessages: 1 },
      }),
    );
    const { id } = await client.sessions.create();
    const { turn_id } = await client.messages.create(id, 'Go!');
    const goOn = { max_steps: () => client.sessions.extend(id, 2), soft_cost: () => client.sessions.resume(id) };
    for await (const { type, data } of client.events.stream(id)) {
      if (type === 'turn.paused') {
        const { [data.reason as keyof typeof goOn]: run } = goOn;
        expect(await run()).toEqual({ status: 'accepted', turn_id });
      } else if (type === 'session.idle') break;
    }
    await expect(client.sessions.resume(id)).rejects.toThrow(ConflictError);
    const { since_id } = await client.sessions.compact(id);
    const seen = await until(client.events.stream(id, { since: since_id }), 'session.idle');
    expect(typesOf(seen)).toContain('compaction.completed');
  });

  it('answers tool calls', async () => {
    const ask = defineTool({ name: 'ask', description: 'Asks', input: z.object({}) });
    const erase = defineTool({ name: 'erase', description: 'Erases', input: z.object({}), approval: true });
    const script = scriptedModel([{ calls: [{ name: 'ask' }, { name: 'erase' }] }, 'Done.']);
    const { client } = clientOf(subject(script, { tools: [ask, erase] }));
    const { id } = await client.sessions.create();
    await client.messages.create(id, 'Go!');
    for await (const { type, data } of client.events.stream(id)) {
      const tool_call_id = String(data.toolCallId);
      if (type === 'tool.resultRequested') {
        await client.toolResults.create(id, { tool_call_id, output: 'yes' }, { idempotencyKey: 'k' });
      } else if (type === 'tool.approvalRequested') {
        await client.approvals.create(id, { tool_call_id, decision: 'deny' });
      } else if (type === 'session.idle') break;
    }
    const { events } = await client.events.list(id, { types: ['tool.completed', 'tool.denied'], since: '0' });
    expect(typesOf(events).toSorted()).toEqual(['tool.completed', 'tool.denied']);
  });

  it('sends a message once where it sends it with a key twice', async () => {
    const { client } = clientOf(subject(new SpokenModel()));
    const { id } = await client.sessions.create();
    const options = { idempotencyKey: 'k', delivery: 'reject' } as const;
    const first = await client.messages.create(id, 'Hi', options);
    expect(await client.messages.create(id, 'Hi', options)).toEqual(first);
    await client.sessions.delete(id);
  });

  it('sends its token, and asks for it every time', async () => {
    const served = subject(
      scriptedModel([]),
      {},
      {
        authorize: ({ headers }) => headers.get('authorization') === 'Bearer t2',
      },
    );
    let asked = 0;
    const token = () => `t${++asked}`;
    const { client } = clientOf(served, { token });
    await expect(client.sessions.create()).rejects.toThrow(UnauthorizedError);
    await client.sessions.create();
    await expect(clientOf(served, { token: 't1' }).client.sessions.create()).rejects.toThrow(UnauthorizedError);
  });
});

describe('what a client throws', () => {
  it.each([
    [400, BadRequestError],
    [401, UnauthorizedError],
    [403, UnauthorizedError],
    [404, NotFoundError],
    [409, ConflictError],
    [410, CursorExpiredError],
    [413, BadRequestError],
    [415, BadRequestError],
    [418, ProblemError],
    [422, BadRequestError],
    [429, TooManyRequestsError],
    [500, ServerError],
    [503, ServerError],
  ])('for %i is of its class, and has the problem', async (status, ErrorClass) => {
    const code: ProblemCode = 'internal';
    const errors = [{ at: '/content', message: 'It is missing' }];
    const fetch: Fetch = async () =>
      Response.json({ detail: 'It failed.', code, errors }, { status, headers: { 'retry-after': '2' } });
    const error = await httpClient({ baseUrl: 'http://localhost', fetch })
      .sessions.create()
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ErrorClass);
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({
      name: ErrorClass.name,
      message: 'It failed.',
      status,
      code,
      errors,
      retryAfterMs: 2_000,
    });
  });

  it.each(['<h1>Bad gateway</h1>', 'null', '"text"'])('has no code where something else answers: %s', async (body) => {
    const fetch: Fetch = async () => new Response(body, { status: 502 });
    const error = await httpClient({ baseUrl: 'http://localhost', fetch })
      .sessions.get('s')
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ServerError);
    expect(error).toMatchObject({ status: 502, code: undefined, errors: [], message: expect.stringContaining('502') });
  });

  it.each<[string, Fetch]>([
    ['there is no answer', async () => Promise.reject(new TypeError('fetch failed'))],
    ['the answer breaks off', async () => new Response('{"id":')],
  ])('is a ConnectionError where %s', async (_, fetch) => {
    const error = await httpClient({ baseUrl: 'http://localhost', fetch })
      .sessions.get('s')
      .catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ message: expect.stringContaining('GET /v1/sessions/s'), cause: expect.anything() });
  });

  it('is what the signal aborts with', async () => {
    const { client } = clientOf(subject(scriptedModel([])), {
      fetch: async (_, { signal }) => Promise.reject(signal?.reason),
    });
    const reason = new Error('Enough.');
    await expect(client.sessions.create({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('a stream of a client', () => {
  const look = defineTool({ name: 'look', description: 'Looks', input: z.object({}), execute: () => 'seen' });
  const script = () =>
    scriptedModel([{ text: ['I ', 'look.'], calls: [{ name: 'look' }] }, { text: ['So ', 'it is.'] }]);

  it('goes on without gaps or duplicates wherever its connection breaks, in the middle of a line too', async () => {
    const served = subject(script(), { tools: [look] });
    const { client: plain } = clientOf(served);
    const { id } = await plain.sessions.create();
    const { since_id } = await plain.messages.create(id, 'Look!');
    const all = await until(plain.events.stream(id, { since: since_id }), 'session.idle');
    const bytes = 100_000;
    let cuts = 0;
    for (const chars of [1, 10, 100, 333, 1_000, 3_000]) {
      const limits = [chars, 2 * chars, 900, bytes];
      const fetch: Fetch = async (url, init) => {
        cuts += 1;
        return cutAfter(await served.app.request(url, init), limits.shift() ?? bytes);
      };
      const { client, timers } = clientOf(served, { fetch });
      const reading = until(client.events.stream(id, { since: since_id }), 'session.idle');
      for (let waits = 0; waits < 10; waits += 1) await timers.advance(60_000);
      expectSame(await reading, all);
    }
    expect(cuts).toBeGreaterThan(12);
  });

  it('comes back to the latest message where its connection breaks before an event', async () => {
    const served = subject(scriptedModel(['One.', 'Two.']));
    let isFirst = true;
    const fetch: Fetch = async (url, init) => {
      const response = await served.app.request(url, init);
      if (!isFirst || !url.endsWith('/events')) return response;
      isFirst = false;
      return cutAfter(response, 30);
    };
    const { client, timers } = clientOf(served, { fetch });
    const { id } = await client.sessions.create();
    const reading = client.events.stream(id);
    const first = reading.next();
    await timers.advance(0);
    // both while it is away
    for (const said of ['first', 'second']) await client.messages.create(id, said, { delivery: 'queue' });
    await timers.advance(1_000);
    expect((await first).value).toMatchObject({ id: '1', type: 'turn.started' });
    await reading.return();
  });

  it('waits longer after every failure, half a minute at most, and begins anew once it gets an event', async () => {
    const served = subject(scriptedModel(['One.']));
    const { client: plain } = clientOf(served);
    const { id } = await plain.sessions.create();
    const timers = new SimulatedClock();
    const delays: number[] = [];
    const last = { at: timers.now() };
    let failures = 9;
    const fetch: Fetch = async (url, init) => {
      delays.push(timers.now() - last.at);
      last.at = timers.now();
      failures -= 1;
      if (failures > 4) throw new TypeError('fetch failed');
      if (failures >= 0) return new Response('', { status: 503 });
      return served.app.request(url, init);
    };
    const { client } = clientOf(served, { fetch, timers });
    const reading = client.events.stream(id);
    const first = reading.next();
    for (let waits = 0; waits < 9; waits += 1) await timers.step();
    await plain.messages.create(id, 'Hi');
    expect((await first).value).toMatchObject({ type: 'turn.started' });
    expect(delays).toHaveLength(10);
    for (const [index, delay] of delays.slice(1).entries()) {
      const longest = Math.min(500 * 2 ** index, 30_000);
      expect(delay).toBeGreaterThanOrEqual(longest / 2);
      expect(delay).toBeLessThanOrEqual(longest);
    }
    await reading.return();
  });

  it('waits half a second at most after a connection that had events, however many failed before', async () => {
    const served = localSubject(scriptedModel(['One.']));
    const { client: plain } = clientOf(served);
    const { id } = await plain.sessions.create();
    await plain.messages.create(id, 'Hi');
    const timers = new SimulatedClock();
    const asked: number[] = [];
    const fetch: Fetch = async (url, init) => {
      asked.push(timers.now());
      if (asked.length <= 5) throw new TypeError('fetch failed');
      const response = await served.app.request(url, init);
      return asked.length === 6 ? cutAfter(response, 400) : response;
    };
    const reading = until(clientOf(served, { fetch, timers }).client.events.stream(id), 'session.idle');
    for (let waits = 0; waits < 6; waits += 1) await timers.step();
    expect((await reading)[0]?.type).toBe('turn.started');
    expect(asked).toHaveLength(7);
    expect((asked[6] ?? 0) - (asked[5] ?? 0)).toBeLessThanOrEqual(500);
  });

  it('waits as long as the server asks for', async () => {
    const served = localSubject(scriptedModel([]), {}, { limits: { maxStreams: 1 } });
    const first = clientOf(served).client;
    const { id } = await first.sessions.create();
    const blocking = await served.events(`/v1/sessions/${id}`);
    const { client, timers } = clientOf(served);
    const asked = timers.now();
    const next = client.events.stream(id).next();
    await timers.step();
    // jitter makes the first delay half a second at most
    expect(timers.now() - asked).toBe(1_000);
    await blocking.close();
    await first.sessions.delete(id);
    const refused = expect(next).rejects.toThrow(NotFoundError);
    await timers.advance(2_000);
    await refused;
  });

  it('comes again at once when it was too slow, and ends when its session is deleted', async () => {
    const says = (reason: string, since_id: string) =>
      new Response(
        `event: disconnecting\ndata: ${JSON.stringify({ type: 'disconnecting', data: { reason, since_id } })}\n\n`,
      );
    const asked: string[] = [];
    const fetch: Fetch = async (url) => {
      asked.push(url.replace(/.*\/events/, ''));
      return asked.length < 3 ? says('slow_reader', `${asked.length}7`) : says('session_deleted', '30');
    };
    const { client, timers } = clientOf(subject(scriptedModel([])), { fetch });
    expect(await until(client.events.stream('s', { since: '3', types: ['turn.failed'] }), 'turn.failed')).toEqual([]);
    const types = '&types=turn.failed';
    expect(asked).toEqual([`?since_id=3${types}`, `?since_id=17${types}`, `?since_id=27${types}`]);
    expect(timers.pending).toBe(0);
  });

  it('comes again where nothing was said for three heartbeats', async () => {
    const served = subject(scriptedModel(['One.']));
    const { client: plain } = clientOf(served);
    const { id } = await plain.sessions.create();
    let connections = 0;
    const fetch: Fetch = async (url, init) => {
      connections += 1;
      if (connections > 1) return served.app.request(url, init);
      return new Response(new ReadableStream({ start: (controller) => errorOnAbort(controller, init) }));
    };
    const { client, timers } = clientOf(served, { fetch });
    const reading = client.events.stream(id);
    const first = reading.next();
    await timers.advance(89_999);
    expect(connections).toBe(1);
    await timers.advance(1_000);
    expect(connections).toBe(2);
    await plain.messages.create(id, 'Hi');
    expect((await first).value).toMatchObject({ type: 'turn.started' });
    await reading.return();
  });

  it.each<[number, new (...args: never) => Error]>([
    [401, UnauthorizedError],
    [404, NotFoundError],
    [410, CursorExpiredError],
  ])('throws what would not be better the next time: %i', async (status, ErrorClass) => {
    const fetch: Fetch = async () => Response.json({}, { status });
    const { client } = clientOf(subject(scriptedModel([])), { fetch });
    await expect(client.events.stream('s').next()).rejects.toThrow(ErrorClass);
  });

  it('throws what its token throws', async () => {
    const token = () => Promise.reject(new Error('no token'));
    const { client } = clientOf(subject(scriptedModel([])), { token });
    await expect(client.events.stream('s').next()).rejects.toThrow('no token');
  });

  it('ends when its signal aborts: while it reads, while it waits, and before it begins', async () => {
    const served = subject(scriptedModel([]));
    const { client, timers } = clientOf(served);
    const { id } = await client.sessions.create();
    const whileReading = new AbortController();
    const reading = client.events.stream(id, { signal: whileReading.signal }).next();
    await timers.advance(0);
    expect(served.clock.pending).toBe(1);
    whileReading.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
    const whileWaiting = new AbortController();
    const down = clientOf(served, { fetch: async () => new Response('', { status: 503 }) });
    const waiting = down.client.events.stream(id, { signal: whileWaiting.signal }).next();
    await down.timers.advance(0);
    expect(down.timers.pending).toBe(1);
    whileWaiting.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const never = client.events.stream(id, { signal: AbortSignal.abort() });
    expect(await never.next()).toEqual({ done: true, value: undefined });
    expect([timers.pending, down.timers.pending]).toEqual([0, 0]);
  });
});

/** An answer whose connection breaks after so many characters. */
function cutAfter(response: Response, chars: number): Response {
  let left = chars;
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      controller.enqueue(chunk.slice(0, left));
      left -= chunk.length;
      if (left <= 0) controller.error(new TypeError('terminated'));
    },
  });
  return new Response(response.body?.pipeThrough(cut) ?? null, response);
}

function errorOnAbort(controller: ReadableStreamDefaultController, { signal }: RequestInit): void {
  signal?.addEventListener('abort', () => controller.error(signal.reason));
}
