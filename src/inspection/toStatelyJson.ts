import type { AnyStateMachine } from 'xstate';
import { type Chart, type ChartState, type ChartTransition, readChart } from './readChart.ts';

/** A state of a machine as JSON, in the words of XState's configuration. */
export interface StatelyState {
  /** Where it is another than XState gives. */
  readonly id?: string;
  readonly type?: 'parallel' | 'final' | 'history';
  readonly history?: 'shallow' | 'deep';
  /** Of a history state. */
  readonly target?: string | readonly string[];
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly initial?: string;
  readonly entry?: readonly StatelyName[];
  readonly exit?: readonly StatelyName[];
  readonly invoke?: readonly StatelyInvoke[];
  readonly on?: StatelyTransitions;
  readonly after?: StatelyTransitions;
  readonly always?: readonly StatelyTransition[];
  readonly onDone?: readonly StatelyTransition[];
  readonly states?: Readonly<Record<string, StatelyState>>;
}

/** A whole machine. */
export interface StatelyMachine extends StatelyState {
  readonly id: string;
}

export type StatelyTransitions = Readonly<Record<string, readonly StatelyTransition[]>>;

export interface StatelyTransition {
  readonly target?: string | readonly string[];
  readonly guard?: StatelyName;
  readonly actions?: readonly StatelyName[];
  readonly reenter?: true;
  readonly description?: string;
}

export interface StatelyInvoke {
  readonly id: string;
  readonly src: string;
  readonly onDone?: readonly StatelyTransition[];
  readonly onError?: readonly StatelyTransition[];
  readonly onSnapshot?: readonly StatelyTransition[];
}

/** An action or a guard. */
export interface StatelyName {
  readonly type: string;
}

/**
 * Any XState v5 machine as the JSON that Stately Studio exports, and reads as the argument of `createMachine(…)`:
 * its configuration with actions, guards and actors by name. What machines do is not in it, nor their context.
 *
 * `createMachine(toStatelyJson(machine))` has the chart of the machine.
 *
 * @throws Error when the machine leads to a state that does not exist: see {@link readChart}
 * @example
 * ```ts
 * writeFileSync('turn.json', JSON.stringify(toStatelyJson(turnMachine), undefined, 2));
 * ```
 */
export function toStatelyJson(machine: AnyStateMachine): StatelyMachine {
  const chart = readChart(machine);
  const [root] = chart.states;
  if (root === undefined) throw new Error(`The chart of "${chart.id}" has no states.`);
  return { ...toState(chart, root), id: chart.id };
}

function toState(chart: Chart, state: ChartState): StatelyState {
  const { id, path, type, history, initial, description, tags, entry, exit, invokes } = state;
  const children = chart.states.filter(({ parent }) => parent === id);
  const transitions = chart.transitions.filter(({ source }) => source === id);
  const isGivenId = id !== [chart.id, ...path].join('.');
  const ofInvokes = (transition: ChartTransition) =>
    invokes.some((invoke) => keyFor(transition, invoke.id) !== undefined);
  const onDone = transitions.filter(({ trigger }) => trigger.kind === 'done' && trigger.event === doneEvent(id));
  const on = transitions.filter((each) => !ofInvokes(each) && !onDone.includes(each));
  const write = (some: readonly ChartTransition[]) => some.map((each) => toTransition(chart, state, each));
  return {
    ...(isGivenId && { id }),
    ...((type === 'parallel' || type === 'final' || type === 'history') && { type }),
    ...(history !== undefined && { history: history.depth }),
    ...(history !== undefined && history.targets.length > 0 && { target: toTarget(chart, state, history.targets) }),
    ...(description !== undefined && { description }),
    ...(tags.length > 0 && { tags }),
    ...(initial !== undefined && { initial: keyOf(chart, initial) }),
    ...(entry.length > 0 && { entry: entry.map(toName) }),
    ...(exit.length > 0 && { exit: exit.map(toName) }),
    ...(invokes.length > 0 && {
      invoke: invokes.map(({ id: actor, src }): StatelyInvoke => {
        const byKey = Map.groupBy(transitions, (each) => keyFor(each, actor));
        return {
          id: actor,
          src,
          ...Object.fromEntries(
            (['onDone', 'onError', 'onSnapshot'] as const).flatMap((key) => {
              const some = byKey.get(key);
              return some === undefined ? [] : [[key, write(some)]];
            }),
          ),
        };
      }),
    }),
    ...record(
      'on',
      on.filter(({ trigger }) => trigger.kind !== 'always' && trigger.kind !== 'after'),
      ({ trigger }) => (trigger.kind === 'always' ? '' : trigger.event),
      write,
    ),
    ...record(
      'after',
      on.filter(({ trigger }) => trigger.kind === 'after'),
      ({ trigger }) => (trigger.kind === 'after' ? String(trigger.delay) : ''),
      write,
    ),
    ...list('onDone', write(onDone)),
    ...list('always', write(on.filter(({ trigger }) => trigger.kind === 'always'))),
    ...(children.length > 0 && {
      states: Object.fromEntries(children.map((child) => [child.key, toState(chart, child)])),
    }),
  };
}

const keys = { done: 'onDone', error: 'onError', snapshot: 'onSnapshot' } as const;

/** Under which key an invoked actor has the transition, if it has it. */
function keyFor({ trigger }: ChartTransition, actor: string): 'onDone' | 'onError' | 'onSnapshot' | undefined {
  if (trigger.kind === 'always' || trigger.kind === 'event' || trigger.kind === 'after') return undefined;
  const isOfActor = trigger.of === actor && !trigger.event.startsWith(doneEvent(''));
  return isOfActor ? keys[trigger.kind] : undefined;
}

function doneEvent(state: string): string {
  return `xstate.done.state.${state}`;
}

function record(
  key: 'on' | 'after',
  transitions: readonly ChartTransition[],
  eventOf: (transition: ChartTransition) => string,
  write: (some: readonly ChartTransition[]) => StatelyTransition[],
): Pick<StatelyState, 'on' | 'after'> {
  if (transitions.length === 0) return {};
  const groups = [...Map.groupBy(transitions, eventOf)];
  return { [key]: Object.fromEntries(groups.map(([event, some]) => [event, write(some)])) };
}

function list(
  key: 'onDone' | 'always',
  transitions: readonly StatelyTransition[],
): Pick<StatelyState, 'onDone' | 'always'> {
  return transitions.length === 0 ? {} : { [key]: transitions };
}

function toTransition(chart: Chart, source: ChartState, transition: ChartTransition): StatelyTransition {
  const { targets, guard, actions, reenter, description } = transition;
  return {
    ...(targets.length > 0 && { target: toTarget(chart, source, targets) }),
    ...(guard !== undefined && { guard: toName(guard) }),
    ...(actions.length > 0 && { actions: actions.map(toName) }),
    ...(reenter && { reenter }),
    ...(description !== undefined && { description }),
  };
}

function toTarget(chart: Chart, source: ChartState, targets: readonly string[]): string | readonly string[] {
  const names = targets.map((target) => toReference(chart, source, target));
  const [first] = names;
  return names.length === 1 && first !== undefined ? first : names;
}

/** A sibling by its key, others by the way from the root. */
function toReference(chart: Chart, { parent }: ChartState, target: string): string {
  const state = stateOf(chart, target);
  if (state.parent !== undefined && state.parent === parent) return escapeKey(state.key);
  return `#${[chart.id, ...state.path].map(escapeKey).join('.')}`;
}

/** XState reads a dot as the way into a state, and `#` as the beginning of an id. */
function escapeKey(key: string): string {
  return key.replace(/[.\\]|^#/g, '\\$&');
}

function keyOf(chart: Chart, state: string): string {
  return stateOf(chart, state).key;
}

function stateOf(chart: Chart, id: string): ChartState {
  const state = chart.states.find((each) => each.id === id);
  if (state === undefined) throw new Error(`The chart of "${chart.id}" has no state "${id}".`);
  return state;
}

function toName(type: string): StatelyName {
  return { type };
}
