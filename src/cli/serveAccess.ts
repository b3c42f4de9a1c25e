import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** Whether an address is of this machine only, as it stands on the command line or in a URL. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** Where somebody listens. */
export interface HostAndPort {
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
}

/** As in `127.0.0.1:9080` or `[::1]:9080`; undefined where it is neither. */
export function parseHostAndPort(text: string): HostAndPort | undefined {
  const [, name = '', digits = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = name.replace(/^\[(.*)\]$/, '$1');
  const isPlain = !host.includes(':') || name !== host;
  return digits !== '' && isPlain && host !== '' && port <= 65_535 ? { host, port } : undefined;
}

export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

/**
 * Whether a request was sent to this machine by its own name. A page elsewhere can have its own name resolved to this
 * machine, and then ask as if it came from here.
 */
export function asksByLoopback({ url }: Request): boolean {
  return isLoopback(new URL(url).hostname);
}

/** Asks for a bearer token; takes as long for a wrong one as for the right one. */
export function bearerToken(token: string): (request: Request) => boolean {
  const expected = digest(token);
  return ({ headers }) => {
    const [, given = ''] = /^Bearer +(.+)$/i.exec(headers.get('authorization') ?? '') ?? [];
    return timingSafeEqual(digest(given), expected);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
