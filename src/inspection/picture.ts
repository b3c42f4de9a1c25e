import type { ChartMarkStyle } from './chartOptions.ts';

/** Boxes inside of each other and labelled arrows between them: what `drawPicture` draws. */
export interface Picture {
  readonly title: string;
  readonly description?: string;
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

export interface Box {
  /** For the arrows. */
  readonly id: string;
  /** A `dot` is what a state begins in, an `exit` stands for something that is not in the picture. */
  readonly kind: 'state' | 'final' | 'history' | 'region' | 'exit' | 'dot';
  readonly name: string;
  /** Behind the name. */
  readonly remark?: string;
  readonly lines: readonly Line[];
  readonly inside: readonly Box[];
  readonly mark?: ChartMarkStyle;
  /** What readers of the drawing are told who rest on it. */
  readonly hint?: string;
  /** The state's id, for programs that read the drawing. */
  readonly state?: string;
}

export interface Line {
  readonly text: string;
  /** Follows the text, and is less important. */
  readonly rest?: string;
  readonly mark?: ChartMarkStyle;
  /** Their indices, for programs that read the drawing. */
  readonly transitions: readonly number[];
}

export interface Arrow {
  readonly from: string;
  readonly to: readonly string[];
  /** The box in which the label is; none for the picture itself. */
  readonly around?: string;
  /** The label; without lines, the arrow has none. */
  readonly lines: readonly Line[];
  readonly mark?: ChartMarkStyle;
  readonly transitions: readonly number[];
}
