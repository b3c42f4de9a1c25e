import { findPackageJSON } from 'node:module';
import { simulated } from '../adapters/simulated/index.ts';
import type { Model } from '../model.ts';
import { redactText } from '../redact.ts';
import type { Pricing } from '../services/callModel.ts';

/** The model that a name on the command line means. */
export interface ChosenModel {
  /** What it was chosen by: `simulated`, or `provider/model`. */
  readonly name: string;
  readonly model: Model;
  readonly isSimulated: boolean;
  /** Who answers, in a line. */
  readonly notice: string;
  /** What it costs, where the package that knows is installed. */
  readonly pricing?: Pricing;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A provider as the command line knows it. All of it is in {@link providers}. */
interface Provider {
  /** What stands before the slash. */
  readonly name: string;
  /** For whoever reads `--help`. */
  readonly description: string;
  /** What is wanted of a provider elsewhere; nothing of one on this machine. */
  readonly remote?: {
    readonly exampleModel: string;
    /** The environment variable that holds the key. */
    readonly key: string;
    /** Another one that may hold it, and then counts. */
    readonly otherKey?: string;
    /** The environment variable that holds another address, and the address without it. */
    readonly address: { readonly variable: string; readonly default: string };
    /** The npm package that speaks with it; not installed with this one. */
    readonly package: string;
  };
  make(modelId: string, env: Environment): Promise<Model>;
}

type Remote = NonNullable<Provider['remote']>;

const providers: readonly Provider[] = [
  {
    name: 'simulated',
    description: 'a local program that needs no key',
    make: async () => simulated(),
  },
  {
    name: 'openai',
    description: 'with OPENAI_API_KEY, at OPENAI_BASE_URL where that is set',
    remote: {
      exampleModel: 'gpt-5',
      key: 'OPENAI_API_KEY',
      address: { variable: 'OPENAI_BASE_URL', default: 'api.openai.com' },
      package: 'openai',
    },
    make: async (modelId, { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseURL }) => {
      // an optional peer, and slow to load: only where it is wanted
      const { openai } = await import('../adapters/openai/index.ts');
      return openai(modelId, { ...(apiKey && { apiKey }), ...(baseURL && { baseURL }) });
    },
  },
  {
    name: 'anthropic',
    description: 'with ANTHROPIC_API_KEY, at ANTHROPIC_BASE_URL where that is set',
    remote: {
      exampleModel: 'claude-sonnet-5-5',
      key: 'ANTHROPIC_API_KEY',
      address: { variable: 'ANTHROPIC_BASE_URL', default: 'api.anthropic.com' },
      package: '@anthropic-ai/sdk',
    },
    make: async (modelId, { ANTHROPIC_API_KEY: apiKey, ANTHROPIC_BASE_URL: baseURL }) => {
      const { anthropic } = await import('../adapters/anthropic/index.ts');
      return anthropic(modelId, { ...(apiKey && { apiKey }), ...(baseURL && { baseURL }) });
    },
  },
  {
    name: 'google',
    description: 'with GEMINI_API_KEY, at GOOGLE_GEMINI_BASE_URL where that is set',
    remote: {
      exampleModel: 'gemini-2.5-flash',
      key: 'GEMINI_API_KEY',
      otherKey: 'GOOGLE_API_KEY',
      address: { variable: 'GOOGLE_GEMINI_BASE_URL', default: 'generativelanguage.googleapis.com' },
      package: '@google/genai',
    },
    make: async (modelId, { GEMINI_API_KEY, GOOGLE_API_KEY, GOOGLE_GEMINI_BASE_URL: baseURL }) => {
      const { google } = await import('../adapters/google/index.ts');
      const apiKey = GOOGLE_API_KEY || GEMINI_API_KEY;
      return google(modelId, { ...(apiKey && { apiKey }), ...(baseURL && { baseURL }) });
    },
  },
];

/** The name that leaves the choice to the keys in the environment. */
const automatic = 'auto';

/**
 * The model of a name: `auto`, `simulated`, or `provider/model`. Keys and addresses come from the environment; `auto` is
 * the first provider whose key is set and whose package is there, and the simulated model where there is none.
 */
export async function chooseModel(name: string, env: Environment): Promise<ChosenModel | { readonly problem: string }> {
  if (name !== automatic) return chooseByName(name, env);
  const ready = providers.find(({ remote }) => remote !== undefined && isReady(remote, env));
  if (ready?.remote === undefined) return chooseByName('simulated', env);
  const { exampleModel } = ready.remote;
  const chosen = await chooseByName(`${ready.name}/${exampleModel}`, env);
  if ('problem' in chosen) return chosen;
  const notice = `${keyOf(ready.remote, env)} is set: ${chosen.notice} --model simulated sends nothing anywhere.`;
  return { ...chosen, notice };
}

async function chooseByName(name: string, env: Environment): Promise<ChosenModel | { readonly problem: string }> {
  const [providerName, ...rest] = name.split('/');
  const modelId = rest.join('/');
  const provider = providers.find((candidate) => candidate.name === providerName);
  if (provider === undefined || (provider.remote === undefined) !== (rest.length === 0) || name.endsWith('/')) {
    return { problem: `there is ${automatic}, ${providers.map(namePattern).join(', ')}, as in ${exampleName()}.` };
  }
  try {
    const model = await provider.make(modelId, env);
    const chosen = { name, isSimulated: provider.remote === undefined, notice: introduce(provider, modelId, env) };
    if (chosen.isSimulated || !isInstalled('@pydantic/genai-prices')) return { ...chosen, model };
    const { genaiPrices, withContextWindow } = await import('../adapters/prices.ts');
    return { ...chosen, model: withContextWindow(model), pricing: genaiPrices() };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function isReady(remote: Remote, env: Environment): boolean {
  return Boolean(env[keyOf(remote, env)]) && isInstalled(remote.package);
}

/** The variable that holds the key, or should. */
function keyOf({ key, otherKey }: Remote, env: Environment): string {
  return otherKey !== undefined && env[otherKey] ? otherKey : key;
}

function introduce({ remote }: Provider, modelId: string, env: Environment): string {
  if (remote === undefined) {
    return 'The simulated model answers: a program on this machine. No key was used, and nothing is sent anywhere.';
  }
  return `${modelId} answers, at ${addressOf(remote, env)}.`;
}

/** What could answer too, in a sentence: providers whose key is set, though nobody has named them. */
export function hintAtKeys(env: Environment): string | undefined {
  const ready = providers.filter(({ remote }) => remote !== undefined && env[remote.key]);
  const hints = ready.map((provider) => `${provider.remote?.key} is set: /model ${provider.name}/… would use it.`);
  return hints.length === 0 ? undefined : hints.join(' ');
}

/**
 * What can be chosen, what is there for it and what is missing: a row for each provider, and one for the model that it
 * is asked for where nobody names one.
 */
export async function listModels(env: Environment): Promise<string> {
  const rows = await Promise.all(
    providers.map(async (provider) => {
      const { name, remote, description } = provider;
      if (remote === undefined) return [[namePattern(provider), 'ready', description]];
      const key = keyOf(remote, env);
      const hasKey = Boolean(env[key]);
      const hasPackage = isInstalled(remote.package);
      const missing = [
        ...(hasKey ? [] : [`${key} is not set`]),
        ...(hasPackage ? [] : [`npm install ${remote.package}`]),
      ];
      const there = [
        ...(hasKey ? [`${key} is set`] : []),
        ...(hasPackage ? [`package ${remote.package} is installed`] : []),
        `at ${addressOf(remote, env)}`,
      ];
      const about = await describeModel(name, remote.exampleModel);
      return [
        [namePattern(provider), missing.length === 0 ? 'ready' : 'missing', [...missing, ...there].join(', ')],
        ['', '', `default ${name}/${remote.exampleModel}${about === '' ? '' : `: ${about}`}`],
      ];
    }),
  );
  return table(rows.flat());
}

/** How much fits into a model, and what it costs, as far as that is known. */
async function describeModel(provider: string, modelId: string): Promise<string> {
  if (!isInstalled('@pydantic/genai-prices')) return '';
  const { contextWindowOf, genaiPrices } = await import('../adapters/prices.ts');
  const model = { provider, modelId };
  const window = contextWindowOf(model);
  const cost = genaiPrices();
  // of a short request: long ones may cost more
  const [input, output] = [
    cost(model, { inputTokens: 1_000, outputTokens: 0 }),
    cost(model, { inputTokens: 0, outputTokens: 1_000 }),
  ];
  return [
    ...(window === undefined ? [] : [`${window.toLocaleString('en')} tokens`]),
    ...(input === undefined || output === undefined
      ? []
      : [`${perMillion(input)} in and ${perMillion(output)} out per million`]),
  ].join(', ');
}

function perMillion(costOfThousand: number): string {
  const dollars = costOfThousand * 1_000;
  return `$${dollars.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;
}

/** What can be chosen, as `--help` explains it: a row for each provider. */
export function explainModels(): string {
  return table([
    [automatic, 'the first of these whose key is set, in this order; the simulated one where none is'],
    ...providers.filter(({ remote }) => remote !== undefined).map(explained),
    ...providers.filter(({ remote }) => remote === undefined).map(explained),
  ]);
}

function explained(provider: Provider): readonly string[] {
  return [namePattern(provider), provider.description];
}

/** Names that can be chosen or begun with. */
export function modelNames(): readonly string[] {
  return providers.map(({ name, remote }) => (remote === undefined ? name : `${name}/`));
}

function namePattern({ name, remote }: Provider): string {
  return remote === undefined ? name : `${name}/<model>`;
}

function exampleName(): string {
  const provider = providers.find(({ remote }) => remote !== undefined);
  return provider?.remote === undefined ? '' : `${provider.name}/${provider.remote.exampleModel}`;
}

function addressOf({ address }: Remote, env: Environment): string {
  return redactText(env[address.variable] || address.default);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))))
    .map((cells) => `${cells.join('  ')}\n`)
    .join('');
}

/** Whether a package can be imported from here. */
export function isInstalled(name: string): boolean {
  try {
    return findPackageJSON(name, import.meta.url) !== undefined;
  } catch {
    // what Node does where there is none
    return false;
  }
}
