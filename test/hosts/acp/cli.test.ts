import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { methods } from '@agentclientprotocol/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { turnchart } from '../../cli/turnchart.ts';
import { choose, everything, patience, TestEditor } from './editor.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'turnchart-acp-'));
  await writeFile(join(folder, 'notes.txt'), 'milk');
});
afterAll(() => rm(folder, { recursive: true }));

function start(store = 'sessions.db') {
  const args = [main, 'acp', '--model', 'simulated', '--store', join(folder, store)];
  return TestEditor.start(args, { capabilities: everything });
}

describe('turnchart acp', { timeout: patience }, () => {
  test('answers questions about the folder that the editor has open', async () => {
    await using editor = await start();
    expect(editor.hello?.agentInfo).toMatchObject({ name: 'turnchart', title: 'Turnchart' });
    const id = await editor.open(folder);
    expect(await editor.prompt(id, 'what is 17*23?')).toEqual({ stopReason: 'end_turn' });
    expect(editor.text(id)).toContain('391');
    await editor.prompt(id, 'please read notes.txt');
    expect(editor.of('tool_call', id).at(-1)).toMatchObject({
      title: 'read_file notes.txt',
      kind: 'read',
      locations: [{ path: join(folder, 'notes.txt') }],
    });
    expect(editor.stderr).toContain('The simulated model answers');
  });

  test('asks the user before it deletes a file', async () => {
    await writeFile(join(folder, 'old.txt'), '');
    await using editor = await start();
    const id = await editor.open(folder);
    editor.answer = () => choose('reject_once');
    await editor.prompt(id, 'delete old.txt');
    expect(await readFile(join(folder, 'old.txt'), 'utf8')).toBe('');
    expect(editor.questions).toHaveLength(1);
    editor.answer = () => choose('allow_once');
    await editor.prompt(id, 'delete old.txt');
    await expect(readFile(join(folder, 'old.txt'))).rejects.toThrow('ENOENT');
  });

  test('keeps sessions, which turnchart sessions lists', async () => {
    let id: string;
    {
      await using editor = await start('kept.db');
      id = await editor.open(folder);
      await editor.prompt(id, 'what is 2+2?');
    }
    const { stdout } = await turnchart(['sessions', '--json', '--store', join(folder, 'kept.db')]);
    expect(JSON.parse(stdout)).toMatchObject({ id, title: 'what is 2+2?', turns: 1 });
    await using editor = await start('kept.db');
    const { sessions } = await editor.agent.request(methods.agent.session.list, { cwd: folder });
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual([id]);
  });

  test('ends in good order when it is asked to', async () => {
    const editor = await start('ended.db');
    const id = await editor.open(folder);
    const answer = editor.prompt(id, 'simulate an endless answer');
    await editor.until(() => editor.text(id) !== '');
    editor.process.kill('SIGTERM');
    expect(await answer).toEqual({ stopReason: 'cancelled' });
    expect(await editor.ended).toBe(0);
    const { stdout } = await turnchart(['sessions', '--json', '--store', join(folder, 'ended.db')]);
    expect(JSON.parse(stdout)).toMatchObject({ id, status: 'idle', turns: 1 });
  });

  test('refuses a folder that is not there', async () => {
    await using editor = await start();
    await expect(editor.open(join(folder, 'none'))).rejects.toThrow('none');
  });

  test.each([
    [['--help'], 0, 'stdout', 'agent_servers'],
    [['--moon'], 2, 'stderr', 'turnchart acp --help'],
    [['now'], 2, 'stderr', 'turnchart acp --help'],
    [['--model', 'moon/1'], 2, 'stderr', '--model moon/1: there is auto'],
  ] as const)('says what there is, or what is wrong: %j', async (words, code, stream, text) => {
    const ended = await turnchart(['acp', ...words]);
    expect(ended.code).toBe(code);
    expect(ended[stream]).toContain(text);
    if (stream === 'stderr') expect(ended.stdout).toBe('');
  });

  test('says what is wrong with the file of the store', async () => {
    await writeFile(join(folder, 'notes.db'), 'This is a file of something else.');
    const ended = await turnchart(['acp', '--model', 'simulated', '--store', join(folder, 'notes.db')]);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toContain('notes.db');
  });
});
