import type { StateValue } from 'xstate';
import type { Host } from './host.ts';

/** A moment of a session, as JSON; the same wherever sessions are shown. */
export interface SessionSnapshot {
  readonly status: 'idle' | 'inTurn' | 'closed';
  /** Turns that wait behind the running one. */
  readonly queued: number;
  readonly turn?: {
    readonly id: string;
    /** The state of its machine: `callingModel`, `retrying`, `runningTools`, … */
    readonly state: string;
    readonly step: number;
    readonly attempt: number;
    /** When the model is called again, in epoch ms, while that is waited for. */
    readonly retryAt?: number;
    readonly tools: readonly { readonly toolCallId: string; readonly toolName: string; readonly state: string }[];
  };
}

/** What a session's machines are at. */
export function snapshotOf(host: Host): SessionSnapshot {
  const session = host.actor.getSnapshot();
  const waiting = session.context.queue.length;
  if (session.value === 'closed') return { status: 'closed', queued: 0 };
  const turn = host.turn?.getSnapshot();
  const current = session.context.queue[0];
  if (turn === undefined || current === undefined) return { status: 'idle', queued: waiting };
  const { step, calls } = turn.context;
  const { attempt, retryAt } = turn.context.current;
  return {
    status: 'inTurn',
    queued: waiting - 1,
    turn: {
      id: current.turnId,
      state: leafOf(turn.value),
      step,
      attempt,
      ...(retryAt !== undefined && { retryAt }),
      tools: calls.map(({ call, outcome }, index) => ({
        toolCallId: call.toolCallId,
        toolName: call.toolName,
        state: outcome?.type ?? toolStateOf(turn.children[`tool.${index}`]?.getSnapshot()),
      })),
    },
  };
}

/** The innermost state, which is what one wants to know. */
function leafOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [inner] = Object.values(value);
  return inner === undefined ? '' : leafOf(inner);
}

function toolStateOf(call: object | undefined): string {
  return call !== undefined && 'value' in call ? leafOf(call.value as StateValue) : 'preparing';
}
