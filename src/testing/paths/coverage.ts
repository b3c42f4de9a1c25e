import { type AnyMachineSnapshot, type AnyStateMachine, type InspectionEvent, isMachineSnapshot } from 'xstate';
import { inOneLine, labelOf } from '../../inspection/chartLabels.ts';
import { type Chart, type ChartState, type ChartTransition, readChart } from '../../inspection/readChart.ts';
import { compactionMachine } from '../../machines/compactionMachine.ts';
import { sessionMachine } from '../../machines/sessionMachine.ts';
import { toolCallMachine } from '../../machines/toolCallMachine.ts';
import { turnMachine } from '../../machines/turnMachine.ts';
import { type TransitionName, transitionsIn } from './taken.ts';

/** What was come by in the charts of machines. Plain JSON, to be written into a file and merged with others. */
export interface Coverage {
  readonly machines: readonly MachineCoverage[];
}

export interface MachineCoverage {
  /** Id of the machine. */
  readonly machine: string;
  /** All of its states but the root, in the order of its chart. */
  readonly states: readonly StateCoverage[];
  /** All of its transitions, in the order of its chart. */
  readonly transitions: readonly TransitionCoverage[];
}

export interface StateCoverage {
  /** XState's, such as `turn.working.callingModel`. */
  readonly id: string;
  /** How often it was entered. */
  readonly hits: number;
}

export interface TransitionCoverage {
  /** Where it begins and what sets it off, such as `working.callingModel: done: callModel [canRetry]`. */
  readonly name: string;
  /** How often it was taken; where it has a guard, that is how often the guard held. */
  readonly hits: number;
  /** How often its guard did not hold; absent where it has none. */
  readonly refusals?: number;
}

/** Collects what actors come by. */
export interface PathCoverage {
  /** To be given to whoever starts actors: `createActor`, a `Host`, a subject. */
  readonly inspect: (event: InspectionEvent) => void;
  /** Everything so far. */
  read(): Coverage;
}

/**
 * Counts which states, transitions and guards of these machines are come by, through XState's inspection. Machines that
 * were provided with something count as the one that they were made of; actors of other machines are let be.
 *
 * @param machines whose charts to count. @default turn, tool call, session and compaction
 * @example
 * ```ts
 * const coverage = pathCoverage();
 * describePaths({ describe, test }, { subject: machineSubject(undefined, coverage) });
 * afterAll(() => console.log(coverageTable(coverage.read())));
 * ```
 */
export function pathCoverage(
  machines: readonly AnyStateMachine[] = [turnMachine, toolCallMachine, sessionMachine, compactionMachine],
): PathCoverage {
  const counters = new Map(machines.map((machine) => [machine.id, new Counter(readChart(machine))]));
  return {
    inspect(event) {
      if (event.type !== '@xstate.microstep' && event.type !== '@xstate.snapshot') return;
      const { snapshot, actorRef } = event;
      if (!isMachineSnapshot(snapshot)) return;
      const counter = counters.get(snapshot.machine.id);
      if (event.type === '@xstate.snapshot') counter?.rest(actorRef, snapshot);
      else counter?.step(actorRef, snapshot, transitionsIn(event).map(indexOf), event.event.type);
    },
    read: () => ({ machines: [...counters.values()].map((counter) => counter.read()) }),
  };
}

class Counter {
  readonly #chart: Chart;
  /** By id; parents come before their children. */
  readonly #states: ReadonlyMap<string, ChartState>;
  readonly #entered = new Map<string, number>();
  readonly #taken = new Map<number, number>();
  readonly #refused = new Map<number, number>();
  /** Ids of the states that each actor is in. */
  readonly #active = new WeakMap<object, ReadonlySet<string>>();

  constructor(chart: Chart) {
    this.#chart = chart;
    this.#states = new Map(chart.states.map((state) => [state.id, state]));
  }

  /** An actor has taken these transitions, or found none to take. */
  step(actor: object, snapshot: AnyMachineSnapshot, taken: readonly number[], event: string): void {
    // no transition is asked about it, not even one for every event
    if (event === 'xstate.stop') return;
    const [first] = taken;
    const begun = first === undefined ? undefined : this.#chart.transitions[first];
    const isEventless = begun?.trigger.kind === 'always';
    if (isEventless && !this.#active.has(actor)) this.#begin(actor, begun.source);
    this.#refuse(this.#active.get(actor) ?? new Set(), isEventless ? '' : event, taken);
    for (const index of taken) count(this.#taken, index);
    this.#enter(actor, snapshot, taken);
  }

  /** An actor has done all that there was to do: whatever it would do without an event is not enabled. */
  rest(actor: object, snapshot: AnyMachineSnapshot): void {
    // of its beginning, nothing else is told
    this.#enter(actor, snapshot, []);
    if (snapshot.status === 'active') this.#refuse(this.#active.get(actor) ?? new Set(), '', []);
  }

  read(): MachineCoverage {
    const { id, states, transitions } = this.#chart;
    return {
      machine: id,
      states: states.slice(1).map((state) => ({ id: state.id, hits: this.#entered.get(state.id) ?? 0 })),
      transitions: transitions.map(({ source, guard }, index) => ({
        name: this.#nameOf(index, source),
        hits: this.#taken.get(index) ?? 0,
        ...(guard !== undefined && { refusals: this.#refused.get(index) ?? 0 }),
      })),
    };
  }

  /** An actor that leaves its first state without an event never tells of it. */
  #begin(actor: object, source: string): void {
    const state = this.#states.get(source);
    const active = new Set(state === undefined ? [] : [source, ...this.#around(state)]);
    this.#active.set(actor, active);
    for (const id of active) count(this.#entered, id);
  }

  #enter(actor: object, snapshot: AnyMachineSnapshot, taken: readonly number[]): void {
    const before = this.#active.get(actor) ?? new Set();
    const after = new Set(snapshot._nodes.map(({ id }) => id));
    this.#active.set(actor, after);
    const again = new Set(
      taken.flatMap((index) => {
        const transition = this.#chart.transitions[index];
        return transition?.reenter ? [transition.source, ...transition.targets] : [];
      }),
    );
    for (const id of after) if (!before.has(id) || again.has(id)) count(this.#entered, id);
  }

  /**
   * The guards that were asked before a transition was found, if one was: XState asks inner states before outer ones,
   * and in each the transitions of an event in their order, wildcards last.
   */
  #refuse(active: ReadonlySet<string>, event: string, taken: readonly number[]): void {
    const decided = new Set<string>();
    for (const [id, state] of [...this.#states].reverse()) {
      if (!active.has(id) || decided.has(id)) continue;
      for (const index of this.#candidates(id, event)) {
        if (taken.includes(index)) {
          for (const outer of this.#around(state)) decided.add(outer);
          break;
        }
        if (this.#chart.transitions[index]?.guard !== undefined) count(this.#refused, index);
      }
    }
  }

  #candidates(source: string, event: string): readonly number[] {
    const own = [...this.#chart.transitions.entries()].filter(([, transition]) => transition.source === source);
    const exact = own.filter(([, transition]) => eventOf(transition) === event);
    const wild = own
      .filter(([, transition]) => isWildcardFor(eventOf(transition), event))
      .sort(([, a], [, b]) => eventOf(b).length - eventOf(a).length);
    return [...exact, ...wild].map(([index]) => index);
  }

  #around({ parent }: ChartState): readonly string[] {
    const state = parent === undefined ? undefined : this.#states.get(parent);
    return state === undefined ? [] : [state.id, ...this.#around(state)];
  }

  #nameOf(index: number, source: string): string {
    const state = this.#states.get(source);
    if (state === undefined) return source;
    const label = inOneLine(labelOf(this.#chart, index, state, { actions: false }));
    return state.path.length === 0 ? label : `${state.path.join('.')}: ${label}`;
  }
}

function indexOf(name: TransitionName): number {
  return Number(name.slice(name.lastIndexOf('#') + 1));
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function eventOf({ trigger }: ChartTransition): string {
  return trigger.kind === 'always' ? '' : trigger.event;
}

function isWildcardFor(descriptor: string, event: string): boolean {
  if (event === '') return false;
  return descriptor === '*' || (descriptor.endsWith('.*') && `${event}.`.startsWith(descriptor.slice(0, -1)));
}
