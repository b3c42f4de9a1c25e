import { type AnyTool, defineTool } from '../tool.ts';
import { callTool, type McpAnnotations, type McpClient, type McpProgress, type McpTool, toSchema } from './client.ts';
import { toOutput } from './result.ts';
import { uniqueNames } from './uniqueNames.ts';

export interface McpToolsOptions {
  /** Stands before the name of every tool, with `_` between: keeps those of two servers apart. @default none */
  readonly prefix?: string;
  /** Which of the server's tools to take. @default all */
  readonly filter?: (tool: McpTool) => boolean;
  /** Whether a tool may run twice. @default what the server's annotations say: `idempotentHint` or `readOnlyHint` */
  readonly idempotent?: (tool: McpTool) => boolean;
  /** Whether somebody is asked before a tool runs. @default where the annotations say `destructiveHint: true` */
  readonly approval?: (tool: McpTool) => boolean;
  /** How long one call may take, in ms. @default none */
  readonly timeoutMs?: number;
}

/** Clients have a limit of their own; the turn's is the one that counts. In ms, as much as timers can take. */
const noTimeout = 2 ** 31 - 1;

/**
 * The tools of an MCP server, for `createAgent({ tools })`. Inputs are described as the server describes them, and checked
 * by it. A server that ends, or says `isError`, fails the call and not the turn. Closing the client is up to whoever opened
 * it.
 *
 * @throws what the client throws where the server cannot say which tools it has
 * @example
 * ```ts
 * const client = new Client({ name: 'my-app', version: '1.0.0' });
 * await client.connect(new StdioClientTransport({ command: 'mcp-server-filesystem', args: ['.'] }));
 * const agent = createAgent({ model, tools: [...(await mcpTools(client)), weather] });
 * ```
 */
export async function mcpTools(client: McpClient, options: McpToolsOptions = {}): Promise<readonly AnyTool[]> {
  const { prefix, filter = () => true, idempotent = isIdempotent, approval = isDestructive, timeoutMs } = options;
  const tools = (await listAll(client)).filter(filter);
  const names = uniqueNames(tools.map(({ name }) => (prefix === undefined ? name : `${prefix}_${name}`)));
  return tools.map((tool, index) => {
    const description = tool.description ?? tool.title;
    return defineTool({
      name: names[index] ?? tool.name,
      ...(description !== undefined && { description }),
      input: toSchema(tool),
      idempotent: idempotent(tool),
      approval: approval(tool),
      ...(timeoutMs !== undefined && { timeoutMs }),
      execute: async (input, { signal, progress }) => {
        const call = { name: tool.name, arguments: toArguments(input) };
        const onprogress = (report: McpProgress) => progress(describe(report));
        return toOutput(await callTool(client, call, { signal, onprogress, timeout: noTimeout }));
      },
    });
  });
}

/** The older SDK gives a page at a time. */
async function listAll(client: McpClient): Promise<readonly McpTool[]> {
  const tools: McpTool[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? undefined : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
    // a server that never comes to an end
    if (cursor !== undefined && seen.has(cursor)) break;
    if (cursor !== undefined) seen.add(cursor);
  } while (cursor !== undefined);
  return tools;
}

function isIdempotent({ annotations }: { readonly annotations?: McpAnnotations | undefined }): boolean {
  return annotations?.idempotentHint === true || annotations?.readOnlyHint === true;
}

function isDestructive({ annotations }: { readonly annotations?: McpAnnotations | undefined }): boolean {
  return annotations?.destructiveHint === true && annotations.readOnlyHint !== true;
}

function toArguments(input: unknown): { readonly [key: string]: unknown } {
  return typeof input === 'object' && input !== null ? (input as { readonly [key: string]: unknown }) : {};
}

function describe({ progress, total, message }: McpProgress): string {
  const share = total === undefined ? `${progress}` : `${progress} of ${total}`;
  return message === undefined ? share : `${message} (${share})`;
}
