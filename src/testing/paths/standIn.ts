import type { AnyActorLogic } from 'xstate';
import { effect } from '../../effects.ts';
import type { AgentEmitted, AgentRemembers, AgentWaits } from '../../events.ts';
import type { CallRecord } from '../../machines/calls.ts';
import type { AgentTurnInput, AgentTurnOutput } from '../../machines/delegation.ts';
import type { sessionMachine } from '../../machines/sessionMachine.ts';
import type { turnMachine } from '../../machines/turnMachine.ts';
import type { ToolHappening } from './pathEvent.ts';
import type { PathMachine } from './rig.ts';

type Turn = typeof turnMachine;
type Session = typeof sessionMachine;
type TurnActors = { readonly toolCall: { provide(implementations: object): unknown } };

/** What the stand-in of an agent's turn reports. */
export type AgentReport = AgentEmitted | AgentWaits | AgentRemembers;

/** The machine with agents whose turns are one effect each: what goes on inside of them is no business of a path. */
export function withStandIns<TMachine extends PathMachine>(machine: TMachine): TMachine {
  const known = made.get(machine) ?? makeWithStandIns(machine);
  made.set(machine, known);
  return known as TMachine;
}

const made = new WeakMap<PathMachine, PathMachine>();

function makeWithStandIns(machine: PathMachine): PathMachine {
  const { actors } = machine.implementations as { readonly actors?: unknown };
  if (machine.id === 'session') {
    const turn = withStandIns((actors as { readonly turn: Turn }).turn);
    return (machine as Session).provide({ actors: { turn } });
  }
  const toolCall = (actors as TurnActors).toolCall.provide({ actors: { agentTurn } });
  return (machine as Turn).provide({ actors: { toolCall: toolCall as never } });
}

const logic = effect<AgentTurnInput & { readonly id: string }, AgentTurnOutput, AgentReport>(
  'agentTurn',
  () => {
    throw new Error('The turn of an agent is not run on a path.');
  },
  { toEvent: (report) => report },
);

/** Says what it is told by others; ends as such a turn does, or in error. */
const agentTurn: AnyActorLogic = {
  ...logic,
  getInitialSnapshot: (scope, input: AgentTurnInput) =>
    logic.getInitialSnapshot(scope, { ...input, id: input.start.turnId }),
  transition(snapshot, event, scope) {
    const next = logic.transition(snapshot, event, scope);
    if (next.status !== 'done') {
      if (event.type.startsWith('turn.')) scope.self._parent?.send(heard(event.type));
      return next;
    }
    const { value, error } = next.output;
    if (error === undefined) return { ...next, output: value };
    return { ...next, status: 'error', error: new Error(error.message), output: undefined };
  },
};

/** What the turn of an agent reports where that happens to its call; nothing where it ends it. */
export function agentReport(happening: ToolHappening, at: number): AgentReport | undefined {
  switch (happening) {
    case 'reports':
      return heard('So far, so good.');
    case 'remembers':
      return { type: 'agent.remembers', tool: 'inner' };
    case 'waits for people':
      return { type: 'agent.waits', at };
    case 'goes on':
      return { type: 'agent.goesOn', at };
    default:
      return undefined;
  }
}

/** Whom an answer to a call is for: where an agent works on it, one of the calls of that agent. */
export function askedCall({ call, state, outcome }: CallRecord): string {
  const isAtAgent = outcome === undefined && (state === 'executing' || state === 'awaitingAgent');
  return isAtAgent ? `${call.toolCallId}.of_agent` : call.toolCallId;
}

function heard(message: string): AgentEmitted {
  return { type: 'agent.emitted', payload: { type: 'diagnostic', source: 'agent', message } };
}
