/** Sessions in editors that speak the Agent Client Protocol. */

export {
  type AgentErrorData,
  type AgentErrorUpdate,
  agentErrorSchema,
  agentErrorTypes,
  failureData,
  isAgentErrorUpdate,
  isRetriable,
  providerErrorData,
} from './agentError.ts';
export { type AcpConnection, type AcpOptions, type AcpSessionSetup, serveAcp } from './serveAcp.ts';
export type { ServedAgent, ServedSession, ServedTurn } from './servedAgent.ts';
export type { DescribeTool } from './toolCalls.ts';
export type { DescribedCall, ToolView } from './toolView.ts';
