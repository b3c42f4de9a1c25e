import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyMachineSnapshot } from 'xstate';
import type { AgentEmitted, Payload, TurnStart } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { Json } from '../json.ts';
import type { Usage } from '../model.ts';
import type { SubAgent } from '../tool.ts';
import type { TurnOptions } from './turnContext.ts';

/** Turns of agents inside of turns of agents: as deep as they may be nested. */
export const maxDepth = 4;

/** What the turn of a sub-agent is made of. */
export interface AgentTurnInput {
  /** The tool that stands for its agent. */
  readonly tool: string;
  readonly sessionId: string;
  /** How many agents are around it. */
  readonly depth: number;
  /** As they were when the call was prepared. */
  readonly options: TurnOptions;
  /** Tools that nobody has to be asked about any more. */
  readonly approvedTools?: readonly string[];
  readonly start: TurnStart;
}

/** How the turn of a sub-agent ended. */
export type AgentTurnOutput = {
  readonly usage: Usage;
  readonly cost: number | undefined;
  /** When. */
  readonly at: number;
} & (
  | { readonly status: 'completed'; readonly text: string; readonly output?: Json }
  | { readonly status: 'failed'; readonly failure: Failure }
  | { readonly status: 'cancelled' }
);

/** The turns of an agent that others call: a turn machine, and what it is given. */
export interface SubAgentParts extends SubAgent {
  readonly turn: AnyActorLogic;
  readonly options: TurnOptions;
}

/**
 * Turns of other agents as one actor: which agent's follows from the tool. What such a turn emits goes to the actor that
 * invoked it, as `agent.emitted`.
 *
 * @param agents by tool; without them every turn is like the one around it, which is all that a replay needs
 */
export function delegation(agents?: ReadonlyMap<string, SubAgentParts>): AnyActorLogic {
  const starts = new WeakMap<AnyActorRef, TurnStart>();
  return {
    getInitialSnapshot: (scope, { tool, start, options, ...input }: AgentTurnInput) => {
      starts.set(scope.self, start);
      const turn = agents === undefined ? turnAround(scope) : agents.get(tool)?.turn;
      if (turn === undefined) throw new Error(`The agent of "${tool}" is not provided: use services({ tools }).`);
      return turn.getInitialSnapshot(relaying(scope), { ...options, ...input });
    },
    transition: (snapshot, event, scope) => machineOf(snapshot).transition(snapshot, event, relaying(scope)),
    start: (snapshot, scope) => {
      machineOf(snapshot).start?.(snapshot, relaying(scope));
      const start = starts.get(scope.self);
      if (start !== undefined) scope.self.send(start);
    },
    getPersistedSnapshot: (snapshot, options) => machineOf(snapshot).getPersistedSnapshot(snapshot, options),
  };
}

/** The machine of the turn whose tool call this is. */
function turnAround({ self }: AnyActorScope): AnyActorLogic | undefined {
  const turn = self._parent?._parent;
  return turn && machineOf(turn.getSnapshot());
}

function machineOf(snapshot: unknown): AnyActorLogic {
  return (snapshot as AnyMachineSnapshot).machine as AnyActorLogic;
}

/** What an actor emits only those hear that know it; nobody outside knows the turns inside of a turn. */
function relaying(scope: AnyActorScope): AnyActorScope {
  const parent: AnyActorRef | undefined = scope.self._parent;
  return {
    ...scope,
    emit: (payload: Payload) => parent?.send({ type: 'agent.emitted', payload } satisfies AgentEmitted),
  };
}
