import { createAgent, type Model } from 'turnchart';
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

describe.each(Object.entries({ openai, anthropic }))('a function that gets a key for %s()', (name, make) => {
  /** What a call comes to with such a function. */
  async function failureWith(apiKey: () => Promise<string>) {
    const fetch = vi.fn(async () => new Response());
    const parts = await read(make('m', { apiKey, fetch }), request('Hi'));
    expect(fetch).not.toHaveBeenCalled();
    return failureOf(parts);
  }

  test.each<[how: string, apiKey: () => Promise<string>]>([
    ['rejects', () => Promise.reject(new RangeError('the vault is shut'))],
    [
      'throws at once',
      () => {
        throw new RangeError('the vault is shut');
      },
    ],
    [
      'loses a connection',
      () => Promise.reject(new RangeError('the vault is shut', { cause: { code: 'ECONNRESET' } })),
    ],
  ])('and %s fails the call as a wrong key does, in its own words and once', async (_how, apiKey) => {
    expect(await failureWith(apiKey)).toEqual({
      type: 'auth',
      code: 'auth',
      message: 'No key: `apiKey` failed: RangeError: the vault is shut',
      retryable: false,
      provider: name,
      model: 'm',
      name: 'RangeError',
    });
    const getKey = vi.fn(apiKey);
    const { outcome } = createAgent({ model: make('m', { apiKey: getKey }) })
      .session()
      .send('Hi');
    expect(await outcome).toMatchObject({ status: 'failed', failure: { type: 'auth' } });
    expect(getKey).toHaveBeenCalledTimes(1);
  });

  test('and gives none fails the call as well', async () => {
    for (const none of ['', ' ', undefined, null, 7]) {
      expect(await failureWith(async () => none as string)).toMatchObject({
        type: 'auth',
        retryable: false,
        message: 'No key: `apiKey` failed: TypeError: it gave no text',
      });
    }
  });

  test('tells nothing of one that has a line break in it', async () => {
    const failure = await failureWith(async () => broken);
    expect(failure).toMatchObject({ type: 'auth', retryable: false });
    expect(failure?.message).toContain('holds more than a key');
    expect(JSON.stringify(failure)).not.toContain('canary');
  });

  test('tells nothing of the one before, whatever it throws', async () => {
    const keys = ['canary-0123456789'];
    const apiKey = async () => {
      const key = keys.pop();
      if (key === undefined) throw new Error('after canary-0123456789 there is none');
      return key;
    };
    const model = make('m', { apiKey, fetch: async () => new Response('{}', { status: 500 }) });
    await read(model, request('Hi'));
    const failure = failureOf(await read(model, request('Hi')));
    expect(failure).toMatchObject({ type: 'auth', message: expect.stringContaining('after [redacted] there is none') });
  });

  test('may have blanks around it, as at the end of a file', async () => {
    const fetch = vi.fn(async (..._sent: unknown[]) => new Response('{}', { status: 500 }));
    await read(make('m', { apiKey: async () => ' canary-0123456789\n', fetch }), request('Hi'));
    const [[, init] = []] = fetch.mock.calls;
    expect(new Headers((init as RequestInit).headers).get('authorization')).toBe('Bearer canary-0123456789');
  });
});
