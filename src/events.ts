/**
 * Every event of Turnchart, by speaker: what a session emits ({@link TurnEvent}), and what goes into the machines
 * ({@link SessionInput}, {@link TurnInputEvent}, {@link ToolCallInputEvent}). Reading this file is reading the product.
 */

import type { Failure } from './failure.ts';
import type { Json } from './json.ts';
import type { AssistantMessage, Message, ToolOutput, UserMessage } from './messages.ts';
import type { FinishReason, ReasoningDelta, TextDelta, Usage } from './model.ts';
import type { JsonSchema } from './schema.ts';

// ---------------------------------------------------------------------------------------------- emitted by a session

/** Comes first in every turn. */
export interface TurnStarted {
  readonly type: 'turn.started';
  /** Of the user's message. */
  readonly messageId: string;
}
/** A message that no model call produced entered the history. */
export interface MessageAdded {
  readonly type: 'message.added';
  readonly message: Message;
  /** The message of the turn, one that steers it, what was wrong with an answer, or a note on how the turn ended. */
  readonly cause: 'input' | 'steering' | 'output_hint' | 'cancel_note' | 'failure_note';
}
/** A step begins: a model call, and the tools that it asks for. */
export interface StepStarted {
  readonly type: 'step.started';
  /** From 1. A retry is a new attempt of the same step. */
  readonly step: number;
}
/** The step is over, its tools included. A step in which the turn fails or is cancelled has none. */
export interface StepFinished {
  readonly type: 'step.finished';
  readonly step: number;
  /** Why the model's answer ended. */
  readonly finishReason: FinishReason;
  /** Of all attempts of the step. */
  readonly usage: Usage;
  readonly durationMs: number;
}
/** The first text, reasoning or tool call of an attempt arrived. */
export interface MessageStarted {
  readonly type: 'message.started';
  readonly messageId: string;
  readonly step: number;
  readonly attempt: number;
}
/** Text, as it arrives. */
export interface MessageDelta {
  readonly type: 'message.delta';
  readonly messageId: string;
  readonly step: number;
  readonly attempt: number;
  readonly text: string;
}
/** Reasoning, as it arrives. */
export interface ReasoningDeltaEvent {
  readonly type: 'reasoning.delta';
  readonly messageId: string;
  readonly text: string;
}
/** The model's answer is whole, and in the history. */
export interface MessageCompleted {
  readonly type: 'message.completed';
  readonly messageId: string;
  readonly step: number;
  readonly attempt: number;
  readonly message: AssistantMessage;
  /** `commentary` where tools or another call follow. */
  readonly phase: 'commentary' | 'final_answer';
}
/** The text shown so far is stale: clear it before rendering what follows. */
export interface MessageSuperseded {
  readonly type: 'message.superseded';
  readonly messageId: string;
  /** The attempt that failed. */
  readonly attempt: number;
}
/** A guardrail changed a message, or withdrew what was shown of an answer: show the replacement in its place. */
export interface MessageReplaced {
  readonly type: 'message.replaced';
  readonly messageId: string;
  readonly reason: string;
  /** Empty where nothing is left. */
  readonly replacement: string;
}
/** The model call failed and is going to be repeated; comes before the wait. */
export interface ModelRetrying {
  readonly type: 'model.retrying';
  readonly step: number;
  /** The attempt that failed. */
  readonly attempt: number;
  /** In total, the first included. */
  readonly maxAttempts: number;
  readonly delayMs: number;
  /** When the next attempt begins, in epoch ms. */
  readonly retryAt: number;
  /** Why the attempt failed. */
  readonly failure: Failure;
}
/** The model asked for a tool. */
export interface ToolCalled {
  readonly type: 'tool.called';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  /** Place among the calls of the step, from 0. */
  readonly index: number;
}
/** The tool begins to run. */
export interface ToolStarted {
  readonly type: 'tool.started';
  readonly toolCallId: string;
  readonly toolName: string;
}
/** What the tool reports while it runs. */
export interface ToolProgress {
  readonly type: 'tool.progress';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly text: string;
}
/** The tool gave a result. */
export interface ToolCompleted {
  readonly type: 'tool.completed';
  readonly toolCallId: string;
  readonly toolName: string;
  /** What the model reads. */
  readonly output: ToolOutput;
  /** The output is a hint: the tool asked to be called again, better. */
  readonly retry?: true;
}
/** The tool gave no result: refused, thrown, timed out. The model reads an error in its place, and the turn goes on. */
export interface ToolFailed {
  readonly type: 'tool.failed';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly failure: Failure;
}
/** A person is asked whether the tool may run; all questions of a step come at once, in the order of the calls. */
export interface ToolApprovalRequested {
  readonly type: 'tool.approvalRequested';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  /** When it is too late for an answer, in epoch ms; absent where an answer may take any time. */
  readonly expiresAt?: number;
}
/** The question has its answer. */
export interface ToolApprovalResolved {
  readonly type: 'tool.approvalResolved';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly decision: 'approved' | 'denied' | 'timed_out';
  /** Whether somebody answered, an earlier answer for the session holds, or the time was over. */
  readonly by: 'user' | 'session' | 'timeout';
}
/** The tool was not allowed to run; the model reads so in place of a result. */
export interface ToolDenied {
  readonly type: 'tool.denied';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly reason: string;
}
/** A tool without `execute`: somebody outside runs it, and answers with `session.resolveTool()`. */
export interface ToolResultRequested {
  readonly type: 'tool.resultRequested';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
}
/** The call ended because the turn did, or because a message came while a client was waited for. */
export interface ToolCancelled {
  readonly type: 'tool.cancelled';
  readonly toolCallId: string;
  readonly toolName: string;
  /** Whether it was running: then it may have had effects. */
  readonly started: boolean;
}
/** The tool failed and is going to be run again; comes before the wait. */
export interface ToolRetrying {
  readonly type: 'tool.retrying';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly step: number;
  /** The attempt that failed. */
  readonly attempt: number;
  /** In total, the first included. */
  readonly maxAttempts: number;
  readonly delayMs: number;
  /** When the next attempt begins, in epoch ms. */
  readonly retryAt: number;
  /** Why the attempt failed. */
  readonly failure: Failure;
}
/** Something that a sub-agent says while it works on a tool call; as fleeting as what it says. */
export interface AgentEvent {
  readonly type: 'agent.event';
  /** The call that the sub-agent works on. */
  readonly toolCallId: string;
  readonly event: AgentPayload;
}
/** An event of a sub-agent: its payload, the name of its agent, and its turn. */
export type AgentPayload = Payload & { readonly agent: string; readonly turnId: string };
/** A step took the messages that steer the turn; the model reads them now. */
export interface SteeringApplied {
  readonly type: 'steering.applied';
  readonly messageIds: readonly string[];
}
/** The history changed by something else than `message.added` and `message.completed`. */
export interface MessagesUpdated {
  readonly type: 'messages.updated';
  readonly added: number;
  readonly removed: number;
  /** Messages in the history now. */
  readonly length: number;
}
/** More than the limit is spent, and the answer is delivered all the same because it was final already. */
export interface BudgetWarning {
  readonly type: 'budget.warning';
  /** Tokens, or money where `maxCost` is what was passed. */
  readonly spent: number;
  readonly limit: number;
}
export type CompactionReason = 'threshold' | 'overflow' | 'manual';

/** The conversation has become too long for the model, or somebody says so: it is shortened for the model. */
export interface CompactionStarted {
  readonly type: 'compaction.started';
  readonly reason: CompactionReason;
}
/** From now on the model is shown less. No message is lost. */
export interface CompactionCompleted {
  readonly type: 'compaction.completed';
  readonly reason: CompactionReason;
  /** Tokens of the next request before and after, about. */
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  /** Messages that the model is not shown any more. */
  readonly removed: number;
}
/**
 * There is no summary, or none that is shorter than what it stands for. In a turn the oldest messages are left out without
 * one, and it goes on; between turns the conversation stays as it is, and `removed` is 0.
 */
export interface CompactionFailed {
  readonly type: 'compaction.failed';
  readonly reason: CompactionReason;
  /** Why there is no summary; code `nothing_saved` where it is too long. */
  readonly failure: Failure;
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  readonly removed: number;
}
/** Somebody has stopped the compaction between turns: the conversation is as it was. */
export interface CompactionCancelled {
  readonly type: 'compaction.cancelled';
  readonly reason: CompactionReason;
}
/** The turn waits: for more steps (`session.extend()`), or for leave to spend more (`session.resume()`). */
export interface TurnPaused {
  readonly type: 'turn.paused';
  readonly reason: 'max_steps' | 'soft_cost';
  /** Steps, or money in the currency of `pricing`. */
  readonly spent: number;
  readonly limit: number;
}
/** The turn goes on. */
export interface TurnResumed {
  readonly type: 'turn.resumed';
  readonly reason: 'max_steps' | 'soft_cost';
  readonly spent: number;
  /** As it is now; for `soft_cost`, none holds any more in this turn. */
  readonly limit?: number;
}
/** A guardrail refused something, changed it, or would have: `logged`, where it is `advisory`. */
export interface GuardrailTriggered {
  readonly type: 'guardrail.triggered';
  readonly stage: 'input' | 'output' | 'tool';
  readonly name: string;
  readonly action: 'denied' | 'rewritten' | 'logged';
  readonly reason: string;
}
/** The answer is not of the form that was asked for, and the model is asked again while retries are left. */
export interface OutputRejected {
  readonly type: 'output.rejected';
  readonly reason: string;
  readonly retriesLeft: number;
}
/** The same thing happened too often. Calls that repeat are refused first; then the turn fails. */
export interface BreakerTripped {
  readonly type: 'breaker.tripped';
  readonly kind: 'repeated_call' | 'consecutive_errors' | 'total_errors' | 'provider';
  readonly count: number;
  /** What the count has reached: of refusing the call, or of ending the turn. */
  readonly limit: number;
  /** The call that was repeated. */
  readonly toolCallId?: string;
}
/** The engine mended what would have made the conversation unusable. */
export interface TranscriptRepaired {
  readonly type: 'transcript.repaired';
  readonly toolCallId: string;
  /** What was wrong, in words. */
  readonly how: string;
}
/** A listener or another function of the application threw, or something cannot be known. The turn goes on. */
export interface Diagnostic {
  readonly type: 'diagnostic';
  /** What threw or is not known: `listener of turn.completed`, `pricing`, … */
  readonly source: string;
  readonly message: string;
}

export type StopReason = 'end_turn' | 'max_tokens' | 'max_steps' | 'refusal' | 'cancelled' | 'failed';

interface Ending {
  /** Of the whole turn, failed attempts included. */
  readonly usage: Usage;
  /** In the currency of `pricing`; absent where nothing is known. */
  readonly cost?: number;
  /** How many steps began. */
  readonly steps: number;
  readonly durationMs: number;
}
/** The turn ended with an answer, possibly an empty one. */
export interface TurnCompleted extends Ending {
  readonly type: 'turn.completed';
  /** Text of the last message. */
  readonly text: string;
  readonly stopReason: 'end_turn' | 'max_tokens' | 'refusal';
  /** What the answer says, in the form that was asked for. */
  readonly output?: Json;
  /** How many tools were called. */
  readonly toolCalls: number;
  /** From the start of the turn to the first text, reasoning or tool call. */
  readonly timeToFirstTokenMs?: number;
}
/** The turn could not go on. */
export interface TurnFailed extends Ending {
  readonly type: 'turn.failed';
  readonly failure: Failure;
}
/** Somebody stopped the turn; no failure. */
export interface TurnCancelled extends Ending {
  readonly type: 'turn.cancelled';
  /** As given to `cancel()`, or by the signal. */
  readonly reason?: string;
}
/** No turn runs, and none waits. Usage of the whole session. */
export interface SessionIdle {
  readonly type: 'session.idle';
  readonly usage: Usage;
  readonly cost?: number;
}

/** Events that an interface shows. */
export type ProgressPayload =
  | TurnStarted
  | MessageAdded
  | StepStarted
  | StepFinished
  | MessageStarted
  | MessageDelta
  | ReasoningDeltaEvent
  | MessageCompleted
  | MessageSuperseded
  | MessageReplaced
  | ModelRetrying
  | ToolCalled
  | ToolStarted
  | ToolProgress
  | ToolCompleted
  | ToolFailed
  | ToolApprovalRequested
  | ToolApprovalResolved
  | ToolDenied
  | ToolResultRequested
  | ToolCancelled
  | ToolRetrying
  | AgentEvent
  | SteeringApplied
  | MessagesUpdated
  | BudgetWarning
  | CompactionStarted
  | CompactionCompleted
  | CompactionFailed
  | CompactionCancelled
  | TurnPaused
  | TurnResumed
  | TurnCompleted
  | TurnFailed
  | TurnCancelled
  | SessionIdle;

/** Events for whoever looks for the reason of something. */
export type DiagnosticPayload = TranscriptRepaired | GuardrailTriggered | OutputRejected | BreakerTripped | Diagnostic;

/** What the machines emit; the session adds the {@link Envelope}, and `at` where it is not given. */
export type Payload = (ProgressPayload | DiagnosticPayload) & { readonly at?: number };

/** What every event carries beside its payload. */
export interface Envelope {
  /** Name of the agent. */
  readonly agent: string;
  /** As given to `agent.session()`, or a random one. */
  readonly sessionId: string;
  /** Missing on events of the session, such as `session.idle`. */
  readonly turnId?: string;
  /** From 1, per session, without gaps. An ephemeral event carries that of the durable one before it. */
  readonly seq: number;
  /** Ephemeral events only: counts from 1 after each durable event. */
  readonly n?: number;
  /** Epoch ms. */
  readonly at: number;
}

type Stamped<P> = P extends unknown ? P & Envelope : never;
export type ProgressEvent = Stamped<ProgressPayload>;
export type DiagnosticEvent = Stamped<DiagnosticPayload>;
/** Everything a session says. */
export type TurnEvent = ProgressEvent | DiagnosticEvent;
export type TurnEventType = TurnEvent['type'];

const diagnosticTypes: ReadonlySet<TurnEventType> = new Set([
  'transcript.repaired',
  'guardrail.triggered',
  'output.rejected',
  'breaker.tripped',
  'diagnostic',
]);
const ephemeralTypes: ReadonlySet<TurnEventType> = new Set(['message.delta', 'reasoning.delta', 'tool.progress']);
const terminalTypes: ReadonlySet<TurnEventType> = new Set(['turn.completed', 'turn.failed', 'turn.cancelled']);

/** Whether an event belongs to the debug lane. */
export function isDiagnostic(event: TurnEvent): event is DiagnosticEvent {
  return diagnosticTypes.has(event.type);
}

/** Whether an event is one of those that are not stored: text, reasoning and progress as they arrive. */
export function isEphemeral(event: Payload): boolean {
  return event.type === 'agent.event' ? isEphemeral(event.event) : ephemeralTypes.has(event.type);
}

/** Whether an event is the last of its turn. */
export function isTerminal(event: TurnEvent): event is Stamped<TurnCompleted | TurnFailed | TurnCancelled> {
  return terminalTypes.has(event.type);
}

/**
 * An event as it travels: over HTTP and as JSON lines. `data` keeps the payload's own camelCase fields; that of
 * `turn.failed` also has `error: { type, message, cause? }`, whose `type` is the failure's `code`.
 */
export interface WireEvent {
  /** `seq`, or `seq.n` for ephemeral events; unique in the session. */
  readonly id: string;
  readonly type: TurnEventType;
  readonly session_id: string;
  readonly turn_id?: string;
  readonly seq: number;
  /** Epoch ms. */
  readonly ts: number;
  readonly data: { readonly [field: string]: unknown };
}

/** The wire form of an event; the one function that every host uses. */
export function toWireEvent(event: TurnEvent): WireEvent {
  const { type, agent, sessionId, turnId, seq, n, at, ...payload } = event;
  return {
    id: n === undefined ? `${seq}` : `${seq}.${n}`,
    type,
    session_id: sessionId,
    ...(turnId !== undefined && { turn_id: turnId }),
    seq,
    ts: at,
    data: { agent, ...payload, ...(event.type === 'turn.failed' && { error: toWireError(event.failure) }) },
  };
}

/** Why a turn failed, as short as applications need it; `type` is what they branch on. */
export interface WireError {
  readonly type: string;
  readonly message: string;
  readonly cause?: Json;
}

function toWireError({ code, message, cause }: Failure): WireError {
  return { type: code, message, ...(cause !== undefined && { cause }) };
}

// ------------------------------------------------------------------------------------- into the machines: the session

/** A message for a turn of its own: now, or when those before it have ended. */
export interface SessionSend {
  readonly type: 'session.send';
  readonly turnId: string;
  readonly message: UserMessage;
  /** What this turn does otherwise than the session's turns. */
  readonly options?: TurnOverrides;
  readonly at: number;
}
/** What one turn does otherwise than the others. */
export interface TurnOverrides {
  /** By name, as in `TurnLimits`. */
  readonly limits?: { readonly [limit: string]: number | string };
  readonly output?: OutputForm;
}
/** The form of an answer; without a schema the application checks it by itself. */
export interface OutputForm {
  readonly schema?: JsonSchema;
}
/** A message for the running turn's next step; without one, for a turn of its own, which gets this `turnId`. */
export interface SessionSteer {
  readonly type: 'session.steer';
  readonly turnId: string;
  readonly message: UserMessage;
  readonly at: number;
}
/** Begins the turn that rests in `starting`. The driver sends it in a microtask of its own, so that `send()` returns first. */
export interface SessionStart {
  readonly type: 'session.start';
  readonly at: number;
}
/** Ends the turn of that id, or the running one; a waiting turn is ended when its place comes. */
export interface SessionCancel {
  readonly type: 'session.cancel';
  readonly turnId?: string;
  readonly reason?: string;
  readonly at: number;
}
/** Shortens the conversation for the model, while no turn runs. */
export interface SessionCompact {
  readonly type: 'session.compact';
  /** Names the compaction. */
  readonly id: string;
  readonly at: number;
}
/** Ends every turn, running or waiting, and takes no more. */
export interface SessionClose {
  readonly type: 'session.close';
  readonly at: number;
}
/** Puts a diagnostic into the stream of events, in its place. */
export interface SessionDiagnose {
  readonly type: 'session.diagnose';
  readonly source: string;
  readonly message: string;
  readonly at: number;
}
/** Gives the turn more steps that has none left and waits for that. */
export interface SessionExtend {
  readonly type: 'session.extend';
  readonly steps: number;
  readonly at: number;
}
/** Lets the turn go on that has spent more than `softCost`. */
export interface SessionResume {
  readonly type: 'session.resume';
  readonly at: number;
}
/** Lets a tool call run that waits for approval. */
export interface SessionApprove {
  readonly type: 'session.approve';
  readonly toolCallId: string;
  /** For every later call of the tool in this session, too. */
  readonly remember?: 'session';
  readonly at: number;
}
/** Does not let a tool call run that waits for approval. */
export interface SessionDeny {
  readonly type: 'session.deny';
  readonly toolCallId: string;
  readonly reason?: string;
  readonly at: number;
}
/** Answers a call of a client-side tool. */
export interface SessionResolveTool {
  readonly type: 'session.resolveTool';
  readonly toolCallId: string;
  readonly output: ToolOutput;
  readonly at: number;
}
/** Everything that can be said to the session machine. */
export type SessionInput =
  | SessionSend
  | SessionSteer
  | SessionStart
  | SessionCancel
  | SessionExtend
  | SessionResume
  | SessionApprove
  | SessionDeny
  | SessionResolveTool
  | SessionCompact
  | SessionClose
  | SessionDiagnose;

// ------------------------------------------------------------------------------------------ into the machines: the turn

/** Begins the turn. */
export interface TurnStart {
  readonly type: 'turn.start';
  readonly turnId: string;
  readonly message: UserMessage;
  /** Steering that an earlier turn left; taken by the first step. */
  readonly steering?: readonly UserMessage[];
  /** The turn was cancelled while it waited: it ends as it begins. */
  readonly cancelled?: { readonly reason?: string };
  readonly at: number;
}
/** Ends the turn, in every state that is not final. */
export interface TurnCancel {
  readonly type: 'turn.cancel';
  readonly reason?: string;
  readonly at: number;
}
/** A message for the next step. */
export interface TurnSteer {
  readonly type: 'turn.steer';
  readonly message: UserMessage;
  readonly at: number;
}
/** More steps, for a turn that waits for them. */
export interface TurnExtend {
  readonly type: 'turn.extend';
  readonly steps: number;
  readonly at: number;
}
/** Leave to spend more than `softCost`. */
export interface TurnResume {
  readonly type: 'turn.resume';
  readonly at: number;
}
/** The answer to a question for approval. */
export interface TurnApprove {
  readonly type: 'turn.approve';
  readonly toolCallId: string;
  readonly remember?: 'session';
  readonly at: number;
}
/** The answer to a question for approval. */
export interface TurnDeny {
  readonly type: 'turn.deny';
  readonly toolCallId: string;
  readonly reason?: string;
  readonly at: number;
}
/** The result of a client-side tool. */
export interface TurnResolveTool {
  readonly type: 'turn.resolveTool';
  readonly toolCallId: string;
  readonly output: ToolOutput;
  readonly at: number;
}
/** The turn has taken as long as it may; raised by the turn itself. */
export interface TurnTimeout {
  readonly type: 'turn.timeout';
}
/** What arrived of the answer with one network read. */
export interface ModelParts {
  readonly type: 'model.parts';
  readonly parts: readonly AnswerPart[];
  readonly at: number;
}
/** What the engine follows while an answer streams; the whole answer comes when the call settles. */
export type AnswerPart =
  | TextDelta
  | ReasoningDelta
  | { readonly type: 'tool-input' }
  /** Of this attempt so far; never comes alone. Counts if the answer does not come to its end. */
  | { readonly type: 'usage'; readonly usage: Usage };

/** A tool call is ready, and waits: for approval, for a slot, or for its turn to be answered by a client. */
export interface ToolPrepared {
  readonly type: 'tool.prepared';
  readonly index: number;
  readonly sequential: boolean;
  /** Somebody has to be asked first. */
  readonly approval?: { readonly timeoutMs?: number };
  /** It runs outside. */
  readonly isClientSide?: true;
  /** What it runs with, where a guardrail has changed that. */
  readonly input?: Json;
  /** What guardrails did. */
  readonly reports?: readonly Omit<GuardrailTriggered, 'type'>[];
  readonly at: number;
}
/** A tool call may run that somebody was asked about. */
export interface ToolApproved {
  readonly type: 'tool.approved';
  readonly index: number;
  readonly by: 'user' | 'session';
  readonly at: number;
}
/** A tool call runs that was asked to say so. */
export interface ToolBegan {
  readonly type: 'tool.began';
}
/** The sub-agent that works on a call waits for people, or does so no longer. */
export interface ToolAgentWaits {
  readonly type: 'tool.agentWaits' | 'tool.agentGoesOn';
  readonly index: number;
  readonly at: number;
}
/** Nobody has to be asked about a tool of the sub-agent any more that works on the call. */
export interface ToolRemembered {
  readonly type: 'tool.remembered';
  readonly index: number;
  readonly tool: string;
}
/** A sub-agent that works on the call has said something. */
export interface ToolEmitted {
  readonly type: 'tool.emitted';
  readonly index: number;
  readonly event: AgentPayload;
}
export interface ToolProgressed {
  readonly type: 'tool.progressed';
  readonly index: number;
  readonly text: string;
}
export interface ToolAttemptFailed {
  readonly type: 'tool.attemptFailed';
  readonly index: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly delayMs: number;
  readonly retryAt: number;
  readonly failure: Failure;
}
/** The actor of a tool call is done. */
export interface ToolSettled {
  readonly type: `xstate.done.actor.tool.${number}`;
  readonly output: {
    readonly index: number;
    readonly outcome: ToolOutcome;
    readonly at: number;
    /** What guardrails did that refused it. */
    readonly reports?: readonly Omit<GuardrailTriggered, 'type'>[];
    /** What a sub-agent has used. */
    readonly usage?: Usage;
    readonly cost?: number | undefined;
  };
}
/** How a tool call ended, and what the model reads of it. */
export type ToolOutcome =
  | { readonly type: 'completed'; readonly output: ToolOutput; readonly retry?: true }
  | {
      readonly type: 'failed';
      readonly output: ToolOutput;
      readonly failure: Failure;
      readonly synthesized?: 'timed_out' | 'not_started' | 'interrupted';
      /** No fault of the tool: it does not count towards the limits on tool errors. */
      readonly uncounted?: true;
    }
  | {
      readonly type: 'denied';
      readonly output: ToolOutput;
      readonly reason: string;
      readonly synthesized: 'denied' | 'timed_out';
      /** Who was asked, where anybody was. */
      readonly by?: 'user' | 'timeout';
    };

/** Everything that can be said to the turn machine: commands, and what its tool calls report. */
export type TurnInputEvent =
  | TurnStart
  | TurnCancel
  | TurnSteer
  | TurnExtend
  | TurnResume
  | TurnApprove
  | TurnDeny
  | TurnResolveTool
  | TurnTimeout
  | ModelParts
  | ToolPrepared
  | ToolApproved
  | ToolBegan
  | ToolAgentWaits
  | ToolRemembered
  | ToolEmitted
  | ToolProgressed
  | ToolAttemptFailed
  | ToolSettled;

// ------------------------------------------------------------------------------------- into the machines: a tool call

/** The turn grants a slot: run. */
export interface ToolGrant {
  readonly type: 'tool.grant';
  /** Tools that the agent which works on it has to ask nobody about. @default none */
  readonly approvedTools?: readonly string[];
  readonly at: number;
}
/** For the sub-agent that works on the call. */
export interface ToolForward {
  readonly type: 'tool.forward';
  readonly event: TurnApprove | TurnDeny | TurnResolveTool | TurnExtend | TurnResume;
}
/** The turn of the sub-agent waits for people, or does so no longer. */
export interface AgentWaits {
  readonly type: 'agent.waits' | 'agent.goesOn';
  readonly at: number;
}
/** Nobody has to be asked about a tool of the sub-agent any more. */
export interface AgentRemembers {
  readonly type: 'agent.remembers';
  readonly tool: string;
}
/** The sub-agent that works on the call has said something. */
export interface AgentEmitted {
  readonly type: 'agent.emitted';
  readonly payload: Payload;
}
/** Somebody is asked: wait for the answer. */
export interface ToolAsk {
  readonly type: 'tool.ask';
  readonly at: number;
}
/** The call may run. */
export interface ToolApprove {
  readonly type: 'tool.approve';
  readonly by: 'user' | 'session';
  readonly at: number;
}
/** The call may not run. */
export interface ToolDeny {
  readonly type: 'tool.deny';
  readonly reason?: string;
  readonly at: number;
}
/** Nobody has answered in time; raised by the call itself. */
export interface ToolExpire {
  readonly type: 'tool.expire';
}
/** Somebody outside is asked for the result: wait for it. */
export interface ToolRequest {
  readonly type: 'tool.request';
}
/** The result from outside. */
export interface ToolResolve {
  readonly type: 'tool.resolve';
  readonly output: ToolOutput;
  readonly at: number;
}
/** Say that you run: calls after this one may start only then. */
export interface ToolTell {
  readonly type: 'tool.tell';
}
/** The running tool reports what it does. */
export interface ToolReported {
  readonly type: 'tool.reported';
  readonly text: string;
}
/** Everything that can be said to a tool call. */
export type ToolCallInputEvent =
  | ToolAsk
  | ToolApprove
  | ToolDeny
  | ToolExpire
  | ToolForward
  | AgentWaits
  | AgentRemembers
  | AgentEmitted
  | ToolGrant
  | ToolTell
  | ToolReported
  | ToolRequest
  | ToolResolve;
