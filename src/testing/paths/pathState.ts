import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import type { TurnContext } from '../../machines/turnMachine.ts';
import { dotted, machineSnapshot } from '../snapshots.ts';

export { dotted, machineSnapshot };

/** Where a path has got to, in the words of the charts. */
export interface PathState {
  /** State of the session machine, where the path is one of a session. */
  readonly session?: string;
  /** Turns that wait behind the running one, in a session. */
  readonly queued?: number;
  /** State of the turn machine; of a session at rest, the one that its last turn ended in. */
  readonly turn: string;
  /** States of the tool calls of the step, in their order. */
  readonly tools: readonly string[];
  /** State of the compaction that runs; else the one that the last one ended in. Not among the words of a path. */
  readonly compaction: string;
}

export function describeState({ session, queued, turn, tools }: Omit<PathState, 'compaction'>): string {
  const parts = [`turn ${turn}`];
  if (tools.length > 0) parts.push(`tools ${tools.join(' + ')}`);
  if (session !== undefined) parts.unshift(`session ${session}`);
  if (queued !== undefined && queued > 0) parts.push(`${queued} waiting`);
  return parts.join(', ');
}

/** The state that the last turn ended in, by what was emitted. */
export function lastEnd(emitted: readonly { readonly type: string }[]): string {
  for (const { type } of emitted.toReversed()) {
    if (type === 'turn.completed') return 'done';
    if (type === 'turn.failed' || type === 'turn.cancelled') return type.slice('turn.'.length);
  }
  return 'none';
}

/** The state of the compaction that an actor or its turn runs, or that the last one ended in, unless it was broken off. */
export function compactionState(
  root: Parent,
  emitted: readonly { readonly type: string; readonly removed?: number }[],
): string {
  for (const parent of [machineSnapshot(root), turnSnapshot(root)]) {
    const compaction: AnyActorRef | undefined = parent?.children.compaction;
    const running = compaction && machineSnapshot(compaction);
    if (running !== undefined) return dotted(running.value);
  }
  for (const { type, removed } of emitted.toReversed()) {
    if (type === 'compaction.completed') return 'done';
    if (type === 'compaction.failed') return removed === 0 ? 'unchanged' : 'trimmed';
    if (type === 'compaction.started') return 'none';
  }
  return 'none';
}

interface Parent {
  getSnapshot(): unknown;
}

/** The turn that an actor is, or has. */
export function turnSnapshot(root: Parent): AnyMachineSnapshot | undefined {
  const snapshot = machineSnapshot(root);
  if (snapshot === undefined || snapshot.machine.id === 'turn') return snapshot;
  const turn: AnyActorRef | undefined = snapshot.children.turn;
  return turn === undefined ? undefined : machineSnapshot(turn);
}

/** The states of the tool calls of a turn's step; of one that has ended, what it came to. */
export function toolStates(turn: AnyMachineSnapshot | undefined): readonly string[] {
  if (turn === undefined) return [];
  const { calls } = turn.context as TurnContext;
  return calls.map(({ state, outcome }, index) => {
    const child: AnyActorRef | undefined = turn.children[`tool.${index}`];
    const snapshot = child && machineSnapshot(child);
    return snapshot === undefined ? (outcome?.type ?? state) : dotted(snapshot.value);
  });
}

/** Ids of the actors that a turn holds. */
export function childrenOf(turn: AnyMachineSnapshot | undefined): readonly string[] {
  const children: Readonly<Record<string, AnyActorRef | undefined>> = turn?.children ?? {};
  return Object.entries(children).flatMap(([id, child]) => (child === undefined ? [] : [id]));
}
