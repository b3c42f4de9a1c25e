import { faultServer, googleGemini } from 'turnchart/testing';
import { expect, test } from 'vitest';
import { turnchart } from './turnchart.ts';

const key = 'sk-canary-0123456789abcdef';

test('turnchart --model google/… asks the server at GOOGLE_GEMINI_BASE_URL with GEMINI_API_KEY', async () => {
  await using server = await faultServer(googleGemini);
  server.enqueue(
    { calls: [{ name: 'calculate', input: { expression: '17*23' } }] },
    { text: ['It is ', '391.'] },
    { fault: { type: 'error', kind: 'auth' } },
  );
  const env = { GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: server.url };
  const ask = () => turnchart(['--model', 'google/gemini-2.5-flash', 'what is 17*23'], { env });
  const { code, stdout, stderr } = await ask();
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'It is 391.\n' });
  expect(stderr).toMatch(/^gemini-2\.5-flash answers, at http:\/\/127\.0\.0\.1/);
  expect(server.requests[0]?.headers['x-goog-api-key']).toBe(key);
  expect(JSON.stringify(server.requests[1]?.body)).toContain('391');
  const refused = await ask();
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr.trimEnd().split('\n').at(-1)).toMatch(/API key not valid/);
  expect(stdout + stderr + refused.stderr).not.toContain(key);
}, 30_000);
