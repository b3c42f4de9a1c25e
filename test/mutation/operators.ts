import { type AnyActorLogic, type AnyStateMachine, not, StateMachine } from 'xstate';
import { defaultBounds, turnInput } from '../../src/testing/paths/bounds.ts';
import {
  type ActionsSite,
  actionListsOf,
  type ChoiceSite,
  choicesOf,
  configOf,
  nameOf,
  nameTransition,
  type StateConfig,
  type StateSite,
  statesOf,
  targetId,
} from './config.ts';

/** A machine with one thing wrong. */
export interface Mutant {
  readonly operator: string;
  /** What is wrong; the same for the same mutant in every run. */
  readonly name: string;
  /** @throws whatever XState throws for a machine that cannot be */
  make(): AnyStateMachine;
}

/** All mutants of a machine, operator by operator. */
export function mutantsOf(machine: AnyStateMachine): readonly Mutant[] {
  return [
    ...configMutants(machine),
    ...guardLimitMutants(machine),
    ...inputLimitMutants(machine),
    ...delayMutants(machine),
    ...abortMutants(machine),
  ];
}

/** A machine that went through the same hands as its mutants, with nothing wrong. */
export function withoutFault(machine: AnyStateMachine): Mutant {
  return { operator: 'none', name: machine.id, make: () => remake(machine, configOf(machine)) };
}

/** One way to spoil one place of a config. */
interface Change {
  readonly operator: string;
  readonly name: string;
  apply(): void;
}

/** Spoils a fresh copy of the config for each change; the changes of equal copies are the same. */
function configMutants(machine: AnyStateMachine): readonly Mutant[] {
  return changesOf(configOf(machine)).map(({ operator, name }, index) => ({
    operator,
    name,
    make() {
      const config = configOf(machine);
      changesOf(config)[index]?.apply();
      return remake(machine, config);
    },
  }));
}

function remake(machine: AnyStateMachine, config: object, implementations: object = {}): AnyStateMachine {
  type Arguments = ConstructorParameters<typeof StateMachine>;
  return new StateMachine(
    config as Arguments[0],
    { ...machine.implementations, ...implementations } as Arguments[1],
  ) as unknown as AnyStateMachine;
}

function changesOf(config: StateConfig): readonly Change[] {
  const states = statesOf(config);
  return [
    ...choicesOf(config).flatMap((site) => changesOfChoice(site, states)),
    ...actionListsOf(config).flatMap(changesOfActions),
    ...states.flatMap(changesOfState),
  ];
}

function changesOfChoice(site: ChoiceSite, states: readonly StateSite[]): readonly Change[] {
  const { choice } = site;
  return choice.flatMap((transition, index) => {
    const where = nameTransition(site, index);
    const change = (operator: string, what: string, apply: () => void): Change => ({
      operator,
      name: `${where}: ${what}`,
      apply,
    });
    const changes = [change('dropped transition', 'is gone', () => choice.splice(index, 1))];
    for (const id of wrongTargets(site, index, states)) {
      changes.push(
        change('wrong target', `leads to ${id}`, () => {
          transition.target = `#${id}`;
        }),
      );
    }
    if (transition.target !== undefined) {
      changes.push(change('dropped target', 'leads nowhere', () => delete transition.target));
    }
    const { guard } = transition;
    if (guard !== undefined) {
      changes.push(
        change('negated guard', 'its guard is negated', () =>
          Object.assign(transition, { guard: not(guard as never) }),
        ),
        change('guard always true', 'has no guard', () => delete transition.guard),
      );
    }
    if (transition.reenter === true) {
      changes.push(change('dropped re-entry', 'does not enter again', () => delete transition.reenter));
    }
    const next = choice[index + 1];
    if (next !== undefined) {
      changes.push(
        change('swapped guards', 'is tried after the next', () => choice.splice(index, 2, next, transition)),
      );
    }
    return changes;
  });
}

/** The sibling that comes next, and the next final state of the machine. */
function wrongTargets(site: ChoiceSite, index: number, states: readonly StateSite[]): readonly string[] {
  const transition = site.choice[index];
  const right = transition && targetId(site, transition);
  if (right === undefined) return [];
  const parent = states.find(({ id }) => id === right)?.parent?.id;
  const siblings = states.filter((each) => each.parent?.id === parent).map(({ id }) => id);
  const finals = states.filter(({ state }) => state.type === 'final').map(({ id }) => id);
  const sibling = nextOf(siblings, right);
  const final = nextOf(finals, right);
  return [...new Set([sibling, final])].filter((id) => id !== undefined && id !== right) as string[];
}

function nextOf<T>(list: readonly T[], item: T): T | undefined {
  return list[(list.indexOf(item) + 1) % list.length];
}

function changesOfActions({ where, actions }: ActionsSite): readonly Change[] {
  return actions.flatMap((action, index): Change[] => {
    const name = nameOf(action);
    const dropped: Change = {
      operator: 'dropped action',
      name: `${where}: ${name} is gone`,
      apply: () => actions.splice(index, 1),
    };
    const next = actions[index + 1];
    if (next === undefined) return [dropped];
    const swapped: Change = {
      operator: 'swapped actions',
      name: `${where}: ${name} comes after ${nameOf(next)}`,
      apply: () => actions.splice(index, 2, next, action),
    };
    return [dropped, swapped];
  });
}

function changesOfState({ id, state }: StateSite): readonly Change[] {
  const changes = state.invoke.map(
    (invoke, index): Change => ({
      operator: 'dropped invoke',
      name: `${id}: ${invoke.id} is not invoked`,
      apply: () => state.invoke.splice(index, 1),
    }),
  );
  const { initial } = state;
  const other = initial === undefined ? undefined : nextOf(Object.keys(state.states), initial);
  if (other === undefined || other === initial) return changes;
  const begin: Change = {
    operator: 'wrong initial state',
    name: `${id}: begins in ${other}`,
    apply: () => {
      state.initial = other;
    },
  };
  return [...changes, begin];
}

const steps = [-1, 1] as const;

/** The limits that a guard finds in what an effect has returned. */
function guardLimitMutants(machine: AnyStateMachine): readonly Mutant[] {
  type Guard = (scope: unknown, params: { readonly output: { readonly value?: object } }) => boolean;
  const guards = machine.implementations.guards as unknown as Readonly<Record<string, Guard>>;
  const { canRunAgain } = guards;
  if (canRunAgain === undefined) return [];
  return steps.map((by) => ({
    operator: 'off-by-one limit',
    name: `${machine.id}: maxAttempts ${signed(by)}`,
    make: () =>
      remake(machine, configOf(machine), {
        guards: {
          ...guards,
          canRunAgain: (scope: unknown, { output }: Parameters<Guard>[1]) =>
            canRunAgain(scope, { output: { ...output, value: nudged(output.value, ['maxAttempts'], by) as object } }),
        },
      }),
  }));
}

/** The limits that a turn is given. */
function inputLimitMutants(machine: AnyStateMachine): readonly Mutant[] {
  if (machine.id !== 'turn') return [];
  const limits = numbersIn(turnInput(defaultBounds));
  return limits.flatMap((limit) =>
    steps.map((by) => ({
      operator: 'off-by-one limit',
      name: `${machine.id}: ${limit.join('.')} ${signed(by)}`,
      make() {
        const config = configOf(machine);
        const context = config.context as (scope: { readonly input: unknown }) => unknown;
        return remake(machine, {
          ...config,
          context: (scope: { readonly input: unknown }) => context({ ...scope, input: nudged(scope.input, limit, by) }),
        });
      },
    })),
  );
}

/** Where the numbers of a value are. */
function numbersIn(value: object): readonly (readonly string[])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (typeof inner === 'number') return [[key]];
    return typeof inner === 'object' && inner !== null ? numbersIn(inner).map((path) => [key, ...path]) : [];
  });
}

/** A copy with one number changed; the same where the number is missing. */
function nudged(value: unknown, [key, ...keys]: readonly string[], by: number): unknown {
  if (key === undefined) return typeof value === 'number' ? value + by : value;
  if (typeof value !== 'object' || value === null || !(key in value)) return value;
  return { ...value, [key]: nudged((value as Record<string, unknown>)[key], keys, by) };
}

function signed(by: number): string {
  return by < 0 ? '− 1' : '+ 1';
}

function delayMutants(machine: AnyStateMachine): readonly Mutant[] {
  type Delay = (scope: unknown, params: unknown) => number;
  const delays = machine.implementations.delays as unknown as Readonly<Record<string, Delay>>;
  return Object.entries(delays ?? {}).map(([name, delay]) => ({
    operator: 'wrong delay',
    name: `${machine.id}: ${name} is a millisecond longer`,
    make: () =>
      remake(machine, configOf(machine), {
        delays: { ...delays, [name]: (scope: unknown, params: unknown) => delay(scope, params) + 1 },
      }),
  }));
}

/** Effects that tell nobody when they are stopped. */
function abortMutants(machine: AnyStateMachine): readonly Mutant[] {
  const actors = machine.implementations.actors as Readonly<Record<string, AnyActorLogic>>;
  // in the place of agents, paths have an actor of their own
  const effects = Object.entries(actors).filter(
    ([name, logic]) => !(logic instanceof StateMachine) && name !== 'agentTurn',
  );
  return effects.map(([name, logic]) => ({
    operator: 'missing abort',
    name: `${machine.id}: ${name} is stopped and not aborted`,
    make: () =>
      remake(machine, configOf(machine), {
        actors: {
          ...actors,
          [name]: {
            ...logic,
            transition: (snapshot, event, scope) =>
              event.type === 'xstate.stop'
                ? { ...snapshot, status: 'stopped' }
                : logic.transition(snapshot, event, scope),
          } satisfies AnyActorLogic,
        },
      }),
  }));
}
