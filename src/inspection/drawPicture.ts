import type { ChartOptions } from './chartOptions.ts';
import { fontSize, type Layout, layOut, type Path, type Rectangle } from './layOut.ts';
import type { Arrow, Box, Line, Picture } from './picture.ts';

/** A picture as an SVG document, laid out by itself. */
export async function drawPicture(
  picture: Picture,
  { direction, theme = 'light' }: Pick<ChartOptions, 'direction' | 'theme'>,
): Promise<string> {
  return writeSvg(picture, await layOut(picture, direction), theme);
}

/** A picture that has been laid out as an SVG document. */
export function writeSvg(picture: Picture, layout: Layout, theme: keyof typeof themes): string {
  const [width, height] = [Math.ceil(layout.width) + 2 * margin, Math.ceil(layout.height) + 2 * margin];
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart ${theme}" role="img" width="${width}" height="${height}" viewBox="${-margin} ${-margin} ${width} ${height}">`,
    `<title>${escapeXml(picture.title)}</title>`,
    ...(picture.description === undefined ? [] : [`<desc>${escapeXml(picture.description)}</desc>`]),
    `<style>${styleOf(theme)}</style>`,
    `<rect class="page" x="${-margin}" y="${-margin}" width="${width}" height="${height}" rx="6"/>`,
    ...picture.boxes.flatMap((box) => drawFrames(box, layout)),
    ...picture.arrows.flatMap((arrow) => drawLines(arrow, layout)),
    ...picture.boxes.flatMap((box) => drawBoxes(box, layout)),
    ...picture.arrows.flatMap((arrow) => drawLabel(arrow, layout)),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

const margin = 8;
const lineHeight = 17;

/** Boxes with something inside, which arrows may lie upon. */
function drawFrames(box: Box, layout: Layout): string[] {
  if (box.inside.length === 0) return [];
  const place = placeOf(box, layout);
  const { x, y, width } = place;
  const ruleAt = y + headHeight(box);
  return [
    open(box),
    rectangle(place, 8),
    ...(box.lines.length === 0 ? [] : [`<path class="rule" d="M${x},${tenth(ruleAt)}h${width}"/>`]),
    ...drawName(box, { ...place, height: 26 }),
    ...box.lines.map((line, index) => drawLine(line, x + 10, y + 26 + (index + 0.75) * lineHeight)),
    '</g>',
    ...box.inside.flatMap((each) => drawFrames(each, layout)),
  ];
}

function headHeight(box: Box): number {
  return 30 + box.lines.length * lineHeight;
}

function drawBoxes(box: Box, layout: Layout): string[] {
  if (box.inside.length > 0) return box.inside.flatMap((each) => drawBoxes(each, layout));
  const place = placeOf(box, layout);
  const { x, y, width, height } = place;
  const [cx, cy] = [tenth(x + width / 2), tenth(y + height / 2)];
  if (box.kind === 'dot') return [`<circle class="dot" cx="${cx}" cy="${cy}" r="5"/>`];
  if (box.kind === 'history') {
    const radius = tenth(Math.min(width, height) / 2);
    return [open(box), `<circle cx="${cx}" cy="${cy}" r="${radius}"/>`, ...drawName(box, place), '</g>'];
  }
  const head = box.lines.length === 0 ? height : clamp(height - box.lines.length * lineHeight - 8, 24, 30);
  const free = Math.min(6, (height - head - box.lines.length * lineHeight) / 2);
  return [
    open(box),
    ...(box.kind === 'final' ? [rectangle(grow(place, 3), 10)] : []),
    rectangle(place, 8),
    ...(box.lines.length === 0 ? [] : [`<path class="rule" d="M${x},${tenth(y + head)}h${width}"/>`]),
    ...drawName(box, { ...place, height: head }),
    ...box.lines.map((line, index) => drawLine(line, x + 8, y + head + free + (index + 0.75) * lineHeight)),
    '</g>',
  ];
}

function drawName({ name, remark }: Box, { x, y, width, height }: Rectangle): string[] {
  const at = `x="${tenth(x + width / 2)}" y="${tenth(y + height / 2 + 4)}"`;
  const rest = remark === undefined ? '' : ` <tspan class="rest">${escapeXml(remark)}</tspan>`;
  return [`<text class="name" ${at}>${escapeXml(name)}${rest}</text>`];
}

function drawLine({ text, rest, mark, transitions }: Line, x: number, y: number): string {
  const of = transitions.length === 0 ? '' : ` data-transitions="${transitions.join(' ')}"`;
  const names = mark === undefined ? '' : ` class="${mark}"`;
  const parts = [
    ...(text === '' ? [] : [escapeXml(text)]),
    ...(rest === undefined || rest === '' ? [] : [`<tspan class="rest">${escapeXml(rest)}</tspan>`]),
  ];
  return `<text${names}${of} x="${tenth(x)}" y="${tenth(y)}">${parts.join(' ')}</text>`;
}

function drawLines(arrow: Arrow, layout: Layout): string[] {
  const paths = layout.arrows.get(arrow)?.lines ?? [];
  return [openArrow('arrow', arrow), ...paths.flatMap(drawPath), '</g>'];
}

function drawPath({ d, head }: Path): string[] {
  return [`<path d="${d}"/>`, ...(head === undefined ? [] : [`<polygon points="${head}"/>`])];
}

function drawLabel(arrow: Arrow, layout: Layout): string[] {
  const room = layout.arrows.get(arrow)?.label;
  if (room === undefined) return [];
  const height = arrow.lines.length * lineHeight + 6;
  // there is more room around one line than around several
  const side = arrow.lines.length === 1 ? 5 : 0;
  const place = { x: room.x + side, y: room.y + (room.height - height) / 2, width: room.width - 2 * side, height };
  return [
    openArrow('label', arrow),
    rectangle(place, Math.min(11, height / 2)),
    ...arrow.lines.map((line, index) => drawLine(line, place.x + 8, place.y + 3 + (index + 0.75) * lineHeight)),
    '</g>',
  ];
}

function open({ kind, mark, state, hint, inside }: Box): string {
  const names = [
    'state',
    ...(inside.length === 0 ? [] : ['frame']),
    ...(kind === 'state' ? [] : [kind]),
    ...(mark === undefined ? [] : [mark]),
  ];
  const of = state === undefined ? '' : ` data-state="${escapeXml(state)}"`;
  return `<g class="${names.join(' ')}"${of}>${hint === undefined ? '' : `<title>${escapeXml(hint)}</title>`}`;
}

function openArrow(name: string, { mark, transitions }: Arrow): string {
  const of = transitions.length === 0 ? '' : ` data-transitions="${transitions.join(' ')}"`;
  return `<g class="${mark === undefined ? name : `${name} ${mark}`}"${of}>`;
}

function rectangle({ x, y, width, height }: Rectangle, radius: number): string {
  return `<rect x="${tenth(x)}" y="${tenth(y)}" width="${tenth(width)}" height="${tenth(height)}" rx="${radius}"/>`;
}

function grow({ x, y, width, height }: Rectangle, by: number): Rectangle {
  return { x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by };
}

function placeOf(box: Box, { boxes }: Layout): Rectangle {
  return boxes.get(box) ?? { x: 0, y: 0, width: 0, height: 0 };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Colours that go with the pages of GitHub. */
const themes = {
  light: {
    page: '#ffffff',
    ink: '#1f2328',
    faint: '#59636e',
    line: '#59636e',
    edge: '#818b98',
    box: '#ffffff',
    frame: '#f6f8fa',
    label: '#eff2f5',
    active: ['#0969da', '#ddf4ff', '#0550ae'],
    covered: ['#1a7f37', '#dafbe1', '#116329'],
    uncovered: ['#cf222e', '#ffebe9', '#a40e26'],
  },
  dark: {
    page: '#0d1117',
    ink: '#f0f6fc',
    faint: '#9198a1',
    line: '#9198a1',
    edge: '#656c76',
    box: '#212830',
    frame: '#151b23',
    label: '#262c36',
    active: ['#4493f8', '#0c2d6b', '#a5d6ff'],
    covered: ['#3fb950', '#033a16', '#aff5b4'],
    uncovered: ['#f85149', '#490202', '#ffdcd7'],
  },
} as const;

/** Each rule names the theme: the styles of drawings inside one page are of all of them. */
function styleOf(theme: keyof typeof themes): string {
  const { page, ink, faint, line, edge, box, frame, label, ...marks } = themes[theme];
  const rules: [string, string][] = [
    ['text', `font:${fontSize}px Helvetica,Arial,"Liberation Sans",sans-serif;fill:${ink};white-space:pre`],
    ['.name', 'font-size:13.5px;font-weight:600;text-anchor:middle'],
    ['.rest', `fill:${faint};font-weight:400`],
    ['.page', `fill:${page}`],
    ['.state rect,.state circle', `fill:${box};stroke:${edge};stroke-width:1.2`],
    ['.frame rect', `fill:${frame}`],
    ['.region rect', 'stroke-dasharray:5 3'],
    ['.exit rect', 'fill:none;stroke-dasharray:3 3'],
    ['.rule', `stroke:${edge};stroke-opacity:.5`],
    ['.dot', `fill:${line}`],
    ['.arrow path', `fill:none;stroke:${line};stroke-width:1.2`],
    ['.arrow polygon', `fill:${line}`],
    ['.label rect', `fill:${label}`],
    ...Object.entries(marks).flatMap(([name, [strong, soft, text]]): [string, string][] => [
      [`.${name}.state rect,.${name}.state circle`, `fill:${soft};stroke:${strong};stroke-width:2`],
      // what is inside stands out from it all the same
      [`.${name}.frame rect`, `fill:${frame}`],
      [`.${name} path`, `stroke:${strong};stroke-width:2`],
      [`.${name} polygon`, `fill:${strong}`],
      [`.${name}.label rect`, `fill:${soft}`],
      [`text.${name},text.${name} .rest,.${name}.state .name`, `fill:${text}`],
    ]),
    ['.uncovered.arrow path', 'stroke-dasharray:4 3'],
  ];
  return rules
    .map(
      ([selectors, style]) =>
        `${selectors
          .split(',')
          .map((each) => `.chart.${theme} ${each}`)
          .join(',')}{${style}}`,
    )
    .join('');
}

/** Texts and attributes; what XML does not allow is left out. */
function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is not wanted
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
  );
}
