import type { StartedEffect } from '../effects.ts';
import type { AnswerPart, ToolOutcome } from '../events.ts';
import { createFailure } from '../failure.ts';
import type { Host, HostInput } from '../host.ts';
import type { CallModelOutput, ExecuteToolOutput, PrepareToolOutput } from '../machines/contracts.ts';
import type { SessionMachineInput } from '../machines/sessionMachine.ts';
import { type AssistantPart, userMessage } from '../messages.ts';
import type { FinishReason } from '../model.ts';
import type { Random } from './random.ts';

/** A session with limits that random turns reach. */
export function randomSession(random: Random): SessionMachineInput {
  return {
    sessionId: 'session',
    cancelNotes: random.chance(0.7),
    turn: {
      limits: {
        maxSteps: random.whole(1, 5),
        maxParallelTools: random.whole(1, 3),
        ...(random.chance(0.3) && { maxTokens: random.whole(20, 100) }),
        ...(random.chance(0.3) && { maxCost: random.whole(1, 8) }),
        ...(random.chance(0.3) && { maxDurationMs: random.whole(200, 5_000) }),
      },
      modelRetry: { maxAttempts: random.whole(1, 4), retryAfterOutput: random.chance(0.7) },
      retries: random.whole(0, 2),
    },
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
    if (effect.kind !== 'prepareTool') {
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
  possible.push(() => soon({ type: 'command', command: randomCommand(random, count) }));
  return random.pick(possible)();
}

/** What brings a session to rest, where anything does: every effect settles, every timer fires, every turn starts. */
export function nextInput(
  host: Host,
  random: Random,
): { readonly input: HostInput; readonly delayMs: number } | undefined {
  const [effect] = host.effects.values();
  if (effect !== undefined) {
    return { input: { type: 'settled', effect: effect.id, result: randomResult(effect, random) }, delayMs: 1 };
  }
  if (host.awaitsStart) return { input: { type: 'command', command: { type: 'session.start' } }, delayMs: 0 };
  const [timer] = host.timers.values();
  return timer === undefined ? undefined : { input: { type: 'fired', timer: timer.id }, delayMs: timer.dueAt };
}

function randomCommand(random: Random, count: number) {
  const turnId = `turn-${count}`;
  const message = userMessage(`Message ${count}`, `message-${count}`);
  switch (random.whole(0, 5)) {
    case 0:
    case 1:
      return { type: 'session.send' as const, turnId, message };
    case 2:
    case 3:
      return { type: 'session.steer' as const, turnId, message: { ...message, cause: 'steering' as const } };
    case 4: {
      const aimed = random.chance(0.5) ? {} : { turnId: `turn-${random.whole(0, count)}` };
      return { type: 'session.cancel' as const, ...aimed, ...(random.chance(0.5) && { reason: 'Enough.' }) };
    }
    default:
      return { type: 'session.diagnose' as const, source: 'listener', message: 'It threw.' };
  }
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

function randomResult({ kind }: StartedEffect, random: Random) {
  if (random.chance(0.02)) return { error: { name: 'Error', message: 'The runner threw.' } };
  if (kind === 'callModel') return { value: randomCall(random) };
  return { value: kind === 'prepareTool' ? randomPreparation(random) : randomExecution(random) };
}

function randomCall(random: Random): CallModelOutput {
  const usage = { inputTokens: random.whole(0, 9), outputTokens: random.whole(0, 9) };
  const paid = { usage, ...(random.chance(0.5) && { cost: random.whole(0, 3) }) };
  const remarks = random.chance(0.1) ? { remarks: [{ source: 'pricing', message: 'Not known.' }] } : {};
  if (random.chance(0.3)) {
    return {
      type: 'trouble',
      failure: createFailure({ type: random.pick(['rate_limit', 'provider_unavailable', 'auth']), message: 'No.' }),
      retry: random.chance(0.8) ? { delayMs: random.whole(0, 2_000) } : false,
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
  return { type: 'answer', content, finishReason: { unified }, ...paid, ...remarks };
}

function randomPreparation(random: Random): PrepareToolOutput {
  if (random.chance(0.2)) return { type: 'refused', outcome: failedOutcome('There is no such tool.') };
  return { type: 'ready', sequential: random.chance(0.3) };
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
