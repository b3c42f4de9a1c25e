import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultServer, openaiChat } from 'turnchart/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { turnchart } from './turnchart.ts';

const key = 'sk-canary-0123456789abcdef';
let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'turnchart-openai-'));
  writeFileSync(join(cwd, 'notes.txt'), 'hello');
  writeFileSync(join(cwd, '.env'), 'SECRET=1');
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe('turnchart --model openai/…', { timeout: 30_000 }, () => {
  test('asks the server at OPENAI_BASE_URL with OPENAI_API_KEY, runs the tools, and says who answers', async () => {
    await using server = await faultServer(openaiChat);
    server.enqueue(
      {
        calls: [
          { name: 'read_file', input: { path: 'notes.txt' } },
          { name: 'read_file', input: { path: '.env' } },
        ],
      },
      { text: ['It says ', 'hello.'] },
    );
    const env = { OPENAI_API_KEY: key, OPENAI_BASE_URL: server.url };
    const { code, stdout, stderr } = await turnchart(['--model', 'openai/gpt-5', 'what is in notes.txt'], { cwd, env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'It says hello.\n' });
    expect(stderr).toMatch(/^gpt-5 answers, at http:\/\/127\.0\.0\.1/);
    expect(stderr).toMatch(/✗ read_file.*hidden/);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
    expect(JSON.stringify(server.requests[1]?.body)).toContain('hello');
    expect(JSON.stringify(server.requests[1]?.body)).not.toContain('SECRET');
    expect(stdout + stderr).not.toContain(key);
  });

  test('says in a line what the provider says of a bad key, and exits with 1', async () => {
    await using server = await faultServer(openaiChat);
    server.enqueue({ fault: { type: 'status', status: 401 } });
    const env = { OPENAI_API_KEY: key, OPENAI_BASE_URL: server.url };
    const { code, stdout, stderr } = await turnchart(['--model', 'openai/gpt-5', 'hello'], { cwd, env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/auth|key/i);
    expect(stderr).not.toContain(key);
    expect(server.requests).toHaveLength(1);
  });
});
