import {
  type Agent,
  type AgentOptions,
  type AnyTool,
  createAgent,
  type Schema,
  type Session,
  type TurnEvent,
} from 'turnchart';
import type { Store } from 'turnchart/durability';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { expect } from 'vitest';
import { fragileStore } from '../durability/fragileStore.ts';
import { record } from './support.ts';
import { tool } from './toolSupport.ts';

type Script = Parameters<typeof scriptedModel>[0];
type Options = Omit<AgentOptions<readonly AnyTool[], Schema | undefined>, 'model' | 'clock' | 'store'>;

/** A process with one session, as far as its store and its tools are concerned. */
export interface Process {
  readonly clock: SimulatedClock;
  readonly agent: Agent<unknown, unknown>;
  readonly session: Session<unknown>;
  readonly model: ReturnType<typeof scriptedModel>;
  readonly events: readonly TurnEvent[];
  /** Ends it here: what the next one finds is what has been written. It can go on, and nobody knows. */
  crash(): Promise<Store>;
  /** The same, as if it had ended after so many changes of its store. */
  crashAfter(changes: number): Promise<Store>;
  readonly changes: () => number;
}

/** Opens the session "talk" of a store, in a process of its own. */
export async function start(script: Script, options: Options = {}, found?: Store, at = 1_000_000): Promise<Process> {
  const { store, until, changes } = fragileStore();
  if (found !== undefined) await copySession(found, store);
  const before = changes.length;
  const clock = new SimulatedClock(at);
  const model = scriptedModel(script);
  const agent = createAgent({ ...options, model, clock, store });
  const session = agent.session({ id: 'talk' });
  return {
    clock,
    agent,
    session,
    model,
    events: record(session),
    crash: () => until(changes.length),
    crashAfter: (count) => until(before + count),
    changes: () => changes.length - before,
  };
}

/** What a process that has ended left of the session "talk". */
async function copySession(from: Store, to: Store): Promise<void> {
  const stored = await from.read('talk');
  if (stored === undefined) expect.fail('Nothing was written.');
  const { state, messages, rows } = stored;
  const base = { sessionId: 'talk', at: 1 } as const;
  await to.write([
    { ...base, type: 'checkpoint', rows: 0, messages: { index: 0, added: messages }, state },
    ...(rows.length > 0 ? [{ ...base, type: 'rows' as const, index: 0, rows }] : []),
  ]);
}

/** Tools that run until they are let go, and how often each began. */
export function workers(...names: readonly string[]) {
  const ran: string[] = [];
  const open = new Map<string, (output: unknown) => void>();
  const make = (name: string, options: Parameters<typeof tool>[2] = {}) =>
    tool(
      name,
      () => {
        ran.push(name);
        return new Promise((resolve) => open.set(name, resolve));
      },
      options,
    );
  return {
    ran,
    tools: names.map((name) => make(name, { idempotent: name.startsWith('look') })),
    finish: (name: string) => open.get(name)?.(`${name} is done`),
  };
}

/** A model's answer that asks for these tools. */
export function asks(...names: readonly string[]) {
  return { calls: names.map((name, index) => ({ name, id: `call_${index}_${name}` })) };
}
