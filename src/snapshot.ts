import type { AnyActorRef, SnapshotFrom, StateValue } from 'xstate';
import type { Host } from './host.ts';
import type { turnMachine } from './machines/turnMachine.ts';

/** A moment of a session, as JSON; the same wherever sessions are shown. */
export interface SessionSnapshot {
  readonly status: 'idle' | 'compacting' | 'inTurn' | 'closed';
  /** Turns that wait behind the running one. */
  readonly queued: number;
  readonly turn?: TurnSnapshot;
}

/** A moment of a turn. */
export interface TurnSnapshot {
  readonly id: string;
  /** The state of its machine: `callingModel`, `retrying`, `runningTools`, `awaitingAnswers`, … */
  readonly state: string;
  readonly step: number;
  readonly attempt: number;
  /** When the model is called again, in epoch ms, while that is waited for. */
  readonly retryAt?: number;
  readonly tools: readonly ToolCallSnapshot[];
}

/** A moment of a tool call. */
export interface ToolCallSnapshot {
  readonly toolCallId: string;
  readonly toolName: string;
  /** The state of its machine: `queued`, `awaitingApproval`, `executing`, `completed`, … */
  readonly state: string;
  /** The turn of the sub-agent that works on it. */
  readonly agent?: TurnSnapshot;
}

/** What a session's machines are at. */
export function snapshotOf(host: Host): SessionSnapshot {
  const session = host.actor.getSnapshot();
  const waiting = session.context.queue.length;
  if (session.value === 'closed') return { status: 'closed', queued: 0 };
  if (session.value === 'compacting') return { status: 'compacting', queued: waiting };
  const turn = host.turn?.getSnapshot();
  const current = session.context.queue[0];
  if (turn === undefined || current === undefined) return { status: 'idle', queued: waiting };
  return { status: 'inTurn', queued: waiting - 1, turn: turnSnapshot(turn, current.turnId) };
}

/** The tool calls of that id: of the turn, and of the turns of sub-agents inside of it. */
export function findToolCalls(turn: TurnSnapshot | undefined, toolCallId: string): readonly ToolCallSnapshot[] {
  return allTurns(turn).flatMap(({ tools }) => tools.filter((tool) => tool.toolCallId === toolCallId));
}

/** The turns of a session at this moment: its own, and those of sub-agents inside of it. */
export function allTurns(turn: TurnSnapshot | undefined): readonly TurnSnapshot[] {
  if (turn === undefined) return [];
  return [turn, ...turn.tools.flatMap(({ agent }) => allTurns(agent))];
}

function turnSnapshot(turn: SnapshotFrom<typeof turnMachine>, id: string): TurnSnapshot {
  const { step, calls } = turn.context;
  const { attempt, retryAt } = turn.context.current;
  return {
    id,
    state: leafOf(turn.value),
    step,
    attempt,
    ...(retryAt !== undefined && { retryAt }),
    tools: calls.map(({ call, outcome }, index) => {
      const actor: AnyActorRef | undefined = turn.children[`tool.${index}`];
      const { toolCallId, toolName } = call;
      return { toolCallId, toolName, state: outcome?.type ?? stateOf(actor), ...agentOf(actor) };
    }),
  };
}

function agentOf(call: AnyActorRef | undefined): { readonly agent: TurnSnapshot } | undefined {
  const agent: AnyActorRef | undefined = call?.getSnapshot().children?.agent;
  if (agent === undefined) return undefined;
  const snapshot: SnapshotFrom<typeof turnMachine> = agent.getSnapshot();
  return { agent: turnSnapshot(snapshot, snapshot.context.turnId) };
}

/** The innermost state, which is what one wants to know. */
function leafOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [inner] = Object.values(value);
  return inner === undefined ? '' : leafOf(inner);
}

function stateOf(call: AnyActorRef | undefined): string {
  const snapshot: object | undefined = call?.getSnapshot();
  return snapshot !== undefined && 'value' in snapshot ? leafOf(snapshot.value as StateValue) : 'preparing';
}
