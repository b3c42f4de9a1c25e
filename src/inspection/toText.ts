import { type AnyActorRef, type AnyMachineSnapshot, isMachineSnapshot, type StateValue } from 'xstate';
import { type Chart, type ChartTransition, readChart } from './readChart.ts';

/** What is looked at: an actor, or what a session shows of its own. */
export type Observed = Pick<AnyActorRef, 'getSnapshot'>;

/** An actor in its chart. */
interface Token {
  /** Its id in the actor around it; the first one has none. */
  readonly name: string | undefined;
  readonly snapshot: AnyMachineSnapshot;
}

/**
 * The charts of an actor and of all actors in it at this moment, as text: each machine once, `●` before the states that
 * its actors are in, and below those what they can leave with. Of other logic than machines nothing is shown.
 *
 * @example
 * ```ts
 * console.log(toText(session.actor));
 * // turn
 * //   idle
 * // ● working
 * //     ├ turn.cancel → cancelled
 * //     choosing
 * //   ● callingModel
 * ```
 */
export function toText(actor: Observed): string {
  const charts = [...tokensByMachine(actor).values()].map(draw);
  return charts.length === 0 ? 'This actor has no chart: it is not a machine.\n' : `${charts.join('\n\n')}\n`;
}

function tokensByMachine(actor: Observed): ReadonlyMap<string, readonly Token[]> {
  const found = new Map<string, Token[]>();
  const visit = (name: string | undefined, observed: Observed) => {
    const snapshot: unknown = observed.getSnapshot();
    if (!isMachineSnapshot(snapshot)) return;
    const { id } = snapshot.machine;
    const tokens = found.get(id) ?? [];
    found.set(id, tokens);
    tokens.push({ name, snapshot });
    const children: Readonly<Record<string, AnyActorRef | undefined>> = snapshot.children;
    for (const [childId, child] of Object.entries(children)) if (child !== undefined) visit(childId, child);
  };
  visit(undefined, actor);
  return found;
}

function draw(tokens: readonly Token[]): string {
  const [first] = tokens;
  if (first === undefined) return '';
  const chart = readChart(first.snapshot.machine);
  const lines = [chart.id];
  for (const state of chart.states.slice(1)) {
    const here = tokens.filter(({ snapshot }) => isIn(snapshot.value, state.path));
    const indent = '  '.repeat(state.path.length - 1);
    if (here.length === 0) {
      lines.push(`${indent}  ${state.key}`);
      continue;
    }
    // one actor needs no name, since there is nothing to tell it from
    const names = tokens.length === 1 ? '' : `  (${here.map(({ name = chart.id }) => name).join(', ')})`;
    lines.push(`${indent}● ${state.key}${names}`);
    for (const way of waysOut(chart, state.id)) lines.push(`${indent}    ├ ${way}`);
  }
  return lines.join('\n');
}

/** Whether a state, named by its keys, is active in a state value. */
function isIn(value: StateValue, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  if (typeof value === 'string') return value === key && rest.length === 0;
  const inner = value[key];
  return inner !== undefined && isIn(inner, rest);
}

function waysOut(chart: Chart, source: string): readonly string[] {
  return chart.transitions
    .filter((transition) => transition.source === source && transition.trigger.kind !== 'always')
    .map((transition) => {
      const guard = transition.guard === undefined ? '' : ` [${transition.guard}]`;
      const targets = transition.targets.map((id) => id.split('.').at(-1));
      return `${triggerOf(transition)}${guard}${targets.length === 0 ? '' : ` → ${targets.join(', ')}`}`;
    });
}

function triggerOf({ trigger }: ChartTransition): string {
  switch (trigger.kind) {
    case 'event':
      return trigger.event;
    case 'after':
      return `after ${typeof trigger.delay === 'number' ? `${trigger.delay} ms` : trigger.delay}`;
    case 'always':
      return 'always';
    default:
      return `${trigger.kind} of ${trigger.of}`;
  }
}
