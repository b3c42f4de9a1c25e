import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { usage } from '../../src/cli/arguments.ts';
import { chooseModel, explainModels, hintAtKeys, isInstalled, listModels, modelNames } from '../../src/cli/model.ts';

const key = 'sk-canary-0123456789abcdef';

// adapters look into the environment of the process themselves
beforeEach(() => {
  for (const name of Object.keys(process.env)) {
    if (/^(?:OPENAI|ANTHROPIC|GEMINI|GOOGLE)_/.test(name)) vi.stubEnv(name, undefined);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** The rows of the list, by provider, with single spaces. */
async function rowsOf(env: Parameters<typeof listModels>[0]): Promise<Readonly<Record<string, string>>> {
  const rows = (await listModels(env)).trimEnd().split(/\n(?! )/);
  return Object.fromEntries(
    rows.map((row) => [/^\w+/.exec(row)?.[0], row.replace(/^\S+ +/, '').replace(/[ \n]+/g, ' ')]),
  );
}

describe('a model that is chosen by its name', () => {
  test('is the simulated one, or that of a provider', async () => {
    expect(await chooseModel('simulated', { OPENAI_API_KEY: key })).toMatchObject({
      name: 'simulated',
      isSimulated: true,
      notice: expect.stringMatching(/^The simulated model answers/),
    });
    const env = { OPENAI_API_KEY: key, OPENAI_BASE_URL: 'https://me:secret@example.com/v1' };
    const chosen = await chooseModel('openai/vendor/model', env);
    expect(chosen).toMatchObject({
      name: 'openai/vendor/model',
      isSimulated: false,
      model: { provider: 'openai', modelId: 'vendor/model' },
      notice: 'vendor/model answers, at https://[redacted]@example.com/v1.',
    });
  });

  test.each([
    'gpt',
    'openai',
    'openai/',
    'simulated/x',
    'simulated/',
    'a/b',
    '',
    '/',
  ])('%j is none, and what could be chosen is said', async (name) => {
    expect(await chooseModel(name, { OPENAI_API_KEY: key })).toEqual({
      problem: expect.stringMatching(
        /^there is auto, simulated, openai\/<model>, .*google\/<model>, as in openai\/gpt-5\.$/,
      ),
    });
  });

  test('is the first one whose key is set, where the choice is left to the keys', async () => {
    expect(await chooseModel('auto', { ANTHROPIC_API_KEY: key, GEMINI_API_KEY: key })).toMatchObject({
      name: 'anthropic/claude-sonnet-5-5',
      model: { provider: 'anthropic' },
      notice:
        'ANTHROPIC_API_KEY is set: claude-sonnet-5-5 answers, at api.anthropic.com. --model simulated sends nothing anywhere.',
    });
    expect(await chooseModel('auto', { GOOGLE_API_KEY: key })).toMatchObject({ name: 'google/gemini-2.5-flash' });
    expect(await chooseModel('auto', { OPENAI_API_KEY: '' })).toMatchObject({ name: 'simulated' });
  });

  test('of Google has either of its keys', async () => {
    for (const name of ['GEMINI_API_KEY', 'GOOGLE_API_KEY']) {
      expect(await chooseModel('google/gemini-2.5-flash', { [name]: key })).toMatchObject({
        model: { provider: 'google', modelId: 'gemini-2.5-flash' },
        notice: 'gemini-2.5-flash answers, at generativelanguage.googleapis.com.',
      });
    }
  });

  test.each([
    ['openai/gpt-5', 'OPENAI_API_KEY'],
    ['anthropic/claude-sonnet-5-5', 'ANTHROPIC_API_KEY'],
    ['google/gemini-2.5-flash', 'GEMINI_API_KEY'],
  ])('says what is missing for %s', async (name, variable) => {
    expect(await chooseModel(name, {})).toEqual({ problem: expect.stringContaining(variable) });
  });
});

describe('the providers', () => {
  test('are listed with what is there and what is missing, without keys', async () => {
    expect(await rowsOf({})).toMatchObject({
      simulated: 'ready a local program that needs no key',
      openai: expect.stringMatching(
        /^missing OPENAI_API_KEY is not set, package openai is installed, at api\.openai\.com /,
      ),
      anthropic: expect.stringMatching(
        /^missing ANTHROPIC_API_KEY is not set, package @anthropic-ai\/sdk is installed, at api\.anthropic\.com /,
      ),
      google: expect.stringMatching(
        /^missing GEMINI_API_KEY is not set, package @google\/genai is installed, at generativelanguage\.googleapis\.com /,
      ),
    });
    const configured = {
      OPENAI_API_KEY: key,
      OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
      ANTHROPIC_API_KEY: key,
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
      GOOGLE_API_KEY: key,
      GOOGLE_GEMINI_BASE_URL: 'http://127.0.0.1:1',
    };
    expect(await rowsOf(configured)).toMatchObject({
      openai: expect.stringMatching(/^ready OPENAI_API_KEY is set, package openai is installed, at http:\S+\/v1 /),
      anthropic: expect.stringMatching(
        /^ready ANTHROPIC_API_KEY is set, package @anthropic-ai\/sdk is installed, at http/,
      ),
      google: expect.stringMatching(/^ready GOOGLE_API_KEY is set, package @google\/genai is installed, at http/),
    });
    expect(await listModels(configured)).not.toContain('canary');
    const columns = (await listModels({}))
      .trimEnd()
      .split(/\n(?! )/)
      .map((row) => row.search(/ready|missing/));
    expect(new Set(columns).size).toBe(1);
  });

  test('are listed with the model that each is asked for where none is named, how much fits into it and what it costs', async () => {
    const { openai, anthropic, google } = await rowsOf({});
    expect(openai).toContain('default openai/gpt-5: 400,000 tokens, $1.25 in and $10.00 out per million');
    expect(anthropic).toContain('default anthropic/claude-sonnet-5-5');
    expect(google).toContain('default google/gemini-2.5-flash');
  });

  test('are hinted at where their key is set', () => {
    expect(hintAtKeys({})).toBeUndefined();
    expect(hintAtKeys({ OPENAI_API_KEY: '' })).toBeUndefined();
    expect(hintAtKeys({ OPENAI_API_KEY: key })).toBe('OPENAI_API_KEY is set: /model openai/… would use it.');
  });

  test('are all in the help and among the names that can be completed', () => {
    for (const row of explainModels().trimEnd().split('\n')) expect(usage).toContain(row);
    expect(modelNames()).toEqual(expect.arrayContaining(['simulated', 'openai/', 'anthropic/', 'google/']));
  });
});

test('a package that is not installed is missing, and no crash', () => {
  expect(isInstalled('openai')).toBe(true);
  expect(isInstalled('surely-not-installed')).toBe(false);
});
