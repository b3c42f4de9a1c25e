import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type McpServer, methods } from '@agentclientprotocol/sdk';
import { McpServer as Server } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { errorOf, everything, patience, TestEditor } from './editor.ts';

const { resolve: find } = createRequire(import.meta.url);

/** Says which process it is, and stays as long as its input is open. */
const clock = `
  import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
  import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
  const server = new McpServer({ name: 'clock', version: '1.0.0' });
  server.registerTool('pid', { annotations: { readOnlyHint: true } }, () => ({
    content: [{ type: 'text', text: [process.pid, process.env.ZONE, process.cwd()].join(' ') }],
  }));
  await server.connect(new StdioServerTransport());
`;

let folder: string;
let editor: TestEditor;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'turnchart-acp-')));
  await writeFile(join(folder, 'notes.txt'), 'milk');
  editor = await TestEditor.start({}, { capabilities: everything });
}, patience);
afterAll(async () => {
  await editor[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function files(): McpServer {
  const program = find('@modelcontextprotocol/server-filesystem/dist/index.js');
  return { name: 'my files', command: process.execPath, args: [program, folder], env: [] };
}

/** The results of tools, as text. */
function results(id: string): readonly string[] {
  return editor
    .of('tool_call_update', id)
    .filter(({ status }) => status === 'completed')
    .map(({ rawOutput }) => String(rawOutput));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('an MCP server of an editor', { timeout: patience }, () => {
  test('gives its tools to the session, and the user is asked before one changes something', async () => {
    const id = await editor.open(folder, [files()]);
    const path = join(folder, 'notes.txt');
    const edits = [{ oldText: 'milk', newText: 'milk, bread' }];
    await editor.prompt(id, [
      { calls: [{ name: 'my_files_read_text_file', input: { path } }] },
      { calls: [{ name: 'my_files_edit_file', input: { path, edits } }] },
      'Done.',
    ]);
    expect(await readFile(path, 'utf8')).toBe('milk, bread');
    expect(editor.questions.map(({ toolCall }) => toolCall.name)).toEqual(['my_files_edit_file']);
    expect(editor.of('tool_call', id)).toMatchObject([
      { kind: 'read', locations: [{ path }], content: [] },
      { kind: 'edit', locations: [{ path }], content: [{ type: 'diff', path, ...edits[0] }] },
    ]);
  });

  test('is started with its variables in the folder of the session, and ends with the session', async () => {
    const args = ['--input-type=module', '-e', clock];
    // node resolves what a program of one line imports from where it runs
    const cwd = process.cwd();
    const server = { name: 'clock', command: process.execPath, args, env: [{ name: 'ZONE', value: 'Europe/Lisbon' }] };
    const id = await editor.open(cwd, [server]);
    await editor.prompt(id, [{ calls: [{ name: 'clock_pid' }] }, 'Done.']);
    const [pid, ...rest] = results(id)[0]?.split(' ') ?? [];
    expect(rest).toEqual(['Europe/Lisbon', cwd]);
    expect(isAlive(Number(pid))).toBe(true);
    await editor.agent.request(methods.agent.session.close, { sessionId: id });
    await vi.waitFor(() => expect(isAlive(Number(pid))).toBe(false), { timeout: patience / 2 });
  });

  test('may be reached over HTTP, with the headers that the editor gives', async () => {
    const http = createServer(async (request, response) => {
      if (request.headers.authorization !== 'Bearer moon') {
        response.writeHead(403).end();
        return;
      }
      const server = new Server({ name: 'sums', version: '1.0.0' });
      server.registerTool('add', { inputSchema: { a: z.number() }, annotations: { readOnlyHint: true } }, ({ a }) => ({
        content: [{ type: 'text', text: `${a + 1}` }],
      }));
      const transport = new StreamableHTTPServerTransport({});
      response.on('close', () => void server.close());
      await server.connect(transport as Parameters<typeof server.connect>[0]);
      await transport.handleRequest(request, response);
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    try {
      const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`;
      const headers = [{ name: 'Authorization', value: 'Bearer moon' }];
      const id = await editor.open('/tests', [{ type: 'http', name: 'sums', url, headers }]);
      await editor.prompt(id, [{ calls: [{ name: 'sums_add', input: { a: 1 } }] }, 'Done.']);
      expect(results(id)).toEqual(['2']);
      const other = await editor.open('/tests', [{ type: 'http', name: 'closed', url, headers: [] }]);
      await editor.prompt(other, ['Hi.']);
      expect(editor.of('notice', other).map(({ title }) => title)).toEqual([
        expect.stringContaining('MCP server "closed" cannot be used'),
      ]);
      await editor.agent.request(methods.agent.session.close, { sessionId: id });
    } finally {
      http.closeAllConnections();
      http.close();
    }
  });

  test('that is not there, ends at once or talks nonsense is told of, and the others are used', async () => {
    const node = { command: process.execPath, env: [] };
    const id = await editor.open(folder, [
      { name: 'missing', command: join(folder, 'nothing'), args: [], env: [] },
      { name: 'ends', ...node, args: ['-e', 'process.exit(1)'] },
      { name: 'raves', ...node, args: ['-e', 'console.log("nonsense"); process.exit(0)'] },
      { type: 'http', name: 'nowhere', url: 'http://127.0.0.1:1/mcp', headers: [] },
      { type: 'http', name: 'wrong', url: 'no address', headers: [] },
      files(),
    ]);
    await editor.prompt(id, [
      { calls: [{ name: 'my_files_read_text_file', input: { path: join(folder, 'notes.txt') } }] },
      '.',
    ]);
    expect(results(id)).toHaveLength(1);
    const said = editor.of('notice', id).map(({ title }) => /"(.*?)" cannot be used: ./.exec(title)?.[1]);
    expect(said.toSorted()).toEqual(['ends', 'missing', 'nowhere', 'raves', 'wrong']);
    await editor.until(() => editor.stderr.includes('"missing" cannot be used'));
    // and only once
    await editor.prompt(id, ['Hi.']);
    expect(editor.of('notice', id)).toHaveLength(5);
  });

  test('that never answers ends when the session is not wanted any more', async () => {
    const file = join(folder, 'pid');
    const hang = `fs.writeFileSync(${JSON.stringify(file)}, String(process.pid)); console.error('hangs'); setInterval(() => {}, 1e9)`;
    const servers = [{ name: 'hangs', command: process.execPath, args: ['-e', hang], env: [] }];
    const controller = new AbortController();
    const answer = editor.agent.request(
      methods.agent.session.new,
      { cwd: folder, mcpServers: servers },
      { cancellationSignal: controller.signal },
    );
    await editor.until(() => editor.stderr.includes('hangs'));
    controller.abort();
    expect(await errorOf(answer)).toMatchObject({ code: -32800 });
    const pid = Number(await readFile(file, 'utf8'));
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: patience / 2 });
  });

  test('has a prefix of its own where two have one name', async () => {
    const id = await editor.open(folder, [files(), files()]);
    const input = { path: join(folder, 'notes.txt') };
    await editor.prompt(id, [{ calls: [{ name: 'my_files_2_read_text_file', input }] }, 'Done.']);
    expect(results(id)).toHaveLength(1);
  });

  test('that dies fails its calls, and no turn', async () => {
    const args = ['--input-type=module', '-e', clock.replace('() => ({', '() => process.exit(1) ?? ({')];
    const id = await editor.open(process.cwd(), [{ name: 'clock', command: process.execPath, args, env: [] }]);
    expect(await editor.prompt(id, [{ calls: [{ name: 'clock_pid' }] }, 'Pity.'])).toEqual({ stopReason: 'end_turn' });
    expect(editor.of('tool_call_update', id).at(-1)).toMatchObject({ status: 'failed' });
  });
});
