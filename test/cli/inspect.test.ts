import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { command, type Place, readFeed } from '../inspection/inspector/support.ts';
import { Turnchart, turnchart } from './turnchart.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The page whose URL a process has printed. */
async function pageOf(running: Turnchart, stream: 'stdout' | 'stderr'): Promise<Place> {
  onTestFinished(() => {
    running.process.kill('SIGKILL');
  });
  await running.shows(stream, '#token=');
  while (!/#token=[\w-]{24}\s/.test(running[stream]))
    await new Promise((resolve) => running.process[stream].once('data', resolve));
  const { origin, hash } = new URL(/http:\S+/.exec(running[stream])?.[0] ?? '');
  return { origin, token: hash.replace('#token=', '') };
}

describe('turnchart inspect', () => {
  it('shows a recording until it is interrupted', async () => {
    const file = join(folder, 'run.jsonl');
    await turnchart(['--record', file, 'what is 6*7?'], { cwd: folder });
    const running = new Turnchart(['inspect', file], { cwd: folder });
    const feed = await readFeed(await pageOf(running, 'stdout'));
    await feed.until((each) => each.messages.some((message) => JSON.stringify(message).includes('session.idle')));
    expect(feed.messages[0]).toMatchObject({ type: 'hello', commands: false });
    expect(feed.ofType('session')).toMatchObject([{ agent: 'turnchart', isOpen: false }]);
    expect(feed.ofType('entry')[0]?.entry).not.toHaveProperty('machine');
    expect(JSON.stringify(feed.messages)).toContain('6*7 = 42');
    running.process.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^http:\S+\n$/);
    expect(stderr).toContain(`The recording ${file}:`);
  }, 30_000);

  it('shows a session of a store, also one whose turn has not ended', async () => {
    const store = join(folder, 'sessions.db');
    const ask = new Turnchart(['run', '--session', 'trip', '--store', store, 'simulate a hanging tool'], {
      cwd: folder,
    });
    // it runs, so what led to it is kept
    await ask.shows('stderr', 'hang hangs until it is stopped');
    ask.process.kill('SIGKILL');
    await ask.ended;
    const running = new Turnchart(['inspect', '--store', store, 'trip'], { cwd: folder });
    const feed = await readFeed(await pageOf(running, 'stdout'));
    await feed.until((each) => each.messages.some((message) => JSON.stringify(message).includes('tool.called')));
    expect(feed.ofType('entry')[0]).toMatchObject({ sessionId: 'trip', entry: { type: 'session' } });
    expect(running.stderr).toContain('Its last turn has not ended.');
    running.process.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  }, 30_000);

  it('opens an empty page where nothing is named', async () => {
    const running = new Turnchart(['inspect'], { cwd: folder });
    const feed = await readFeed(await pageOf(running, 'stdout'));
    await feed.until(({ messages }) => messages.length === 1);
    running.process.kill('SIGINT');
    expect((await running.ended).code).toBe(0);
  }, 30_000);

  it.each([
    [['nothing.jsonl'], 'nothing.jsonl: there is no such file, and no session of that name in'],
    [['broken.jsonl'], 'broken.jsonl: Line 1 of the recording is no JSON object.'],
    [['a', 'b'], '"turnchart inspect" takes one file. See turnchart inspect --help.'],
    [['--port', '99999', 'a'], '--port 99999: it is a whole number from 0 to 65535.'],
    [['--store', 'x'], '--store: name the session in it, too.'],
    [['--speed', '2'], "Unknown option '--speed'"],
  ])('refuses %j', async (words, problem) => {
    writeFileSync(join(folder, 'broken.jsonl'), 'no\n');
    const env = { XDG_DATA_HOME: folder };
    const { code, stdout, stderr } = await turnchart(['inspect', ...words], { cwd: folder, env });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(problem);
  });
});

describe('turnchart chat --inspect', () => {
  it('shows the chat, and takes messages from the page', async () => {
    const running = new Turnchart(['chat', '--inspect'], { cwd: folder });
    const page = await pageOf(running, 'stderr');
    const feed = await readFeed(page);
    await feed.until((each) => each.ofType('session').length === 1);
    expect(feed.messages[0]).toMatchObject({ type: 'hello', commands: true });
    const sessionId = feed.ofType('session')[0]?.sessionId ?? '';
    expect(await command(page, sessionId, { type: 'send', text: 'what is 6*7?' })).toEqual({ accepted: true });
    await feed.untilIdle(sessionId);
    await running.shows('stdout', '6*7 = 42');
    running.process.stdin.end('what is 2+2?\n');
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('2+2 = 4');
    // with the process, the page has come to its end
    await expect(feed.until(() => false)).rejects.toThrow();
  }, 30_000);

  it('goes on with the session under its id when the model is changed', async () => {
    const running = new Turnchart(['chat', '--inspect'], { cwd: folder });
    const feed = await readFeed(await pageOf(running, 'stderr'));
    running.process.stdin.end('what is 6*7?\n/model simulated\nwhat is 2+2?\n');
    await feed.until(
      (each) =>
        each.ofType('entry').filter((message) => JSON.stringify(message).includes('"session.idle"')).length === 2,
    );
    const starts = feed.ofType('entry').filter(({ entry }) => entry.type === 'session');
    expect(starts).toHaveLength(2);
    expect(new Set(feed.ofType('session').map(({ sessionId }) => sessionId)).size).toBe(1);
    await running.ended;
  }, 30_000);
});
