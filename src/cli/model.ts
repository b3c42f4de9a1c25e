import { simulated } from '../adapters/simulated/index.ts';
import type { Model } from '../model.ts';

/** The model that a name on the command line means. */
export type ChosenModel =
  | { readonly model: Model; readonly isSimulated: boolean; readonly notice: string }
  | { readonly problem: string };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `simulated`, or `provider/model`. Keys and addresses come from the environment: `OPENAI_API_KEY`, `OPENAI_BASE_URL`.
 * A provider is used only where it is named: a key that lies around sends nothing anywhere.
 */
export async function chooseModel(name: string, env: Environment): Promise<ChosenModel> {
  if (name === 'simulated') {
    return {
      model: simulated(),
      isSimulated: true,
      notice: 'The simulated model answers: a program on this machine. No key was used, and nothing is sent anywhere.',
    };
  }
  const [provider, ...rest] = name.split('/');
  const modelId = rest.join('/');
  if (provider === 'openai' && modelId !== '') return chooseOpenAI(name, modelId, env);
  return {
    problem: `--model ${name}: there is "simulated", and "openai/" with the name of a model, as in openai/gpt-5.`,
  };
}

async function chooseOpenAI(name: string, modelId: string, env: Environment): Promise<ChosenModel> {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseURL } = env;
  try {
    // an optional peer, and slow to load: only where it is wanted
    const { openai } = await import('../adapters/openai/index.ts');
    const model = openai(modelId, { ...(apiKey && { apiKey }), ...(baseURL && { baseURL }) });
    return { model, isSimulated: false, notice: `${modelId} answers, at ${baseURL || 'api.openai.com'}.` };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
      return { problem: `--model ${name}: the package "openai" is missing: npm install openai.` };
    }
    return { problem: `--model ${name}: ${error instanceof Error ? error.message : String(error)}` };
  }
}
