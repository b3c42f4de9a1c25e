import type { TurnEventType } from '../../events.ts';
import { type Cursor, formatCursor } from './cursor.ts';
import { type LoggedEvent, toLogged } from './eventLog.ts';
import { eventStream, type StreamFormat } from './eventStream.ts';
import { expired, type LiveSession, type StreamStart, skipUntil, stopping } from './liveSession.ts';
import type { Answer, Host, SessionCall } from './operation.ts';
import { ProblemError } from './problem.ts';
import type { Disconnecting, EventList } from './protocol.ts';

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
export function streamEvents({ live, query, request, host }: EventsCall): Promise<Answer> {
  const sinceId = request.headers.get('last-event-id') ?? query.since_id;
  const start = live.startOf(sinceId);
  const format = eventFormat(live, start, wanted(query));
  return stream({ live, host, request, start, isExact: sinceId !== undefined, format });
}

export interface StreamRequest {
  readonly live: LiveSession;
  readonly host: Host;
  readonly request: Request;
  readonly start: StreamStart;
  /** Whether nothing may be missing after the start. */
  readonly isExact: boolean;
  readonly format: StreamFormat;
  /** Beside those that every stream has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws ProblemError where it is one stream too many, or something is missing */
export async function stream({
  live,
  host,
  request,
  start,
  isExact,
  format,
  ...more
}: StreamRequest): Promise<Response> {
  const { streams, limits, home, sessions } = host;
  const headers = { ...streamHeaders, ...more.headers };
  const past = await pastOf(live, start, isExact, host);
  if (request.method === 'HEAD') return new Response(null, { headers });
  if (sessions.isDrained) throw stopping();
  if (streams.open >= limits.maxStreams) {
    throw new ProblemError('too_many_streams', `${limits.maxStreams} streams are open: close one, or come back later.`);
  }
  streams.open += 1;
  const body = eventStream(live, {
    cursor: past.events.length > 0 ? start.cursor : past.behind,
    past: past.events,
    format,
    clock: home.clock,
    maxBacklogChars: limits.maxLogChars / 2,
    onEnd: () => {
      streams.open -= 1;
    },
  });
  return new Response(body, { headers });
}

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // proxies that gather answers before they hand them on are told not to
  'x-accel-buffering': 'no',
};

/** After how long a browser comes again whose stream has broken, in ms. */
const retryMs = 1_000;

/** Events as they travel, with their names. */
function eventFormat(
  live: LiveSession,
  { cursor, turnId }: StreamStart,
  isWanted: (type: TurnEventType) => boolean,
): StreamFormat {
  const isBehindStart = skipUntil(turnId);
  // before any event, so that whoever loses the connection at once comes again to the same place
  const id = turnId === undefined ? `id: ${formatCursor(cursor)}\n` : '';
  return {
    head: `retry: ${retryMs}\n${id}\n`,
    write: (events) =>
      events
        .filter((event) => isBehindStart(event) && isWanted(event.wire.type))
        .map(({ wire, json }) => `id: ${wire.id}\nevent: ${wire.type}\ndata: ${json}\n\n`)
        .join(''),
    disconnect: (reason, behind) => {
      const event: Disconnecting = {
        type: 'disconnecting',
        session_id: live.id,
        data: { reason, since_id: formatCursor(behind) },
      };
      return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
    },
  };
}

/** What the log does not have any more, out of the store. */
async function pastOf(
  live: LiveSession,
  { cursor }: StreamStart,
  isExact: boolean,
  { home }: Host,
): Promise<{ readonly events: readonly LoggedEvent[]; readonly behind: Cursor }> {
  if (live.log.reaches(cursor)) return { events: [], behind: cursor };
  const { id } = live;
  const kept = await home.events(id, cursor.seq);
  // some of it may have been dropped from the log meanwhile
  const events = kept.filter((event) => !live.log.reaches({ seq: event.seq - 1, n: 0 }));
  const behind = { seq: events.at(-1)?.seq ?? cursor.seq, n: 0 };
  const isLinked = live.log.reaches(behind);
  if (isExact && !(isLinked && events[0]?.seq === cursor.seq + 1)) {
    throw expired(`Events of session "${id}" behind ${formatCursor(cursor)} are not kept any more.`);
  }
  return isLinked ? { events: events.map(toLogged), behind } : { events: [], behind: live.log.first };
}

function wanted({ types, exclude = [] }: EventsQuery): (type: TurnEventType) => boolean {
  return (type) => (types === undefined || types.includes(type)) && !exclude.includes(type);
}
