import type { McpServer } from '@agentclientprotocol/sdk';
import type * as Mcp from '@modelcontextprotocol/client';
import { describeError } from '../../failure.ts';
import type { McpTool } from '../../mcp/client.ts';
import { mcpTools } from '../../mcp/mcpTools.ts';
import { uniqueNames } from '../../mcp/uniqueNames.ts';
import type { AnyTool } from '../../tool.ts';

/** How long a server may take to answer at first, in ms; one that is installed as it starts takes a while. */
const connectTimeoutMs = 30_000;

export interface McpConnectOptions {
  /** Where servers run that are programs. */
  readonly cwd: string;
  /** Who connects, as the servers are told. */
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Gives up when it aborts. */
  readonly signal: AbortSignal;
}

/** The MCP servers of a session. */
export class McpServers {
  readonly tools: readonly AnyTool[];
  /** Which servers are not there and why, in a line each. */
  readonly problems: readonly string[];
  readonly #clients: readonly Mcp.Client[];

  private constructor(connected: readonly Connected[], problems: readonly string[]) {
    this.tools = connected.flatMap(({ tools }) => tools);
    this.problems = problems;
    this.#clients = connected.map(({ client }) => client);
  }

  /** Where tools cannot be added. */
  static unused(servers: readonly McpServer[]): McpServers {
    return new McpServers(
      [],
      servers.map(({ name }) => `MCP server "${name}" is not used: this agent takes no tools from outside.`),
    );
  }

  /** Connects to all of them at once. One that is not there, or not as it should be, is a problem and no error. */
  static async connect(servers: readonly McpServer[], options: McpConnectOptions): Promise<McpServers> {
    const prefixes = uniqueNames(servers.map(({ name }) => name));
    const problems: string[] = [];
    const connected = await Promise.all(
      servers.map(async (server, index) => {
        try {
          return [await connect(server, prefixes[index] ?? server.name, options)];
        } catch (error) {
          problems.push(`MCP server "${server.name}" cannot be used: ${explain(error)}`);
          return [];
        }
      }),
    );
    return new McpServers(connected.flat(), problems);
  }

  /** Ends the connections, and with them the servers that are programs. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.close()));
  }
}

/** Whether the package is there that connects to servers. */
export async function canConnect(): Promise<boolean> {
  return import('@modelcontextprotocol/client').then(
    () => true,
    () => false,
  );
}

interface Connected {
  readonly client: Mcp.Client;
  readonly tools: readonly AnyTool[];
}

async function connect(
  server: McpServer,
  prefix: string,
  { cwd, clientInfo, signal }: McpConnectOptions,
): Promise<Connected> {
  const { Client } = await import('@modelcontextprotocol/client');
  const client = new Client(clientInfo);
  try {
    await client.connect(await transportOf(server, cwd), { timeout: connectTimeoutMs, signal });
    return { client, tools: await mcpTools(client, { prefix, approval: mayDestroy }) };
  } catch (error) {
    await client.close().catch(() => undefined);
    throw error;
  }
}

async function transportOf(server: McpServer, cwd: string): Promise<Mcp.Transport> {
  if ('command' in server) {
    const { StdioClientTransport, getDefaultEnvironment } = await import('@modelcontextprotocol/client/stdio');
    const { command, args, env } = server;
    const variables = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    return new StdioClientTransport({ command, args, cwd, env: { ...getDefaultEnvironment(), ...variables } });
  }
  const { StreamableHTTPClientTransport, SSEClientTransport } = await import('@modelcontextprotocol/client');
  const headers = Object.fromEntries(server.headers.map(({ name, value }) => [name, value]));
  const Transport = server.type === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
  return new Transport(new URL(server.url), { requestInit: { headers } });
}

/** What MCP says of tools that say nothing: they may destroy something, so the user is asked. */
function mayDestroy({ annotations }: McpTool): boolean {
  return annotations?.readOnlyHint !== true && annotations?.destructiveHint !== false;
}

function explain(error: unknown): string {
  const { message } = describeError(error);
  if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') {
    return 'the package "@modelcontextprotocol/client" is missing: npm install @modelcontextprotocol/client.';
  }
  return message;
}
