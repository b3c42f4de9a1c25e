/** The machines, looked at: as data and as drawings. */

export {
  type Chart,
  type ChartInvoke,
  type ChartState,
  type ChartTransition,
  type ChartTrigger,
  readChart,
} from './readChart.ts';
export { type MermaidOptions, toMermaid } from './toMermaid.ts';
