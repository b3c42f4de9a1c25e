import known from 'virtual:known';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import type {
  CommandAnswer,
  FeedMachine,
  FeedMessage,
  InspectorCommand,
} from '../../../../src/inspection/inspector/feed.ts';
import { ForeignRun } from './foreignRun.ts';
import { readOn } from './reading.ts';
import { ReplayedRun } from './replayedRun.ts';
import { connection, grown, openRun, openSessions, runs, say } from './store.ts';

let token = '';
const machines = new Map<string, FeedMachine>();

/** Whether the address of the page says that an inspector serves it. */
export function tokenIn(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? undefined;
}

/** Reads the feed of the inspector that serves the page, and comes again where that breaks off. */
export async function follow(withToken: string): Promise<never> {
  token = withToken;
  let lastEventId = '';
  connection.value = { state: 'connecting', takesCommands: false, ahead: 0 };
  for (;;) {
    try {
      const response = await fetch('/feed', {
        headers: { authorization: `Bearer ${token}`, ...(lastEventId !== '' && { 'last-event-id': lastEventId }) },
      });
      if (response.status === 401 || response.status === 403) {
        connection.value = { state: 'refused', takesCommands: false, ahead: 0 };
      } else if (response.ok && response.body !== null) {
        for await (const { id, data } of eventsOf(response.body)) {
          lastEventId = id ?? lastEventId;
          take(JSON.parse(data) as FeedMessage);
        }
      }
    } catch {
      // the inspector is gone: its process has ended, or comes again
    }
    if (connection.value?.state === 'live') connection.value = { ...connection.value, state: 'lost' };
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function* eventsOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ id?: string | undefined; data: string }> {
  const reader = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function take(message: FeedMessage): void {
  switch (message.type) {
    case 'hello':
      connection.value = { state: 'live', takesCommands: message.commands, ahead: message.at - Date.now() };
      return;
    case 'session':
      openSessions.value = withMember(openSessions.value, message.sessionId, message.isOpen);
      return;
    case 'entry': {
      const { sessionId, entry } = message;
      const found = runs.value.find(({ id }) => id === sessionId);
      if (found instanceof ReplayedRun) found.add(entry);
      else if (entry.type === 'session')
        show(entered(new ReplayedRun(entry, known.drawings), (each) => each.add(entry)));
      void readOn();
      return;
    }
    case 'machine':
      machines.set(message.machineId, message);
      changed();
      return;
    case 'actor': {
      // told again where the feed could not go on where it was
      if (foreign(message.actorId) !== undefined) return;
      const run = message.parentId === undefined ? undefined : foreign(message.parentId);
      if (run === undefined) show(entered(new ForeignRun(message, machines), (each) => each.begin(message)));
      else run.begin(message);
      changed();
      return;
    }
    case 'moment':
      foreign(message.actorId)?.take(message);
      changed();
      return;
    case 'notice':
      say(message.text);
      return;
    // what is here already stays to be looked at
    case 'forgotten':
  }
}

function entered<T>(run: T, begin: (run: T) => void): T {
  begin(run);
  return run;
}

function show(run: ReplayedRun | ForeignRun): void {
  const isFirst = runs.value.length === 0;
  runs.value = [...runs.value, run];
  if (isFirst) openRun(run.id);
}

function foreign(actorId: string): ForeignRun | undefined {
  return runs.value.find((run): run is ForeignRun => run instanceof ForeignRun && run.has(actorId));
}

function withMember<T>(set: ReadonlySet<T>, member: T, isIn: boolean): ReadonlySet<T> {
  const next = new Set(set);
  if (isIn) next.add(member);
  else next.delete(member);
  return next;
}

let isChanged = false;

/** Many come at once: they are drawn once. */
function changed(): void {
  if (isChanged) return;
  isChanged = true;
  setTimeout(() => {
    isChanged = false;
    grown();
  }, 16);
}

/** Says something to a session that goes on. What comes of it comes with the feed. */
export async function command(sessionId: string, wanted: InspectorCommand): Promise<CommandAnswer> {
  try {
    const response = await fetch('/commands', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ sessionId, command: wanted }),
    });
    return (await response.json()) as CommandAnswer;
  } catch {
    return { accepted: false, reason: 'The inspector does not answer.' };
  }
}
