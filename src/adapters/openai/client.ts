import type OpenAI from 'openai';
import { canGoWithoutKey, findKey, secretsIn, variable } from '../credentials.ts';
import { loadPeer } from '../peer.ts';
import type { OpenAIOptions } from './openai.ts';

const { default: Client } = await loadPeer('openai', 'openai', () => import('openai'));

const ownBaseURL = 'https://api.openai.com/v1';

/**
 * The user's client, or one of the settings.
 *
 * @throws Error where a key is needed and none is there; TypeError for a key that cannot be sent, and for settings that
 * contradict each other.
 */
export function createClient(options: OpenAIOptions): OpenAI {
  const { client, headers, organization, project, fetch } = options;
  if (client !== undefined) {
    const other = (['apiKey', 'baseURL', 'headers', 'organization', 'project', 'fetch'] as const).find(
      (name) => options[name] !== undefined,
    );
    if (other === undefined) return client;
    throw new TypeError(`openai(): \`client\` brings its own \`${other}\`; give one of the two.`);
  }
  const baseURL = addressOf(options);
  const apiKey = findKey('openai()', options.apiKey, 'OPENAI_API_KEY');
  const isKeyless = apiKey === undefined || apiKey === '';
  if (isKeyless && !canGoWithoutKey(baseURL, headers)) {
    const server = isOwnServer(baseURL) ? '' : ` for ${new URL(baseURL).host}`;
    throw new Error(
      `No API key${server}: set the environment variable OPENAI_API_KEY, or give openai() an \`apiKey\`.`,
    );
  }
  return new Client({
    baseURL,
    // the SDK insists on a key; a header of `null` keeps it from being sent
    apiKey: isKeyless ? 'none' : apiKey,
    defaultHeaders: { ...(isKeyless && { Authorization: null }), ...headers },
    maxRetries: 0,
    ...(organization !== undefined && { organization }),
    ...(project !== undefined && { project }),
    ...(fetch !== undefined && { fetch }),
  });
}

/** Whether this is OpenAI itself, one of its regions included, and no server that speaks like it. */
export function isOwnServer(baseURL: string): boolean {
  const { hostname } = new URL(baseURL);
  return hostname === 'api.openai.com' || hostname.endsWith('.api.openai.com');
}

/** What must not appear in a failure: the key in use, which a function may have made, and what the user put into headers. */
export function secretsOf(client: OpenAI, options: OpenAIOptions): readonly string[] {
  const values = secretsIn(options.headers);
  return typeof client.apiKey === 'string' ? [client.apiKey, ...values] : values;
}

function addressOf({ baseURL = variable('OPENAI_BASE_URL') ?? ownBaseURL }: OpenAIOptions): string {
  if (URL.canParse(baseURL)) return baseURL;
  throw new TypeError(`openai(): \`baseURL\` is no URL: ${JSON.stringify(baseURL)}. It looks like ${ownBaseURL}.`);
}
