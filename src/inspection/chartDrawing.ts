import type { ChartOptions } from './chartOptions.ts';
import { createView } from './chartView.ts';
import { type Layout, layOut, type Path, type Rectangle } from './layOut.ts';
import type { Box, Picture } from './picture.ts';
import type { Chart } from './readChart.ts';
import { toPicture } from './toSvg.ts';

/** A chart with a place for everything in it, as plain JSON: for programs that draw it by themselves. */
export interface ChartDrawing {
  readonly chart: Chart;
  readonly picture: Picture;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** By box, in the order of {@link boxesOf}. */
  readonly boxes: readonly Rectangle[];
  /** By arrow, in the order of the picture. */
  readonly arrows: readonly DrawnArrow[];
}

export interface DrawnArrow {
  /** Absent where the arrow has no label. */
  readonly label?: Rectangle;
  readonly lines: readonly Path[];
}

/**
 * Finds a place for everything in a chart, with the package `state-machine-cat`.
 *
 * @throws Error when `state-machine-cat` is missing, or an option names a state that the chart does not have
 */
export async function drawChart(chart: Chart, options: ChartOptions = {}): Promise<ChartDrawing> {
  const picture = toPicture(createView(chart, options));
  const { width, height, boxes, arrows } = await layOut(picture, options.direction);
  return {
    chart,
    picture,
    width,
    height,
    boxes: boxesOf(picture).map((box) => boxes.get(box) ?? nowhere),
    arrows: picture.arrows.map((arrow) => arrows.get(arrow) ?? { lines: [] }),
  };
}

/** The same for `writeSvg`, with a picture of the same boxes and arrows in the same order. */
export function layoutOf({ width, height, boxes, arrows }: ChartDrawing, picture: Picture): Layout {
  return {
    width,
    height,
    boxes: new Map(boxesOf(picture).map((box, index) => [box, boxes[index] ?? nowhere])),
    arrows: new Map(picture.arrows.map((arrow, index) => [arrow, arrows[index] ?? { lines: [] }])),
  };
}

/** All boxes of a picture, each before those in it. */
export function boxesOf({ boxes }: Pick<Picture, 'boxes'>): readonly Box[] {
  return boxes.flatMap((box) => [box, ...boxesOf({ boxes: box.inside })]);
}

const nowhere: Rectangle = { x: 0, y: 0, width: 0, height: 0 };
