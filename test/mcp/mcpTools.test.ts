import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { createAgent, type Message, type ToolResultPart, type TurnEvent } from 'turnchart';
import { type McpClient, type McpTool, mcpTools } from 'turnchart/mcp';
import { type ScriptedCall, scriptedModel } from 'turnchart/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, connectOlder } from './servers.ts';

// Processes start slowly where many tests run beside each other.
const timeout = 30_000;

function resultsOf(messages: readonly Message[]): readonly ToolResultPart[] {
  return messages.flatMap((message) => (message.role === 'tool' ? message.content : []));
}

/** The result of one call that a model makes. */
async function call(client: McpClient, { name, input = {} }: ScriptedCall) {
  const model = scriptedModel([{ calls: [{ name, input }] }, 'Done.']);
  const events: TurnEvent[] = [];
  const agent = createAgent({ model, tools: await mcpTools(client) });
  const { messages } = await agent.run('go', { onEvent: (event) => events.push(event) });
  return { result: resultsOf(messages)[0], events, model };
}

/** A client that says what is written here. */
function clientOf(tools: readonly Partial<McpTool>[], answer: unknown = { content: [] }): McpClient {
  const described = tools.map((tool) => ({ name: 'tool', inputSchema: { type: 'object' }, ...tool }));
  return { listTools: async () => ({ tools: described }), callTool: async (_call, _options) => answer };
}

describe('the tools of a real MCP server', { timeout }, () => {
  let everything: Client;

  beforeAll(async () => {
    everything = (await connect('everything')).client;
  }, timeout);
  afterAll(() => everything.close());

  it('are described to the model as the server describes them', async () => {
    const { model } = await call(everything, { name: 'echo', input: { message: 'hi' } });
    const echo = model.requests[0]?.tools.find(({ name }) => name === 'echo');
    expect(echo?.description).toMatch(/echo/i);
    expect(echo?.inputSchema).toMatchObject({ type: 'object', properties: { message: { type: 'string' } } });
  });

  it('give text', async () => {
    const { result } = await call(everything, { name: 'get-sum', input: { a: 2, b: 3 } });
    expect(result?.output).toEqual({ type: 'text', value: 'The sum of 2 and 3 is 5.' });
  });

  it('give images', async () => {
    const { result } = await call(everything, { name: 'get-tiny-image' });
    expect(result?.output).toMatchObject({
      type: 'content',
      value: expect.arrayContaining([{ type: 'file', mediaType: 'image/png', data: expect.stringMatching(/^iVBOR/) }]),
    });
  });

  it('give resources, as links and whole', async () => {
    const links = await call(everything, { name: 'get-resource-links' });
    expect(String(links.result?.output.value)).toContain('demo://resource/');
    const reference = await call(everything, { name: 'get-resource-reference' });
    expect(String(reference.result?.output.value)).toContain('demo://resource/dynamic/text/1\nResource 1');
  });

  it('tell of their progress', async () => {
    const { events } = await call(everything, {
      name: 'trigger-long-running-operation',
      input: { duration: 0.05, steps: 2 },
    });
    const said = events.flatMap((event) => (event.type === 'tool.progress' ? [event.text] : []));
    expect(said).toContain('1 of 2');
  });

  it('tell the model what was wrong with its input', async () => {
    const { result, events } = await call(everything, { name: 'get-sum', input: { a: 'two', b: 3 } });
    expect(result?.output).toMatchObject({ type: 'error', value: expect.stringContaining('expected number') });
    expect(events.filter(({ type }) => type === 'tool.failed')).toHaveLength(1);
  });

  it('are cancelled with the turn, and the server goes on', async () => {
    const model = scriptedModel([
      { calls: [{ name: 'trigger-long-running-operation', input: { duration: 600, steps: 600 } }] },
    ]);
    const session = createAgent({ model, tools: await mcpTools(everything) }).session();
    session.on('tool.started', () => void session.cancel());
    expect(await session.send('go').outcome).toMatchObject({ status: 'cancelled' });
    const { result } = await call(everything, { name: 'echo', input: { message: 'still there' } });
    expect(result?.output.value).toBe('Echo: still there');
  });

  it('work with the SDK that was there before', async () => {
    const older = await connectOlder('everything');
    try {
      const { result } = await call(older, { name: 'get-sum', input: { a: 2, b: 3 } });
      expect(result?.output).toEqual({ type: 'text', value: 'The sum of 2 and 3 is 5.' });
    } finally {
      await older.close();
    }
  });

  it('fail their call, and not the turn, where the server dies in its middle', async () => {
    const { client, pid } = await connect('everything');
    const model = scriptedModel([
      { calls: [{ name: 'trigger-long-running-operation', input: { duration: 600, steps: 6_000 } }] },
      { calls: [{ name: 'echo', input: { message: 'hi' } }] },
      'It is gone.',
    ]);
    const session = createAgent({ model, tools: await mcpTools(client) }).session();
    session.on('tool.progress', () => process.kill(pid(), 'SIGKILL'));
    const { text, messages } = await session.send('go').result;
    expect(text).toBe('It is gone.');
    expect(resultsOf(messages).map(({ output }) => output.type)).toEqual(['error', 'error']);
  });
});

describe('the tools of the file system server', { timeout }, () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'turnchart-mcp-')));
  let client: Client;

  beforeAll(async () => {
    client = (await connect('filesystem', folder)).client;
  }, timeout);
  afterAll(async () => {
    await client.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('read and write', async () => {
    writeFileSync(join(folder, 'a.txt'), 'one two three');
    const { result } = await call(client, { name: 'read_text_file', input: { path: join(folder, 'a.txt') } });
    expect(result?.output).toEqual({ type: 'text', value: 'one two three' });
    const tools = await mcpTools(client, { approval: () => false });
    const path = join(folder, 'b.txt');
    const model = scriptedModel([{ calls: [{ name: 'write_file', input: { path, content: 'four' } }] }, 'Written.']);
    await createAgent({ model, tools }).run('go');
    expect(readFileSync(path, 'utf8')).toBe('four');
  });

  it('take from the annotations what may run twice, and what somebody is asked about', async () => {
    const tools = await mcpTools(client);
    const about = (wanted: string) => tools.find(({ name }) => name === wanted);
    expect(about('read_text_file')).toMatchObject({ idempotent: true, approval: false });
    expect(about('write_file')).toMatchObject({ idempotent: true, approval: true });
    expect(about('move_file')).toMatchObject({ idempotent: false });
  });

  it('refuse what lies outside, in words that the model reads', async () => {
    const { result } = await call(client, { name: 'read_text_file', input: { path: '/etc/hostname' } });
    expect(result?.output).toMatchObject({ type: 'error', value: expect.stringContaining('outside') });
  });
});

describe('mcpTools()', () => {
  const names = async (tools: readonly Partial<McpTool>[], options?: Parameters<typeof mcpTools>[1]) =>
    (await mcpTools(clientOf(tools), options)).map(({ name }) => name);

  it('makes names that every provider takes, all different', async () => {
    const long = 'x'.repeat(70);
    expect(await names([{ name: 'files/read' }, { name: 'files.read' }, { name: long }, { name: long }])).toEqual([
      'files_read',
      'files_read_2',
      'x'.repeat(64),
      `${'x'.repeat(62)}_2`,
    ]);
  });

  it('keeps the tools of two servers apart with a prefix', async () => {
    expect(await names([{ name: 'read' }], { prefix: 'files' })).toEqual(['files_read']);
  });

  it('takes the tools that a filter takes', async () => {
    expect(await names([{ name: 'a' }, { name: 'b' }], { filter: ({ name }) => name === 'b' })).toEqual(['b']);
  });

  it('asks for nobody where the server says nothing', async () => {
    const [tool] = await mcpTools(clientOf([{}]));
    expect(tool).toMatchObject({ idempotent: false, approval: false });
  });

  it('reads page by page, and no page twice', async () => {
    const asked: (string | undefined)[] = [];
    const client: McpClient = {
      ...clientOf([]),
      listTools: async (params) => {
        asked.push(params?.cursor);
        const name = `page${asked.length}`;
        return { tools: [{ name, inputSchema: { type: 'object' } }], nextCursor: asked.length < 2 ? 'two' : 'two' };
      },
    };
    expect((await mcpTools(client)).map(({ name }) => name)).toEqual(['page1', 'page2']);
    expect(asked).toEqual([undefined, 'two']);
  });

  it.each<[string, unknown, object]>([
    [
      'JSON where there is nothing else',
      { content: [], structuredContent: { a: 1 } },
      { type: 'json', value: { a: 1 } },
    ],
    ['what servers of old give', { toolResult: [1, 2] }, { type: 'json', value: [1, 2] }],
    ['nothing', { content: [] }, { type: 'text', value: '' }],
    [
      'content of a kind that is not known',
      { content: [{ type: 'new', x: 1 }] },
      { type: 'text', value: '{"type":"new","x":1}' },
    ],
    [
      'an error without words',
      { content: [], isError: true },
      { type: 'error', value: 'The tool failed: The server says that it failed, and not why.' },
    ],
    [
      'a file inside of a resource',
      { content: [{ type: 'resource', resource: { uri: 'x:/y', mimeType: 'application/pdf', blob: 'AAAA' } }] },
      { type: 'content', value: [{ type: 'file', mediaType: 'application/pdf', data: 'AAAA', name: 'x:/y' }] },
    ],
  ])('gives %s', async (_what, answer, output) => {
    const { result } = await call(clientOf([{ name: 'tool' }], answer), { name: 'tool' });
    expect(result?.output).toEqual(output);
  });
});
