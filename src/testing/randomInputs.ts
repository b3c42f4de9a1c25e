import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import type { StartedEffect } from '../effects.ts';
import type { AnswerPart, ToolOutcome, TurnOverrides } from '../events.ts';
import { createFailure } from '../failure.ts';
import type { Command, Host, HostInput } from '../host.ts';
import type {
  CallModelOutput,
  CheckOutputOutput,
  ExecuteToolOutput,
  GuardrailReport,
  PrepareStepInput,
  PrepareStepOutput,
  PrepareToolInput,
  PrepareToolOutput,
  SummarizeOutput,
} from '../machines/contracts.ts';
import type { SessionMachineInput } from '../machines/sessionMachine.ts';
import type { TurnContext, TurnOptions } from '../machines/turnContext.ts';
import { type AssistantPart, userMessage } from '../messages.ts';
import type { FinishReason } from '../model.ts';
import type { Random } from './random.ts';
import { dotted, machineSnapshot } from './snapshots.ts';

/** A session with limits that random turns reach. */
export function randomSession(random: Random): SessionMachineInput {
  return { sessionId: 'session', cancelNotes: random.chance(0.7), turn: randomOptions(random) };
}

/** What turns of an agent are given, of one that others call, too. */
function randomOptions(random: Random): TurnOptions {
  return {
    limits: {
      maxSteps: random.whole(1, 5),
      lastStep: random.pick(['fail', 'fail', 'answer', 'ask']),
      maxParallelTools: random.whole(1, 3),
      consecutiveToolErrors: random.whole(1, 3),
      repeatedCalls: random.whole(2, 5),
      ...(random.chance(0.3) && { totalToolErrors: random.whole(1, 4) }),
      ...(random.chance(0.3) && { maxTokens: random.whole(10, 60) }),
      ...(random.chance(0.3) && { maxCost: random.whole(1, 8) }),
      ...(random.chance(0.3) && { softCost: random.whole(0, 4) }),
      ...(random.chance(0.3) && { maxDurationMs: random.whole(200, 5_000) }),
    },
    modelRetry: { maxAttempts: random.whole(1, 4), retryAfterOutput: random.chance(0.7) },
    retries: random.whole(0, 2),
    compaction: random.chance(0.3) ? false : { keepMessages: random.whole(1, 6), contextWindow: random.whole(20, 200) },
    ...(random.chance(0.5) && { repeatableTools: ['tool'] }),
    ...(random.chance(0.4) && { preparesSteps: true, guardsInput: random.chance(0.7) }),
    ...(random.chance(0.4) && { output: {} }),
  };
}

/** Something that may happen to this host now: its effects report or settle, its timers fire, or somebody says something. */
export function randomInput(
  host: Host,
  random: Random,
  count: number,
): { readonly input: HostInput; readonly delayMs: number } {
  const possible: (() => { input: HostInput; delayMs: number })[] = [];
  const soon = (input: HostInput) => ({ input, delayMs: random.whole(0, 300) });
  for (const effect of host.effects.values()) {
    const settle = () => soon({ type: 'settled', effect: effect.id, result: randomResult(effect, random) });
    possible.push(settle, settle);
    if (effect.kind === 'callModel' || effect.kind === 'executeTool') {
      const report = () => soon({ type: 'reported', effect: effect.id, report: randomReport(effect, random) });
      possible.push(report, report);
    }
  }
  for (const { id, dueAt } of host.timers.values()) {
    // the host keeps no time of its own, so a timer says how far away it is by what it is due at
    possible.push(() => ({ input: { type: 'fired', timer: id }, delayMs: dueAt }));
  }
  if (host.awaitsStart) {
    const start = () => soon({ type: 'command', command: { type: 'session.start' } });
    possible.push(start, start, start);
  }
  const answer = randomAnswer(host, random);
  if (answer !== undefined) possible.push(() => soon({ type: 'command', command: answer }));
  possible.push(() => soon({ type: 'command', command: randomCommand(random, count) }));
  return random.pick(possible)();
}

/** What brings a session to rest, where anything does: every effect settles, every question is answered, every turn starts. */
export function nextInput(
  host: Host,
  random: Random,
): { readonly input: HostInput; readonly delayMs: number } | undefined {
  const [effect] = host.effects.values();
  if (effect !== undefined) {
    return { input: { type: 'settled', effect: effect.id, result: randomResult(effect, random) }, delayMs: 1 };
  }
  if (host.awaitsStart) return { input: { type: 'command', command: { type: 'session.start' } }, delayMs: 0 };
  const answer = randomAnswer(host, random);
  if (answer !== undefined) return { input: { type: 'command', command: answer }, delayMs: 1 };
  const [timer] = host.timers.values();
  return timer === undefined ? undefined : { input: { type: 'fired', timer: timer.id }, delayMs: timer.dueAt };
}

function randomCommand(random: Random, count: number): Command {
  const turnId = `turn-${count}`;
  const toolCallId = `call-${random.whole(0, 3)}`;
  const message = userMessage(`Message ${count}`, `message-${count}`);
  switch (random.whole(0, 9)) {
    case 0:
    case 1:
      return { type: 'session.send', turnId, message, ...(random.chance(0.3) && { options: randomOverrides(random) }) };
    case 2:
    case 3:
      return { type: 'session.steer', turnId, message: { ...message, cause: 'steering' } };
    case 4: {
      const aimed = random.chance(0.5) ? {} : { turnId: `turn-${random.whole(0, count)}` };
      return { type: 'session.cancel', ...aimed, ...(random.chance(0.5) && { reason: 'Enough.' }) };
    }
    case 5:
      return { type: 'session.compact', id: `compaction-${count}` };
    // what nobody may have asked for
    case 6:
      return random.pick([
        { type: 'session.approve', toolCallId },
        { type: 'session.deny', toolCallId },
      ]);
    case 7:
      return { type: 'session.resolveTool', toolCallId, output: { type: 'text', value: 'So it is.' } };
    case 8:
      return random.pick([{ type: 'session.extend', steps: 1 }, { type: 'session.resume' }]);
    default:
      return { type: 'session.diagnose', source: 'listener', message: 'It threw.' };
  }
}

function randomOverrides(random: Random): TurnOverrides {
  return {
    ...(random.chance(0.5) && { limits: { maxSteps: random.whole(1, 3) } }),
    ...(random.chance(0.5) && { output: { schema: { type: 'object' } } }),
  };
}

/** The answer to what somebody is asked, if anybody is, by the turn or by one of a sub-agent inside of it. */
function randomAnswer({ turn }: Host, random: Random): Command | undefined {
  for (const { value, context } of turn === undefined ? [] : turnsIn(turn)) {
    const state = dotted(value);
    if (state === 'working.awaitingResume') return { type: 'session.resume' };
    if (state === 'working.awaitingExtension') return { type: 'session.extend', steps: random.whole(1, 2) };
    const { calls }: TurnContext = context;
    const asked = calls.find((call) => call.state === 'awaitingApproval' || call.state === 'awaitingResult');
    if (asked === undefined) continue;
    const { toolCallId } = asked.call;
    if (asked.state === 'awaitingResult') {
      const type = random.chance(0.8) ? 'text' : 'error';
      return { type: 'session.resolveTool', toolCallId, output: { type, value: 'So it is.' } };
    }
    return random.pick<Command>([
      { type: 'session.approve', toolCallId },
      { type: 'session.approve', toolCallId, remember: 'session' },
      { type: 'session.deny', toolCallId, reason: 'No.' },
      { type: 'session.deny', toolCallId },
    ]);
  }
  return undefined;
}

/** A turn, and those of the agents that it calls, and of the agents that these call. */
function turnsIn(turn: AnyActorRef): readonly AnyMachineSnapshot[] {
  const snapshot: AnyMachineSnapshot = turn.getSnapshot();
  const calls: readonly (AnyActorRef | undefined)[] = Object.values(snapshot.children);
  const agents = calls.flatMap((call) => (call && machineSnapshot(call)?.children.agent) ?? []);
  return [snapshot, ...agents.flatMap(turnsIn)];
}

function randomReport({ kind }: StartedEffect, random: Random): unknown {
  if (kind !== 'callModel') return `progress ${random.whole(1, 9)}`;
  const parts: AnswerPart[] = [];
  for (let left = random.whole(1, 3); left > 0; left -= 1) {
    const text = random.pick(['So ', 'it ', 'is. ', 'Well, ']);
    parts.push(
      random.pick<AnswerPart>([
        { type: 'text-delta', text },
        { type: 'reasoning-delta', text },
        { type: 'tool-input' },
        { type: 'usage', usage: { inputTokens: random.whole(0, 9), outputTokens: left } },
      ]),
    );
  }
  return parts;
}

function randomResult({ kind, input }: StartedEffect, random: Random) {
  if (random.chance(0.02)) return { error: { name: 'Error', message: 'The runner threw.' } };
  return { value: randomValue(kind, input, random) };
}

function randomValue(kind: string, input: unknown, random: Random) {
  switch (kind) {
    case 'prepareStep':
      return randomPlan(input as PrepareStepInput, random);
    case 'callModel':
      return randomCall(random);
    case 'summarize':
      return randomSummary(random);
    case 'checkOutput':
      return randomCheck(random);
    case 'prepareTool':
      return randomPreparation(input as PrepareToolInput, random);
    default:
      return randomExecution(random);
  }
}

function randomPlan({ unseen }: PrepareStepInput, random: Random): PrepareStepOutput {
  const kind = random.whole(0, 9);
  const by = reportOf('input', 'denied');
  if (kind === 0) return { type: 'denied', by, reports: [by] };
  if (kind === 1) return { type: 'failed', failure: createFailure({ type: 'internal', message: 'It threw.' }) };
  return {
    type: 'ready',
    plan: random.chance(0.5) ? {} : { instructions: 'Be brief.', tools: ['tool'] },
    ...(kind === 2 && {
      rewritten: unseen.map((message) => ({ ...message, content: [{ type: 'text' as const, text: 'Rewritten.' }] })),
      reports: [reportOf('input', 'rewritten')],
    }),
  };
}

function randomSummary(random: Random): SummarizeOutput {
  const usage = { inputTokens: random.whole(0, 9), outputTokens: 1 };
  if (random.chance(0.7)) return { type: 'summarized', text: random.pick(['They talked.', '']), usage };
  return { type: 'failed', failure: createFailure({ type: 'unknown', message: 'No.' }), usage };
}

function randomCheck(random: Random): CheckOutputOutput {
  return random.chance(0.6) ? { type: 'accepted', output: { so: true } } : { type: 'rejected', hint: 'Not like that.' };
}

function reportOf(stage: GuardrailReport['stage'], action: GuardrailReport['action']): GuardrailReport {
  return { stage, name: 'guard', action, reason: 'It says so.' };
}

function randomCall(random: Random): CallModelOutput {
  const usage = { inputTokens: random.whole(0, 9), outputTokens: random.whole(0, 9) };
  const paid = { usage, ...(random.chance(0.5) && { cost: random.whole(0, 3) }) };
  const remarks = random.chance(0.1) ? { remarks: [{ source: 'pricing', message: 'Not known.' }] } : {};
  if (random.chance(0.05)) {
    const by = reportOf('output', 'denied');
    return { type: 'denied', by, reports: [by], ...paid, ...remarks };
  }
  if (random.chance(0.3)) {
    const type = random.pick(['rate_limit', 'provider_unavailable', 'auth', 'context_overflow'] as const);
    return {
      type: 'trouble',
      failure: createFailure({ type, message: 'No.' }),
      retry: type !== 'context_overflow' && random.chance(0.8) ? { delayMs: random.whole(0, 2_000) } : false,
      ...paid,
      ...remarks,
    };
  }
  const content: AssistantPart[] = [];
  if (random.chance(0.7)) content.push({ type: 'text', text: 'So it is.' });
  const calls = random.chance(0.6) ? random.whole(1, 4) : 0;
  for (let index = 0; index < calls; index += 1) {
    content.push({ type: 'tool-call', toolCallId: `call-${index}`, toolName: 'tool', input: { index } });
  }
  const likely: FinishReason['unified'] = calls > 0 ? 'tool-calls' : 'stop';
  const unified = random.chance(0.7)
    ? likely
    : random.pick<FinishReason['unified']>(['length', 'content-filter', 'pause', 'other']);
  const rewritten = reportOf('output', 'rewritten');
  return {
    type: 'answer',
    content,
    finishReason: { unified },
    ...paid,
    ...remarks,
    ...(random.chance(0.05) && { rewritten, reports: [rewritten] }),
  };
}

/** Its turns begin without a conversation: of a short one little may be kept, or there would be nothing to shorten. */
function randomAgent(random: Random): TurnOptions {
  const compaction = { keepMessages: random.whole(1, 2), contextWindow: random.whole(20, 60) };
  return { ...randomOptions(random), compaction: random.chance(0.3) ? false : compaction };
}

/** How likely a call is for an agent, by how many are around it: turns inside of turns would go on for ever. */
const agentsAt: readonly number[] = [0.4, 0.4, 0.2, 0.1];

function randomPreparation({ depth }: PrepareToolInput, random: Random): PrepareToolOutput {
  const kind = random.whole(0, 9);
  if (kind < 2) return { type: 'refused', outcome: failedOutcome('There is no such tool.') };
  if (kind === 2) return { type: 'refused', outcome: deniedOutcome, reports: [reportOf('tool', 'denied')] };
  const isForAgent = random.chance(agentsAt[depth] ?? 0);
  return {
    type: 'ready',
    sequential: random.chance(0.3),
    ...(kind === 3 && { input: { rewritten: true }, reports: [reportOf('tool', 'rewritten')] }),
    ...(random.chance(0.25) && { approval: random.chance(0.5) ? { timeoutMs: random.whole(100, 2_000) } : {} }),
    ...(isForAgent
      ? { agent: { name: 'other', prompt: 'Do it.', options: randomAgent(random) } }
      : random.chance(0.2) && { isClientSide: true as const }),
  };
}

function randomExecution(random: Random): ExecuteToolOutput {
  const kind = random.whole(0, 9);
  if (kind < 2)
    return { type: 'failed', outcome: failedOutcome('It threw.'), delayMs: random.whole(0, 500), maxAttempts: 3 };
  if (kind === 2) return { type: 'settled', outcome: failedOutcome('It timed out.') };
  const hint = kind === 3 ? { retry: true as const } : {};
  return { type: 'settled', outcome: { type: 'completed', output: { type: 'text', value: 'Done.' }, ...hint } };
}

function failedOutcome(message: string): ToolOutcome & { type: 'failed' } {
  return {
    type: 'failed',
    output: { type: 'error', value: message },
    failure: createFailure({ type: 'tool', code: 'tool_threw', message, retryable: false }),
  };
}

const deniedOutcome: ToolOutcome = {
  type: 'denied',
  output: { type: 'error', value: 'A guardrail did not let it through.' },
  reason: 'It says so.',
  synthesized: 'denied',
};
