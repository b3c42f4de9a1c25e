import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asksByLoopback, bearerToken, isLoopback } from '../../src/cli/serveAccess.ts';
import { serveCommand } from '../../src/cli/serveCommand.ts';
import type { WireEvent } from '../../src/events.ts';
import { httpClient } from '../../src/hosts/http/client/index.ts';
import { SseReader } from '../hosts/http/support.ts';
import { command, readFeed } from '../inspection/inspector/support.ts';
import { captured } from './captured.ts';
import { Turnchart } from './turnchart.ts';

// Processes start slowly where many tests run beside each other.
const timeout = 60_000;

let home: string;
let running: Turnchart[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'turnchart-serve-'));
  running = [];
});

afterEach(async () => {
  for (const { process, ended } of running) {
    process.kill('SIGKILL');
    await ended;
  }
  rmSync(home, { recursive: true, force: true });
});

class Served {
  readonly process: Turnchart;
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(process: Turnchart, token: string | undefined) {
    this.process = process;
    this.url = process.stdout.trim();
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, { headers: { ...this.#headers, ...headers } });
  }

  post(path: string, body: object): Promise<Response> {
    const headers = { ...this.#headers, 'content-type': 'application/json' };
    return fetch(`${this.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async send(content: string): Promise<Response> {
    const response = await this.post('/v1/sessions/trip/messages', { content });
    expect(response.status).toBe(202);
    return response;
  }

  async events(lastId?: string): Promise<SseReader> {
    return new SseReader(
      await this.get('/v1/sessions/trip/events', lastId === undefined ? {} : { 'last-event-id': lastId }),
    );
  }
}

async function serve(args: readonly string[] = [], token?: string): Promise<Served> {
  const env = { HOME: home, ...(token !== undefined && { TURNCHART_TOKEN: token }) };
  const started = new Turnchart(['serve', '--port', '0', '--model', 'simulated', ...args], { cwd: home, env });
  running.push(started);
  await started.shows('stderr', 'Try it: ');
  await started.shows('stdout', '\n');
  return new Served(started, token);
}

/** Durable events have the numbers that they should, each once. */
function expectNoGaps(events: readonly WireEvent[]): void {
  const durable = events.filter(({ id, seq }) => id === `${seq}`).map(({ seq }) => seq);
  expect(durable).toEqual(durable.map((_, index) => (durable[0] ?? 0) + index));
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
}

describe('turnchart serve', () => {
  test('says where it serves and how to ask it, and answers what it says', { timeout }, async () => {
    const { process, url } = await serve();
    expect(process.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/);
    expect(process.stderr).toContain('The simulated model answers');
    expect(process.stderr).toContain('Sessions end with this process');
    const [, address = '', body = ''] = /^Try it: curl -N (\S+) -H \S+ \S+ -d '(.*)'$/m.exec(process.stderr) ?? [];
    expect(address.startsWith(url)).toBe(true);
    const headers = { 'content-type': 'application/json' };
    const answer = await (await fetch(address, { method: 'POST', headers, body })).text();
    expect(answer).toContain('391');
    expect(answer).toContain('data: {"type":"finish","finishReason":"stop"}\n\ndata: [DONE]');
  });

  test('lets nobody ask who only has a name resolved to this machine', { timeout }, async () => {
    const { url } = await serve();
    const { port } = new URL(url);
    // a browser sends the name that its page has
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      const asked = request({
        port,
        host: '127.0.0.1',
        path: '/v1/openapi.json',
        headers: { host: `evil.example:${port}` },
      });
      asked.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      asked.end();
    });
    expect(status).toBe(421);
    expect((await fetch(`http://localhost:${port}/v1/openapi.json`)).status).toBe(200);
  });

  test('serves other machines, with a token that it does not show', { timeout }, async () => {
    const served = await serve(['--host', '0.0.0.0'], 'canary-token');
    expect((await fetch(`${served.url}/v1/openapi.json`)).status).toBe(401);
    const wrong = { headers: { authorization: 'Bearer canary' } };
    expect((await fetch(`${served.url}/v1/openapi.json`, wrong)).status).toBe(401);
    expect((await served.get('/v1/openapi.json')).status).toBe(200);
    expect(served.process.stderr).toContain('-H "Authorization: Bearer $TURNCHART_TOKEN"');
    expect(served.process.stdout + served.process.stderr).not.toContain('canary');
  });

  test('--inspect shows its sessions on a page, which may speak to them', { timeout }, async () => {
    const served = await serve(['--inspect']);
    const { origin, hash } = new URL(/Inspector: (\S+)/.exec(served.process.stderr)?.[1] ?? '');
    const page = { origin, token: hash.replace('#token=', '') };
    await served.post('/v1/sessions', { id: 'trip' });
    await served.send('what is 6*7?');
    const feed = await readFeed(page);
    const tells = (text: string) =>
      feed.until((all) => all.messages.some((each) => JSON.stringify(each).includes(text)));
    await tells('6*7 = 42');
    expect(await command(page, 'trip', { type: 'send', text: 'what is 6*8?' })).toEqual({ accepted: true });
    await tells('6*8 = 48');
    served.process.process.kill('SIGTERM');
    expect((await served.process.ended).code).toBe(0);
  });

  test('says so where the port is taken', { timeout }, async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? `${address?.port}` : '';
    const started = new Turnchart(['serve', '--port', port, '--model', 'simulated'], { env: { HOME: home } });
    running.push(started);
    const { code, stderr } = await started.ended;
    expect([code, stderr]).toEqual([1, `Port ${port} of 127.0.0.1 is taken: choose another with --port.\n`]);
    await new Promise((resolve) => other.close(resolve));
  });
});

describe('a server that is killed in the middle of a turn', () => {
  test.each([
    ['while a tool runs', 'simulate a hanging tool', 'tool.progress'],
    ['while the model speaks', 'what can you do?', 'message.delta'],
    ['before the model has said anything', 'simulate a rate limit of 3 seconds, then what is 17*23?', 'model.retrying'],
  ])('goes on with it when it is started again, and so do its streams: %s', { timeout }, async (_, content, type) => {
    const store = ['--store', join(home, 'sessions.db')];
    const first = await serve(store);
    await first.post('/v1/sessions', { id: 'trip' });
    await first.send('what is 2+2?');
    const earlier = await first.events();
    const seen = await earlier.until('session.idle');
    await first.send(content);
    seen.push(...(await earlier.until(type)));
    first.process.process.kill('SIGKILL');
    await first.process.ended;
    // what was on its way may have come through
    await earlier.close().catch(() => undefined);

    const second = await serve(store);
    expect(second.process.stderr).toContain('1 session is in the middle of something, which goes on.');
    const later = await second.events(seen.at(-1)?.id);
    seen.push(...(await later.until('session.idle')));
    expectNoGaps(seen);
    const ended = seen.filter((event) => event.type === 'turn.completed');
    expect(ended).toHaveLength(2);
    const started = seen.filter((event) => event.type === 'turn.started');
    expect(started.map(({ turn_id }) => turn_id)).toEqual(ended.map(({ turn_id }) => turn_id));
    // so is whoever has been away for longer
    const all = new SseReader(
      await second.get('/v1/sessions/trip/events?since_id=0&exclude=message.delta,tool.progress'),
    );
    const kept = await all.take(Number(seen.at(-1)?.seq));
    expect(kept.map(({ seq }) => seq)).toEqual(kept.map((__, index) => index + 1));
    await Promise.all([later.close(), all.close()]);
  });
});

test('a client does not notice that its server is killed and started again', { timeout }, async () => {
  const store = ['--store', join(home, 'sessions.db')];
  const first = await serve(store);
  const client = httpClient({ baseUrl: first.url });
  await client.sessions.create({ id: 'trip' });
  await client.messages.create('trip', 'simulate a hanging tool');
  const seen: WireEvent[] = [];
  for await (const event of client.events.stream('trip')) {
    seen.push(event);
    if (event.type === 'tool.progress') {
      first.process.process.kill('SIGKILL');
      await first.process.ended;
      // the last of several options counts
      await serve([...store, '--port', new URL(first.url).port]);
    }
    if (event.type === 'session.idle') break;
  }
  expectNoGaps(seen);
  expect(seen.filter(({ type }) => type === 'turn.completed')).toHaveLength(1);
});

describe('a server that is told to stop', () => {
  test('lets the turn end that runs, tells the streams, and ends with 0', { timeout }, async () => {
    const served = await serve(['--grace', '600']);
    await served.post('/v1/sessions', { id: 'trip' });
    await served.send('what can you do?');
    const stream = await served.events();
    await stream.until('message.delta');
    served.process.process.kill('SIGTERM');
    await served.process.shows('stderr', 'Stopping: ');
    const rest = await stream.until('disconnecting');
    expect(rest.map(({ type }) => type).slice(-3)).toEqual(['turn.completed', 'session.idle', 'disconnecting']);
    expect(rest.at(-1)?.data).toMatchObject({ reason: 'server_stopping' });
    expect((await served.process.ended).code).toBe(0);
  });

  test('takes no more messages meanwhile, but lets the turn be cancelled', { timeout }, async () => {
    const served = await serve(['--grace', '600']);
    await served.post('/v1/sessions', { id: 'trip' });
    await served.send('simulate a hanging tool');
    const stream = await served.events();
    await stream.until('tool.progress');
    served.process.process.kill('SIGINT');
    await served.process.shows('stderr', 'Stopping: no more messages are taken, and turns have 600 s to end.');
    const refused = await served.post('/v1/sessions/trip/messages', { content: 'Hello!' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await served.post('/v1/sessions/trip/cancel', {})).status).toBe(200);
    expect((await stream.until('disconnecting')).map(({ type }) => type)).toContain('turn.cancelled');
    expect((await served.process.ended).code).toBe(0);
  });

  test('leaves what does not end in time to the next one', { timeout }, async () => {
    const store = ['--store', join(home, 'sessions.db')];
    const served = await serve([...store, '--grace', '0']);
    await served.post('/v1/sessions', { id: 'trip' });
    await served.send('simulate a hanging tool');
    const stream = await served.events();
    await stream.until('tool.progress');
    served.process.process.kill('SIGTERM');
    const last = (await stream.until('disconnecting')).at(-1)?.data;
    const { code, stderr } = await served.process.ended;
    expect([code, stderr.trim().split('\n').at(-1)]).toEqual([
      0,
      '1 session is in the middle of something, which goes on with the next start.',
    ]);
    const next = await serve(store);
    const resumed = await next.events(String(last?.since_id));
    expect((await resumed.until('turn.completed')).some(({ type }) => type === 'turn.cancelled')).toBe(false);
    await resumed.close();
  });

  test('ends at once when it is told again', { timeout }, async () => {
    const served = await serve(['--grace', '600']);
    await served.post('/v1/sessions', { id: 'trip' });
    await served.send('simulate a hanging tool');
    const stream = await served.events();
    await stream.until('tool.progress');
    let isOver = false;
    const ended = served.process.ended.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      served.process.process.kill('SIGTERM');
      await setImmediate();
    }
    expect((await ended).code).toBe(130);
    await stream.close().catch(() => undefined);
  });
});

describe('the words after turnchart serve', () => {
  const run = (words: readonly string[], env = {}) => captured((terminal) => serveCommand(words, env, terminal));
  const restate = ['--restate', 'http://localhost:8080'];

  test.each([
    [['--host', '0.0.0.0'], /^--host 0\.0\.0\.0 lets other machines ask.* set TURNCHART_TOKEN/],
    [['--host', '::'], /^--host :: lets other machines ask/],
    [['--host', 'example.com'], /lets other machines ask/],
    [['--host', ''], /^--host: the address is empty\./],
    [['--port', 'x'], /^--port x: it is a number up to 65535\./],
    [['--port', '70000'], /^--port 70000: /],
    [['--grace', '1.5'], /^--grace 1\.5: it is a whole number of seconds\./],
    [['--token', ' '], /^--token: it is empty\./],
    [['--store', ''], /^--store: the file is missing\./],
    [['--replica', '127.0.0.1:9080'], /^--replica: it goes with --restate\./],
    [['--restate', 'localhost:8080'], /^--restate localhost:8080: it is a URL, as in http:\/\/localhost:8080\./],
    [[...restate, '--replica', '9080'], /^--replica 9080: it is a host and a port, as in 127\.0\.0\.1:9080\./],
    [[...restate, '--replica', '::1:9080'], /^--replica ::1:9080: it is a host and a port/],
    [[...restate, '--replica', '[::]:9080'], /^--replica \[::\]:9080 lets other machines run turns.*--replica-key/],
    [[...restate, '--replica-key', 'secret'], /^--replica-key secret: it begins with publickeyv1_\./],
    [[...restate, '--store', 'sessions.db'], /^--store and --restate: sessions are in one place\./],
    [[...restate, '--inspect'], /^--inspect and --restate: /],
    [['--model', 'nobody/x'], /^--model nobody\/x: there is /],
    [['the', 'tea'], /^"turnchart serve" takes no "the"\. To ask that: turnchart run serve the tea\./],
    [['--verbose'], /^Unknown option '--verbose'\./],
  ])('%j are wrong', async (words, message) => {
    const { code, stderr } = await run(words);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('See turnchart serve --help.');
  });

  test('an empty token in the environment is none', async () => {
    expect((await run(['--host', '0.0.0.0'], { TURNCHART_TOKEN: '' })).code).toBe(2);
  });

  test('--help lists the options', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const option of ['port', 'host', 'token', 'store', 'model', 'grace', 'restate', 'replica', 'replica-key'])
      expect(stdout).toContain(`--${option} <`);
  });
});

test.each([
  ['localhost', true],
  ['LocalHost', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['::', false],
  ['127.evil.example', false],
  ['localhost.evil.example', false],
  ['10.0.0.1', false],
])('%s is of this machine only: %j', (host, isLocal) => {
  expect(isLoopback(host)).toBe(isLocal);
});

test('a request asks this machine by the name in its URL', () => {
  expect(asksByLoopback(new Request('http://localhost:8080/v1'))).toBe(true);
  expect(asksByLoopback(new Request('http://[::1]:8080/v1'))).toBe(true);
  expect(asksByLoopback(new Request('http://evil.example:8080/v1'))).toBe(false);
});

test.each([
  ['Bearer secret', true],
  ['bearer secret', true],
  ['Bearer  secret', true],
  ['Bearer secrets', false],
  ['Bearer', false],
  ['Basic secret', false],
  ['', false],
])('of a token, "%s" is the right one: %j', (authorization, isRight) => {
  expect(bearerToken('secret')(new Request('http://localhost', { headers: { authorization } }))).toBe(isRight);
});
