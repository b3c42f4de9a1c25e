import { turnMachine } from 'turnchart/machines';
import { refoldFuzz } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { assign, emit, enqueueActions } from 'xstate';
import type { Payload } from '../../src/events.ts';
import { Host } from '../../src/host.ts';
import { type AgentTurnInput, delegation } from '../../src/machines/delegation.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import { Random } from '../../src/testing/random.ts';
import { nextInput, randomInput, randomSession } from '../../src/testing/randomInputs.ts';

type Turn = typeof turnMachine;
type ToolCall = typeof toolCallMachine;

const withTurn = (turn: Turn) => sessionMachine.provide({ actors: { turn } });
const withToolCall = (toolCall: ToolCall) => withTurn(turnMachine.provide({ actors: { toolCall } }));

const agentTurn = delegation();

let count = 0;
let lastText = '';
const seen = new Set<string>();

/** Machines that keep to everything but one rule. */
const planted: Record<string, () => typeof sessionMachine> = {
  'a clock in a context': () =>
    withTurn(turnMachine.provide({ actions: { keepSteering: assign(() => ({ now: Date.now() })) } })),
  'a clock in an event': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          tellStepFinished: emit(({ context }) => ({
            type: 'step.finished' as const,
            step: context.step,
            finishReason: context.current.finishReason,
            usage: context.current.usage,
            durationMs: Date.now() - context.current.startedAt,
          })),
        },
      }),
    ),
  'chance in a delay': () => withTurn(turnMachine.provide({ delays: { retryDelay: () => Math.random() * 1_000 } })),
  'chance in a guard': () => withTurn(turnMachine.provide({ guards: { areRetriesSpent: () => Math.random() < 0.05 } })),
  'a counter of the module in the ids of effects': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          beginAttempt: assign(({ context }) => {
            count += 1;
            return { current: { ...context.current, attempt: count, tries: context.current.tries + 1 } };
          }),
        },
      }),
    ),
  'an effect id that forgets the attempt': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          beginAttempt: assign(({ context: { current } }) => ({
            current: { ...current, attempt: 1, tries: current.tries + 1 },
          })),
        },
      }),
    ),
  'a tool that runs again under the same id': () =>
    withToolCall(toolCallMachine.provide({ actions: { beginAttempt: assign({ attempt: 1 }) } })),
  'a count of deltas': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          followParts: assign(({ context }) => ({
            partial: { ...context.partial, shown: true, text: `${context.partial.text.length + 1}` },
          })),
        },
      }),
    ),
  'a promise that speaks later': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          keepSteering: ({ self }) => {
            Promise.resolve().then(() => self.send({ type: 'turn.cancel', at: 1 }));
          },
        },
      }),
    ),
  'a timer of the platform': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          keepSteering: ({ self }) => {
            setTimeout(() => self.send({ type: 'turn.cancel', at: 1 }), 0);
          },
        },
      }),
    ),
  'what another session said': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          keepSteering: assign(({ context }) => {
            const text = lastText;
            lastText = context.turnId;
            return { text };
          }),
        },
      }),
    ),
  'a memory of what was seen': () =>
    withTurn(
      turnMachine.provide({
        guards: {
          isOutOfSteps: ({ context }) => {
            const key = `${context.turnId} ${context.clock.startedAt} ${context.step}`;
            const isKnown = seen.has(key);
            seen.add(key);
            return context.step >= context.settings.limits.maxSteps || isKnown;
          },
        },
      }),
    ),
  'the global number of an actor': () =>
    withTurn(
      turnMachine.provide({
        actions: { keepSteering: assign(({ self }) => ({ text: self.sessionId })) },
      }),
    ),
  'a clock in the turn of an agent': () =>
    withToolCall(
      toolCallMachine.provide({
        actors: {
          agentTurn: {
            ...agentTurn,
            getInitialSnapshot: (scope, input: AgentTurnInput) =>
              agentTurn.getInitialSnapshot(scope, { ...input, start: { ...input.start, at: Date.now() } }),
          },
        },
      }),
    ),
  'a count of what agents say': () =>
    withToolCall(
      toolCallMachine.provide({
        actions: {
          reportAgent: assign(() => {
            count += 1;
            return { cost: count };
          }),
        },
      }),
    ),
  'a clock that is read when an agent inside of another waits for people': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          keepWaiting: assign(({ context }) => (context.settings.depth > 0 ? { now: Date.now() } : {})),
        },
      }),
    ),
  'a throw': () =>
    withTurn(
      turnMachine.provide({
        actions: {
          keepSteering: enqueueActions(() => {
            throw new Error('planted');
          }),
        },
      }),
    ),
};

describe('the refold fuzz', () => {
  it('finds no difference between what was played and what is rebuilt, over a thousand sessions', async () => {
    const report = await refoldFuzz({ runs: 1_000, seed: 20_000 });
    expect(report.breach).toBeUndefined();
    expect(report.turns).toBeGreaterThan(1_000);
    expect(report.agentTurns).toBeGreaterThan(500);
    expect(report.comparisons).toBeGreaterThan(5_000);
  }, 120_000);

  it('comes by what turns of agents do, and by what those do that they call', () => {
    const said = new Set<string>();
    for (let seed = 1; seed <= 400; seed += 1) for (const event of playAtRandom(seed)) said.add(ofAgents(event));
    const inside = ['tool.approvalResolved', 'tool.resultRequested', 'tool.retrying', 'model.retrying'];
    inside.push('turn.paused', 'turn.resumed', 'turn.completed', 'turn.failed', 'guardrail.triggered');
    inside.push('message.replaced', 'output.rejected', 'breaker.tripped', 'compaction.started');
    const furtherInside = [
      'tool.approvalResolved',
      'tool.retrying',
      'turn.completed',
      'turn.failed',
      'guardrail.triggered',
    ];
    expect([...said]).toEqual(
      expect.arrayContaining([
        ...inside.map((type) => `agent: ${type}`),
        ...furtherInside.map((type) => `agent: agent: ${type}`),
      ]),
    );
  });

  it.each(Object.entries(planted))('finds %s', async (_name, machine) => {
    const { breach } = await refoldFuzz({ machine: machine(), runs: 300 });
    expect(breach?.what).toBeTypeOf('string');
  });

  it('repeats the run that found a breach from its seed', async () => {
    const machine = planted['a clock in a context']?.();
    if (machine === undefined) throw new Error('The planted machine is gone.');
    const first = await refoldFuzz({ machine, runs: 300, seed: 7 });
    const seed = first.breach?.seed ?? 0;
    const again = await refoldFuzz({ machine, runs: 1, seed });
    expect(again.breach?.rows.map(({ input }) => input)).toEqual(first.breach?.rows.map(({ input }) => input));
  });
});

/** What a session says to which things happen at random, until it rests. */
function playAtRandom(seed: number): readonly Payload[] {
  const random = new Random(seed);
  const host = new Host({ machine: sessionMachine, agent: 'agent', input: randomSession(random) });
  let at = 1_000;
  for (let index = 0; index < 2_000; index += 1) {
    const next = index < 40 ? randomInput(host, random, index) : nextInput(host, random);
    if (next === undefined) break;
    at = next.input.type === 'fired' ? Math.max(at, next.delayMs) : at + next.delayMs;
    host.apply(next.input, at);
  }
  host.stop();
  return host.events;
}

function ofAgents(event: Payload): string {
  return event.type === 'agent.event' ? `agent: ${ofAgents(event.event)}` : event.type;
}
