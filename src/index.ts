export {
  type Agent,
  type AgentContext,
  type AgentOptions,
  createAgent,
  type EventsOptions,
  type RunOptions,
  type SessionOptions,
} from './agent.ts';
export { type AgentToolOptions, agentTool } from './agentTool.ts';
export { type Clock, systemClock } from './clock.ts';
export * from './events.ts';
export {
  AgentError,
  BudgetError,
  createFailure,
  type Failure,
  type FailureType,
  GuardrailError,
  InvalidOutputError,
  MaxStepsError,
  ModelCallError,
  ToolError,
  TurnCancelledError,
} from './failure.ts';
export type { Inspect, InspectedSession } from './inspect.ts';
export type { Json } from './json.ts';
export type { Unsubscribe } from './listeners.ts';
export type { AttemptLimits, TurnLimits } from './machines/policies.ts';
export * from './messages.ts';
export * from './model.ts';
export type { Recorder } from './recorders.ts';
export type { EventEntry, RecordingEntry, RowEntry, SessionEntry } from './recording.ts';
export type { InferSchema, JsonSchema, RawSchema, Schema, StandardSchema } from './schema.ts';
export type { Pricing } from './services/callModel.ts';
export type { GuardedCall, Guardrail, GuardrailCheck, GuardrailDecision, Guardrails } from './services/guardrails.ts';
export type { Backoff, RetryPolicy } from './services/retryPolicy.ts';
export type { StepOptions } from './services/stepOptions.ts';
export type {
  ApproveOptions,
  RecordOptions,
  ResolveToolOptions,
  SendOptions,
  Session,
  SessionOnOptions,
  SteerOptions,
} from './session.ts';
export type { SessionSnapshot, ToolCallSnapshot, TurnSnapshot } from './snapshot.ts';
export {
  type AnyTool,
  defineTool,
  Retry,
  type Run,
  type SubAgent,
  type Tool,
  type ToolApproval,
  ToolContent,
  type ToolContext,
  type ToolRetry,
  type ToolRun,
} from './tool.ts';
export type { Admission, Turn, TurnOutcome, TurnResult, TurnSummary } from './turn.ts';
