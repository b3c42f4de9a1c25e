import { request } from 'node:http';
import { createAgent } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it, vi } from 'vitest';
import { type Opened, open, post } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });

const cancel = JSON.stringify({ sessionId: 's', command: { type: 'cancel' } });

async function refusal(response: Response): Promise<readonly [status: number, reason: string]> {
  const { accepted, reason } = (await response.json()) as { accepted: boolean; reason: string };
  expect(accepted).toBe(false);
  return [response.status, reason];
}

/** With headers that `fetch` sets by itself. */
function get({ origin, token }: Opened, headers: Record<string, string>): Promise<number | undefined> {
  const authorized = { authorization: `Bearer ${token}`, ...headers };
  return new Promise((resolve, reject) => {
    const sent = request(`${origin}/feed`, { headers: authorized }, (response) => {
      resolve(response.statusCode);
      response.destroy();
    });
    sent.on('error', reject).end();
  });
}

describe('an inspector', () => {
  it('gives the page to everybody, and the feed to who has the token', async () => {
    const opened = await open();
    const page = await fetch(opened.origin);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const html = await page.text();
    expect(html).toMatch(/^<!doctype html>/i);
    expect(html).not.toContain(opened.token);
    const missing = [401, expect.stringContaining('The token is missing or wrong')];
    expect(await refusal(await fetch(`${opened.origin}/feed`))).toEqual(missing);
    expect(await refusal(await fetch(`${opened.origin}/feed?token=${opened.token}`))).toEqual(missing);
    expect(await refusal(await post({ ...opened, token: `${opened.token}x` }, cancel))).toEqual(missing);
    expect(await get(opened, {})).toBe(200);
  });

  it('lets no other page show its own, and its page load nothing from elsewhere', async () => {
    const opened = await open();
    const page = await fetch(opened.origin);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    const [, policy] = /http-equiv="content-security-policy" content="([^"]*)"/i.exec(await page.text()) ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toMatch(/script-src 'sha256-[^']+'(?:;|$)/);
  });

  it.each([
    [{ host: 'evil.example' }, 403],
    [{ host: 'evil.example:80', origin: 'http://evil.example:80' }, 403],
    [{ host: '127.0.0.1.evil.example' }, 403],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ host: 'localhost:1', origin: 'http://localhost:1' }, 200],
    [{ host: '[::1]:1' }, 200],
  ])('answers a request with %j with %i', async (headers, status) => {
    expect(await get(await open(), headers)).toBe(status);
  });

  it('takes any name where it listens beyond its machine, but no other origin', async () => {
    const opened = await open({ host: '0.0.0.0' });
    expect(new URL(opened.origin).hostname).toBe('localhost');
    const port = new URL(opened.origin).port;
    const local = { ...opened, origin: `http://127.0.0.1:${port}` };
    expect(await get(local, { host: 'box.example', origin: 'http://box.example' })).toBe(200);
    expect(await get(local, { host: 'box.example', origin: 'http://evil.example' })).toBe(403);
  });

  it('takes no commands unless it is made for them', async () => {
    const opened = await open();
    expect(await refusal(await post(opened, cancel))).toEqual([
      403,
      'This inspector only looks: make it with `commands: true`.',
    ]);
  });

  it.each([
    ['no JSON', 'The body is not JSON.'],
    ['[]', 'The body is no object: send { sessionId, command: { type, … } }.'],
    ['{"sessionId":"s"}', '`command` is no object: send { sessionId, command: { type, … } }.'],
    ['{"command":{"type":"resume"}}', '`sessionId` is no text.'],
    ['{"sessionId":"s","command":{"type":"close"}}', 'There is no command "close".'],
    ['{"sessionId":"s","command":{"type":"send"}}', '`text` is no text.'],
    ['{"sessionId":"s","command":{"type":"cancel","reason":1}}', '`reason` is no text.'],
    ['{"sessionId":"s","command":{"type":"extend","steps":"2"}}', '`steps` is no number.'],
    ['{"sessionId":"s","command":{"type":"resolveTool","toolCallId":"a"}}', '`output` is undefined'],
  ])('says what is wrong with the command %s', async (body, reason) => {
    const opened = await open({ commands: true });
    createAgent({ model: scriptedModel([]), inspect: opened.it }).session({ id: 's' });
    expect(await refusal(await post(opened, body))).toEqual([400, reason]);
  });

  it('takes commands as JSON only, which other pages cannot send unasked, and no large ones', async () => {
    const opened = await open({ commands: true });
    const plain = await refusal(await post(opened, cancel, { 'content-type': 'text/plain' }));
    expect(plain).toEqual([415, 'Send the command as JSON, with `Content-Type: application/json`.']);
    const large = await refusal(await post(opened, ' '.repeat(1024 * 1024 + 1)));
    expect(large).toEqual([413, 'A command has at most 1048576 bytes.']);
  });

  it('has nothing else', async () => {
    const { origin } = await open();
    expect(await refusal(await fetch(`${origin}/package.json`))).toEqual([404, 'There is no GET /package.json.']);
    expect(await refusal(await fetch(origin, { method: 'POST' }))).toEqual([404, 'There is no POST /.']);
  });
});
