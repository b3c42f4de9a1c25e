import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgent, type Session, type TurnEvent, type TurnEventType } from 'turnchart';
import { type Store, sqliteStore } from 'turnchart/durability';
import { localBus, type RemoteSession, restateServices, restateSessions } from 'turnchart/durability/restate';
import { transcriptProblems } from 'turnchart/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Endpoint } from './endpoint.ts';
import { RestateServer } from './restateServer.ts';
import { type Scenario, scenarios, type Talk } from './scenarios.ts';

const folder = mkdtempSync(join(tmpdir(), 'turnchart-equality-'));
let server: RestateServer;
beforeAll(async () => {
  server = await RestateServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe('the same conversation in process, on SQLite and on Restate', () => {
  it.each(scenarios)('says the same: $title', async (scenario) => {
    const inProcess = await playHere(scenario, undefined);
    const onSqlite = await playHere(scenario, sqliteStore(join(folder, `${scenarios.indexOf(scenario)}.db`)));
    const onRestate = await playOnRestate(scenario, `equal${scenarios.indexOf(scenario)}`);
    expect(inProcess.length).toBeGreaterThan(3);
    expect(onSqlite).toEqual(inProcess);
    expect(onRestate).toEqual(inProcess);
  });
});

async function playHere({ arrange }: Scenario, store: Store | undefined) {
  const { options, play } = arrange();
  const agent = createAgent({ ...options, ...(store !== undefined && { store }) });
  const session = agent.session({ id: 'talk' });
  const { events, until, tell } = hearing();
  session.on('*', tell);
  await play(talkOf(session, { events, until }));
  if (session.snapshot.status !== 'idle') await until('session.idle', idles(events) + 1);
  expect(transcriptProblems(session.messages)).toEqual([]);
  const said = plain(events);
  await agent.close();
  await store?.close();
  return said;
}

async function playOnRestate({ arrange }: Scenario, name: string) {
  const { options, play } = arrange();
  const agent = createAgent({ ...options, name });
  const bus = localBus();
  await using endpoint = await Endpoint.start(restateServices({ agent, bus }));
  await server.register(endpoint.uri);
  using session = await restateSessions({ agent, ingress: server.ingress, bus, pollMs: 50 }).open('talk');
  const { events, until, tell } = hearing();
  session.on('*', tell);
  await play(talkOf(session, { events, until }));
  const { status } = await session.snapshot();
  if (status !== 'idle' || idles(events) === 0) await until('session.idle', idles(events) + 1);
  const kept = await session.events();
  await until('session.idle', idles(kept));
  expect(transcriptProblems(await session.messages())).toEqual([]);
  // those that were told as they came are those that are kept
  expect(plain(events)).toEqual(plain(kept));
  return plain(events);
}

function talkOf(session: Session | RemoteSession, heard: Pick<Talk, 'events' | 'until'>): Talk {
  return {
    ...heard,
    send: async (text) => session.send(text),
    steer: (text) => session.steer(text),
    cancel: (reason) => session.cancel(reason),
    approve: (id) => session.approve(id),
    deny: (id, reason) => session.deny(id, reason),
    resolveTool: (id, output) => session.resolveTool(id, output),
    extend: (steps) => session.extend(steps),
    compact: () => session.compact(),
  };
}

function hearing() {
  const events: TurnEvent[] = [];
  let wake = () => {};
  return {
    events,
    tell: (event: TurnEvent) => {
      events.push(event);
      wake();
    },
    until: async (type: TurnEventType, count = 1): Promise<TurnEvent> => {
      for (;;) {
        const found = events.filter((event) => event.type === type)[count - 1];
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function idles(events: readonly TurnEvent[]): number {
  return events.filter(({ type }) => type === 'session.idle').length;
}

const times = new Set(['at', 'retryAt', 'durationMs', 'timeToFirstTokenMs']);

/** Durable events, without times, and with ids that tell only which is the same as which. */
function plain(events: readonly TurnEvent[]): readonly unknown[] {
  const ids = new Map<string, string>();
  const idOf = (id: string) => {
    const known = ids.get(id) ?? `turn-${ids.size + 1}`;
    ids.set(id, known);
    return known;
  };
  return events.filter(isDurable).map((event) =>
    JSON.parse(
      JSON.stringify(event, (key, value) =>
        times.has(key) || (key === 'agent' && value !== 'researcher') ? undefined : value,
      ),
      (_, value) => (typeof value === 'string' ? value.replace(/(?:turn|compaction)_[\w-]{36}/g, idOf) : value),
    ),
  );
}

function isDurable(event: TurnEvent): boolean {
  // of a sub-agent, what it streams is
  return event.n === undefined;
}
