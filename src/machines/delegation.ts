import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyMachineSnapshot } from 'xstate';
import type { AgentEmitted, Payload, TurnStart } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { Json } from '../json.ts';
import type { Usage } from '../model.ts';
import type { SubAgent } from '../tool.ts';

/** Turns of agents inside of turns of agents: as deep as they may be nested. */
export const maxDepth = 4;

/** What the turn of a sub-agent is made of. */
export interface AgentTurnInput {
  /** The tool that stands for its agent. */
  readonly tool: string;
  readonly sessionId: string;
  /** How many agents are around it. */
  readonly depth: number;
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
  readonly input: object;
}

/**
 * Turns of other agents as one actor: which agent's follows from the tool. What such a turn emits goes to the actor that
 * invoked it, as `agent.emitted`.
 */
export function delegation(agents: ReadonlyMap<string, SubAgentParts>): AnyActorLogic {
  const starts = new WeakMap<AnyActorRef, TurnStart>();
  return {
    getInitialSnapshot: (scope, { tool, start, ...input }: AgentTurnInput) => {
      starts.set(scope.self, start);
      const agent = agents.get(tool);
      if (agent === undefined) throw new Error(`The agent of "${tool}" is not provided: use services({ tools }).`);
      return agent.turn.getInitialSnapshot(relaying(scope), { ...agent.input, ...input });
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
