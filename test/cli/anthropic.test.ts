import { anthropicMessages, faultServer } from 'turnchart/testing';
import { expect, test } from 'vitest';
import { turnchart } from './turnchart.ts';

const key = 'sk-canary-0123456789abcdef';

test('turnchart --model anthropic/… asks the server at ANTHROPIC_BASE_URL with ANTHROPIC_API_KEY', async () => {
  await using server = await faultServer(anthropicMessages);
  server.enqueue(
    { calls: [{ name: 'calculate', input: { expression: '17*23' } }] },
    { text: ['It is ', '391.'] },
    { fault: { type: 'error', kind: 'auth' } },
  );
  const env = { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: server.url };
  const ask = () => turnchart(['--model', 'anthropic/claude-sonnet-5-5', 'what is 17*23'], { env });
  const { code, stdout, stderr } = await ask();
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'It is 391.\n' });
  expect(stderr).toMatch(/^claude-sonnet-5-5 answers, at http:\/\/127\.0\.0\.1/);
  expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
  expect(JSON.stringify(server.requests[1]?.body)).toContain('391');
  const refused = await ask();
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr.trimEnd().split('\n').at(-1)).toMatch(/invalid x-api-key/);
  expect(stdout + stderr + refused.stderr).not.toContain(key);
}, 30_000);
