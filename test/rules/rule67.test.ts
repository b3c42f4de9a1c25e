import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgent } from 'turnchart';
import { SessionLockedError, type Store, sqliteStore } from 'turnchart/durability';
import { scriptedModel } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Child } from '../durability/child.ts';

const timeout = 60_000;

describe('67. Two processes cannot run one session: the second gets a clear error.', () => {
  let folder: string;
  let store: Store;
  let other: Child;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'turnchart-rule67-'));
    const file = join(folder, 'sessions.db');
    // it has the session "talk", and is in the middle of a turn
    other = new Child('hangInTurn', file, 'talk');
    await other.says(1);
    store = sqliteStore(file);
  }, timeout);
  afterEach(async () => {
    await other.kill();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('says which process has it, and what to do', { timeout }, async () => {
    const agent = createAgent({ model: scriptedModel([]), store });
    const error = new RegExp(
      `Session "talk" is in use by process ${other.process.pid} on .+ since .+Z\\. Close it there first\\.`,
    );
    expect(() => agent.session({ id: 'talk' })).toThrow(SessionLockedError);
    expect(() => agent.session({ id: 'talk' })).toThrow(error);
    await expect(agent.open({ id: 'talk' })).rejects.toThrow(error);
    expect(await agent.recover()).toEqual([]);
    // any other session is nobody's
    await agent.session({ id: 'another' }).close();
    await agent.close();
  });

  it('lets the second have it when the first is gone, however it ended', { timeout }, async () => {
    const model = scriptedModel(['Fine.']);
    const agent = createAgent({ model, store });
    expect(() => agent.session({ id: 'talk' })).toThrow(SessionLockedError);
    await other.kill();
    const session = agent.session({ id: 'talk' });
    expect((await session.turns[0]?.result)?.text).toBe('Fine.');
    await agent.close();
  });

  it('keeps a process from writing that goes on though another has taken its session over', { timeout }, async () => {
    await other.kill();
    const first = createAgent({ model: scriptedModel(() => 'First.'), store });
    const session = first.session({ id: 'talk' });
    await session.turns[0]?.outcome;
    // as a store would do that takes its holder for gone
    const stored = await store.read('talk');
    if (stored === undefined) expect.fail('There is no session.');
    const row = JSON.stringify({ at: 1, input: { type: 'fired', timer: 'none' }, began: [] });
    await store.write([{ type: 'rows', sessionId: 'talk', at: 1, index: stored.rowIndex, rows: [row] }]);
    const outcome = await session.send('And now?').outcome;
    expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'store_failed' } });
    expect((await store.read('talk'))?.messages).toEqual(stored.messages);
    await first.close();
  });
});
