import type { PathSubjectName } from './alphabet.ts';
import type { PathBounds } from './bounds.ts';
import type { PathEvent } from './pathEvent.ts';
import { describeState } from './pathState.ts';
import type { PathMachine } from './rig.ts';
import { Rig } from './rig.ts';
import { type TransitionName, transitionsIn } from './taken.ts';

/** One way through a machine: what happens, and where that leads. Plain JSON. */
export interface TurnPath {
  /** A sentence: where it ends, and what happens on the way. */
  readonly name: string;
  readonly machine: PathSubjectName;
  readonly bounds: PathBounds;
  readonly steps: readonly PathStep[];
}

export interface PathStep {
  readonly event: PathEvent;
  /** Where the machines are after it, in words, such as `turn working.runningTools, tools executing + queued`. */
  readonly state: string;
  /** What they took to get there; nothing where the path was written by hand. */
  readonly transitions?: readonly TransitionName[];
}

/**
 * A path of these events, with the states that the machines go through.
 *
 * @throws Error where an event cannot happen when it comes, or the machines break
 */
export function toPath(
  events: readonly PathEvent[],
  { machine, root, bounds }: { machine: PathSubjectName; root: PathMachine; bounds: PathBounds },
): TurnPath {
  const rig = new Rig(root, bounds);
  let transitions: TransitionName[] = [];
  rig.actor.system.inspect((event) => transitions.push(...transitionsIn(event)));
  const steps: PathStep[] = [];
  for (const event of events) {
    transitions = [];
    rig.apply(event);
    if (rig.error !== undefined) throw new Error(`"${event}" broke the machines.`, { cause: rig.error });
    steps.push({ event, state: describeState(rig.state), transitions });
  }
  const { session, turn } = rig.state;
  rig.stop();
  const { features } = bounds;
  const about = features.length === 0 ? '' : ` with ${features.join(', ')}`;
  return { name: `gets to ${session ?? turn}${about}: ${events.join(', ')}`, machine, bounds, steps };
}
