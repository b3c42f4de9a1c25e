// Measures sessions over HTTP: npm run bench:http -- [--streams N] [--turns N] [--rounds N]

import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createAdaptorServer } from '@hono/node-server';
import { createAgent, type ModelPart } from 'turnchart';
import { httpApp } from 'turnchart/http';
import { httpClient } from 'turnchart/http/client';
import { heapInUse } from 'turnchart/testing';
import { median, now } from './measure.ts';
import { mockModel, type Read } from './mockModel.ts';

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1000' },
    turns: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
  },
});
const [streams, turns, rounds] = [values.streams, values.turns, values.rounds].map(Number) as [number, number, number];
for (const [name, value] of Object.entries({ streams, turns, rounds })) {
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number from 1.`);
}

const usage = { inputTokens: 100, outputTokens: 20 };
const reads: readonly Read[] = [
  ...Array.from({ length: 20 }, (_, index): ModelPart[] => [{ type: 'text-delta', text: `So it is, ${index}. ` }]),
  [{ type: 'finish', finishReason: { unified: 'stop' }, usage }],
];
const agent = createAgent({ model: mockModel(() => reads) });
const server = createAdaptorServer({ fetch: httpApp({ agent, limits: { maxStreams: streams } }).fetch });
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = httpClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });

/** What a stream is told of a turn, from before its message to the end. */
async function read(id: string): Promise<{ events: number; lost: number }> {
  let events = 0;
  let seq = 0;
  for await (const event of client.events.stream(id, { since: '0' })) {
    events += 1;
    seq += event.id === `${event.seq}` ? 1 : 0;
    if (event.type === 'session.idle') return { events, lost: event.seq - seq };
  }
  throw new Error(`The events of session "${id}" have ended.`);
}

/** All turns at once, and the streams spread over their sessions. */
async function round() {
  const sessions = await Promise.all(Array.from({ length: turns }, () => client.sessions.create()));
  const reading = Array.from({ length: streams }, (_, index) => read(sessions[index % turns]?.id ?? ''));
  const [start, before] = [now(), process.cpuUsage()];
  await Promise.all(sessions.map(({ id }) => client.messages.create(id, 'And 2+3?')));
  const told = await Promise.all(reading);
  const { user, system } = process.cpuUsage(before);
  const ms = (now() - start) / 1_000;
  await Promise.all(sessions.map(({ id }) => client.sessions.delete(id)));
  const events = told.reduce((sum, one) => sum + one.events, 0);
  return { ms, events, lost: told.reduce((sum, one) => sum + one.lost, 0), cpuMs: (user + system) / 1_000 };
}

await round();
const heapBefore = await heapInUse();
const measured: Awaited<ReturnType<typeof round>>[] = [];
for (let count = 0; count < rounds; count += 1) measured.push(await round());
const heapAfter = await heapInUse();
const of = (figure: 'ms' | 'events' | 'cpuMs') => median(measured.map((one) => one[figure]));
console.table({
  [`${streams} streams, ${turns} turns`]: {
    'all told, ms': Math.round(of('ms')),
    'CPU, ms': Math.round(of('cpuMs')),
    'events told': of('events'),
    'events/s': Math.round(of('events') / (of('ms') / 1_000)),
    lost: measured.reduce((sum, { lost }) => sum + lost, 0),
    'heap, KiB/round': Math.round((heapAfter - heapBefore) / 1_024 / rounds),
    'peak, MiB': Math.round(process.resourceUsage().maxRSS / 1_024),
  },
});

server.close();
if ('closeAllConnections' in server) server.closeAllConnections();
