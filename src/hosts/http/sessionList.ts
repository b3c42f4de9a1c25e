import type { SessionSummary } from '../../durability/store.ts';
import type { LiveSession } from './liveSession.ts';
import type { SessionList, SessionSummaryResource } from './protocol.ts';
import type { SessionHome } from './sessionHome.ts';

/** Which part of the list is asked for. */
export interface Page {
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly before?: string | undefined;
}

const defaultLimit = 50;

/**
 * A page of the sessions that there are: those that are kept, and before them those of which nothing is kept yet; without
 * a store, all that are open.
 *
 * @param open by id
 */
export async function listSessions(
  home: SessionHome,
  open: ReadonlyMap<string, LiveSession>,
  { limit = defaultLimit, before }: Page,
): Promise<SessionList> {
  if (home.list === undefined) return { sessions: [...open.values()].toReversed().map(summaryOf) };
  const kept = await home.list({ limit, ...(before !== undefined && { before: parsePlace(before) }) });
  const fresh = before === undefined ? [...open.values()].filter(({ log }) => log.last.seq === 0) : [];
  const last = kept.length < limit ? undefined : kept.at(-1);
  return {
    sessions: [
      ...fresh.toReversed().map(summaryOf),
      ...kept.map((summary) => keptSummaryOf(summary, open.get(summary.id))),
    ],
    ...(last !== undefined && { next: `${last.updatedAt}:${last.id}` }),
  };
}

function parsePlace(before: string): Pick<SessionSummary, 'id' | 'updatedAt'> {
  const colon = before.indexOf(':');
  return { id: before.slice(colon + 1), updatedAt: Number(before.slice(0, colon)) };
}

function summaryOf({ resource: { id, agent, status } }: LiveSession): SessionSummaryResource {
  return { id, agent, status };
}

function keptSummaryOf(summary: SessionSummary, live: LiveSession | undefined): SessionSummaryResource {
  const { id, agent, status, title, turns, createdAt, updatedAt } = summary;
  return {
    id,
    agent,
    status: live?.resource.status ?? (status === 'idle' ? 'idle' : 'in_turn'),
    ...(title !== undefined && { title }),
    turns,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
