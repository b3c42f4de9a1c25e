import { isAbsolute } from 'node:path';

/**
 * A new id of a session. Stores know nothing of folders, and editors ask for the sessions of one: so it stands in the
 * id, as in `/home/ada/app#f3a91c07b2de`.
 */
export function newSessionId(cwd: string): string {
  return `${cwd}#${crypto.randomUUID().slice(-12)}`;
}

/** The folder of a session; nothing for one that was not begun in an editor. */
export function folderOf(sessionId: string): string | undefined {
  const [, cwd] = /^(.+)#[0-9a-f]{12}$/s.exec(sessionId) ?? [];
  return cwd !== undefined && isAbsolute(cwd) ? cwd : undefined;
}
