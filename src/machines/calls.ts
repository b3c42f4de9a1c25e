import type { ToolOutcome } from '../events.ts';
import { createFailure, type Failure } from '../failure.ts';
import type { Json } from '../json.ts';
import type { AssistantPart, SynthesizedResult, ToolCallPart, ToolMessage, ToolResultPart } from '../messages.ts';
import { addUsage, type FinishReason, type Usage } from '../model.ts';
import { refusedRepeat } from './loopDetection.ts';
import { maxToolCalls } from './policies.ts';
import type { WaitingCall } from './toolSlots.ts';

/** How a call ended: by itself, or because its client was not waited for any longer. */
type CallOutcome = ToolOutcome | ({ readonly type: 'cancelled' } & Closing);

/** What the turn knows of one tool call of its step. The call's own states live in its actor. */
export interface CallRecord extends WaitingCall {
  readonly call: ToolCallPart;
  /** The input that it runs with, where a guardrail has changed it. */
  readonly input?: Json;
  /** There once the call is settled. */
  readonly outcome: CallOutcome | undefined;
  /** How many times in a row it was called like that. */
  readonly times: number;
  /** Somebody has to be asked first; a time over which counts as no, in ms. */
  readonly approval?: { readonly timeoutMs?: number };
  /** It runs outside. */
  readonly isClientSide?: true;
  /** What a sub-agent has used up to now. */
  readonly used?: Usage;
}

/** The calls of an answer; those that cannot run are settled from the start, as are tools that were not `offered`. */
export function recordCalls(
  content: readonly AssistantPart[],
  finishReason: FinishReason,
  times: readonly number[] = [],
  offered?: readonly string[],
): readonly CallRecord[] {
  return content
    .filter((part) => part.type === 'tool-call')
    .map((call, index) => {
      const count = times[index] ?? 1;
      const outcome = refusalAtOnce(index, finishReason) ?? refusalOfRepeat(count) ?? refusalOfUnoffered(call, offered);
      const state = outcome === undefined ? 'preparing' : 'settled';
      return { call, outcome, times: count, state, sequential: false };
    });
}

function refusalOfRepeat(times: number): ToolOutcome | undefined {
  if (times < refusedRepeat) return undefined;
  return notRun(
    `This is the same call, ${times} times in a row, so it was not run: its result would be what it was. Do something else.`,
    'repeated_call',
  );
}

/** A tool that the step does not offer is as good as unknown. */
function refusalOfUnoffered({ toolName }: ToolCallPart, offered: readonly string[] | undefined) {
  if (offered === undefined || offered.includes(toolName)) return undefined;
  const list = offered.length === 0 ? 'There are no tools in this step.' : `The tools are: ${offered.join(', ')}.`;
  const { uncounted: _, ...refusal } = notRun(
    `The tool "${toolName}" is not available in this step. ${list}`,
    'unknown_tool',
  );
  return refusal;
}

function refusalAtOnce(index: number, { unified }: FinishReason): ToolOutcome | undefined {
  if (unified === 'length') {
    return notRun('The answer was cut off at the token limit, so this call may be incomplete. It was not run.');
  }
  if (unified === 'content-filter')
    return notRun('The provider withheld the rest of the answer. This call was not run.');
  if (index >= maxToolCalls) return notRun(`Only ${maxToolCalls} tool calls of one answer are run. This one was not.`);
  return undefined;
}

function notRun(message: string, code = 'invalid_tool_input'): ToolOutcome & { readonly type: 'failed' } {
  return {
    type: 'failed',
    output: { type: 'error', value: message },
    failure: createFailure({ type: 'tool', code, message, retryable: false }),
    uncounted: true,
  };
}

/** What a call waits for next when nobody has to be asked about it. */
export function waiting({ isClientSide }: Pick<CallRecord, 'isClientSide'>): 'clientSide' | 'queued' {
  return isClientSide ? 'clientSide' : 'queued';
}

/** Whether a call counts as an error of a tool: thrown, timed out, not to be read, unknown. */
export function isToolError({ outcome }: CallRecord): boolean {
  return outcome?.type === 'failed' && outcome.uncounted !== true;
}

/** Whether nothing happens any more before a person or a client answers. What else is left then waits for these, too. */
export function waitsForPeople(calls: readonly CallRecord[]): boolean {
  let waits = false;
  for (const { state } of calls) {
    if (state === 'settled' || state === 'queued' || state === 'clientSide') continue;
    if (!people.has(state)) return false;
    waits = true;
  }
  return waits;
}

const people: ReadonlySet<CallRecord['state']> = new Set(['awaitingApproval', 'awaitingResult', 'awaitingAgent']);

/** Whether clients are all that is waited for. */
export function waitsForClients(calls: readonly CallRecord[]): boolean {
  return waitsForPeople(calls) && calls.every(({ state }) => state === 'settled' || state === 'awaitingResult');
}

/** The records with one of them changed. */
export function changeCall(
  calls: readonly CallRecord[],
  index: number,
  change: Partial<CallRecord>,
): readonly CallRecord[] {
  const changed = calls.slice();
  const record = calls[index];
  if (record !== undefined) changed[index] = { ...record, ...change };
  return changed;
}

/** The message that answers all calls of a step, in their order; calls without an outcome get a result that says why. */
export function resultsMessage(id: string, calls: readonly CallRecord[]): ToolMessage {
  return { role: 'tool', id, content: calls.map(resultOf) };
}

function resultOf({ call, outcome, state }: CallRecord): ToolResultPart {
  const { toolCallId, toolName } = call;
  if (outcome === undefined) return { type: 'tool-result', toolCallId, toolName, ...closing(state) };
  const synthesized = outcome.type === 'completed' ? undefined : outcome.synthesized;
  return {
    type: 'tool-result',
    toolCallId,
    toolName,
    output: outcome.output,
    ...(synthesized !== undefined && { synthesized }),
  };
}

/** The outcome of a call whose client is not waited for any longer. */
export const givenUp: CallOutcome = { type: 'cancelled', ...closing('awaitingResult') };

interface Closing {
  readonly output: { readonly type: 'error'; readonly value: string };
  readonly synthesized: SynthesizedResult;
}

function closing(state: CallRecord['state']): Closing {
  if (state === 'executing' || state === 'awaitingAgent') {
    return closed(
      'interrupted',
      'Interrupted: the turn ended while this tool was running. It may have taken effect; check before repeating it.',
    );
  }
  if (state === 'awaitingApproval') {
    return closed('cancelled', 'Cancelled: nobody had approved this call yet. The tool had no effect.');
  }
  if (state === 'awaitingResult') {
    return closed(
      'cancelled',
      'Cancelled: the result of this call was not waited for any longer. It may still come about.',
    );
  }
  return closed(
    'not_started',
    'Not started: the turn ended first. The tool had no effect; it is safe to call it again.',
  );
}

function closed(synthesized: SynthesizedResult, value: string): Closing {
  return { output: { type: 'error', value }, synthesized };
}

/** With what sub-agents have used that are stopped before their end. */
export function withUnfinished(usage: Usage, calls: readonly CallRecord[]): Usage {
  return calls.reduce(
    (sum, { state, used }) => (state === 'settled' || used === undefined ? sum : addUsage(sum, used)),
    usage,
  );
}

/** What is said of a call that gave no result. */
export function toolFailed(call: { readonly toolCallId: string; readonly toolName: string }, failure: Failure) {
  return { type: 'tool.failed' as const, toolCallId: call.toolCallId, toolName: call.toolName, failure };
}
