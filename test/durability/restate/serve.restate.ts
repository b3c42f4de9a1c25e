import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WireEvent } from 'turnchart';
import { type HttpClient, httpClient, NotFoundError } from 'turnchart/http/client';
import { transcriptProblems } from 'turnchart/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Turnchart } from '../../cli/turnchart.ts';
import { expectWellFormed, TestChat } from '../../hosts/http/chat.ts';
import { RestateServer } from './restateServer.ts';
import { TcpProxy } from './tcpProxy.ts';

let server: RestateServer;
let proxy: TcpProxy;
let stack: AsyncDisposableStack;
let home: string;
beforeAll(async () => {
  server = await RestateServer.start();
  proxy = await TcpProxy.start();
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'turnchart-restate-serve-'));
  stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(home, { recursive: true, force: true }));
});
afterEach(() => stack.disposeAsync());

interface Served {
  readonly run: Turnchart;
  readonly url: string;
  readonly client: HttpClient;
  /** Where Restate reaches it. */
  readonly port: number;
  kill(): Promise<void>;
}

async function serve(...words: readonly string[]): Promise<Served> {
  const place = ['--port', '0', '--replica', '127.0.0.1:0', '--restate', server.ingressUrl];
  const run = new Turnchart(['serve', ...place, '--model', 'simulated', ...words], { cwd: home, env: { HOME: home } });
  const kill = async () => {
    run.process.kill('SIGKILL');
    await run.ended;
  };
  stack.defer(kill);
  await run.shows('stderr', 'Try it: ');
  await run.shows('stdout', '\n');
  const url = run.stdout.trim();
  const port = Number(/turns run here, http:\/\/127\.0\.0\.1:(\d+)\./.exec(run.stderr)?.[1]);
  return { run, url, client: httpClient({ baseUrl: url }), port, kill };
}

/** Two of them, which run turns behind one address. */
async function serveTwice(...words: readonly string[]): Promise<readonly [Served, Served]> {
  const [one, other] = [await serve(...words), await serve(...words)];
  proxy.targets = [one.port, other.port];
  await server.register(proxy.uri);
  return [one, other];
}

/** Up to and with the first event of that type; without text as it streams, which others may not hear. */
async function until(events: AsyncIterable<WireEvent>, type: string): Promise<WireEvent[]> {
  const seen: WireEvent[] = [];
  for await (const event of events) {
    if (event.id === `${event.seq}`) seen.push(event);
    if (event.type === type) break;
  }
  return seen;
}

describe('turnchart serve --restate', () => {
  it('says how Restate is told of it, and what is missing until then', async () => {
    const other = await RestateServer.start();
    stack.use(other);
    const alone = await serve('--restate', other.ingressUrl);
    await alone.run.shows('stderr', 'Restate knows no service "turnchart.session": register');
    const [, uri = ''] = /^Tell Restate .* -d '(.*)'$/m.exec(alone.run.stderr) ?? [];
    expect(JSON.parse(uri)).toEqual({ uri: `http://127.0.0.1:${alone.port}` });
    await expect(alone.client.sessions.create({ id: 'early' })).rejects.toMatchObject({
      status: 503,
      code: 'sessions_unavailable',
    });
    await other.register((JSON.parse(uri) as { uri: string }).uri);
    await alone.client.sessions.create({ id: 'early' });
    await alone.client.messages.create('early', 'what is 6*7?');
    const said = await until(alone.client.events.stream('early'), 'turn.completed');
    expect(said.at(-1)?.data).toMatchObject({ text: '6*7 = 42.' });
  });

  it('runs turns only for the server whose key it was given', async () => {
    const pem = join(home, 'key.pem');
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const signing = await RestateServer.start({
      RESTATE_WORKER__INVOKER__REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE: pem,
      RESTATE_LOG_FILTER: 'warn,restate_service_client=info',
    });
    stack.use(signing);
    const [key = ''] = /publickeyv1_\w+/.exec(signing.said) ?? [];
    const guarded = await serve('--restate', signing.ingressUrl, '--replica-key', key);
    const uri = `http://127.0.0.1:${guarded.port}`;
    await expect(server.register(uri)).rejects.toThrow('401');
    await signing.register(uri);
    await guarded.client.sessions.create({ id: 'guarded' });
    await guarded.client.messages.create('guarded', 'what is 6*7?');
    const said = await until(guarded.client.events.stream('guarded'), 'turn.completed');
    expect(said.at(-1)?.data).toMatchObject({ text: '6*7 = 42.' });
  });

  it('serves the same session in every process, and deletes it for all of them', async () => {
    const [one, other] = await serveTwice();
    const { id } = await one.client.sessions.create();
    await expect(other.client.sessions.create({ id })).rejects.toMatchObject({ code: 'session_exists' });
    const streams = [one, other].map(({ client }) => until(client.events.stream(id), 'session.idle'));
    await other.client.messages.create(id, 'what is 6*7?');
    const [here, there] = await Promise.all(streams);
    expect(here?.map(({ seq }) => seq)).toEqual(here?.map((_, index) => index + 1));
    expect(here).toEqual(there);
    const messages = await one.client.messages.list(id);
    expect(messages.length).toBeGreaterThan(3);
    expect(await other.client.messages.list(id)).toEqual(messages);

    await one.client.messages.create(id, 'simulate a hanging tool');
    await one.client.sessions.delete(id);
    for (const { client } of [one, other]) await expect(client.sessions.get(id)).rejects.toThrow(NotFoundError);
    expect(await server.query(`select key from state where service_key = '${id}'`)).toEqual([]);
    // another one of that name begins anew
    await other.client.sessions.create({ id });
    await one.client.messages.create(id, 'what is 6*8?');
    const anew = await until(one.client.events.stream(id), 'session.idle');
    expect(anew.map(({ seq }) => seq)).toEqual(anew.map((_, index) => index + 1));
  });

  it('goes on with the turns of a process that is killed, and streams of the others have no gap', async () => {
    const [one, other] = await serveTwice();
    proxy.targets = [one.port];
    proxy.disconnect();
    const { id } = await other.client.sessions.create();
    await other.client.messages.create(id, 'simulate a hanging tool');
    const seen: WireEvent[] = [];
    for await (const event of other.client.events.stream(id)) {
      seen.push(event);
      if (event.type === 'tool.started') {
        await one.kill();
        proxy.targets = [other.port];
      }
      if (event.type === 'session.idle') break;
    }
    const durable = seen.filter(({ id: eventId, seq }) => eventId === `${seq}`);
    expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index + 1));
    expect(seen.map(({ type }) => type).slice(-2)).toEqual(['turn.completed', 'session.idle']);
    // it is not known how far it came
    expect(seen.find(({ type }) => type === 'tool.failed')?.data).toMatchObject({
      failure: { code: 'interrupted' },
    });
    expect(transcriptProblems(await other.client.messages.list(id))).toEqual([]);
  });

  it('reaches a turn with a cancel that comes right after its message, at another process', async () => {
    const [one, other] = await serveTwice();
    const { id } = await one.client.sessions.create();
    const { turn_id } = await one.client.messages.create(id, 'simulate a hanging tool');
    expect(await other.client.sessions.cancel(id)).toEqual({ status: 'cancelled', turn_id });
    const seen = await until(one.client.events.stream(id), 'session.idle');
    expect(seen.map(({ type }) => type)).toContain('turn.cancelled');
    expect(await other.client.sessions.cancel(id)).toEqual({ status: 'no_op' });
  });

  it('streams a chat, whose approval goes to another process', async () => {
    const [one, other] = await serveTwice();
    writeFileSync(join(home, 'notes.txt'), 'Remember the milk.');
    const asked = new TestChat(one.url, { id: 'cleaning' });
    await asked.sendMessage({ text: 'delete notes.txt' });
    expect(asked.tools).toEqual(['delete_file approval-requested']);
    const answering = new TestChat(other.url, { id: 'cleaning', messages: asked.messages });
    const part = answering.lastMessage?.parts.find(({ type }) => type === 'tool-delete_file');
    if (part === undefined || !('approval' in part)) throw new Error('Nothing is asked.');
    await answering.addToolApprovalResponse({ id: part.approval?.id ?? '', approved: true });
    await answering.sendMessage();
    expect(answering.text).toContain('notes.txt is deleted.');
    expect(existsSync(join(home, 'notes.txt'))).toBe(false);
    await expectWellFormed([...asked.told, ...answering.told]);
  });

  it('ends when it is told to, and leaves what is under way to the others', async () => {
    const [one, other] = await serveTwice('--grace', '0');
    proxy.targets = [one.port];
    proxy.disconnect();
    const { id } = await one.client.sessions.create();
    await one.client.messages.create(id, 'simulate a hanging tool');
    await until(one.client.events.stream(id), 'tool.started');
    proxy.targets = [other.port];
    one.run.process.kill('SIGTERM');
    const { code, stderr } = await one.run.ended;
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([
      0,
      '1 session is in the middle of something, which goes on in another replica, or in the next one.',
    ]);
    const seen = await until(other.client.events.stream(id), 'session.idle');
    expect(seen.map(({ type }) => type)).toContain('turn.completed');
  });
});
