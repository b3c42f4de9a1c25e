import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { createAgent } from 'turnchart';
import { scriptedModel, transcriptProblems } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LockHolder, SessionLockedError, type Store, sqliteStore } from '../../src/durability/index.ts';
import { thisProcess } from '../../src/durability/processIdentity.ts';
import { checkpoint, rows, user } from './changes.ts';
import { Child } from './child.ts';

// Processes start slowly where many tests run beside each other.
const timeout = 60_000;
let folder: string;
let file: string;
let children: Child[];
let stores: Store[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-sqlite-'));
  file = join(folder, 'sessions.db');
  children = [];
  stores = [];
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()));
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(program: string, ...args: readonly string[]): Child {
  const child = new Child(program, ...args);
  children.push(child);
  return child;
}

function open(path = file, options?: Parameters<typeof sqliteStore>[1]): Store {
  const store = sqliteStore(path, options);
  stores.push(store);
  return store;
}

async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a process that is killed', () => {
  it('at any moment of its writing loses nothing that was safe, and leaves nothing torn', {
    timeout: 300_000,
  }, async () => {
    let writes = 0;
    for (let kill = 0; kill < 50; kill += 1) {
      const child = start('writeForever', file);
      await child.says(1 + (kill % 6));
      await child.kill();
      writes = Number(child.lines.at(-1)) + 1;

      const store = sqliteStore(file);
      const [a, b] = [await store.read('a'), await store.read('b')];
      const [indexes, others] = [await journalOf(store, 'a'), await journalOf(store, 'b')];
      // the one that was under way may be there, whole
      expect([writes, writes + 1]).toContain(indexes.length);
      expect(indexes).toEqual(indexes.map((_, index) => index));
      expect(others).toEqual(indexes);
      const checkpoints = Math.floor(indexes.length / 5);
      expect(a?.messages).toEqual(Array.from({ length: checkpoints }, (_, n) => user(`message ${n}`)));
      expect(b?.messages).toEqual(a?.messages);
      expect(a?.rowIndex).toBe(checkpoints * 5);
      expect(a?.warnings).toEqual([]);
      await store.close();
    }
    expect(writes).toBeGreaterThan(150);
  });

  it('in the middle of a turn leaves a session that the next process goes on with', { timeout }, async () => {
    const child = start('hangInTurn', file, 'talk');
    await child.says(1);
    const store = open();
    const agent = createAgent({ model: scriptedModel(['All is well.']), store });
    expect(() => agent.session({ id: 'talk' })).toThrow(SessionLockedError);
    expect(await agent.recover()).toEqual([]);
    await child.kill();
    const [session, ...others] = await agent.recover();
    if (session === undefined) expect.fail('nothing was recovered');
    expect(others).toEqual([]);
    expect((await session.turns[0]?.result)?.text).toBe('All is well.');
    await session.close();
    expect(transcriptProblems(session.messages)).toEqual([]);
    expect(await store.list()).toMatchObject([{ id: 'talk', turns: 2, status: 'idle', title: 'How are you?' }]);
    expect((await store.read('talk'))?.messages).toEqual(session.messages);
  });

  async function journalOf(store: Store, sessionId: string): Promise<readonly number[]> {
    const entries = await store.journal(sessionId);
    return entries.flatMap((entry) => (entry.type === 'row' ? JSON.parse(entry.row).index : []));
  }
});

describe('a machine that loses its power', () => {
  it('keeps the writes that were on the disk, and of one that was half there nothing', async () => {
    const store = open();
    // what follows stands in the log, whose end is what a power cut tears
    await store.write([checkpoint('a'), checkpoint('b')]);
    const writes = 12;
    for (let index = 0; index < writes; index += 1) {
      const row = JSON.stringify({ index, text: 'x'.repeat((index % 4) * 3_000) });
      await store.write([rows('a', index, row), rows('b', index, row)]);
    }
    const log = readFileSync(`${file}-wal`).length;
    const counts = new Set<number>();
    const cuts = 60;
    for (let cut = 0; cut <= cuts; cut += 1) {
      const copy = join(folder, `cut-${cut}.db`);
      copyFileSync(file, copy);
      copyFileSync(`${file}-wal`, `${copy}-wal`);
      // at the end of a page and within one
      truncateSync(`${copy}-wal`, log - Math.floor((log * cut) / (2 * cuts)));
      const later = open(copy);
      const [a, b] = [await later.read('a'), await later.read('b')];
      expect(a?.rows).toEqual((await store.read('a'))?.rows.slice(0, a?.rows.length));
      expect(b?.rows).toEqual(a?.rows);
      counts.add(a?.rows.length ?? -1);
      await later.close();
    }
    expect([...counts]).toEqual([...counts].sort((one, other) => other - one));
    expect(Math.max(...counts)).toBe(writes);
    expect(counts.size).toBeGreaterThan(3);
  });
});

describe('processes at once', () => {
  it('write different sessions of one file', { timeout }, async () => {
    const count = 150;
    const writers = ['a', 'b', 'c'].map((id) => start('writeSession', file, id, String(count)));
    await Promise.all(writers.map((writer) => writer.end()));
    const store = open();
    expect((await store.list()).map(({ id }) => id)).toEqual(['c', 'b', 'a']);
    for (const id of ['a', 'b', 'c']) {
      expect((await store.read(id))?.rows).toEqual(Array.from({ length: count }, (_, index) => String(index)));
      await (await store.lock(id)).release();
    }
  });

  it('cannot have one session: the second is told who has it, until that process is gone', { timeout }, async () => {
    const child = start('holdSession', file, 's');
    await child.says(1);
    const store = open();
    const error = await thrownBy(() => store.lock('s'));
    if (!(error instanceof SessionLockedError)) expect.fail(String(error));
    expect(error.holder).toEqual({ processId: child.process.pid, host: hostname(), since: expect.any(Number) });
    const since = new Date(error.holder.since).toISOString();
    expect(error.message).toBe(
      `Session "s" is in use by process ${child.process.pid} on ${hostname()} since ${since}. Close it there first.`,
    );
    await child.kill();
    await (await store.lock('s')).release();
  });
});

describe('the lock of a process', () => {
  /** A store that finds a lock of this process, changed. */
  async function found(change: string, isGone?: (holder: LockHolder) => boolean): Promise<Store> {
    await open().lock('s');
    const database = new DatabaseSync(file);
    expect(database.prepare(`UPDATE locks SET ${change}`).run().changes).toBe(1);
    database.close();
    return open(file, isGone && { isGone });
  }

  it('is taken over where another has got its id since', async () => {
    const store = await found(`start = 'before'`);
    const error = await thrownBy(() => store.lock('s'));
    // where the system does not tell when a process started, it may be the same
    if (thisProcess().start === undefined) expect(error).toBeInstanceOf(SessionLockedError);
    else expect(error).toBe(undefined);
  });

  it('is taken over where it has ended, though its parent never asked how', { timeout }, async () => {
    const holder = fileURLToPath(new URL('programs/holdSession.ts', import.meta.url));
    // a parent that asks nobody
    const line = '"$0" --conditions=turnchart-source "$1" "$2" s & exec sleep 600';
    const parent = spawn('sh', ['-c', line, process.execPath, holder, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(parent.stdout, 'data');
      const store = open();
      const error = await thrownBy(() => store.lock('s'));
      if (!(error instanceof SessionLockedError)) expect.fail(String(error));
      const processId = error.holder.processId ?? 0;
      process.kill(processId, 'SIGKILL');
      // where the system does not tell that it has ended, it may be alive
      if (thisProcess().start === undefined) expect(await thrownBy(() => store.lock('s'))).toEqual(error);
      else await vi.waitFor(() => store.lock('s'), { timeout: timeout / 2 });
      expect(process.kill(processId, 0)).toBe(true);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('is taken over where the machine was started again since', async () => {
    const store = await found(`boot = 'before', process_id = ${process.pid}`);
    const error = await thrownBy(() => store.lock('s'));
    if (thisProcess().boot === undefined) expect(error).toBeInstanceOf(SessionLockedError);
    else expect(error).toBe(undefined);
  });

  it('is respected where it is out of sight, and says how to free it', async () => {
    const store = await found(`host = 'elsewhere', boot = 'other', process_id = 1`);
    expect(await thrownBy(() => store.lock('s'))).toMatchObject({
      name: 'SessionLockedError',
      message: expect.stringMatching(/process 1 on elsewhere since .* with the option `isGone`/),
      holder: { processId: 1, host: 'elsewhere' },
    });
  });

  it('is taken over where its user says that it is gone', async () => {
    const asked: LockHolder[] = [];
    const store = await found(`host = 'elsewhere', boot = 'other', process_id = 1`, (holder) => {
      asked.push(holder);
      return holder.host === 'elsewhere';
    });
    await store.lock('s');
    expect(asked).toEqual([{ processId: 1, host: 'elsewhere', since: expect.any(Number) }]);
    // now it is of a process that is here
    expect(await thrownBy(() => store.lock('s'))).toBeInstanceOf(SessionLockedError);
    expect(asked).toHaveLength(1);
  });

  it('is no more its own once it was taken over', async () => {
    const first = open();
    const lock = await first.lock('s');
    const database = new DatabaseSync(file);
    database.exec(`UPDATE locks SET host = 'elsewhere', boot = 'other', process_id = 1`);
    database.close();
    const second = open(file, { isGone: () => true });
    await second.lock('s');
    await lock.release();
    await first.close();
    expect(await thrownBy(() => open().lock('s'))).toBeInstanceOf(SessionLockedError);
  });
});

describe('node:sqlite', () => {
  it('is loaded by the first sqliteStore, not by the agent or its door', { timeout }, async () => {
    const child = start('loadedModules', file);
    await child.end();
    expect(child.lines).toEqual(['false', 'true']);
  });
});
