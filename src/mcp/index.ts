/** Tools of MCP servers. */

export type { McpAnnotations, McpClient, McpTool, McpToolPage } from './client.ts';
export { type McpToolsOptions, mcpTools } from './mcpTools.ts';
