import { turnMachine, userMessage } from 'turnchart/machines';
import { Random } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { type AnyStateNode, createActor, fromPromise, type InspectionEvent } from 'xstate';
import type { Settled } from '../../src/effects.ts';
import { Host } from '../../src/host.ts';
import type { CompactionMachineInput, CompactionOutput } from '../../src/machines/compactionMachine.ts';
import type { CallModelInput, CallModelOutput } from '../../src/machines/contracts.ts';
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

describe('the transitions of our machines', () => {
  it.each([
    ['session', sessionMachine],
    ['turn', turnMachine],
    ['tool call', toolCallMachine],
  ] as const)('of the %s are all taken in tests', async (_name, machine) => {
    const taken = new Set<string>();
    play(taken);
    await embed(taken, { sessionId: 's' });
    const history = [userMessage('Long ago', 'm0'), userMessage('And then', 'm00')];
    await embed(taken, { sessionId: 's', history, compaction: { contextWindow: 1, keepMessages: 1 } });
    const all = transitionsOf(machine.root).map(nameOf);
    expect(all.length).toBeGreaterThan(5);
    expect(all.filter((name) => !taken.has(name))).toEqual([]);
  });
});
