export {
  type Agent,
  type AgentContext,
  type AgentOptions,
  createAgent,
  type RunOptions,
  type SessionOptions,
} from './agent.ts';
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
export type { Json } from './json.ts';
export type { AttemptLimits, TurnLimits } from './machines/policies.ts';
export * from './messages.ts';
export * from './model.ts';
export type { EventEntry, RecordingEntry, RowEntry, SessionEntry } from './recording.ts';
export type { InferSchema, JsonSchema, RawSchema, Schema, StandardSchema } from './schema.ts';
export type { Pricing } from './services/callModel.ts';
export type { Backoff, RetryPolicy } from './services/retryPolicy.ts';
export type { SendOptions, Session, SteerOptions, Unsubscribe } from './session.ts';
export type { SessionSnapshot } from './snapshot.ts';
export {
  type AnyTool,
  defineTool,
  Retry,
  type Run,
  type Tool,
  ToolContent,
  type ToolContext,
  type ToolRetry,
  type ToolRun,
} from './tool.ts';
export type { Admission, Turn, TurnOutcome, TurnResult, TurnSummary } from './turn.ts';
