import { createRequire } from 'node:module';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const require = createRequire(import.meta.url);

function program(server: 'everything' | 'filesystem'): string {
  return require.resolve(`@modelcontextprotocol/server-${server}/dist/index.js`);
}

/** A real MCP server, in a process of its own; `pid` is what can be killed. */
export async function connect(server: 'everything' | 'filesystem', ...args: readonly string[]) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program(server), ...args],
    stderr: 'ignore',
  });
  const client = new Client({ name: 'tests', version: '1.0.0' });
  await client.connect(transport);
  return { client, pid: () => transport.pid ?? 0 };
}

/** The same, with the SDK that was there before. */
export async function connectOlder(server: 'everything' | 'filesystem', ...args: readonly string[]) {
  const client = new OlderClient({ name: 'tests', version: '1.0.0' });
  await client.connect(
    new OlderTransport({ command: process.execPath, args: [program(server), ...args], stderr: 'ignore' }),
  );
  return client;
}
