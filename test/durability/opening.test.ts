import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgent, type Session } from 'turnchart';
import {
  memoryStore,
  SessionLockedError,
  type Store,
  StoreConflictError,
  StoreCorruptError,
} from 'turnchart/durability';
import { SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/durability/sqliteDatabase.ts';
import { SqliteSessions } from '../../src/durability/sqliteSessions.ts';
import { asks, start, workers } from '../rules/durableSupport.ts';
import { deferred, endings, linesOf, record } from '../rules/support.ts';
import { bound, fragileStore } from './fragileStore.ts';

describe('a session that waits for resume()', () => {
  /** Reopened where its process has ended after so many changes, with a turn behind the unfinished one. */
  async function held(changes?: number) {
    const first = await start([{ text: 'So far', hangs: true }]);
    first.session.send('a');
    first.session.send('b');
    await first.clock.advance(0);
    const store = changes === undefined ? await first.crash() : await first.crashAfter(changes);
    const clock = new SimulatedClock();
    const model = scriptedModel(() => 'Fine.');
    const agent = createAgent({ model, clock, store });
    const session = agent.session({ id: 'talk', resume: 'manual' });
    return { store, clock, model, agent, session, events: record(session) };
  }

  it.each([undefined, 3])('takes messages, and begins nothing with them (changes: %s)', async (changes) => {
    const { session, clock, model } = await held(changes);
    session.send('c');
    expect(session.steer('and d').accepted).toBe(true);
    await clock.advance(100);
    expect(model.requests).toEqual([]);
    expect(session.snapshot).toMatchObject({ status: 'inTurn', queued: 2 });
    expect(session.resume().accepted).toBe(true);
    await clock.advance(5_000);
    expect(session.snapshot.status).toBe('idle');
    expect(
      linesOf(session.messages)
        .filter((line) => line.startsWith('user'))
        .sort(),
    ).toEqual(['a', 'and d', 'b', 'c'].map((text) => `user: ${text}`));
    expect(transcriptProblems(session.messages)).toEqual([]);
  });

  it.each([
    undefined,
    3,
  ])('can be cancelled; the turns behind it go on, and nothing is left to be resumed (changes: %s)', async (changes) => {
    const { session, clock, model, events } = await held(changes);
    const [turn, next] = session.turns;
    expect(session.cancel('Enough.')).toEqual({ accepted: true });
    await clock.advance(0);
    expect(await turn?.outcome).toMatchObject({ status: 'cancelled', reason: 'Enough.' });
    expect(await next?.outcome).toMatchObject({ status: 'completed' });
    expect(model.requests).toHaveLength(1);
    expect(session.resume()).toEqual({ accepted: false, reason: 'Session "talk" has no turn to be resumed.' });
    expect(endings(events)).toEqual(['turn.cancelled', 'turn.completed']);
  });

  it('does not disturb the turn that runs by then', async () => {
    const first = await start([{ text: 'So far', hangs: true }]);
    first.session.send('a');
    await first.clock.advance(0);
    const second = deferred<string>();
    const clock = new SimulatedClock();
    const agent = createAgent({ model: scriptedModel(() => second.promise), clock, store: await first.crash() });
    const session = agent.session({ id: 'talk', resume: 'manual' });
    session.cancel();
    const turn = session.send('b');
    await clock.advance(0);
    expect(session.resume().accepted).toBe(false);
    second.resolve('Fine.');
    await clock.advance(0);
    expect((await turn.result).text).toBe('Fine.');
    expect((await turn.outcome).usage).toEqual({ inputTokens: 10, outputTokens: 5 });
  });

  it.each([undefined, 3])('can be closed, which cancels its turns (changes: %s)', async (changes) => {
    const { session, clock, store, model } = await held(changes);
    const outcomes = Promise.all(session.turns.map(({ outcome }) => outcome));
    const closing = session.close();
    await clock.advance(0);
    await closing;
    expect((await outcomes).map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
    expect(model.requests).toEqual([]);
    expect(await store.list()).toMatchObject([{ status: 'idle', turns: 2 }]);
    expect(session.resume().accepted).toBe(false);
  });

  it('is closed before it goes on by itself, and then does not', async () => {
    const first = await start([{ text: 'So far', hangs: true }]);
    first.session.send('a');
    await first.clock.advance(0);
    const clock = new SimulatedClock();
    const model = scriptedModel(['Fine.']);
    const agent = createAgent({ model, clock, store: await first.crash() });
    const session = agent.session({ id: 'talk' });
    const closing = session.close();
    await clock.advance(10);
    await closing;
    expect(model.requests).toEqual([]);
    expect(session.snapshot.status).toBe('closed');
  });
});

describe('a session that rests', () => {
  it.each<[string, (session: Session<unknown>) => unknown]>([
    ['a listener that throws', (session) => session.on('session.idle', () => expect.fail('No.'))],
    ['a cancel that comes too late', (session) => session.on('session.idle', () => session.cancel())],
  ])('is not in a turn for those who come later, because of %s', async (_, prepare) => {
    const { session, clock, crash } = await start(['One.']);
    prepare(session);
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    await clock.advance(0);
    const store = await crash();
    expect(await store.list()).toMatchObject([{ status: 'idle', turns: 1 }]);
    expect(await createAgent({ model: scriptedModel([]), store }).recover()).toEqual([]);
  });
});

describe('closing', () => {
  it('waits for what is being written, and lets nobody else in before', async () => {
    const inner = memoryStore();
    const writing = deferred();
    let isSlow = false;
    const store: Store = {
      ...bound(inner),
      write: async (changes) => {
        if (isSlow) await writing.promise;
        await inner.write(changes);
      },
    };
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    const session = await agent.open({ id: 'talk' });
    session.on('turn.completed', () => {
      isSlow = true;
    });
    session.send('Go.');
    await new Promise((resolve) => session.on('session.idle', resolve));
    let isClosed = false;
    const closing = session.close().then(() => {
      isClosed = true;
    });
    await new Promise(setImmediate);
    expect(isClosed).toBe(false);
    await expect(agent.open({ id: 'talk' })).rejects.toThrow(SessionLockedError);
    writing.resolve();
    await closing;
    expect((await store.read('talk'))?.messages).toEqual(session.messages);
    expect(await store.list()).toMatchObject([{ status: 'idle', turns: 1 }]);
    const again = await agent.open({ id: 'talk' });
    expect(again.messages).toEqual(session.messages);
    await agent.close();
  });

  it.each([
    'step.started',
    'session.idle',
  ] as const)('comes to its end where what is written after %s fails', async (until) => {
    const inner = memoryStore();
    const writing = deferred();
    let isSlow = false;
    const store: Store = { ...bound(inner), write: (changes) => (isSlow ? writing.promise : inner.write(changes)) };
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    const session = await agent.open({ id: 'talk' });
    session.on('turn.completed', () => {
      isSlow = true;
    });
    const turn = session.send('Go.');
    await new Promise((resolve) => session.on(until, resolve));
    isSlow = true;
    const closing = session.close();
    writing.reject(new Error('no space left'));
    await closing;
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { code: 'store_failed' } });
    expect(session.snapshot.status).toBe('closed');
    isSlow = false;
    const again = await agent.open({ id: 'talk' });
    expect((await again.turns[0]?.result)?.text).toBe('Fine.');
    await agent.close();
  });

  it('of an agent closes sessions that rest too, so that others may have them', async () => {
    const store = memoryStore();
    const agent = createAgent({ model: scriptedModel(['Fine.']), store });
    const session = agent.session({ id: 'talk' });
    await session.send('Go.').outcome;
    agent.session({ id: 'quiet' });
    await agent.close();
    expect(session.snapshot.status).toBe('closed');
    const other = createAgent({ model: scriptedModel([]), store });
    for (const id of ['talk', 'quiet']) await other.session({ id }).close();
    await expect(agent.recover()).rejects.toThrow('Agent "agent" is closed');
  });
});

describe('recovery', () => {
  async function twoUnfinished() {
    const fragile = fragileStore();
    const agent = createAgent({ model: scriptedModel(() => ({ text: 'So far', hangs: true })), store: fragile.store });
    for (const id of ['one', 'two']) {
      for await (const { type } of agent.session({ id }).send('Go.')) if (type === 'message.delta') break;
    }
    return fragile.until(fragile.changes.length);
  }

  it('opens none where one cannot be read, and locks none', async () => {
    const inner = await twoUnfinished();
    let isCorrupt = true;
    const store: Store = {
      ...bound(inner),
      read: (id) => {
        if (isCorrupt && id === 'one') throw new StoreCorruptError('a file', 'it is damaged');
        return inner.read(id);
      },
    };
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    await expect(agent.recover()).rejects.toThrow(/a file: it is damaged/);
    isCorrupt = false;
    const sessions = await agent.recover();
    expect(sessions.map(({ id }) => id).sort()).toEqual(['one', 'two']);
    for (const { turns } of sessions) expect((await turns[0]?.result)?.text).toBe('Fine.');
    await agent.close();
  });

  it('goes on with none before all are open', async () => {
    const store = await twoUnfinished();
    const clock = new SimulatedClock();
    const model = scriptedModel(() => 'Fine.');
    const agent = createAgent({ model, store, clock });
    const sessions = await agent.recover();
    expect(model.requests).toEqual([]);
    expect(sessions).toHaveLength(2);
    await clock.advance(10);
    expect(model.requests).toHaveLength(2);
    await agent.close();
  });

  it('resumes by hand where it is told to', async () => {
    const store = await twoUnfinished();
    const clock = new SimulatedClock();
    const model = scriptedModel(() => 'Fine.');
    const [one, two] = await createAgent({ model, store, clock }).recover({ resume: 'manual' });
    await clock.advance(10);
    expect(model.requests).toEqual([]);
    expect(one?.resume().accepted).toBe(true);
    await clock.advance(10);
    expect(model.requests).toHaveLength(1);
    expect(one?.snapshot.status).toBe('idle');
    expect(two?.snapshot.status).toBe('inTurn');
  });
});

describe('a write that fails', () => {
  it('because of one session does not fail the others that were in it', async () => {
    const { store } = fragileStore();
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    const sessions = ['a', 'b', 'c'].map((id) => agent.session({ id }));
    await Promise.all(sessions.map((session) => session.send('Hello.').outcome));
    // somebody else has written to b
    const rowIndex = (await store.read('b'))?.rowIndex ?? 0;
    const row = JSON.stringify({ at: 1, input: { type: 'fired', timer: 'none' }, began: [] });
    await store.write([{ type: 'rows', sessionId: 'b', at: 1, index: rowIndex, rows: [row] }]);

    const outcomes = await Promise.all(sessions.map((session) => session.send('And now?').outcome));
    expect(outcomes.map(({ status }) => status)).toEqual(['completed', 'failed', 'completed']);
    expect(outcomes[1]).toMatchObject({ failure: { code: 'store_failed', message: expect.stringContaining('"b"') } });
    await agent.close();
    expect((await store.list({ status: 'idle' })).map(({ id }) => id).sort()).toEqual(['a', 'c']);
  });

  it('with a conflict that names no session of it fails, and is not tried for ever', async () => {
    const inner = memoryStore();
    const store: Store = {
      ...bound(inner),
      write: () => {
        throw new StoreConflictError('another', 'It is confused.');
      },
    };
    const session = createAgent({ model: scriptedModel([]), store }).session();
    expect(await session.send('Hello.').outcome).toMatchObject({ failure: { code: 'store_failed' } });
  });

  it('with a full disk fails the turns that wait for it; with room again their session goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'turnchart-full-'));
    const file = join(folder, 'sessions.db');
    const database = openDatabase(file);
    const store = new SqliteSessions(file, database);
    const { tools, finish } = workers('look', 'pay');
    const clock = new SimulatedClock();
    const agent = createAgent({ model: scriptedModel([asks('look', 'pay'), 'Fine.']), tools, store, clock });
    const session = agent.session({ id: 'talk' });
    const events = record(session);
    const turn = session.send('Go.');
    await clock.advance(0);
    const pages = Number(database.prepare('PRAGMA page_count').get()?.page_count);
    database.exec(`PRAGMA max_page_count = ${pages}`);
    const next = session.send('x'.repeat(100_000));
    finish('look');
    await clock.advance(0);
    expect(await turn.outcome).toMatchObject({
      status: 'failed',
      failure: {
        code: 'store_failed',
        message: expect.stringMatching(/the disk is full.*[^.]\. Open it again to go on/),
      },
    });
    expect(await next.outcome).toMatchObject({ failure: { code: 'store_failed' } });
    expect(endings(events)).toEqual(['turn.failed', 'turn.failed']);
    await session.close();

    database.exec(`PRAGMA max_page_count = ${pages + 1_000}`);
    const again = agent.session({ id: 'talk' });
    await clock.advance(0);
    // its result could not be kept, so it runs again
    finish('look');
    await clock.advance(0);
    expect(linesOf(again.messages).at(-1)).toBe('assistant: Fine.');
    expect(transcriptProblems(again.messages)).toEqual([]);
    await agent.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps its session locked where not even that can be written, until close() is called again', async () => {
    const inner = memoryStore();
    let isFull = false;
    const whenThereIsRoom = <T>(run: () => T): T => {
      if (isFull) throw new Error('no space left');
      return run();
    };
    const store: Store = {
      ...bound(inner),
      write: (changes) => whenThereIsRoom(() => inner.write(changes)),
      lock: async (id) => {
        const lock = await inner.lock(id);
        return { release: () => whenThereIsRoom(() => lock.release()) };
      },
    };
    const agent = createAgent({ model: scriptedModel(() => 'Fine.'), store });
    const session = await agent.open({ id: 'talk' });
    isFull = true;
    expect(await session.send('Go.').outcome).toMatchObject({ failure: { code: 'store_failed' } });
    await expect(session.close()).rejects.toThrow('no space left');
    expect(() => session.send('Go.')).toThrow(/is closed/);
    await expect(agent.open({ id: 'talk' })).rejects.toThrow(SessionLockedError);
    isFull = false;
    await session.close();
    const again = await agent.open({ id: 'talk' });
    expect((await again.send('Go.').result).text).toBe('Fine.');
    await agent.close();
  });
});
