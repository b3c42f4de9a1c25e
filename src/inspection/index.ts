/** The machines, looked at: as data and as drawings. */

export type { ChartHighlight, ChartMark, ChartMarkStyle, ChartOptions } from './chartOptions.ts';
export {
  type Chart,
  type ChartInvoke,
  type ChartState,
  type ChartTransition,
  type ChartTrigger,
  readChart,
} from './readChart.ts';
export {
  findDivergence,
  openRecorded,
  type RecordedSession,
  type Recording,
  readRecording,
} from './readRecording.ts';
export { toMermaid } from './toMermaid.ts';
export {
  type StatelyInvoke,
  type StatelyMachine,
  type StatelyName,
  type StatelyState,
  type StatelyTransition,
  type StatelyTransitions,
  toStatelyJson,
} from './toStatelyJson.ts';
export { toSvg } from './toSvg.ts';
export { type Observed, toText } from './toText.ts';
