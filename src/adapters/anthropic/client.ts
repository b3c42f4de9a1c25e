import { canGoWithoutKey, findKey, secretsIn, variable } from '../credentials.ts';
import { loadPeer } from '../peer.ts';
import type { AnthropicOptions, MessagesClient } from './anthropic.ts';

const { default: Client } = await loadPeer('anthropic', '@anthropic-ai/sdk', () => import('@anthropic-ai/sdk'));

const ownBaseURL = 'https://api.anthropic.com';

/** What requests are sent through. */
export interface Connection {
  readonly client: MessagesClient;
  /** What must not appear in a failure: the key in use, which a function may have made, and what the user put into headers. */
  readonly secrets: () => readonly string[];
}

/**
 * The user's client, or one of the settings.
 *
 * @throws Error where a key is needed and none is there; TypeError for a key that cannot be sent, and for settings that
 * contradict each other.
 */
export function connect(options: AnthropicOptions): Connection {
  const { client, headers, fetch } = options;
  if (client !== undefined) {
    const other = (['apiKey', 'baseURL', 'headers', 'fetch'] as const).find((name) => options[name] !== undefined);
    if (other === undefined) return { client, secrets: () => known(client.apiKey, client.authToken) };
    throw new TypeError(`anthropic(): \`client\` brings its own \`${other}\`; give one of the two.`);
  }
  const baseURL = addressOf(options);
  const given = findKey('anthropic()', options.apiKey, 'ANTHROPIC_API_KEY');
  const isKeyless = given === undefined || given === '';
  if (isKeyless && !canGoWithoutKey(baseURL, headers)) {
    const { host } = new URL(baseURL);
    const server = host === new URL(ownBaseURL).host ? '' : ` for ${host}`;
    throw new Error(
      `No API key${server}: set the environment variable ANTHROPIC_API_KEY, or give anthropic() an \`apiKey\`.`,
    );
  }
  let key = typeof given === 'string' ? given : undefined;
  // the client does not tell what a function gave it
  const getKey =
    typeof given === 'function' &&
    (async () => {
      key = await given();
      return key;
    });
  return {
    client: new Client({
      baseURL,
      // without a key the SDK looks for credentials everywhere; a header of `null` keeps this one from being sent
      apiKey: isKeyless ? 'none' : getKey || given,
      defaultHeaders: { ...(isKeyless && { Authorization: null }), ...headers },
      maxRetries: 0,
      ...(fetch !== undefined && { fetch }),
    }),
    secrets: () => [...known(key), ...secretsIn(headers)],
  };
}

function known(...keys: readonly (string | null | undefined)[]): readonly string[] {
  return keys.filter((key) => typeof key === 'string');
}

function addressOf({ baseURL = variable('ANTHROPIC_BASE_URL') ?? ownBaseURL }: AnthropicOptions): string {
  if (URL.canParse(baseURL)) return baseURL;
  throw new TypeError(`anthropic(): \`baseURL\` is no URL: ${JSON.stringify(baseURL)}. It looks like ${ownBaseURL}.`);
}
