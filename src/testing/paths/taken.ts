import type { AnyStateMachine, AnyTransitionDefinition, InspectionEvent } from 'xstate';
import { indexOfTransition, readChart } from '../../inspection/readChart.ts';

/** A transition of a chart: the machine's id, and the index in `readChart(machine).transitions`. */
export type TransitionName = `${string}#${number}`;

/** Which transition of which chart it is that an actor has taken. */
export function nameTransition(transition: AnyTransitionDefinition): TransitionName {
  const { id, machine } = transition.source;
  const index = indexOfTransition(transition);
  if (index === undefined) throw new Error(`"${id}" took a transition that its machine does not have.`);
  return `${machine.id}#${index}`;
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
