// Measures turns on Restate, after npm run restate:install: npm run bench:restate -- [latency] [throughput] [waiting]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http2';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createEndpointHandler } from '@restatedev/restate-sdk';
import { createAgent, defineTool } from 'turnchart';
import {
  type DeltaBus,
  type LiveEvents,
  localBus,
  type RemoteSession,
  restateServices,
  restateSessions,
} from 'turnchart/durability/restate';
import { RestateServer } from '../test/durability/restate/restateServer.ts';
import { TcpProxy } from '../test/durability/restate/tcpProxy.ts';
import { median, now } from './measure.ts';
import { mockModel, type Read } from './mockModel.ts';
import { addTool } from './subjects.ts';

const usage = { inputTokens: 100, outputTokens: 20 };
const approved = defineTool({ ...addTool, name: 'pay', approval: true });

/** Does what the message says: so many steps with two tools each, or one tool that somebody is asked about. */
const model = mockModel(({ messages }): readonly Read[] => {
  const start = messages.findLastIndex(({ role }) => role === 'user');
  const asked = JSON.stringify(messages[start]);
  const step = messages.slice(start).filter(({ role }) => role === 'tool').length;
  const isPaying = asked.includes('pay');
  const steps = isPaying ? 1 : asked.includes('ten steps') ? 10 : 0;
  if (step >= steps) {
    return [
      [
        { type: 'text-delta', text: 'So it is. '.repeat(20) },
        { type: 'finish', finishReason: { unified: 'stop' }, usage },
      ],
    ];
  }
  const calls = (isPaying ? [0] : [0, 1]).map((index) => ({
    type: 'tool-call' as const,
    toolCallId: `call-${step}-${index}`,
    toolName: isPaying ? 'pay' : 'add',
    rawInput: JSON.stringify({ a: step, b: index }),
  }));
  return [[...calls, { type: 'finish', finishReason: { unified: 'tool-calls' }, usage }]];
});
const agent = createAgent({ model, tools: [addTool, approved], limits: { maxSteps: 20 } });

/** One replica: says its port, and then what is said in its turns. */
async function serveTurns(): Promise<void> {
  const say = (what: unknown) => process.stdout.write(`${JSON.stringify(what)}\n`);
  const bus: DeltaBus = { publish: (sessionId, said) => say({ sessionId, said }), subscribe: () => () => {} };
  const inactivityTimeoutMs = process.argv[3] === 'suspends' ? { inactivityTimeoutMs: 0 } : {};
  const services = restateServices({ agent, bus, ...inactivityTimeoutMs });
  const server = createServer(createEndpointHandler({ services }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  say({ port: typeof address === 'object' ? address?.port : undefined });
}

interface Line {
  readonly port?: number;
  readonly sessionId?: string;
  readonly said?: LiveEvents;
}

/** A server, so many replicas, and sessions that hear them at once. */
async function arrange(count: number, ...args: readonly string[]) {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await RestateServer.start());
  const proxy = stack.use(await TcpProxy.start());
  const bus = localBus();
  const replicas: ChildProcess[] = [];
  for (let index = 0; index < count; index += 1) {
    const child = spawn(
      process.execPath,
      ['--conditions=turnchart-source', fileURLToPath(import.meta.url), 'replica', ...args],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, RESTATE_LOGGING: 'ERROR' } },
    );
    stack.defer(async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    });
    replicas.push(child);
    const port = Promise.withResolvers<number>();
    createInterface(child.stdout).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if (line.port !== undefined) port.resolve(line.port);
      else if (line.sessionId !== undefined && line.said !== undefined) bus.publish(line.sessionId, line.said);
    });
    proxy.targets = [...proxy.targets, await port.promise];
  }
  await server.register(proxy.uri);
  const sessions = restateSessions({ agent, ingress: server.ingress, bus, pollMs: 5_000 });
  return { server, replicas, sessions, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function turn(session: RemoteSession, text: string): Promise<number> {
  const start = now();
  const { outcome } = await session.send(text);
  const { status } = await outcome;
  if (status !== 'completed') throw new Error(`A turn ended as ${status}.`);
  return (now() - start) / 1_000;
}

/** One turn at a time, in ms. */
async function latency(text: string, count: number): Promise<number> {
  await using place = await arrange(1);
  using session = await place.sessions.open();
  for (let index = 0; index < count; index += 1) await turn(session, text);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) times.push(await turn(session, text));
  return median(times);
}

/** Turns a second, with 40 sessions at once. */
async function throughput(replicas: number, text: string, perSession: number): Promise<number> {
  await using place = await arrange(replicas);
  const sessions = await Promise.all(Array.from({ length: 40 }, () => place.sessions.open()));
  await Promise.all(sessions.map((session) => turn(session, text)));
  const start = now();
  await Promise.all(
    sessions.map(async (session) => {
      for (let index = 0; index < perSession; index += 1) await turn(session, text);
    }),
  );
  const seconds = (now() - start) / 1_000_000;
  for (const session of sessions) session.close();
  return (sessions.length * perSession) / seconds;
}

/** What a session takes that waits for an approval, in KiB: of the server, of a replica, on the disk. */
async function waiting(count: number) {
  await using place = await arrange(1, 'suspends');
  const { server, replicas } = place;
  const [replica] = replicas;
  const measured = () => ({
    server: residentKiB(server.processId),
    replica: residentKiB(replica?.pid ?? 0),
    disk: sizeKiB(server.folder),
  });
  const wait = async (sessions: number) => {
    for (let begun = 0; begun < sessions; begun += 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          using session = await place.sessions.open();
          const asked = new Promise((resolve) => session.on('tool.approvalRequested', resolve));
          await session.send('pay');
          await asked;
        }),
      );
    }
    for (;;) {
      const [row] = await server.query("select count(*) as n from sys_invocation where status = 'running'");
      if (Number(row?.n) === 0) break;
      await sleep(500);
    }
  };
  await wait(count);
  const before = measured();
  await wait(count);
  const after = measured();
  return {
    server: (after.server - before.server) / count,
    replica: (after.replica - before.replica) / count,
    disk: (after.disk - before.disk) / count,
  };
}

/** Of all files of a folder. */
function sizeKiB(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((bytes, { parentPath, name }) => bytes + statSync(join(parentPath, name)).size, 0) / 1024;
}

/** Of a process, in memory. */
function residentKiB(processId: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))?.[1]);
}

const parts: Readonly<Record<string, () => Promise<void>>> = {
  latency: async () => {
    const short = await latency('Hi.', 100);
    const long = await latency('ten steps', 10);
    console.log(`a turn without tools, alone: ${short.toFixed(1)} ms`);
    console.log(`a turn of ten steps with two tools each, alone: ${long.toFixed(0)} ms`);
    console.log(`so a step with two tools: ${((long - short) / 10).toFixed(1)} ms`);
  },
  throughput: async () => {
    for (const replicas of [1, 2]) {
      const [one, ten] = [await throughput(replicas, 'Hi.', 5), await throughput(replicas, 'ten steps', 1)];
      console.log(
        `${replicas} replicas, 40 sessions at once: ${one.toFixed(0)} turns/s, of ten steps ${ten.toFixed(1)}`,
      );
    }
  },
  waiting: async () => {
    const { server, replica, disk } = await waiting(200);
    const sizes = [`server ${server.toFixed(1)}`, `replica ${replica.toFixed(1)}`, `disk ${disk.toFixed(1)}`];
    console.log(`a session that waits, in KiB: ${sizes.join(', ')}`);
  },
};

if (process.argv[2] === 'replica') {
  await serveTurns();
} else {
  const asked = process.argv.slice(2);
  for (const [name, measure] of Object.entries(parts)) if (asked.length === 0 || asked.includes(name)) await measure();
}
