/** Headers that a user gives. */
export type GivenHeaders = Readonly<Record<string, string>>;

/** An environment variable, without blanks around it; nothing where it is empty. There is no `process` in browsers and workers. */
export function variable(name: string): string | undefined {
  const value = typeof process === 'undefined' ? undefined : process.env?.[name]?.trim();
  return value === '' ? undefined : value;
}

/** A key, or a function that gets one. */
type Key = string | (() => Promise<string>);

/** A function of the user's got no key that can be sent. The cause is what it threw, or what is wrong with what it gave. */
export class NoKey extends Error {
  override readonly name = 'NoKey';
  constructor(cause: unknown) {
    super('There is no key.', { cause });
  }
}

/**
 * The key that was given, or a function that gets one; else that of the first variable that has one. The function
 * throws a {@link NoKey} whatever goes wrong.
 *
 * @param maker what was called, for the error
 * @throws TypeError for a key that no header can hold: with a line break in it, say. It does not repeat the key.
 */
export function findKey(maker: string, given: string | undefined, ...variables: readonly string[]): string | undefined;
export function findKey(maker: string, given: Key | undefined, ...variables: readonly string[]): Key | undefined;
export function findKey(maker: string, given: Key | undefined, ...variables: readonly string[]): Key | undefined {
  if (typeof given === 'function') return () => getKey(given);
  if (given !== undefined) return checkKey(given, `${maker}: \`apiKey\``);
  for (const name of variables) {
    const key = variable(name);
    if (key !== undefined) return checkKey(key, `The environment variable ${name}`);
  }
  return undefined;
}

async function getKey(get: () => Promise<string>): Promise<string> {
  try {
    const key: unknown = await get();
    if (typeof key !== 'string' || key.trim() === '') throw new TypeError('it gave no text');
    return checkKey(key, 'what it gave');
  } catch (error) {
    throw new NoKey(error);
  }
}

/** Blanks around it do no harm, as at the end of a file. */
function checkKey(key: string, where: string): string {
  const trimmed = key.trim();
  if (/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(trimmed)) return trimmed;
  throw new TypeError(`${where} holds more than a key: a line break, or another character that no header can carry.`);
}

/** The values of headers that hold what must not appear in a failure. */
export function secretsIn(headers: GivenHeaders = {}): readonly string[] {
  const secret = Object.entries(headers).filter(([name]) => /auth|key|token|secret|cookie/i.test(name));
  return secret.map(([, value]) => value.replace(/^\w+ /, ''));
}

/** Whether a server needs no key: it is on this machine or in its network, or the headers bring one. */
export function canGoWithoutKey(baseURL: string, headers: GivenHeaders = {}): boolean {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  const hasKey = ['authorization', 'api-key', 'x-api-key'].some((name) => names.includes(name));
  return hasKey || isLocal(new URL(baseURL).hostname);
}

function isLocal(hostname: string): boolean {
  const isPrivateAddress = /^(?:127|10)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^0\.0\.0\.0$|^\[(?:::1|f[cd])/.test(
    hostname,
  );
  // a name without a dot is known only in this network: localhost, or a container
  return isPrivateAddress || !hostname.includes('.') || /\.(?:local|localhost|internal|lan|home)$/.test(hostname);
}
