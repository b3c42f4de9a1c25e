import { createAgent, defineTool, type TurnEvent } from 'turnchart';
import { type RemoteSession, restateServices, restateSessions } from 'turnchart/durability/restate';
import { type Script, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Endpoint } from './endpoint.ts';
import { RestateServer } from './restateServer.ts';

let server: RestateServer;
beforeAll(async () => {
  server = await RestateServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

describe('a new deployment beside the old one', () => {
  it('takes the turns that begin from then on, while the one under way ends where it began', async () => {
    const paid: string[] = [];
    await using old = await deploy({ name: 'redeployed', version: 'old', paid });
    using session = await open('redeployed');
    const turn = await session.send('Pay.');
    const queued = await session.send('And again.');
    await waitsForApproval(session);

    await using next = await deploy({ name: 'redeployed', version: 'new', paid });
    await approve(session);
    expect((await turn.result).text).toBe('This is old.');

    await waitsForApproval(session);
    // nobody needs the old one any more
    await expect.poll(() => underWay(old)).toEqual([]);
    expect(await underWay(next)).not.toEqual([]);
    await approve(session);
    expect((await queued.result).text).toBe('This is new.');
    expect(paid).toEqual(['old', 'new']);
    await expectTwoTurns(session);
  });

  it('goes on with a turn that is moved to it, where the old one is gone', async () => {
    const paid: string[] = [];
    const old = await deploy({ name: 'moved', version: 'old', paid });
    using session = await open('moved');
    const turn = await session.send('Pay.');
    const queued = await session.send('And again.');
    await waitsForApproval(session);

    await using next = await deploy({ name: 'moved', version: 'new', paid });
    await old[Symbol.asyncDispose]();
    await expect.poll(() => move(old, next)).toEqual([]);
    await approve(session);
    expect((await turn.result).text).toBe('This is new.');

    await waitsForApproval(session);
    await approve(session);
    expect((await queued.result).text).toBe('This is new.');
    expect(paid).toEqual(['new', 'new']);
    await expectTwoTurns(session);
  });
});

interface Version {
  readonly name: string;
  readonly version: string;
  /** Which versions paid. */
  readonly paid: string[];
}

/** An agent that pays after an approval and says what version it is, at an address of its own. */
async function deploy({ name, version, paid }: Version) {
  const pay = defineTool({
    name: 'pay',
    input: z.object({}),
    approval: true,
    execute: () => {
      paid.push(version);
      return 'paid';
    },
  });
  const model = scriptedModel(({ messages }): Script => {
    return messages.at(-1)?.role === 'tool' ? `This is ${version}.` : { calls: [{ name: 'pay' }] };
  });
  const agent = createAgent({ name, model, tools: [pay] });
  const endpoint = await Endpoint.start(restateServices({ agent, inactivityTimeoutMs: 0 }));
  const deployment = await server.register(endpoint.uri);
  return { deployment, [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose]() };
}

/** Invocations that need that deployment. */
async function underWay({ deployment }: { readonly deployment: string }) {
  return await server.query(
    `select id from sys_invocation where pinned_deployment_id = '${deployment}' and status <> 'completed'`,
  );
}

/** As often as it takes: what waits can be moved, what is tried again and again must be paused before. */
async function move(from: { readonly deployment: string }, to: { readonly deployment: string }) {
  for (const { id } of await underWay(from)) {
    const moved = server.moveInvocation(String(id), to.deployment);
    await moved.catch(() => server.pauseInvocation(String(id))).catch(() => undefined);
  }
  return await underWay(from);
}

async function open(name: string): Promise<RemoteSession> {
  const agent = createAgent({ name, model: scriptedModel([]) });
  return await restateSessions({ agent, ingress: server.ingress, pollMs: 50 }).open('talk');
}

async function waitsForApproval(session: RemoteSession): Promise<void> {
  await expect
    .poll(() => session.snapshot())
    .toMatchObject({ status: 'inTurn', turn: { tools: [{ state: 'awaitingApproval' }] } });
}

async function approve(session: RemoteSession): Promise<void> {
  const { turn } = await session.snapshot();
  expect(await session.approve(turn?.tools[0]?.toolCallId ?? '')).toEqual({ accepted: true });
}

async function expectTwoTurns(session: RemoteSession): Promise<void> {
  const events: readonly TurnEvent[] = await session.events();
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const endings = events.filter(({ type }) => /^turn\.(completed|failed|cancelled)$/.test(type));
  expect(endings.map(({ type }) => type)).toEqual(['turn.completed', 'turn.completed']);
  expect(transcriptProblems(await session.messages())).toEqual([]);
}
