import type { Payload } from '../../events.ts';
import type { Message } from '../../messages.ts';
import type { PathBounds } from './bounds.ts';
import type { TurnPath } from './path.ts';
import type { PathEvent } from './pathEvent.ts';
import type { PathState } from './pathState.ts';

/** An effect, as it is told of. */
export interface SeenEffect {
  readonly id: string;
  /** `callModel`, `prepareTool`, `executeTool`, … */
  readonly kind: string;
}

/** Everything that can be seen of a subject at one moment. */
export interface Observation {
  readonly state: PathState;
  /** What was emitted so far. */
  readonly events: readonly Payload[];
  /** All effects that were ever started, in their order; those that still run; those that were aborted. */
  readonly started: readonly SeenEffect[];
  readonly running: readonly SeenEffect[];
  readonly aborted: readonly SeenEffect[];
  /** Ids of the actors that the turn holds, tools that have ended included until their step does. */
  readonly children: readonly string[];
  /** The conversation, the running turn's own part included. */
  readonly messages: readonly Message[];
  /** The conversation as the model call which runs was given it: what compactions have left. */
  readonly asked: readonly Message[] | undefined;
}

/** One step of a path, before and after. */
export interface PathMoment {
  readonly path: TurnPath;
  /** Of the step, from 0. */
  readonly index: number;
  readonly event: PathEvent;
  readonly before: Observation;
  readonly after: Observation;
}

/** What a path is played on: our machines, or what you have made of them. */
export interface PathSubject {
  /** What paths on it can come by: `turnPaths(subject.reach)` finds paths that fit. @default everything */
  readonly reach?: PathReach;
  /** Why this path cannot be played on it; nothing where it can. */
  refuses?(path: TurnPath): string | undefined;
  /** Sets everything up, and plays nothing yet. */
  begin(path: TurnPath): PathRun | Promise<PathRun>;
}

/** How far paths go, and which events they are found around. */
export type PathReach = PathBounds & { readonly avoid: readonly PathEvent[] };

export interface PathRun {
  /** Lets it happen. @throws Error where it cannot happen now */
  apply(event: PathEvent): void | Promise<void>;
  observe(): Observation;
  end(): void | Promise<void>;
}
