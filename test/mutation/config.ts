import type { AnyStateMachine } from 'xstate';

/** The config of a machine in one form: lists are lists, also where one entry or a name would do. */
export interface StateConfig {
  id?: string;
  context?: unknown;
  initial?: string;
  type?: string;
  entry: Action[];
  exit: Action[];
  invoke: Invoke[];
  on: Record<string, Transition[]>;
  after: Record<string, Transition[]>;
  always: Transition[];
  states: Record<string, StateConfig>;
}

export type Named = string | { readonly type: string };
export type Action = Named;

export interface Invoke {
  readonly id: string;
  readonly src: string;
  onDone: Transition[];
  onError: Transition[];
}

export interface Transition {
  target?: string;
  guard?: Named;
  actions: Action[];
  reenter?: boolean;
}

/** A copy of a machine's config that can be changed; functions stay what they are. */
export function configOf({ config }: AnyStateMachine): StateConfig {
  return normalizeState(config as Raw);
}

type Raw = { readonly [key: string]: unknown };

function normalizeState(state: Raw): StateConfig {
  const { entry, exit, invoke, on, after, always, states, ...rest } = state;
  return {
    ...rest,
    entry: toList<Action>(entry),
    exit: toList<Action>(exit),
    invoke: toList<Raw>(invoke).map((each) => ({
      ...(each as unknown as Invoke),
      onDone: normalizeTransitions(each.onDone),
      onError: normalizeTransitions(each.onError),
    })),
    on: mapValues(on, normalizeTransitions),
    after: mapValues(after, normalizeTransitions),
    always: normalizeTransitions(always),
    states: mapValues(states, (each) => normalizeState(each as Raw)),
  };
}

function normalizeTransitions(transitions: unknown): Transition[] {
  return toList<string | Raw>(transitions).map((each) =>
    typeof each === 'string' ? { target: each, actions: [] } : { ...each, actions: toList<Action>(each.actions) },
  );
}

function mapValues<T>(record: unknown, map: (value: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record ?? {}).map(([key, value]) => [key, map(value)]));
}

function toList<T>(value: unknown): T[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? [...value] : [value]) as T[];
}

/** A state of a config, and where it is. */
export interface StateSite {
  /** XState's, such as `turn.working.callingModel`. */
  readonly id: string;
  readonly state: StateConfig;
  readonly parent: StateSite | undefined;
}

/** All states of a config, the root first. */
export function statesOf(config: StateConfig): readonly StateSite[] {
  const inside = (site: StateSite): StateSite[] => [
    site,
    ...Object.entries(site.state.states).flatMap(([key, state]) =>
      inside({ id: `${site.id}.${key}`, state, parent: site }),
    ),
  ];
  return inside({ id: config.id ?? '', state: config, parent: undefined });
}

/** The transitions of a state for one trigger, in the order in which they are tried. */
export interface ChoiceSite {
  readonly source: StateSite;
  readonly trigger: string;
  readonly choice: Transition[];
}

export function choicesOf(config: StateConfig): readonly ChoiceSite[] {
  return statesOf(config).flatMap((source) => {
    const { on, after, always, invoke } = source.state;
    const choices: [trigger: string, choice: Transition[]][] = [
      ...Object.entries(on),
      ...Object.entries(after).map(([delay, choice]): [string, Transition[]] => [`after ${delay}`, choice]),
      ['always', always],
      ...invoke.flatMap(({ id, onDone, onError }): [string, Transition[]][] => [
        [`${id} is done`, onDone],
        [`${id} is in error`, onError],
      ]),
    ];
    return choices.filter(([, choice]) => choice.length > 0).map(([trigger, choice]) => ({ source, trigger, choice }));
  });
}

/** A list of actions, and where it is. */
export interface ActionsSite {
  readonly where: string;
  readonly actions: Action[];
}

export function actionListsOf(config: StateConfig): readonly ActionsSite[] {
  const ofStates = statesOf(config).flatMap(({ id, state: { entry, exit } }) => [
    { where: `entry of ${id}`, actions: entry },
    { where: `exit of ${id}`, actions: exit },
  ]);
  const ofTransitions = choicesOf(config).flatMap((site) =>
    site.choice.map((transition, index) => ({ where: nameTransition(site, index), actions: transition.actions })),
  );
  return [...ofStates, ...ofTransitions];
}

export function nameTransition({ source, trigger, choice }: ChoiceSite, index: number): string {
  const transition = choice[index];
  const guard = transition?.guard === undefined ? '' : ` if ${nameOf(transition.guard)}`;
  return `${source.id} on ${trigger}${guard}`;
}

export function nameOf(named: Named): string {
  return typeof named === 'string' ? named : named.type;
}

/** The state that a transition leads to, by its id. */
export function targetId({ source }: ChoiceSite, { target }: Transition): string | undefined {
  if (target === undefined) return undefined;
  if (target.startsWith('#')) return target.slice(1);
  return target.startsWith('.') ? `${source.id}${target}` : `${source.parent?.id}.${target}`;
}
