import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** A machine as plain JSON: its states and transitions, in the order of the machine. */
export interface Chart {
  /** Of the machine. */
  readonly id: string;
  /** Parents before their children; the first is the machine's root. */
  readonly states: readonly ChartState[];
  /** By source, in the order of `states`; of one source, `always` come last. */
  readonly transitions: readonly ChartTransition[];
}

export interface ChartState {
  /** XState's, such as `turn.working.callingModel`. */
  readonly id: string;
  readonly key: string;
  /** Keys from the root, which itself has none. */
  readonly path: readonly string[];
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Id of the state around this one; the root has none. */
  readonly parent?: string;
  /** Id of the state that a compound state begins in. */
  readonly initial?: string;
  /** Where a history state goes the first time; without targets, to the initial state of its parent. */
  readonly history?: { readonly depth: 'shallow' | 'deep'; readonly targets: readonly string[] };
  readonly description?: string;
  readonly tags: readonly string[];
  /** Names of the actions: `assign` and the like if XState made them in place, `(inline)` for functions without a name. */
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly ChartInvoke[];
}

export interface ChartInvoke {
  readonly id: string;
  /** Name of the actor logic; `(inline)` where it was written in place. */
  readonly src: string;
}

export interface ChartTransition {
  /** Id of the state that it belongs to. */
  readonly source: string;
  /** Ids; none if it stays where it is and only runs its actions, several if it enters regions of a parallel state. */
  readonly targets: readonly string[];
  readonly trigger: ChartTrigger;
  readonly guard?: string;
  readonly actions: readonly string[];
  /** Whether it leaves and enters its source, even if the target is inside. */
  readonly reenter: boolean;
  readonly description?: string;
}

/** What sets a transition off; `event` is the type that XState matches. */
export type ChartTrigger =
  | { readonly kind: 'event'; readonly event: string }
  | { readonly kind: 'always' }
  /** The name of a delay, or milliseconds. */
  | { readonly kind: 'after'; readonly event: string; readonly delay: string | number }
  /** An actor or a state is done, an actor has failed or has a new snapshot; `of` is its id. */
  | { readonly kind: 'done' | 'error' | 'snapshot'; readonly event: string; readonly of: string };

/**
 * Reads the states and transitions of any XState v5 machine, `always` included. The machine is only looked at.
 *
 * @throws Error when a transition, an `initial` or a history state names a state that does not exist. XState itself
 * refuses most of these when the machine is made, but takes `toString` for a state, and finds a wrong `initial` or
 * history target only when it gets there.
 * @example
 * ```ts
 * const { states } = readChart(turnMachine);
 * const undescribed = states.filter(({ description }) => description === undefined);
 * ```
 */
export function readChart(machine: AnyStateMachine): Chart {
  const nodes = [...descendants(machine.root)];
  return {
    id: machine.id,
    states: nodes.map(readState),
    transitions: nodes.flatMap((node) => transitionsFrom(node).map((each) => readTransition(node, each))),
  };
}

const indexes = new WeakMap<AnyStateNode, ReadonlyMap<object, number>>();

/**
 * Which of `readChart(machine).transitions` it is that an actor has taken. XState's own, as into the initial state, are
 * in no chart.
 */
export function indexOfTransition(transition: AnyTransitionDefinition): number | undefined {
  const root = (transition.source as AnyStateNode | undefined)?.machine.root as AnyStateNode | undefined;
  if (root === undefined) return undefined;
  let byTransition = indexes.get(root);
  if (byTransition === undefined) {
    byTransition = new Map([...descendants(root)].flatMap(transitionsFrom).map((each, index) => [each, index]));
    indexes.set(root, byTransition);
  }
  return byTransition.get(transition);
}

/** XState's own order has `always` apart, and `machine.definition` would lose it. */
function transitionsFrom(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

function* descendants(node: AnyStateNode): Generator<AnyStateNode> {
  yield node;
  for (const child of childrenOf(node)) yield* descendants(child);
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

function readState(node: AnyStateNode): ChartState {
  const initial = initialOf(node);
  return {
    id: node.id,
    key: node.key,
    path: node.path,
    type: node.type,
    ...(node.parent !== undefined && { parent: node.parent.id }),
    ...(initial !== undefined && { initial }),
    ...(node.type === 'history' && { history: { depth: node.history || 'shallow', targets: historyTargets(node) } }),
    ...(node.description !== undefined && { description: node.description }),
    tags: node.tags,
    // `node.entry` and `node.exit` have the timers of `after` among them
    entry: namesOf(node.config.entry, 'entry'),
    exit: namesOf(node.config.exit, 'exit'),
    invokes: node.invoke.map(({ id, src }) => ({ id, src: srcName(src) })),
  };
}

function initialOf(node: AnyStateNode): string | undefined {
  if (node.type !== 'compound') return undefined;
  const { initial } = node.config;
  const key = typeof initial === 'string' ? initial : String(initial?.target);
  const state = childOf(node, key);
  if (state === undefined) throw unknownState(node, `begins in "${key}"`);
  return state.id;
}

function historyTargets(node: AnyStateNode): string[] {
  return toList(node.config.target).map((target) => {
    const state = typeof target === 'string' ? resolve(node, target) : undefined;
    if (state === undefined) throw unknownState(node, `remembers "${String(target)}"`);
    return state.id;
  });
}

/** XState resolves the targets of history states late, and with a function that it keeps to itself. */
function resolve(node: AnyStateNode, target: string): AnyStateNode | undefined {
  if (!target.startsWith('#')) return inside(node.parent, keysOf(target));
  const name = target.slice(1);
  const { idMap } = node.machine as unknown as { readonly idMap: ReadonlyMap<string, AnyStateNode> };
  const exact = idMap.get(name);
  if (exact !== undefined) return exact;
  const [id = '', ...keys] = keysOf(name);
  return inside(idMap.get(id), keys);
}

/** What a backslash stands before belongs to the key. */
function keysOf(target: string): string[] {
  return [...target.matchAll(/(?:^|\.)((?:\\.|[^.\\])*)/gs)].map(([, key = '']) => key.replace(/\\(.)/gs, '$1'));
}

function inside(node: AnyStateNode | undefined, keys: readonly string[]): AnyStateNode | undefined {
  return keys.reduce<AnyStateNode | undefined>((state, key) => state && childOf(state, key), node);
}

function childOf(node: AnyStateNode, key: string): AnyStateNode | undefined {
  return Object.hasOwn(node.states, key) ? node.states[key] : undefined;
}

function readTransition(node: AnyStateNode, transition: AnyTransitionDefinition): ChartTransition {
  const trigger = readTrigger(node, transition);
  return {
    source: node.id,
    targets: (transition.target ?? []).map((target: AnyStateNode | undefined) => {
      if (target?.id !== undefined) return target.id;
      throw unknownState(node, trigger.kind === 'always' ? 'always leaves' : `leaves on "${trigger.event}"`);
    }),
    trigger,
    ...(transition.guard !== undefined && { guard: guardName(transition.guard) }),
    actions: namesOf(transition.actions, 'actions'),
    reenter: transition.reenter,
    ...(transition.description !== undefined && { description: transition.description }),
  };
}

const doneState = 'xstate.done.state.';
const doneActor = 'xstate.done.actor.';
const failedActor = 'xstate.error.actor.';
const newSnapshot = 'xstate.snapshot.';

function readTrigger(node: AnyStateNode, transition: AnyTransitionDefinition): ChartTrigger {
  const event: string = transition.eventType;
  if (event === '') return { kind: 'always' };
  const delayed = node.after.find(({ eventType }) => eventType === event);
  if (delayed !== undefined) return { kind: 'after', event, delay: delayed.delay as string | number };
  for (const [kind, prefix] of [
    ['done', doneState],
    ['done', doneActor],
    ['error', failedActor],
    ['snapshot', newSnapshot],
  ] as const) {
    if (event.startsWith(prefix)) return { kind, event, of: event.slice(prefix.length) };
  }
  return { kind: 'event', event };
}

const inline = '(inline)';

/** XState gives logic that was written in place a name of this form. */
function srcName(src: unknown): string {
  return typeof src === 'string' && !src.startsWith('xstate.invoke.') ? src : inline;
}

function namesOf(actions: unknown, key: string): string[] {
  return toList(actions).map((action) => nameOf(action, key));
}

/** @param key the property that it stands in: JavaScript gives functions written there that name */
function nameOf(part: unknown, key: string): string {
  if (typeof part === 'string') return part;
  if (typeof part === 'function') {
    if ('type' in part && typeof part.type === 'string') return part.type.replace('xstate.', '');
    return part.name === '' || part.name === key ? inline : part.name;
  }
  return typeof part === 'object' && part !== null && 'type' in part ? String(part.type) : inline;
}

/** Of XState's `and`, `or` and `not`, which are functions too, their parts as well. */
function guardName(guard: unknown): string {
  if (typeof guard !== 'function' || !('guards' in guard)) return nameOf(guard, 'guard');
  return `${guard.name}(${toList(guard.guards).map(guardName).join(', ')})`;
}

function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function unknownState({ id, machine }: AnyStateNode, what: string): Error {
  const states = [...descendants(machine.root)].map((state) => `#${state.id}`).join(', ');
  return new Error(`"${id}" ${what}, for a state that "${machine.id}" does not have. Its states are: ${states}.`);
}
