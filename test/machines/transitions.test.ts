import { createFailure } from 'turnchart';
import { connectPort, turnMachine, userMessage } from 'turnchart/machines';
import { Random, scriptedPort } from 'turnchart/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AnyStateNode, createActor, fromPromise, type InspectionEvent } from 'xstate';
import type { Settled } from '../../src/effects.ts';
import { Host } from '../../src/host.ts';
import type { CompactionMachineInput, CompactionOutput } from '../../src/machines/compactionMachine.ts';
import type { CallModelInput, CallModelOutput } from '../../src/machines/contracts.ts';
import { delegation, type SubAgentParts } from '../../src/machines/delegation.ts';
import { sessionMachine } from '../../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../../src/machines/toolCallMachine.ts';
import type { TurnMachineInput } from '../../src/machines/turnMachine.ts';
import { nextInput, randomInput, randomSession } from '../../src/testing/randomInputs.ts';

interface Transition {
  readonly source: AnyStateNode;
  readonly eventType: string;
  readonly target: readonly AnyStateNode[] | undefined;
  readonly guard?: unknown;
}

function nameOf({ source, eventType, target, guard }: Transition): string {
  const guardName = typeof guard === 'object' && guard !== null && 'type' in guard ? guard.type : guard;
  const targets = target?.map(({ id }) => id).join() ?? 'itself';
  return `${source.id} --${eventType || 'always'}${guardName === undefined ? '' : ` [${guardName}]`}--> ${targets}`;
}

function transitionsOf(node: AnyStateNode): Transition[] {
  const own = [...node.transitions.values()].flat() as Transition[];
  return [...own, ...((node.always ?? []) as Transition[]), ...Object.values(node.states).flatMap(transitionsOf)];
}

/** Notes every transition that any actor of a system takes. */
function watch(taken: Set<string>) {
  return (event: InspectionEvent) => {
    if (event.type !== '@xstate.microstep') return;
    for (const transition of event._transitions) taken.add(nameOf(transition as unknown as Transition));
  };
}

/** Random sessions, brought to rest, closed in the middle or at the end. */
function play(taken: Set<string>): void {
  for (let seed = 1; seed <= 400; seed += 1) {
    const random = new Random(seed);
    const host = new Host({ machine: sessionMachine, agent: 'a', input: randomSession(random), inspect: watch(taken) });
    let at = 1_000_000;
    let closesAt = random.whole(0, 120);
    for (let index = 0; index < 2_000; index += 1) {
      if (index < closesAt && host.actor.getSnapshot().matches('compacting') && random.chance(0.3)) closesAt = index;
      if (index === closesAt) host.apply({ type: 'command', command: { type: 'session.close' } }, at);
      const next = index < 50 && index < closesAt ? randomInput(host, random, index) : nextInput(host, random);
      if (next === undefined && index > closesAt) break;
      if (next === undefined) continue;
      at = next.input.type === 'fired' ? Math.max(at, next.delayMs) : at + next.delayMs;
      host.apply(next.input, at);
      host.takeBegun();
      host.takeArmed();
    }
    host.apply({ type: 'command', command: { type: 'session.close' } }, at);
    expect(host.error).toBeUndefined();
    expect(host.actor.getSnapshot().value).toBe('closed');
  }
}

/** What random sessions seldom meet: somebody steers while a conversation is shortened, or stops that. */
function stopCompacting(taken: Set<string>): void {
  const history = [userMessage('Long ago', 'm0'), userMessage('And then', 'm1'), userMessage('And now', 'm2')];
  const input = { sessionId: 's', history, turn: { compaction: { keepMessages: 1 } } };
  const host = new Host({ machine: sessionMachine, agent: 'a', input, inspect: watch(taken) });
  const compact = () => host.apply({ type: 'command', command: { type: 'session.compact', id: 'c' } }, 1);
  const cancel = (turnId = {}) => host.apply({ type: 'command', command: { type: 'session.cancel', ...turnId } }, 3);
  compact();
  cancel();
  expect(host.actor.getSnapshot().value).toBe('idle');
  compact();
  for (const turnId of ['t1', 't2']) {
    const message = { ...userMessage('Faster', turnId), cause: 'steering' as const };
    host.apply({ type: 'command', command: { type: 'session.steer', turnId, message } }, 2);
  }
  expect(host.actor.getSnapshot().context).toMatchObject({ queue: [{ turnId: 't1' }], steering: [{ turnId: 't2' }] });
  cancel({ turnId: 't1' });
  expect(host.actor.getSnapshot().value).toBe('compacting');
  cancel();
  expect(host.actor.getSnapshot().value).toEqual({ inTurn: 'following' });
  host.stop();
}

/** What only those meet who use the turn without our session, or with actors of their own. */
async function embed(taken: Set<string>, input: TurnMachineInput): Promise<void> {
  const callModel = fromPromise<Settled<CallModelOutput>, CallModelInput>(() => Promise.reject(new Error('theirs')));
  const compaction = fromPromise<CompactionOutput, CompactionMachineInput>(() => Promise.reject(new Error('theirs')));
  const machine = turnMachine.provide({ actors: { callModel, compaction } } as unknown as Parameters<
    typeof turnMachine.provide
  >[0]);
  const actor = createActor(machine, { inspect: watch(taken), input }).start();
  actor.send({ type: 'turn.steer', message: userMessage('First of all', 'm1'), at: 0 });
  actor.send({ type: 'turn.start', turnId: 't', message: userMessage('Hi', 'm2'), at: 1 });
  await new Promise<void>((resolve) => actor.subscribe({ complete: resolve }));
  expect(actor.getSnapshot().output).toMatchObject({ status: 'failed', failure: { type: 'internal' } });
}

/** Turns inside of a turn: one that asks and answers, one that fails, and one that nobody has provided. */
function delegate(taken: Set<string>): void {
  const parts = { name: 'helper', turn: turnMachine, options: {} } as unknown as SubAgentParts;
  const agentTurn = delegation(
    new Map([
      ['a', parts],
      ['b', parts],
    ]),
  );
  const toolCall = toolCallMachine.provide({ actors: { agentTurn } } as Parameters<typeof toolCallMachine.provide>[0]);
  const actor = createActor(turnMachine.provide({ actors: { toolCall } }), { inspect: watch(taken) });
  const port = scriptedPort();
  connectPort(actor, port);
  actor.start();
  actor.send({ type: 'turn.start', turnId: 't', message: userMessage('Hi', 'm'), at: 1 });

  const usage = { inputTokens: 1, outputTokens: 1 };
  const asksFor = (...names: string[]) => ({
    type: 'answer',
    content: names.map((toolName) => ({ type: 'tool-call', toolCallId: toolName, toolName, input: {} })),
    finishReason: { unified: 'tool-calls' },
    usage,
  });
  const says = (text: string) => ({
    type: 'answer',
    content: [{ type: 'text', text }],
    finishReason: { unified: 'stop' },
    usage,
  });
  const isForAgent = { type: 'ready', sequential: false, agent: { name: 'helper', prompt: 'Do it.', options: {} } };
  const failure = createFailure({ type: 'auth', message: 'No.' });

  port.settle('callModel', asksFor('a', 'b', 'c'));
  // those behind the first one wait until it says that it runs
  for (const index of [2, 1, 0]) port.settle(`t.1.tool.${index}.prepare`, isForAgent);
  port.settle('t.1.tool.0.agent.1.model.1', asksFor('erase'));
  port.settle('t.1.tool.0.agent.1.tool.0.prepare', { type: 'ready', sequential: false, approval: {} });
  port.settle('t.1.tool.1.agent.1.model.1', { type: 'trouble', failure, retry: false, usage });
  actor.send({ type: 'turn.approve', toolCallId: 'erase', at: 2 });
  port.settle('executeTool', { type: 'settled', outcome: { type: 'completed', output: { type: 'text', value: '' } } });
  port.settle('t.1.tool.0.agent.2.model.1', says('Done.'));
  port.settle('t.2.model.1', says('All done.'));
  expect(actor.getSnapshot().output).toMatchObject({ status: 'completed', text: 'All done.' });
}

describe('the transitions of our machines', () => {
  const taken = new Set<string>();
  beforeAll(async () => {
    play(taken);
    stopCompacting(taken);
    delegate(taken);
    await embed(taken, { sessionId: 's' });
    const history = [userMessage('Long ago', 'm0'), userMessage('And then', 'm00')];
    await embed(taken, { sessionId: 's', history, compaction: { contextWindow: 1, keepMessages: 1 } });
  }, 120_000);

  it.each([
    ['session', sessionMachine],
    ['turn', turnMachine],
    ['tool call', toolCallMachine],
  ] as const)('of the %s are all taken in tests', (_name, machine) => {
    const all = transitionsOf(machine.root).map(nameOf);
    expect(all.length).toBeGreaterThan(3);
    expect(all.filter((name) => !taken.has(name))).toEqual([]);
  });
});
