import { assign, emit, enqueueActions } from 'xstate';
import type {
  AgentRemembers,
  ToolAgentWaits,
  ToolApproved,
  ToolAttemptFailed,
  ToolEmitted,
  ToolForward,
  ToolGrant,
  ToolPrepared,
  ToolProgressed,
  ToolRemembered,
  ToolSettled,
  TurnApprove,
  TurnDeny,
  TurnResolveTool,
} from '../events.ts';
import { addUsage, noUsage, type Usage } from '../model.ts';
import { tooManyErrors } from './breakers.ts';
import { addCost } from './budget.ts';
import { type CallRecord, changeCall, givenUp, isToolError, toolFailed, waiting } from './calls.ts';
import { modelActions } from './modelActions.ts';
import { grantable } from './toolSlots.ts';
import type { TurnContext } from './turnContext.ts';
import { toolErrorsFailure } from './turnFailures.ts';

/** What goes on between a turn and the tool calls of a step. */
export const toolActions = modelActions.extend({
  actions: {
    spawnTools: enqueueActions(({ context, enqueue }) => {
      for (const [index, { call, state }] of context.calls.entries()) {
        if (state === 'settled') continue;
        enqueue.spawnChild('toolCall', {
          id: toolActorId(index),
          input: {
            sessionId: context.settings.sessionId,
            turnId: context.turnId,
            step: context.step,
            index,
            call,
            history: context.history,
            depth: context.settings.depth,
          },
        });
      }
    }),
    // whoever reports that it is ready is still at it and runs only afterwards: those behind it have to wait for that
    takePrepared: enqueueActions(({ context, enqueue }, prepared: ToolPrepared) => {
      const { type: _, index, at, reports = [], ...ready } = prepared;
      for (const report of reports) enqueue.emit({ type: 'guardrail.triggered', ...report });
      const isAsked = ready.approval !== undefined && !isApproved(context, index);
      const calls = changeCall(context.calls, index, { ...ready, state: isAsked ? 'undecided' : waiting(ready) });
      const [first, ...others] = grantable(calls, context.settings.limits.maxParallelTools);
      if (first === undefined) {
        enqueue.assign({ now: at, calls });
        return;
      }
      enqueue.assign({ now: at, calls: markExecuting(calls, first) });
      enqueue.emit({ type: 'tool.started', ...namesOf(context, first) });
      enqueue.sendTo(toolActorId(first), slotFor(context, first, at));
      if (others.length > 0) enqueue.sendTo(toolActorId(first), { type: 'tool.tell' });
    }),
    // people are asked about all calls at once, clients once nothing else goes on
    askPeople: enqueueActions(({ context, enqueue }) => {
      if (context.calls.some(({ state }) => state === 'preparing')) return;
      const onlyClients = context.calls.every(({ state }) => clientStates.has(state));
      let { calls } = context;
      for (const [index, { call, input = call.input, state, approval }] of calls.entries()) {
        if (state === 'undecided') {
          const { timeoutMs } = approval ?? {};
          calls = changeCall(calls, index, { state: 'awaitingApproval' });
          enqueue.emit({
            type: 'tool.approvalRequested',
            ...namesOf(context, index),
            input,
            ...(timeoutMs !== undefined && { expiresAt: context.now + timeoutMs }),
          });
          enqueue.sendTo(toolActorId(index), { type: 'tool.ask', at: context.now });
        } else if (state === 'clientSide' && onlyClients) {
          calls = changeCall(calls, index, { state: 'awaitingResult' });
          enqueue.emit({ type: 'tool.resultRequested', ...namesOf(context, index), input });
          enqueue.sendTo(toolActorId(index), { type: 'tool.request' });
        }
      }
      if (calls !== context.calls) enqueue.assign({ calls });
    }),
    passApproval: enqueueActions(({ context, enqueue, self }, { toolCallId, remember, at }: TurnApprove) => {
      const asked = context.calls.find(({ call }) => call.toolCallId === toolCallId);
      if (asked?.state !== 'awaitingApproval') return;
      const { toolName } = asked.call;
      if (remember !== undefined) {
        enqueue.assign({ allowance: withTool(context, toolName) });
        if (isInside(context) && self._parent !== undefined) enqueue.sendTo(self._parent, remembers(toolName));
      }
      for (const [index, { call, state }] of context.calls.entries()) {
        if (state !== 'awaitingApproval') continue;
        if (call.toolCallId === toolCallId)
          enqueue.sendTo(toolActorId(index), { type: 'tool.approve', by: 'user', at });
        else if (remember !== undefined && call.toolName === toolName) {
          enqueue.sendTo(toolActorId(index), { type: 'tool.approve', by: 'session', at });
        }
      }
    }),
    keepRemembered: enqueueActions(({ context, enqueue, self }, { index, tool }: ToolRemembered) => {
      const path = `${namesOf(context, index).toolName}/${tool}`;
      enqueue.assign({ allowance: withTool(context, path) });
      if (isInside(context) && self._parent !== undefined) enqueue.sendTo(self._parent, remembers(path));
    }),
    passDenial: enqueueActions(({ context, enqueue }, { toolCallId, reason, at }: TurnDeny) => {
      const index = indexOf(context, toolCallId, 'awaitingApproval');
      if (index === -1) return;
      enqueue.sendTo(toolActorId(index), { type: 'tool.deny', ...(reason !== undefined && { reason }), at });
    }),
    passResult: enqueueActions(({ context, enqueue }, { toolCallId, output, at }: TurnResolveTool) => {
      const index = indexOf(context, toolCallId, 'awaitingResult');
      if (index !== -1) enqueue.sendTo(toolActorId(index), { type: 'tool.resolve', output, at });
    }),
    takeApproved: enqueueActions(({ context, enqueue }, { index, by, at }: ToolApproved) => {
      const record = context.calls[index];
      if (record === undefined) return;
      enqueue.assign({ now: at, calls: changeCall(context.calls, index, { state: waiting(record) }) });
      enqueue.emit({ type: 'tool.approvalResolved', ...namesOf(context, index), decision: 'approved', by });
    }),
    giveUpResults: enqueueActions(({ context, enqueue }) => {
      const calls = context.calls.map((record): CallRecord => {
        return record.state === 'settled' ? record : { ...record, state: 'settled', outcome: givenUp };
      });
      enqueue.assign({ calls });
      for (const [index, { state }] of context.calls.entries()) {
        if (state !== 'settled') enqueue.emit({ type: 'tool.cancelled', ...namesOf(context, index), started: false });
      }
    }),
    tellAgent: enqueueActions(({ context, enqueue }, { index, event }: ToolEmitted) => {
      const { toolCallId } = namesOf(context, index);
      // as its event says: a report may come again later, summed up in a row
      enqueue.emit({ type: 'agent.event', toolCallId, event, ...(event.at !== undefined && { at: event.at }) });
      if (event.type !== 'step.finished') return;
      const used = addUsage(context.calls[index]?.used ?? noUsage, event.usage);
      enqueue.assign({ calls: changeCall(context.calls, index, { used }) });
    }),
    passToAgents: enqueueActions(({ context, enqueue }, event: ToolForward['event']) => {
      if ('toolCallId' in event && indexOf(context, event.toolCallId, waitFor[event.type]) !== -1) return;
      for (const [index, { state }] of context.calls.entries()) {
        if (state === 'executing' || state === 'awaitingAgent') {
          enqueue.sendTo(toolActorId(index), { type: 'tool.forward', event });
        }
      }
    }),
    keepWaiting: assign(({ context }, { type, index, at }: ToolAgentWaits) => ({
      now: at,
      calls: changeCall(context.calls, index, { state: type === 'tool.agentWaits' ? 'awaitingAgent' : 'executing' }),
    })),
    tellProgress: emit(({ context }, { index, text }: ToolProgressed) => ({
      type: 'tool.progress' as const,
      ...namesOf(context, index),
      text,
    })),
    tellRetry: emit(({ context }, { index, attempt, maxAttempts, delayMs, retryAt, failure }: ToolAttemptFailed) => ({
      type: 'tool.retrying' as const,
      ...namesOf(context, index),
      step: context.step,
      attempt,
      maxAttempts,
      delayMs,
      retryAt,
      failure,
    })),
    keepSettled: enqueueActions(({ context, enqueue }, { output }: ToolSettled) => {
      const { index, outcome, at, reports = [] } = output;
      for (const report of reports) enqueue.emit({ type: 'guardrail.triggered', ...report });
      const names = namesOf(context, index);
      const isHint = outcome.type === 'completed' && outcome.retry === true;
      enqueue.assign({
        // an actor in error does not say when
        now: Math.max(context.now, at),
        calls: changeCall(context.calls, index, { state: 'settled', outcome }),
        ...(isHint && { totals: withHint(context, String(outcome.output.value)) }),
        ...(output.usage !== undefined && withAgentUsage(context, output.usage, output.cost)),
      });
      switch (outcome.type) {
        case 'failed':
          enqueue.emit(toolFailed(names, outcome.failure));
          return;
        case 'denied': {
          const { by, reason, synthesized } = outcome;
          if (by !== undefined) enqueue.emit({ type: 'tool.approvalResolved', ...names, decision: synthesized, by });
          enqueue.emit({ type: 'tool.denied', ...names, reason });
          return;
        }
        case 'completed':
          enqueue.emit({ type: 'tool.completed', ...names, output: outcome.output, ...(isHint && { retry: true }) });
      }
    }),
    grantSlots: enqueueActions(({ context, enqueue }) => {
      const granted = grantable(context.calls, context.settings.limits.maxParallelTools);
      if (granted.length === 0) return;
      for (const index of granted) {
        enqueue.emit({ type: 'tool.started', ...namesOf(context, index) });
        enqueue.sendTo(toolActorId(index), slotFor(context, index, context.now));
      }
      enqueue.assign({ calls: granted.reduce(markExecuting, context.calls) });
    }),
    countToolErrors: assign(({ context: { calls, totals } }) => {
      const errors = calls.filter(isToolError).length;
      return {
        totals: {
          ...totals,
          toolErrors: totals.toolErrors + errors,
          stepsWithErrors: errors === 0 ? 0 : totals.stepsWithErrors + 1,
        },
      };
    }),
    failWithToolErrors: enqueueActions(({ context, enqueue }) => {
      const over = tooManyErrors(context);
      if (over === undefined) return;
      const { kind, count, limit } = over;
      enqueue.assign({ failure: toolErrorsFailure(count, limit, kind === 'consecutive_errors') });
      enqueue.emit({ type: 'breaker.tripped', kind, count, limit });
    }),
    stopTools: enqueueActions(({ context, enqueue }) => {
      for (const index of context.calls.keys()) enqueue.stopChild(toolActorId(index));
    }),
  },
});

function markExecuting(calls: readonly CallRecord[], index: number): readonly CallRecord[] {
  return changeCall(calls, index, { state: 'executing' });
}

/** Where the call is that waits for an answer; -1 where it does not. */
function indexOf({ calls }: TurnContext, toolCallId: string, waits: CallRecord['state']): number {
  return calls.findIndex(({ call, state }) => call.toolCallId === toolCallId && state === waits);
}

/** Names from a fixed set: a machine keeps every name it has ever heard of. */
function toolActorId(index: number): string {
  return `tool.${index}`;
}

function withTool({ allowance }: TurnContext, tool: string): TurnContext['allowance'] {
  return allowance.tools.includes(tool) ? allowance : { ...allowance, tools: [...allowance.tools, tool] };
}

function isInside({ settings }: TurnContext): boolean {
  return settings.depth > 0;
}

function remembers(tool: string): AgentRemembers {
  return { type: 'agent.remembers', tool };
}

/** A slot for a call. An agent that works on it is told which of its tools are approved, as `agent/tool`. */
function slotFor({ calls, allowance }: TurnContext, index: number, at: number): ToolGrant {
  const within = `${calls[index]?.call.toolName}/`;
  const approvedTools = allowance.tools
    .filter((tool) => tool.startsWith(within))
    .map((tool) => tool.slice(within.length));
  return { type: 'tool.grant', ...(approvedTools.length > 0 && { approvedTools }), at };
}

function isApproved({ calls, allowance }: TurnContext, index: number): boolean {
  return allowance.tools.includes(calls[index]?.call.toolName ?? '');
}

function namesOf(context: TurnContext, index: number): { toolCallId: string; toolName: string } {
  const call = context.calls[index]?.call;
  return { toolCallId: call?.toolCallId ?? '', toolName: call?.toolName ?? '' };
}

function withHint({ totals }: TurnContext, hint: string): TurnContext['totals'] {
  return { ...totals, hints: totals.hints + 1, lastHint: hint };
}

/** An agent gives no hints. */
function withAgentUsage({ totals, current }: TurnContext, usage: Usage, cost: number | undefined) {
  return {
    current: { ...current, usage: addUsage(current.usage, usage) },
    totals: { ...totals, usage: addUsage(totals.usage, usage), cost: addCost(totals.cost, cost) },
  };
}

const clientStates: ReadonlySet<CallRecord['state']> = new Set(['settled', 'clientSide', 'awaitingResult']);

/** What a call of the turn itself waits for that is answered like that. */
const waitFor = {
  'turn.approve': 'awaitingApproval',
  'turn.deny': 'awaitingApproval',
  'turn.resolveTool': 'awaitingResult',
} as const;
