import type { Json } from '../json.ts';
import type { JsonSchema } from '../schema.ts';

/** What is needed of an MCP client; those of `@modelcontextprotocol/client` and of `@modelcontextprotocol/sdk` have it. */
export interface McpClient {
  listTools(params?: { readonly cursor?: string }): Promise<McpToolPage>;
  // the older SDK takes a schema of the result before the options
  callTool(params: McpCall, ...options: never[]): Promise<unknown>;
}

export interface McpToolPage {
  readonly tools: readonly McpTool[];
  readonly nextCursor?: string | undefined;
}

/** A tool as an MCP server describes it. */
export interface McpTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: { readonly [key: string]: unknown };
  readonly annotations?: McpAnnotations | undefined;
}

/** Hints of the server; one that is not trusted may say anything. */
export interface McpAnnotations {
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
  readonly idempotentHint?: boolean | undefined;
}

export interface McpCall {
  readonly name: string;
  readonly arguments: { readonly [key: string]: unknown };
}

export interface McpCallOptions {
  readonly signal: AbortSignal;
  readonly onprogress: (progress: McpProgress) => void;
  /** The turn's own limits hold, not those of the client. */
  readonly timeout: number;
}

export interface McpProgress {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** What a call gives. Servers of old give `toolResult` instead. */
export interface McpResult {
  readonly content?: readonly McpContent[];
  readonly structuredContent?: Json;
  readonly isError?: boolean;
  readonly toolResult?: Json;
}

export type McpContent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image' | 'audio'; readonly data: string; readonly mimeType: string }
  | { readonly type: 'resource_link'; readonly uri: string; readonly name?: string; readonly description?: string }
  | { readonly type: 'resource'; readonly resource: McpResource };

export type McpResource = { readonly uri: string; readonly mimeType?: string } & (
  | { readonly text: string }
  | { readonly blob: string }
);

/** The schema as it came: the server checks what it is sent. */
export function toSchema({ inputSchema }: McpTool): { readonly jsonSchema: JsonSchema } {
  return { jsonSchema: inputSchema as JsonSchema };
}

/** Calls a tool, with whichever of the two SDKs the client is of. */
export async function callTool(client: McpClient, call: McpCall, options: McpCallOptions): Promise<McpResult> {
  const run = client.callTool as unknown as (call: McpCall, ...rest: readonly unknown[]) => Promise<McpResult>;
  // a parameter with a default does not count: the older SDK has one that counts, the newer one two
  return run.length === 1 ? run.call(client, call, undefined, options) : run.call(client, call, options);
}
