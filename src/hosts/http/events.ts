import type { TurnEventType } from '../../events.ts';
import { toWireEvent } from '../../events.ts';
import { type Cursor, formatCursor } from './cursor.ts';
import type { LoggedEvent } from './eventLog.ts';
import { eventStream } from './eventStream.ts';
import { expired, type LiveSession, type StreamStart, skipUntil } from './liveSession.ts';
import type { Answer, Host, SessionCall } from './operation.ts';
import { ProblemError } from './problem.ts';
import type { EventList } from './protocol.ts';

/** What events are asked for with. */
export interface EventsQuery {
  readonly since_id?: string | undefined;
  readonly types?: readonly TurnEventType[] | undefined;
  readonly exclude?: readonly TurnEventType[] | undefined;
}

type EventsCall = SessionCall<unknown, EventsQuery>;

/** The events so far, as JSON. */
export async function listEvents({ live, query, host }: EventsCall): Promise<Answer> {
  const start = live.startOf(query.since_id);
  const past = await pastOf(live, start, query.since_id !== undefined, host);
  const { events } = live.log.read(past.behind);
  const isWanted = wanted(query);
  const isBehindStart = skipUntil(start.turnId);
  const list: EventList = {
    events: [...past.events, ...events]
      .filter((event) => isBehindStart(event) && isWanted(event.wire.type))
      .map(({ wire }) => wire),
    last_event_id: formatCursor(live.log.last),
  };
  return { status: 200, json: list };
}

/** The events, as they come. */
export async function streamEvents({ live, query, request, host }: EventsCall): Promise<Answer> {
  const { streams, limits, agent } = host;
  const sinceId = request.headers.get('last-event-id') ?? query.since_id;
  const start = live.startOf(sinceId);
  const past = await pastOf(live, start, sinceId !== undefined, host);
  if (request.method === 'HEAD') return new Response(null, { headers });
  if (streams.open >= limits.maxStreams) {
    throw new ProblemError('too_many_streams', `${limits.maxStreams} streams are open: close one, or come back later.`);
  }
  streams.open += 1;
  const body = eventStream(live, {
    start,
    past: past.events,
    isWanted: wanted(query),
    clock: agent.clock,
    maxBacklogChars: limits.maxLogChars / 2,
    onEnd: () => {
      streams.open -= 1;
    },
  });
  return new Response(body, { headers });
}

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // proxies that gather answers before they hand them on are told not to
  'x-accel-buffering': 'no',
};

/** What the log does not have any more, out of the store. */
async function pastOf(
  live: LiveSession,
  { cursor }: StreamStart,
  isExact: boolean,
  { agent }: Host,
): Promise<{ readonly events: readonly LoggedEvent[]; readonly behind: Cursor }> {
  if (live.log.reaches(cursor)) return { events: [], behind: cursor };
  const { id } = live.session;
  const kept = agent.store === undefined ? [] : await agent.events(id, { after: cursor.seq });
  // some of it may have been dropped from the log meanwhile
  const events = kept.filter((event) => !live.log.reaches({ seq: event.seq - 1, n: 0 }));
  const behind = events.at(-1) ?? cursor;
  const isWhole = events[0]?.seq === cursor.seq + 1 && live.log.reaches({ seq: behind.seq, n: 0 });
  if (isExact && !isWhole)
    throw expired(`Events of session "${id}" behind ${formatCursor(cursor)} are not kept any more.`);
  return {
    events: events.map(toLogged),
    behind: { seq: behind.seq, n: 0 },
  };
}

function toLogged(event: Parameters<typeof toWireEvent>[0]): LoggedEvent {
  const wire = toWireEvent(event);
  return { wire, json: JSON.stringify(wire) };
}

function wanted({ types, exclude = [] }: EventsQuery): (type: TurnEventType) => boolean {
  return (type) => (types === undefined || types.includes(type)) && !exclude.includes(type);
}
