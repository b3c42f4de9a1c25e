import {
  type ListSessionsRequest,
  type ListSessionsResponse,
  RequestError,
  type SessionInfo,
} from '@agentclientprotocol/sdk';
import { z } from 'zod';
import type { ListOptions, SessionSummary, Store } from '../../durability/store.ts';
import { folderOf } from './sessionIds.ts';

/** How many sessions are in an answer. */
const pageLength = 50;

const position = z.object({ id: z.string(), updatedAt: z.number() });

/**
 * A page of the sessions that were begun in an editor, the one last used first.
 *
 * @throws RequestError for a cursor that is none
 */
export async function listSessions(store: Store, { cwd, cursor }: ListSessionsRequest): Promise<ListSessionsResponse> {
  const sessions: SessionInfo[] = [];
  let before = cursor == null ? undefined : readCursor(cursor);
  for (;;) {
    const options: ListOptions = { limit: pageLength, ...(before !== undefined && { before }) };
    const page = await store.list(options);
    for (const summary of page) {
      before = summary;
      const info = describe(summary);
      if (info !== undefined && (cwd == null || info.cwd === cwd)) sessions.push(info);
      if (sessions.length === pageLength) return { sessions, nextCursor: writeCursor(summary) };
    }
    if (page.length < pageLength) return { sessions };
  }
}

function describe({ id, title, updatedAt }: SessionSummary): SessionInfo | undefined {
  const cwd = folderOf(id);
  if (cwd === undefined) return undefined;
  return {
    sessionId: id,
    cwd,
    ...(title !== undefined && { title }),
    updatedAt: new Date(updatedAt).toISOString(),
  };
}

function writeCursor({ id, updatedAt }: SessionSummary): string {
  return Buffer.from(JSON.stringify({ id, updatedAt })).toString('base64url');
}

function readCursor(cursor: string): Pick<SessionSummary, 'id' | 'updatedAt'> {
  try {
    return position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw RequestError.invalidParams({ cursor }, 'the cursor is none that session/list has given.');
  }
}
