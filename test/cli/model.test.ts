import { describe, expect, test } from 'vitest';
import { usage } from '../../src/cli/arguments.ts';
import { chooseModel, explainModels, hintAtKeys, isInstalled, listModels, modelNames } from '../../src/cli/model.ts';

const key = 'sk-canary-0123456789abcdef';

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
      problem: 'there is simulated, openai/<model>, as in openai/gpt-5.',
    });
  });

  test('says what is missing', async () => {
    expect(await chooseModel('openai/gpt-5', {})).toEqual({ problem: expect.stringContaining('OPENAI_API_KEY') });
  });
});

describe('the providers', () => {
  test('are listed with what is there and what is missing, without keys', () => {
    expect(listModels({})).toBe(
      `simulated       ready    a local program that needs no key
openai/<model>  missing  OPENAI_API_KEY is not set, package openai is installed, at api.openai.com
`,
    );
    const configured = listModels({ OPENAI_API_KEY: key, OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' });
    expect(configured).toContain(
      'openai/<model>  ready  OPENAI_API_KEY is set, package openai is installed, at http://127.0.0.1:1/v1\n',
    );
    expect(configured).not.toContain('canary');
  });

  test('are hinted at where their key is set', () => {
    expect(hintAtKeys({})).toBeUndefined();
    expect(hintAtKeys({ OPENAI_API_KEY: '' })).toBeUndefined();
    expect(hintAtKeys({ OPENAI_API_KEY: key })).toBe('OPENAI_API_KEY is set: /model openai/… would use it.');
  });

  test('are all in the help and among the names that can be completed', () => {
    for (const row of explainModels().trimEnd().split('\n')) expect(usage).toContain(row);
    expect(modelNames()).toEqual(['simulated', 'openai/']);
  });
});

test('a package that is not installed is missing, and no crash', () => {
  expect(isInstalled('openai')).toBe(true);
  expect(isInstalled('surely-not-installed')).toBe(false);
});
