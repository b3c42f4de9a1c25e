import { assign, cancel, enqueueActions, sendParent, sendTo, setup } from 'xstate';
import { effect, type Settled } from '../effects.ts';
import type {
  AgentEmitted,
  AgentRemembers,
  AgentWaits,
  ToolAgentWaits,
  ToolApprove,
  ToolApproved,
  ToolAsk,
  ToolAttemptFailed,
  ToolBegan,
  ToolCallInputEvent,
  ToolDeny,
  ToolEmitted,
  ToolForward,
  ToolOutcome,
  ToolPrepared,
  ToolProgressed,
  ToolRemembered,
  ToolResolve,
} from '../events.ts';
import { createFailure, describeError } from '../failure.ts';
import { type Json, toJson } from '../json.ts';
import { type ToolCallPart, type ToolOutput, userMessage } from '../messages.ts';
import type { Usage } from '../model.ts';
import type {
  DelegatedCall,
  ExecuteToolInput,
  ExecuteToolOutput,
  GuardrailReport,
  PrepareToolInput,
  PrepareToolOutput,
} from './contracts.ts';
import { type AgentTurnInput, type AgentTurnOutput, delegation } from './delegation.ts';
import type { History } from './history.ts';
import { maxIterations } from './policies.ts';
import { toolReports } from './reports.ts';
import { theEvent } from './theEvent.ts';

export interface ToolCallMachineInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  /** Place among the calls of the step. */
  readonly index: number;
  readonly call: ToolCallPart;
  readonly history: History;
  /** How many agents are around this one. @default 0 */
  readonly depth?: number;
}

export interface ToolCallContext extends ToolCallMachineInput {
  readonly idempotent: boolean;
  /** The input that the tool runs with. */
  readonly input: Json;
  /** How long a person may take to answer, in ms, and when that is over. */
  readonly approvalTimeoutMs: number | undefined;
  readonly expiresAt: number;
  readonly attempt: number;
  readonly retryDelayMs: number;
  readonly outcome: ToolOutcome | undefined;
  /** What guardrails did that refused it. */
  readonly reports: readonly GuardrailReport[] | undefined;
  readonly endedAt: number;
  /** Another agent works on it. */
  readonly agent: DelegatedCall | undefined;
  /** What that agent has used. */
  readonly usage: Usage | undefined;
  readonly cost: number | undefined;
}

/** How a tool call ended. */
export interface ToolCallOutput {
  readonly index: number;
  readonly outcome: ToolOutcome;
  readonly at: number;
  /** What guardrails did that refused it. */
  readonly reports?: readonly GuardrailReport[];
  /** What a sub-agent has used. */
  readonly usage?: Usage;
  readonly cost?: number | undefined;
}

const notProvided = (name: string) => () => {
  throw new Error(`${name} is not provided: use toolCallMachine.provide(…), or services({ tools }).`);
};

/** One tool call: made ready, approved, granted a slot, run, run again, ended. Reports to the turn that spawned it. */
export const toolCallMachine = setup({
  types: {
    context: {} as ToolCallContext,
    input: {} as ToolCallMachineInput,
    output: {} as ToolCallOutput,
    events: {} as ToolCallInputEvent,
  },
  actors: {
    prepareTool: effect<PrepareToolInput, PrepareToolOutput>('prepareTool', notProvided('prepareTool')),
    executeTool: effect<ExecuteToolInput, ExecuteToolOutput, string>(
      'executeTool',
      notProvided('executeTool'),
      toolReports,
    ),
    agentTurn: delegation(),
  },
  guards: {
    isForAgent: ({ context }) => context.agent !== undefined,
    hasAgentAnswered: (_, { output }: Delegated) => output.status === 'completed',
    isReady: (_, { output }: Prepared) => output.value?.type === 'ready',
    isDenied: (_, { output }: Prepared) => output.value?.type === 'refused' && output.value.outcome.type === 'denied',
    couldNotRun: (_, { output }: ToolResolve) => output.type === 'error',
    isDone: (_, { output }: Executed) => output.value?.type === 'settled' && output.value.outcome.type === 'completed',
    canRunAgain: ({ context }, { output }: Executed) =>
      output.value?.type === 'failed' && context.attempt < output.value.maxAttempts,
  },
  delays: {
    retryDelay: ({ context }) => context.retryDelayMs,
  },
  actions: {
    keepReady: assign((_, { output }: Prepared) =>
      output.value?.type === 'ready'
        ? {
            idempotent: output.value.idempotent ?? false,
            approvalTimeoutMs: output.value.approval?.timeoutMs,
            ...(output.value.input !== undefined && { input: output.value.input }),
            ...(output.value.agent !== undefined && { agent: output.value.agent }),
          }
        : {},
    ),
    keepRefusal: assign((_, { output }: Prepared) => ({
      outcome: refusalOf(output),
      reports: output.value?.reports,
      endedAt: output.at,
    })),
    keepOutcome: assign((_, { output }: Executed) => ({ outcome: outcomeOf(output), endedAt: output.at })),
    keepDelay: assign((_, { output }: Executed) => ({
      retryDelayMs: output.value?.type === 'failed' ? output.value.delayMs : 0,
    })),
    passToAgent: sendTo('agent', (_, { event }: ToolForward) => event),
    reportWaiting: sendParent(
      ({ context }, { type, at }: AgentWaits): ToolAgentWaits => ({
        type: type === 'agent.waits' ? 'tool.agentWaits' : 'tool.agentGoesOn',
        index: context.index,
        at,
      }),
    ),
    reportRemembered: sendParent(
      ({ context }, { tool }: AgentRemembers): ToolRemembered => ({
        type: 'tool.remembered',
        index: context.index,
        tool,
      }),
    ),
    reportAgent: sendParent(
      ({ context }, { payload }: AgentEmitted): ToolEmitted => ({
        type: 'tool.emitted',
        index: context.index,
        event: { ...payload, agent: context.agent?.name ?? '', turnId: agentTurnId(context) },
      }),
    ),
    keepAnswer: assign((_, { output }: Delegated) => ({
      outcome: delegatedOutcome(output),
      endedAt: output.at,
      usage: output.usage,
      cost: output.cost,
    })),
    keepAgentError: assign((_, { error }: { readonly error: unknown }) => ({
      outcome: unexplained(describeError(error).message),
    })),
    beginAttempt: assign(({ context }) => ({ attempt: context.attempt + 1 })),
    awaitAnswer: enqueueActions(({ context, enqueue }, { at }: ToolAsk) => {
      const { approvalTimeoutMs } = context;
      if (approvalTimeoutMs === undefined) return;
      enqueue.assign({ expiresAt: at + approvalTimeoutMs });
      enqueue.raise({ type: 'tool.expire' }, { id: 'expiry', delay: approvalTimeoutMs });
    }),
    stopAwaiting: cancel('expiry'),
    keepDenial: assign((_, { reason, at }: ToolDeny) => ({ outcome: denied(reason), endedAt: at })),
    keepExpiry: assign(({ context }) => ({
      outcome: expired(context.approvalTimeoutMs ?? 0),
      endedAt: context.expiresAt,
    })),
    keepResult: assign(({ context }, { output, at }: ToolResolve) => ({
      outcome: answered(context.call, output),
      endedAt: at,
    })),
    reportPrepared: sendParent(
      ({ context }, { output }: Prepared): ToolPrepared => ({
        type: 'tool.prepared',
        index: context.index,
        sequential: output.value?.type === 'ready' && output.value.sequential,
        ...(output.value?.type === 'ready' && {
          ...(output.value.approval !== undefined && { approval: output.value.approval }),
          ...(output.value.isClientSide && { isClientSide: true as const }),
          ...(output.value.input !== undefined && { input: output.value.input }),
          ...(output.value.reports !== undefined && { reports: output.value.reports }),
        }),
        at: output.at,
      }),
    ),
    reportApproved: sendParent(
      ({ context }, { by, at }: ToolApprove): ToolApproved => ({
        type: 'tool.approved',
        index: context.index,
        by,
        at,
      }),
    ),
    reportBegan: sendParent((): ToolBegan => ({ type: 'tool.began' })),
    reportProgress: sendParent(
      ({ context }, { text }: { text: string }): ToolProgressed => ({
        type: 'tool.progressed',
        index: context.index,
        text,
      }),
    ),
    reportRetry: sendParent(
      ({ context }, { output }: Executed): ToolAttemptFailed => ({
        type: 'tool.attemptFailed',
        index: context.index,
        attempt: context.attempt,
        maxAttempts: output.value?.type === 'failed' ? output.value.maxAttempts : context.attempt,
        delayMs: context.retryDelayMs,
        retryAt: output.at + context.retryDelayMs,
        failure: failureOf(outcomeOf(output)),
      }),
    ),
  },
}).createMachine({
  id: 'toolCall',
  description: 'One tool call of a step.',
  options: { maxIterations },
  context: ({ input }) => ({
    ...input,
    idempotent: false,
    input: input.call.input,
    approvalTimeoutMs: undefined,
    expiresAt: 0,
    attempt: 0,
    retryDelayMs: 0,
    outcome: undefined,
    reports: undefined,
    endedAt: 0,
    agent: undefined,
    usage: undefined,
    cost: undefined,
  }),
  output: ({ context }) => ({
    index: context.index,
    outcome: context.outcome ?? unexplained('it ended without an outcome'),
    at: context.endedAt,
    ...(context.reports !== undefined && { reports: context.reports }),
    ...(context.usage !== undefined && { usage: context.usage, cost: context.cost }),
  }),
  initial: 'preparing',
  states: {
    preparing: {
      description: 'The tool is looked up, its input checked, and whether somebody is to be asked; nothing runs yet.',
      invoke: {
        id: 'prepareTool',
        src: 'prepareTool',
        input: ({ context }) => ({
          id: `${callId(context)}.prepare`,
          sessionId: context.sessionId,
          turnId: context.turnId,
          step: context.step,
          call: context.call,
          history: context.history,
          depth: context.depth ?? 0,
        }),
        onDone: [
          {
            guard: { type: 'isReady', params: theEvent },
            target: 'queued',
            actions: [
              { type: 'keepReady', params: theEvent },
              { type: 'reportPrepared', params: theEvent },
            ],
          },
          {
            guard: { type: 'isDenied', params: theEvent },
            target: 'denied',
            actions: { type: 'keepRefusal', params: theEvent },
          },
          {
            target: 'failed',
            actions: { type: 'keepRefusal', params: theEvent },
          },
        ],
      },
    },
    queued: {
      description: 'Ready; waits for the turn to ask for approval, to grant a slot, or to ask the client.',
      on: {
        'tool.ask': { target: 'awaitingApproval', actions: { type: 'awaitAnswer', params: theEvent } },
        'tool.grant': [{ guard: 'isForAgent', target: 'delegating' }, { target: 'executing' }],
        'tool.request': 'awaitingResult',
      },
    },
    awaitingApproval: {
      description: 'Somebody is asked whether the tool may run. Holds no slot, for as long as it takes.',
      exit: 'stopAwaiting',
      on: {
        'tool.approve': { target: 'queued', actions: { type: 'reportApproved', params: theEvent } },
        'tool.deny': { target: 'denied', actions: { type: 'keepDenial', params: theEvent } },
        'tool.expire': { target: 'denied', actions: 'keepExpiry' },
      },
    },
    awaitingResult: {
      description: 'The tool runs outside; whoever runs it gives the result.',
      on: {
        'tool.resolve': [
          {
            guard: { type: 'couldNotRun', params: theEvent },
            target: 'failed',
            actions: { type: 'keepResult', params: theEvent },
          },
          { target: 'completed', actions: { type: 'keepResult', params: theEvent } },
        ],
      },
    },
    executing: {
      description: 'The tool runs.',
      entry: 'beginAttempt',
      invoke: {
        id: 'executeTool',
        src: 'executeTool',
        input: ({ context }) => ({
          id: `${callId(context)}.execute.${context.attempt}`,
          sessionId: context.sessionId,
          turnId: context.turnId,
          step: context.step,
          call: callOf(context),
          attempt: context.attempt,
          idempotencyKey: callId(context),
          idempotent: context.idempotent,
          history: context.history,
        }),
        onDone: [
          {
            guard: { type: 'canRunAgain', params: theEvent },
            target: 'retrying',
            actions: [
              { type: 'keepDelay', params: theEvent },
              { type: 'reportRetry', params: theEvent },
            ],
          },
          {
            guard: { type: 'isDone', params: theEvent },
            target: 'completed',
            actions: { type: 'keepOutcome', params: theEvent },
          },
          {
            target: 'failed',
            actions: { type: 'keepOutcome', params: theEvent },
          },
        ],
      },
      on: {
        'tool.tell': { actions: 'reportBegan' },
        'tool.reported': { actions: { type: 'reportProgress', params: theEvent } },
      },
    },
    delegating: {
      description: 'Another agent works on it, in a turn of its own.',
      invoke: {
        id: 'agent',
        src: 'agentTurn',
        input: ({ context, event }: InvokeArgs): AgentTurnInput => ({
          ...(event.type === 'tool.grant' &&
            event.approvedTools !== undefined && { approvedTools: event.approvedTools }),
          tool: context.call.toolName,
          sessionId: context.sessionId,
          depth: (context.depth ?? 0) + 1,
          options: context.agent?.options ?? {},
          start: {
            type: 'turn.start',
            turnId: agentTurnId(context),
            message: userMessage(context.agent?.prompt ?? '', `${agentTurnId(context)}.input`),
            at: event.type === 'tool.grant' ? event.at : 0,
          },
        }),
        onDone: [
          {
            guard: { type: 'hasAgentAnswered', params: theEvent },
            target: 'completed',
            actions: { type: 'keepAnswer', params: theEvent },
          },
          { target: 'failed', actions: { type: 'keepAnswer', params: theEvent } },
        ],
        onError: { target: 'failed', actions: { type: 'keepAgentError', params: theEvent } },
      },
      on: {
        'tool.tell': { actions: 'reportBegan' },
        'tool.forward': { actions: { type: 'passToAgent', params: theEvent } },
        'agent.waits': { actions: { type: 'reportWaiting', params: theEvent } },
        'agent.goesOn': { actions: { type: 'reportWaiting', params: theEvent } },
        'agent.remembers': { actions: { type: 'reportRemembered', params: theEvent } },
        'agent.emitted': { actions: { type: 'reportAgent', params: theEvent } },
      },
    },
    retrying: {
      description: 'The tool failed; it runs again after a delay, and keeps its slot.',
      after: { retryDelay: 'executing' },
    },
    completed: {
      type: 'final',
      description: 'The tool gave a result, or a hint to be called again.',
    },
    failed: {
      type: 'final',
      description: 'The model gets an error as the result: refused, thrown or timed out.',
    },
    denied: {
      type: 'final',
      description: 'The tool was not allowed to run; the model is told so.',
    },
  },
});

export interface Prepared {
  readonly output: Settled<PrepareToolOutput>;
}
/** An actor of any kind is given anything, so XState does not say it. */
interface InvokeArgs {
  readonly context: ToolCallContext;
  readonly event: ToolCallInputEvent;
}
export interface Delegated {
  readonly output: AgentTurnOutput;
}
export interface Executed {
  readonly output: Settled<ExecuteToolOutput>;
}

/** Names one tool call for ever: effects, and the key by which a tool knows that it runs again. */
function callId(context: ToolCallMachineInput): string {
  return `${context.turnId}.${context.step}.tool.${context.index}`;
}

/** Names the turn of the agent that works on the call. */
function agentTurnId(context: ToolCallMachineInput): string {
  return `${callId(context)}.agent`;
}

function delegatedOutcome(output: AgentTurnOutput): ToolOutcome {
  if (output.status === 'completed') {
    const { output: value = output.text } = output;
    return {
      type: 'completed',
      output: typeof value === 'string' ? { type: 'text', value } : { type: 'json', value },
    };
  }
  const reason = output.status === 'failed' ? output.failure.message : 'It was cancelled.';
  return {
    type: 'failed',
    output: { type: 'error', value: `The agent could not do it: ${reason}` },
    failure: createFailure({
      type: 'tool',
      code: 'agent_failed',
      message: reason,
      retryable: false,
      ...(output.status === 'failed' && { cause: toJson(output.failure) }),
    }),
  };
}

/** The call with the input that it runs with. */
function callOf({ call, input }: ToolCallContext): ToolCallPart {
  return input === call.input ? call : { ...call, input };
}

function refusalOf(output: Settled<PrepareToolOutput>): ToolOutcome {
  if (output.value?.type === 'refused') return output.value.outcome;
  return unexplained(output.error?.message ?? 'it could not be prepared');
}

function outcomeOf(output: Settled<ExecuteToolOutput>): ToolOutcome {
  return output.value?.outcome ?? unexplained(output.error?.message ?? 'it ended without an outcome');
}

function failureOf(outcome: ToolOutcome) {
  return outcome.type === 'failed' ? outcome.failure : unexplained('it ended without a failure').failure;
}

function denied(reason: string | undefined): ToolOutcome {
  const why = reason === undefined ? '' : ` Reason: ${reason}`;
  return {
    type: 'denied',
    output: { type: 'error', value: `Denied: this call was not approved, and did not run.${why}` },
    reason: reason ?? 'It was not approved.',
    synthesized: 'denied',
    by: 'user',
  };
}

function expired(timeoutMs: number): ToolOutcome {
  return {
    type: 'denied',
    output: { type: 'error', value: 'Timed out: nobody approved this call in time. It did not run.' },
    reason: `Nobody answered within ${timeoutMs} ms.`,
    synthesized: 'timed_out',
    by: 'timeout',
  };
}

function answered({ toolName }: ToolCallPart, output: ToolOutput): ToolOutcome {
  if (output.type !== 'error') return { type: 'completed', output };
  const message = `The client could not run "${toolName}": ${output.value}`;
  return {
    type: 'failed',
    output,
    failure: createFailure({ type: 'tool', code: 'tool_threw', message, retryable: false }),
  };
}

/** The outcome where a runner broke its contract: the model still needs a result. */
function unexplained(message: string) {
  return {
    type: 'failed' as const,
    output: { type: 'error' as const, value: `The tool could not be run: ${message}` },
    failure: createFailure({ type: 'tool', code: 'tool_threw', message, retryable: false }),
  };
}
