import { type AnyMessage, client, methods, RequestError } from '@agentclientprotocol/sdk';
import { createAgent } from 'turnchart';
import { type AcpOptions, serveAcp } from 'turnchart/acp';
import { memoryStore } from 'turnchart/durability';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, test } from 'vitest';
import { errorOf } from './editor.ts';

const { session } = methods.agent;

/** Serves within this process, to an editor that has said hello. */
async function serve(options: Omit<AcpOptions, 'stream'>) {
  const there = new TransformStream<AnyMessage, AnyMessage>();
  const back = new TransformStream<AnyMessage, AnyMessage>();
  const connection = serveAcp({ ...options, stream: { readable: there.readable, writable: back.writable } });
  const said: string[] = [];
  const app = client().onNotification(methods.client.session.update, ({ params: { update } }) => {
    if (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text')
      said.push(update.content.text);
  });
  const { agent, closed } = app.connect({ readable: back.readable, writable: there.writable });
  await agent.request(methods.agent.initialize, { protocolVersion: 1 });
  return { connection, agent, closed, said };
}

describe('serveAcp', () => {
  const agent = createAgent({ model: scriptedModel(['Hello.']) });

  test.each([
    [{ agent: undefined }, /`agent` must be an agent/],
    [{ agent: {} }, /`agent` must be an agent/],
    [{ agent, describeTool: 'read' }, /`describeTool` is not a function/],
    [{ agent, onProblem: true }, /`onProblem` is not a function/],
    [{ agent, auth: { methods: [], authenticate: 'key' } }, /`authenticate` is not a function/],
    [{ agent, port: 80 }, /there is no option `port`/],
  ])('refuses what cannot be: %j', (options, message) => {
    expect(() => serveAcp(options as unknown as AcpOptions)).toThrow(message);
  });

  test('serves one agent to all sessions, over any stream', async () => {
    const {
      connection,
      agent: served,
      said,
    } = await serve({
      agent: createAgent({ model: scriptedModel(() => 'Hello.') }),
    });
    for (const cwd of ['/a', '/b']) {
      const { sessionId } = await served.request(session.new, { cwd, mcpServers: [] });
      const prompt = [{ type: 'text' as const, text: 'Hi.' }];
      expect(await served.request(session.prompt, { sessionId, prompt })).toEqual({ stopReason: 'end_turn' });
    }
    expect(said).toEqual(['Hello.', 'Hello.']);
    await connection.close();
  });

  test('answers what runs when it is closed, and says so to the editor', async () => {
    const model = scriptedModel([{ text: 'Well', hangs: true }]);
    const { connection, agent: served, closed } = await serve({ agent: createAgent({ model }) });
    const { sessionId } = await served.request(session.new, { cwd: '/a', mcpServers: [] });
    const answer = served.request(session.prompt, { sessionId, prompt: [{ type: 'text', text: 'Hi.' }] });
    await expect.poll(() => model.signals.length).toBe(1);
    await connection.close();
    expect(await answer).toEqual({ stopReason: 'cancelled' });
    expect(model.signals[0]?.aborted).toBe(true);
    await Promise.all([connection.closed, closed]);
  });

  test('finds the prompt that a cancel is about, however close they come', async () => {
    const there = new TransformStream<AnyMessage, AnyMessage>(undefined, { highWaterMark: 10 });
    const back = new TransformStream<AnyMessage, AnyMessage>();
    const model = scriptedModel([{ text: 'Well', hangs: true }]);
    const stream = { readable: there.readable, writable: back.writable };
    const connection = serveAcp({ agent: createAgent({ model }), stream });
    const [writer, reader] = [there.writable.getWriter(), back.readable.getReader()];
    const write = (method: string, params: unknown, id?: number) => {
      void writer.write({ jsonrpc: '2.0', method, params, ...(id !== undefined && { id }) });
    };
    const answerTo = async (id: number) => {
      for (;;) {
        const { value } = await reader.read();
        if (value === undefined) throw new Error('There was no answer.');
        if ('id' in value && value.id === id && 'result' in value) return value.result;
      }
    };
    write(methods.agent.initialize, { protocolVersion: 1 }, 1);
    await answerTo(1);
    write(session.new, { cwd: '/a', mcpServers: [] }, 2);
    const { sessionId } = (await answerTo(2)) as { sessionId: string };
    write(session.prompt, { sessionId, prompt: [{ type: 'text', text: 'Hi.' }] }, 3);
    write(session.cancel, { sessionId });
    expect(await answerTo(3)).toEqual({ stopReason: 'cancelled' });
    reader.releaseLock();
    await connection.close();
  });

  test('sends the user to sign in where the agent cannot be made without', async () => {
    let isSignedIn = false;
    const { connection, agent: served } = await serve({
      auth: {
        methods: [{ id: 'key', name: 'With a key' }],
        authenticate: () => {
          isSignedIn = true;
        },
      },
      agent: () => {
        if (!isSignedIn) throw RequestError.authRequired();
        return createAgent({ model: scriptedModel(['Hello.']) });
      },
    });
    expect(await errorOf(served.request(session.new, { cwd: '/a', mcpServers: [] }))).toMatchObject({ code: -32000 });
    await served.request(methods.agent.authenticate, { methodId: 'key' });
    expect(await served.request(session.new, { cwd: '/a', mcpServers: [] })).toHaveProperty('sessionId');
    await connection.close();
  });

  test('says what is wrong with the agent that was made for a session', async () => {
    const problems: string[] = [];
    const { connection, agent: served } = await serve({
      store: memoryStore(),
      agent: ({ cwd }) => {
        if (cwd === '/none') throw new Error('There is nothing in /none.');
        return createAgent({ model: scriptedModel(['Hello.']) });
      },
      onProblem: (problem) => problems.push(problem),
    });
    const open = (cwd: string) => errorOf(served.request(session.new, { cwd, mcpServers: [] }));
    expect(await open('/none')).toMatchObject({ code: -32603, message: 'There is nothing in /none.' });
    expect((await open('/a')).message).toContain('another store');
    expect(problems).toEqual([]);
    await connection.close();
  });

  test('shows calls as they are by themselves where describing them fails, and says that it does', async () => {
    const problems: string[] = [];
    const { connection, agent: served } = await serve({
      agent: createAgent({ model: scriptedModel([{ calls: [{ name: 'unknown' }] }, 'Well.']) }),
      describeTool: () => {
        throw new Error('No words.');
      },
      onProblem: (problem) => problems.push(problem),
    });
    const { sessionId } = await served.request(session.new, { cwd: '/a', mcpServers: [] });
    await served.request(session.prompt, { sessionId, prompt: [{ type: 'text', text: 'Hi.' }] });
    expect(new Set(problems)).toEqual(new Set(['describeTool: Error: No words.']));
    await connection.close();
  });
});
