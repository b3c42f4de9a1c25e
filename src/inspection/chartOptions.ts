/** How a chart is drawn, by `toMermaid` and by `toSvg`. */
export interface ChartOptions {
  /** Draw only this state and what is in it: an id, or a path such as `working`. @default the whole machine */
  readonly region?: string;
  /** States to draw without what is in them: ids or paths, or a depth, where 1 closes all states of the machine itself. @default none */
  readonly collapsed?: readonly string[] | number;
  /** Which way it grows. @default 'top-to-bottom' */
  readonly direction?: 'top-to-bottom' | 'left-to-right';
  /** For which background. @default 'light'; Mermaid without a theme has that of the page, where the page has one */
  readonly theme?: 'light' | 'dark';
  /** What is to stand out. @default nothing */
  readonly highlight?: ChartHighlight;
  /** Whether states show their descriptions. @default false */
  readonly descriptions?: boolean;
  /** Whether states list the transitions that stay in them and only run actions. @default true */
  readonly internal?: boolean;
  /** Whether transitions and states name the actions they run. @default false */
  readonly actions?: boolean;
}

/**
 * States and transitions that look unlike the others: where a machine is, the path that it took, what tests cover.
 *
 * @example
 * ```ts
 * const highlight: ChartHighlight = {
 *   states: { 'turn.working.callingModel': 'active' },
 *   transitions: { 0: { as: 'covered', label: '12×' }, 1: 'uncovered' },
 * };
 * ```
 */
export interface ChartHighlight {
  /** By id or path. */
  readonly states?: Readonly<Record<string, ChartMark>>;
  /** By their index in `readChart(machine).transitions`. */
  readonly transitions?: Readonly<Record<number, ChartMark>>;
}

/** How something stands out; with a label, such as a count, that is written behind its name. */
export type ChartMark = ChartMarkStyle | { readonly as: ChartMarkStyle; readonly label?: string };

/** `active` is where the eye goes first; `covered` and `uncovered` are those of a report. */
export type ChartMarkStyle = 'active' | 'covered' | 'uncovered';
