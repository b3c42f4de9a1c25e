import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createAgent } from 'turnchart';
import { type Store, StoreCorruptError, sqliteStore } from 'turnchart/durability';
import { scriptedModel, transcriptProblems } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bound } from '../durability/fragileStore.ts';
import { asks, start, workers } from './durableSupport.ts';
import { endings, ofType, record } from './support.ts';

describe('69. A torn last record is dropped with a warning; anything else unreadable is an error naming file and place, and nothing is overwritten.', () => {
  it('says what a store warns of as a diagnostic, when the session is opened, and goes on', async () => {
    const { tools } = workers('look');
    const first = await start([asks('look')], { tools });
    first.session.send('Go.');
    await first.clock.advance(0);
    const found = bound(await first.crash());
    const warning = 'The last record was torn, and is left out.';
    const store: Store = {
      ...found,
      async read(sessionId) {
        const stored = await found.read(sessionId);
        return stored && { ...stored, rows: stored.rows.slice(0, -1), warnings: [warning] };
      },
      write: () => undefined,
    };
    const agent = createAgent({ model: scriptedModel([asks('look')]), tools, store });
    const session = await agent.open({ id: 'talk' });
    const events = record(session);
    await new Promise((resolve) => session.on('tool.started', resolve));
    expect(ofType(events, 'diagnostic')).toMatchObject([
      { source: 'store', message: warning, sessionId: 'talk' },
      { source: 'recovery' },
    ]);
    session.cancel();
    expect(transcriptProblems(session.messages)).toEqual([]);
    await agent.close();
  });

  describe('an SQLite file', () => {
    let folder: string;
    let file: string;
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'turnchart-rule69-'));
      file = join(folder, 'sessions.db');
      const store = sqliteStore(file);
      const agent = createAgent({ model: scriptedModel(['One.', { text: 'Tw', hangs: true }]), store });
      const session = agent.session({ id: 'talk' });
      await session.send('Hello.').outcome;
      for await (const { type } of session.send('Go.')) if (type === 'message.delta') break;
      // as the end of the process would leave it
      for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, join(folder, `found.db${end}`));
      await agent.close();
      await store.close();
      file = join(folder, 'found.db');
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    /** With the lock of the one before, which this process still seems to be. */
    async function open(): Promise<{ store: Store; agent: ReturnType<typeof createAgent> }> {
      const database = new DatabaseSync(file);
      database.exec('DELETE FROM locks');
      database.close();
      const store = sqliteStore(file);
      return { store, agent: createAgent({ model: scriptedModel(['Two.']), store }) };
    }

    it('whose last record is torn opens with what was whole before', async () => {
      const log = readFileSync(`${file}-wal`).length;
      truncateSync(`${file}-wal`, log - 100);
      const { store, agent } = await open();
      const session = agent.session({ id: 'talk' });
      expect(session.messages.length).toBeGreaterThan(0);
      const [turn] = session.turns;
      expect((await (turn ?? session.send('Go.')).result).text).toBe('Two.');
      expect(transcriptProblems(session.messages)).toEqual([]);
      await agent.close();
      await store.close();
    });

    it.each([
      ['a row', `UPDATE journal SET row = '{"at":1,' WHERE n = (SELECT max(n) FROM journal)`, /row \d+/],
      ['a message', `UPDATE messages SET json = 'no' WHERE n = 1`, /message 1/],
      ['a row that is missing', 'DELETE FROM journal WHERE n = (SELECT max(n) FROM journal) - 1', /a row .* is not/],
      ['a row of something else', `UPDATE journal SET row = '{}' WHERE n = (SELECT max(n) FROM journal)`, /row \d+/],
    ])('with %s that cannot be read is an error that names the place, and is left as it is', async (_, sql, place) => {
      const before = new DatabaseSync(file);
      before.exec(sql);
      before.close();
      const { store, agent } = await open();
      const journal = contents(file);
      for (const opening of [() => agent.open({ id: 'talk' }), () => agent.recover()]) {
        await expect(opening()).rejects.toThrow(StoreCorruptError);
        await expect(opening()).rejects.toThrow(place);
        await expect(opening()).rejects.toThrow(/session "talk".*Nothing was changed/);
      }
      expect(() => agent.session({ id: 'talk' })).toThrow(StoreCorruptError);
      expect(contents(file)).toEqual(journal);
      // any other session of the file is not touched by it
      expect((await agent.run('And here?')).text).toBe('Two.');
      await agent.close();
      await store.close();
    });

    it('that is none is an error that names it, and is left as it is', () => {
      const text = 'This is a letter to my mother. '.repeat(200);
      const letter = join(folder, 'letter.txt');
      writeFileSync(letter, text);
      expect(() => sqliteStore(letter)).toThrow(StoreCorruptError);
      expect(() => sqliteStore(letter)).toThrow(letter);
      expect(readFileSync(letter, 'utf8')).toBe(text);
    });
  });

  it('ends no turn twice where the record of its end was torn', async () => {
    const first = await start(['One.']);
    first.session.send('Hello.');
    await first.clock.advance(0);
    const found = await first.crashAfter(first.changes() - 2);
    const second = await start(['One.'], {}, found);
    await second.clock.advance(0);
    expect(endings(second.events)).toEqual(['turn.completed']);
    expect(second.session.messages).toHaveLength(2);
  });
});

/** All that is in the tables of sessions. */
function contents(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true });
  const all = ['sessions', 'checkpoints', 'messages', 'journal'].map((name) =>
    database.prepare(`SELECT * FROM ${name} WHERE ${name === 'sessions' ? 'id' : "'talk'"} = 'talk'`).all(),
  );
  database.close();
  return all;
}
