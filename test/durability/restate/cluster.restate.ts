import type { Ingress } from '@restatedev/restate-sdk-clients';
import { type Agent, createAgent, defineTool } from 'turnchart';
import { restateServices, restateSessions } from 'turnchart/durability/restate';
import { type Script, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Endpoint } from './endpoint.ts';
import { ingressAt, RestateServer } from './restateServer.ts';
import { TcpProxy } from './tcpProxy.ts';

describe('a server of three nodes', () => {
  it('ends every turn once, validly, and does nothing twice, whichever node is lost in the middle of it', {
    timeout: 300_000,
  }, async () => {
    await using stack = new AsyncDisposableStack();
    const nodes = await RestateServer.startCluster();
    for (const node of nodes) stack.use(node);
    const proxy = stack.use(await TcpProxy.start());
    proxy.targets = nodes.map(({ ingressPort }) => ingressPort);

    const opened: PromiseWithResolvers<string>[] = [];
    const pay = defineTool({
      name: 'pay',
      input: z.object({}),
      execute: () => {
        const gate = Promise.withResolvers<string>();
        opened.push(gate);
        return gate.promise;
      },
    });
    const model = scriptedModel(
      ({ messages }): Script => (messages.at(-1)?.role === 'tool' ? 'Paid.' : { calls: [{ name: 'pay' }] }),
    );
    const agent = createAgent({ name: 'clustered', model, tools: [pay] });
    const endpoint = stack.use(await Endpoint.start(restateServices({ agent })));
    await nodes[0]?.register(endpoint.uri);
    // nodes hear from each other what is where
    for (const { ingress } of nodes) await expect.poll(() => isServed(ingress, agent)).toBe(true);
    const sessions = restateSessions({ agent, ingress: ingressAt(proxy.uri), pollMs: 100 });
    const ids = ['rome', 'oslo', 'bern', 'riga'];
    const talks = await Promise.all(ids.map(async (id) => stack.use(await sessions.open(id))));

    for (const [index, lost] of nodes.entries()) {
      const turns = await Promise.all(talks.map((talk) => talk.send('Pay.')));
      await expect.poll(() => opened).toHaveLength(talks.length * (index + 1));
      await lost.kill();
      proxy.targets = nodes.filter((node) => node !== lost).map(({ ingressPort }) => ingressPort);
      for (const gate of opened) gate.resolve('paid');
      expect((await Promise.all(turns.map(({ result }) => result))).map(({ text }) => text)).toEqual(
        talks.map(() => 'Paid.'),
      );
      await lost.begin();
      proxy.targets = nodes.map(({ ingressPort }) => ingressPort);
    }

    expect(opened).toHaveLength(talks.length * nodes.length);
    for (const talk of talks) {
      const events = await talk.events();
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      const endings = events.filter(({ type }) => /^turn\.(completed|failed|cancelled)$/.test(type));
      expect(endings.map(({ type }) => type)).toEqual(nodes.map(() => 'turn.completed'));
      expect(transcriptProblems(await talk.messages())).toEqual([]);
    }
  });
});

function isServed(ingress: Ingress, agent: Agent): Promise<boolean> {
  const opening = restateSessions({ agent, ingress }).open('nobody');
  return opening.then(
    (session) => {
      session.close();
      return true;
    },
    () => false,
  );
}
