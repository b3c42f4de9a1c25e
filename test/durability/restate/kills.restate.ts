import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAgent, isDiagnostic, type TurnEvent } from 'turnchart';
import { type RemoteSession, restateSessions } from 'turnchart/durability/restate';
import { Random, transcriptProblems } from 'turnchart/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bookkeeper, type Task, tasks } from '../bookkeeping.ts';
import { Child } from '../child.ts';
import { RestateServer } from './restateServer.ts';
import { TcpProxy } from './tcpProxy.ts';

/** Whoever kills a turn in the same place again and again wants it to fail. */
const mostInVain = 1;

let folder: string;
let stack: AsyncDisposableStack;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'turnchart-restate-kills-'));
  stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  // children start in a third of the time
  vi.stubEnv('NODE_COMPILE_CACHE', join(folder, 'compiled'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stack.disposeAsync();
});

describe('two replicas behind one address', () => {
  it.each([
    { disturbance: 'replicas are killed 30 times', suspends: false, kills: 30, serverKills: 0 },
    { disturbance: 'the server is killed 5 times', suspends: false, kills: 0, serverKills: 5 },
    {
      disturbance: 'turns are put aside at every wait, and replicas are killed',
      suspends: true,
      kills: 5,
      serverKills: 0,
    },
  ])('end every turn once, validly, and do nothing twice: $disturbance', {
    timeout: 600_000,
  }, async ({ suspends, kills, serverKills }) => {
    const seed = kills + serverKills;
    const { server, replicas, deeds } = await arrange(suspends);
    const random = new Random(seed);
    const agent = createAgent({ model: bookkeeper });
    const sessions = restateSessions({ agent, ingress: server.ingress, pollMs: 50 });
    const lists = Object.entries(tasks(seed, 3, kills > 10 ? 40 : 8));
    const talks = await Promise.all(
      lists.map(async ([id, list]) => new Talk(stack.use(await sessions.open(id)), list)),
    );
    const talking = Promise.all(talks.map((talk) => talk.run()));

    for (let kill = 0; kill < kills + serverKills; kill += 1) {
      const some = random.whole(1, 12);
      const before = talks.map(({ progress }) => progress);
      await expect
        .poll(() => talks.every((talk) => talk.mayBeDisturbed(mostInVain)) && sum(talks) >= sumOf(before) + some, {
          interval: 5,
          timeout: 120_000,
        })
        .toBe(true);
      for (const talk of talks) talk.disturb();
      if (kill < serverKills) {
        await server.kill();
        await server.begin();
      } else await replicas.killOne(random);
    }
    expect(talks.some(({ isOver }) => !isOver)).toBe(true);
    await talking;

    for (const { session, events, list } of talks) {
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const endings = events.filter(({ type }) => /^turn\.(completed|failed|cancelled)$/.test(type));
      expect(endings.map(({ type }) => type)).toEqual(list.map(() => 'turn.completed'));
      expect(transcriptProblems(await session.messages())).toEqual([]);
    }
    const paid = deeds().filter((deed) => deed.startsWith('pay'));
    expect(paid).toEqual([...new Set(paid)]);
    expect(paid.length).toBeGreaterThan(20);
  });
});

/** Somebody who has one task after the other done. */
class Talk {
  readonly session: RemoteSession;
  readonly list: readonly Task[];
  readonly events: TurnEvent[] = [];
  isOver = false;
  /** What was achieved, and of it what was there when this was last disturbed. */
  progress = 0;
  #before = 0;
  #inVain = 0;

  constructor(session: RemoteSession, list: readonly Task[]) {
    this.session = session;
    this.list = list;
    session.on('*', (event) => {
      if (event.n !== undefined) return;
      this.events.push(event);
      if (!isDiagnostic(event)) this.progress += 1;
    });
  }

  async run(): Promise<void> {
    for (const task of this.list) await (await this.session.send(JSON.stringify(task))).outcome;
    await expect.poll(() => this.events.at(-1)?.type).toBe('session.idle');
    this.isOver = true;
  }

  mayBeDisturbed(mostInVain: number): boolean {
    return this.isOver || this.#inVain < mostInVain || this.progress > this.#before;
  }

  disturb(): void {
    this.#inVain = this.progress > this.#before ? 0 : this.#inVain + 1;
    this.#before = this.progress;
  }
}

async function arrange(suspends: boolean) {
  const server = stack.use(await RestateServer.start());
  const proxy = stack.use(await TcpProxy.start());
  const file = join(folder, 'deeds.txt');
  const running: { readonly child: Child; readonly port: number }[] = [];
  stack.defer(async () => {
    for (const { child } of running) await child.kill();
  });
  const begin = async () => {
    const child = new Child('restate/programs/replica', file, suspends ? 'suspends' : '');
    await child.says(1);
    running.push({ child, port: Number(child.lines[0]) });
    proxy.targets = running.map(({ port }) => port);
  };
  await begin();
  await begin();
  await server.register(proxy.uri);
  return {
    server,
    deeds: () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []),
    replicas: {
      /** Ends one in the middle of whatever it does; another takes its place. */
      killOne: async (random: Random) => {
        await begin();
        const [victim] = running.splice(random.whole(0, 1), 1);
        proxy.targets = running.map(({ port }) => port);
        await victim?.child.kill();
      },
    },
  };
}

function sum(talks: readonly Talk[]): number {
  return sumOf(talks.map(({ progress }) => progress));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
