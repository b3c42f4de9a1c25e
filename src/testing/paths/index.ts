/** Paths through the machines: found by walking them, played on live actors, checked by what the machines do not know. */

export type { PathSubjectName } from './alphabet.ts';
export type { PathBounds } from './bounds.ts';
export { machineSubject } from './machineSubject.ts';
export type { Observation, PathMoment, PathRun, PathSubject, SeenEffect } from './observation.ts';
export { type Oracle, oracles } from './oracles.ts';
export type { PathStep, TurnPath } from './path.ts';
export type { ModelEvent, PathEvent, PersonEvent, TimeEvent, ToolEvent, ToolHappening } from './pathEvent.ts';
export type { PathState } from './pathState.ts';
export { PathError, type RunPathOptions, runPath } from './runPath.ts';
export type { TransitionName } from './taken.ts';
export { type TurnPaths, type TurnPathsOptions, turnPaths } from './turnPaths.ts';
