import type { Model } from 'turnchart';
import { anthropic } from 'turnchart/adapters/anthropic';
import { google } from 'turnchart/adapters/google';
import { openai } from 'turnchart/adapters/openai';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { failureOf, read, request } from './support.ts';

interface Options {
  readonly apiKey?: string;
  readonly fetch?: () => Promise<Response>;
}

const adapters: Readonly<Record<string, { variable: string; make(options?: Options): Model }>> = {
  openai: { variable: 'OPENAI_API_KEY', make: (options) => openai('m', options) },
  anthropic: { variable: 'ANTHROPIC_API_KEY', make: (options) => anthropic('m', options) },
  google: { variable: 'GEMINI_API_KEY', make: (options) => google('m', options) },
};

// two lines of a file of keys, say
const broken = 'canary-first-line\nanother-canary-line';

/** All that an error says. */
function thrownBy(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return [error, (error as Error).cause].filter((said) => said !== undefined).join();
  }
  return expect.fail('Nothing was thrown.');
}

beforeEach(() => {
  for (const name of Object.keys(process.env)) {
    if (/^(?:OPENAI|ANTHROPIC|GEMINI|GOOGLE)_/.test(name)) vi.stubEnv(name, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe.each(Object.entries(adapters))('a key of %s()', (name, { variable, make }) => {
  test('that has a line break in it is refused at once, and not repeated', () => {
    const what = 'holds more than a key: a line break, or another character that no header can carry.';
    expect(thrownBy(() => make({ apiKey: broken }))).toBe(`TypeError: ${name}(): \`apiKey\` ${what}`);
    vi.stubEnv(variable, broken);
    expect(thrownBy(() => make())).toBe(`TypeError: The environment variable ${variable} ${what}`);
  });

  test('that ends with a line break is sent without it', async () => {
    const fetch = vi.fn(async (..._sent: unknown[]) => new Response('{}', { status: 500 }));
    await read(make({ apiKey: ' canary-0123456789\n', fetch }), request('Hi'));
    const [[, init] = []] = fetch.mock.calls;
    const headers = Object.fromEntries(new Headers((init as RequestInit).headers));
    expect(Object.values(headers).join('\n')).toMatch(/^(?:Bearer )?canary-0123456789$/m);
  });
});

describe.each(Object.entries({ openai, anthropic }))('a function that gets a key for %s()', (_, make) => {
  test('tells nothing of one that has a line break in it, and nothing is sent', async () => {
    const fetch = vi.fn(async () => new Response());
    const parts = await read(make('m', { apiKey: async () => broken, fetch }), request('Hi'));
    expect(failureOf(parts)).toMatchObject({ type: 'unknown', code: 'adapter_error', retryable: false });
    expect(JSON.stringify(parts)).not.toContain('canary');
    expect(fetch).not.toHaveBeenCalled();
  });
});
