import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, InspectionEvent } from 'xstate';
import { readChart } from '../../inspection/readChart.ts';

/** A transition of a chart: the machine's id, and the index in `readChart(machine).transitions`. */
export type TransitionName = `${string}#${number}`;

const indexes = new WeakMap<AnyStateNode, ReadonlyMap<object, number>>();

/** Which transition of which chart it is that an actor has taken. */
export function nameTransition(transition: AnyTransitionDefinition): TransitionName {
  const root = transition.source.machine.root as AnyStateNode;
  let byTransition = indexes.get(root);
  if (byTransition === undefined) {
    byTransition = new Map(transitionsOf(root).map((each, index) => [each, index]));
    indexes.set(root, byTransition);
  }
  const index = byTransition.get(transition);
  if (index === undefined)
    throw new Error(`"${transition.source.id}" took a transition that its machine does not have.`);
  return `${root.machine.id}#${index}`;
}

/** In the order of {@link readChart}. */
function transitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  const own = [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
  return [...own, ...Object.values<AnyStateNode>(node.states).flatMap(transitionsOf)];
}

/**
 * The transitions that an inspection event tells of; XState's own, as into the initial state, are in no chart.
 *
 * @see https://stately.ai/docs/inspection
 */
export function transitionsIn(event: InspectionEvent): readonly TransitionName[] {
  if (event.type !== '@xstate.microstep') return [];
  const transitions = event._transitions as unknown as readonly AnyTransitionDefinition[];
  return transitions.filter(({ source }) => source !== undefined).map(nameTransition);
}

export function allTransitions(machine: AnyStateMachine): readonly TransitionName[] {
  return readChart(machine).transitions.map((_, index): TransitionName => `${machine.id}#${index}`);
}
