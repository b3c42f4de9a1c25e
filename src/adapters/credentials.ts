/** Headers that a user gives. */
export type GivenHeaders = Readonly<Record<string, string>>;

/** An environment variable, without blanks around it; nothing where it is empty. There is no `process` in browsers and workers. */
export function variable(name: string): string | undefined {
  const value = typeof process === 'undefined' ? undefined : process.env?.[name]?.trim();
  return value === '' ? undefined : value;
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
