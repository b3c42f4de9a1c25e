/** Paths through the machines: found by walking them, played on live actors, checked by what the machines do not know. */

export { boundsOf, type PathAgentOptions } from './agentLimits.ts';
export { type AgentSubject, type AgentSubjectSettings, agentSubject } from './agentSubject.ts';
export type { PathSubjectName } from './alphabet.ts';
export type { PathBounds, PathFeature } from './bounds.ts';
export {
  type Coverage,
  type MachineCoverage,
  type PathCoverage,
  pathCoverage,
  type StateCoverage,
  type TransitionCoverage,
} from './coverage.ts';
export { type DescribePathsOptions, describePaths, type PathRunner } from './describePaths.ts';
export { pathFromRecording } from './fromRecording.ts';
export { machineSubject } from './machineSubject.ts';
export { mergeCoverage } from './mergeCoverage.ts';
export type { Observation, PathMoment, PathReach, PathRun, PathSubject, SeenEffect } from './observation.ts';
export { type Oracle, oracles } from './oracles.ts';
export type { PathStep, TurnPath } from './path.ts';
export type {
  ApplicationEvent,
  ModelEvent,
  PathEvent,
  PersonEvent,
  TimeEvent,
  ToolEvent,
  ToolHappening,
} from './pathEvent.ts';
export type { PathState } from './pathState.ts';
export { PathError, type RunPathOptions, runPath } from './runPath.ts';
export { coverageHighlight, coverageTable } from './showCoverage.ts';
export type { TransitionName } from './taken.ts';
export { type TurnPaths, type TurnPathsOptions, turnPaths } from './turnPaths.ts';
export { type WriteTestsOptions, writeTests } from './writeTests.ts';
export { writtenPath } from './writtenPath.ts';
