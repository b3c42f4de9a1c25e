import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { methods } from '@agentclientprotocol/sdk';
import { memoryStore, sqliteStore } from 'turnchart/durability';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listSessions } from '../../../src/hosts/acp/sessionList.ts';
import { errorOf, everything, patience, TestEditor } from './editor.ts';

const edit = { name: 'edit_file', id: 'a', input: { path: 'notes.txt', oldText: 'milk', newText: 'bread' } };
const { session } = methods.agent;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'turnchart-acp-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** An agent that keeps its sessions in a file. */
function start(name: string) {
  return TestEditor.start({ store: join(folder, `${name}.db`) }, { capabilities: everything });
}

describe('a hello', { timeout: patience }, () => {
  test('says what there is where sessions are kept', async () => {
    await using editor = await start('hello');
    expect(editor.hello).toEqual({
      protocolVersion: 1,
      agentInfo: { name: 'tests', version: '1.0.0' },
      authMethods: [{ id: 'key', name: 'With a key' }],
      agentCapabilities: {
        loadSession: true,
        promptCapabilities: { image: true, embeddedContext: true },
        mcpCapabilities: { http: true, sse: true },
        sessionCapabilities: { close: {}, list: {}, resume: {}, delete: {} },
        _meta: { agent_error: true },
      },
    });
  });

  test('says what there is where they are not kept, and tools cannot be added', async () => {
    await using editor = await TestEditor.start({ isFixed: true });
    expect(editor.hello?.agentCapabilities).toMatchObject({
      loadSession: false,
      mcpCapabilities: { http: false, sse: false },
      sessionCapabilities: { close: {} },
    });
    const { code } = await errorOf(editor.agent.request(session.list, {}));
    expect(code).toBe(-32601);
    const id = await editor.open('/tests', [{ name: 'files', command: '/none', args: [], env: [] }]);
    expect(await editor.prompt(id, ['Hi.'])).toEqual({ stopReason: 'end_turn' });
    expect(editor.text(id, 'agent_thought_chunk')).toContain('"files" is not used');
  });

  test('is answered with the version that is spoken, whatever is asked for', async () => {
    await using editor = await TestEditor.start({});
    const { protocolVersion } = await editor.agent.request(methods.agent.initialize, { protocolVersion: 7 });
    expect(protocolVersion).toBe(1);
  });

  test('is followed by signing in, with a method that there is', async () => {
    await using editor = await TestEditor.start({});
    expect(await editor.agent.request(methods.agent.authenticate, { methodId: 'key' })).toEqual({});
    await editor.until(() => editor.stderr.includes('signed in: key'));
    const { code, message } = await errorOf(editor.agent.request(methods.agent.authenticate, { methodId: 'moon' }));
    expect([code, message]).toEqual([-32602, expect.stringContaining('there is no method "moon"')]);
  });
});

describe('a session that is kept', { timeout: patience }, () => {
  test('is told again in another process, and goes on', async () => {
    let id: string;
    let live: TestEditor;
    {
      await using editor = await start('load');
      live = editor;
      id = await editor.open('/tests/project');
      await editor.prompt(id, [{ reasoning: 'Hm.', text: 'I will.', calls: [edit] }, 'Done.']);
      const answer = editor.prompt(id, [{ text: 'Well', hangs: true }]);
      await editor.until(() => editor.text(id).endsWith('Well'));
      await editor.cancel(id);
      await answer;
    }
    await using editor = await start('load');
    expect(await editor.agent.request(session.load, { sessionId: id, cwd: '/tests/project', mcpServers: [] })).toEqual(
      {},
    );
    expect(editor.text(id, 'agent_thought_chunk')).toBe('Hm.');
    expect(editor.text(id)).toBe('I will.Done.Well');
    expect(editor.text(id, 'user_message_chunk')).toContain('I will.');
    expect(editor.of('tool_call', id)).toEqual(live.of('tool_call', id));
    expect(editor.of('tool_call_update', id)).toEqual(live.of('tool_call_update', id).slice(-1));
    const messageIds = (side: TestEditor) =>
      new Set(side.of('agent_message_chunk', id).map(({ messageId }) => messageId));
    expect(messageIds(editor)).toEqual(messageIds(live));
    const [usage] = editor.of('usage_update', id);
    expect(usage).toMatchObject({ used: 15, size: 10_000, cost: { amount: 0.5, currency: 'EUR' } });
    expect(await editor.prompt(id, ['Here.'])).toEqual({ stopReason: 'end_turn' });
    expect(editor.text(id)).toBe('I will.Done.WellHere.');
  });

  test('goes on without being told again', async () => {
    await using editor = await start('resume');
    const id = await editor.open();
    await editor.prompt(id, ['One.']);
    await editor.agent.request(session.close, { sessionId: id });
    expect(await errorOf(editor.prompt(id, ['Two.']))).toMatchObject({ code: -32002 });
    await editor.agent.request(session.resume, { sessionId: id, cwd: '/tests' });
    await editor.prompt(id, ['Three.']);
    expect(editor.text(id)).toBe('One.Three.');
  });

  test('can be loaded while it is open, which cancels what runs', async () => {
    await using editor = await start('again');
    const id = await editor.open();
    await editor.prompt(id, ['One.']);
    const answer = editor.prompt(id, [{ text: 'Well', hangs: true }]);
    await editor.until(() => editor.text(id).endsWith('Well'));
    await editor.agent.request(session.load, { sessionId: id, cwd: '/tests', mcpServers: [] });
    expect(await answer).toEqual({ stopReason: 'cancelled' });
    expect(editor.text(id)).toBe('One.WellOne.Well');
  });

  test('can be loaded before anything was said', async () => {
    await using editor = await start('empty');
    const id = await editor.open();
    await editor.agent.request(session.load, { sessionId: id, cwd: '/tests', mcpServers: [] });
    expect(await editor.prompt(id, ['Here.'])).toEqual({ stopReason: 'end_turn' });
  });

  test('rests when it is loaded after its process was killed in the middle of a turn', async () => {
    let id: string;
    {
      const editor = await start('killed');
      id = await editor.open();
      void editor.prompt(id, [{ calls: [{ name: 'wait', id: 'a' }] }, 'Done.']).catch(() => undefined);
      await editor.until(() => editor.of('tool_call_update', id).length > 1);
      editor.process.kill('SIGKILL');
      await editor.ended;
    }
    await using editor = await start('killed');
    await editor.agent.request(session.load, { sessionId: id, cwd: '/tests', mcpServers: [] });
    expect(editor.of('tool_call', id).map(({ name }) => name)).toEqual(['wait']);
    expect(editor.of('tool_call_update', id).map(({ status }) => status)).toEqual(['failed']);
    expect(await editor.prompt(id, ['Here.'])).toEqual({ stopReason: 'end_turn' });
  });

  test('is listed with its folder and its title, and is not when it is deleted', async () => {
    await using editor = await start('list');
    const id = await editor.open('/tests/a');
    await editor.prompt(id, ['Here.']);
    await editor.open('/tests/empty');
    const list = async (cwd?: string) =>
      (await editor.agent.request(session.list, cwd === undefined ? {} : { cwd })).sessions;
    expect(await list()).toEqual([
      { sessionId: id, cwd: '/tests/a', title: '["Here."]', updatedAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    ]);
    expect(await list('/tests/b')).toEqual([]);
    await editor.agent.request(session.delete, { sessionId: id });
    expect(await list()).toEqual([]);
    expect(await errorOf(editor.prompt(id, ['Hi.']))).toMatchObject({ code: -32002 });
  });

  test('is refused where there is none of that id, the folder is none, or another process has it', async () => {
    await using editor = await start('refused');
    const load = (sessionId: string, cwd = '/tests') =>
      errorOf(editor.agent.request(session.load, { sessionId, cwd, mcpServers: [] }));
    expect(await load('none')).toMatchObject({ code: -32002, data: { sessionId: 'none' } });
    expect(await load('none', 'here')).toMatchObject({ code: -32602, message: expect.stringContaining('absolute') });
    expect(await errorOf(editor.open('here'))).toMatchObject({ code: -32602 });
    expect(await errorOf(editor.agent.request(session.list, { cursor: 'moon' }))).toMatchObject({ code: -32602 });
    const id = await editor.open();
    await editor.prompt(id, ['Hi.']);
    await using other = await start('refused');
    const { message } = await errorOf(
      other.agent.request(session.load, { sessionId: id, cwd: '/tests', mcpServers: [] }),
    );
    expect(message).toContain(`is in use by process ${editor.process.pid}`);
    expect(other.updates(id)).toEqual([]);
  });

  test('is closed when the editor goes away in the middle of a turn', async () => {
    let id: string;
    {
      const editor = await start('gone');
      id = await editor.open();
      void editor.prompt(id, [{ calls: [{ name: 'wait' }] }, 'Done.']).catch(() => undefined);
      await editor.until(() => editor.of('tool_call_update', id).length > 1);
      editor.process.stdin.end();
      expect(await editor.ended).toBe(0);
    }
    const store = sqliteStore(join(folder, 'gone.db'));
    expect((await store.read(id))?.summary).toMatchObject({ status: 'idle', turns: 1 });
    await store.close();
  });
});

test('sessions are listed page by page, only those of editors', async () => {
  const store = memoryStore();
  const state = { agent: 'a', seq: 0, usage: { inputTokens: 0, outputTokens: 0 }, turns: 0, machineVersion: '1' };
  const ids = Array.from({ length: 120 }, (_, index) =>
    index % 8 === 0 ? `session_${index}` : `/tests/${index % 2}#${index.toString(16).padStart(12, '0')}`,
  );
  await store.write(
    ids.map((sessionId, at) => ({
      type: 'checkpoint' as const,
      sessionId,
      at,
      rows: 0,
      messages: { index: 0, added: [] },
      state,
    })),
  );
  const listed: string[] = [];
  const lengths: number[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await listSessions(store, cursor === undefined ? {} : { cursor });
    listed.push(...page.sessions.map(({ sessionId }) => sessionId));
    lengths.push(page.sessions.length);
    cursor = page.nextCursor ?? null;
  }
  expect(listed).toEqual(ids.filter((id) => id.startsWith('/')).toReversed());
  expect(lengths).toEqual([50, 50, 5]);
  const { sessions } = await listSessions(store, { cwd: '/tests/1' });
  expect(new Set(sessions.map(({ cwd }) => cwd))).toEqual(new Set(['/tests/1']));
});
