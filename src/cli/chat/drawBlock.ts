import { Markdown, truncateToWidth, visibleWidth, wrapTextWithAnsi } from '@earendil-works/pi-tui';
import { showOutput } from '../progress.ts';
import { printable } from '../terminal.ts';
import type { Theme } from './theme.ts';
import type { Block, NoteBlock, ToolBlock } from './transcript.ts';

export interface Drawing {
  readonly width: number;
  /** Tool calls are shown whole. */
  readonly isUnfolded: boolean;
  readonly theme: Theme;
}

/** The lines of a block, none wider than the drawing. */
export function drawBlock(block: Block, drawing: Drawing): readonly string[] {
  return draw(block, drawing).map((line) => clip(line.trimEnd(), drawing.width));
}

/** A line that is no wider than that. Two columns for one sign are too many for the narrowest terminals. */
export function clip(line: string, width: number): string {
  return visibleWidth(line) > width ? truncateToWidth(line, width, '') : line;
}

/** A text without what drives terminals, on one line. */
export function oneLine(text: string): string {
  return clean(text).replace(/\s+/g, ' ').trim();
}

function draw(block: Block, drawing: Drawing): readonly string[] {
  const { theme, width } = drawing;
  switch (block.type) {
    case 'user': {
      const lines = indented('› ', clean(block.text), width).map(theme.user);
      return block.isSteering ? [...lines, theme.dim('  steering, taken')] : lines;
    }
    case 'reasoning':
      return wrapTextWithAnsi(clean(block.text.trim()), Math.max(1, width - 2)).map((line) => theme.dim(`┊ ${line}`));
    case 'answer':
      return new Markdown(clean(block.text).trimEnd(), 0, 0, theme.markdown, undefined, {
        transform: escapeArithmetic,
      }).render(width);
    case 'superseded': {
      const label = 'broken off, void: ';
      const room = Math.max(1, width - label.length);
      return [theme.dim(label) + theme.superseded(truncateToWidth(oneLine(block.text), room, '…'))];
    }
    case 'tool':
      return drawTool(block, drawing);
    case 'note':
      return clean(block.text)
        .split('\n')
        .flatMap((line) => wrapNote(line, width))
        .map(theme[noteColours[block.tone]]);
    case 'ending':
      return wrapTextWithAnsi(block.facts.join(' · '), width).map(theme.dim);
  }
}

const noteColours = {
  title: 'title',
  plain: 'plain',
  quiet: 'dim',
  warning: 'warning',
  problem: 'problem',
} as const satisfies Record<NoteBlock['tone'], keyof Theme>;

const foldedLines = 3;

function drawTool(tool: ToolBlock, { width, isUnfolded, theme }: Drawing): readonly string[] {
  const { toolName, input, progress, waits, agent = [], outcome } = tool;
  const { mark, colour } = outcome !== undefined ? marks[outcome.type] : waits !== undefined ? asked : running;
  const name = theme[colour](`${mark} ${oneLine(toolName)}`);
  const body = (text: string) => indented('  ', clean(text), width);
  const lines = isUnfolded
    ? [name, ...body(JSON.stringify(input, null, 2)).map(theme.dim)]
    : [truncateToWidth(`${name} ${theme.dim(oneLine(JSON.stringify(input)))}`, width, '…')];
  const told = isUnfolded ? progress : progress.slice(-1);
  lines.push(...told.flatMap(body).map(theme.dim));
  if (waits !== undefined) lines.push(...body(waits).map(theme.warning));
  lines.push(...drawAgent(agent, { width, isUnfolded, theme }));
  switch (outcome?.type) {
    case 'completed': {
      const output = body(
        `${outcome.asksAgain ? 'asks again: ' : ''}${showOutput(outcome.output, isUnfolded ? 2 : 0)}`,
      );
      if (isUnfolded || output.length <= foldedLines + 1) return [...lines, ...output];
      const more = theme.dim(`  … ${output.length - foldedLines} more lines · Ctrl-O unfolds`);
      return [...lines, ...output.slice(0, foldedLines), more];
    }
    case 'failed':
      return [...lines, ...body(`failed: ${outcome.message}`).map(theme.problem)];
    case 'denied':
      return [...lines, ...body(`denied: ${outcome.reason}`).map(theme.warning)];
    case 'cancelled':
      return [...lines, ...body(outcome.when).map(theme.warning)];
    default:
      return lines;
  }
}

/** What a sub-agent does; what it says only unfolded, for its answer is what the tool gave. */
function drawAgent(blocks: readonly Block[], { width, ...drawing }: Drawing): readonly string[] {
  const isShown = ({ type }: Block) =>
    type === 'tool' || type === 'note' || (drawing.isUnfolded && type !== 'user' && type !== 'ending');
  const margin = drawing.theme.dim('  │ ');
  return blocks.filter(isShown).flatMap((block) => {
    return drawBlock(block, { ...drawing, width: Math.max(1, width - 4) }).map((line) => `${margin}${line}`);
  });
}

interface Mark {
  readonly mark: string;
  readonly colour: 'running' | 'success' | 'problem' | 'warning';
}

const running: Mark = { mark: '→', colour: 'running' };
const asked: Mark = { mark: '?', colour: 'warning' };
const marks: Readonly<Record<NonNullable<ToolBlock['outcome']>['type'], Mark>> = {
  completed: { mark: '✓', colour: 'success' },
  failed: { mark: '✗', colour: 'problem' },
  denied: { mark: '✗', colour: 'warning' },
  cancelled: { mark: '✗', colour: 'warning' },
};

/** A text after a prefix, its further lines below its beginning. */
function indented(prefix: string, text: string, width: number): string[] {
  const lines = wrapTextWithAnsi(text, Math.max(1, width - prefix.length));
  return lines.map((line, index) => (index === 0 ? prefix : ' '.repeat(prefix.length)) + line);
}

/** What does not fit goes on below the second column of a table, or below the beginning of the line. */
function wrapNote(line: string, width: number): string[] {
  const [column = ''] = /^\s*\S.*?\s{2,}(?=\S)/.exec(line) ?? /^\s*/.exec(line) ?? [];
  const prefix = column.length <= width / 2 ? column : '';
  return indented(prefix, line.slice(prefix.length), width);
}

/** `2*3*4` is arithmetic: no emphasis begins or ends between digits. Code is left as it is. */
function escapeArithmetic(markdown: string): string {
  return markdown
    .split(/(```[\s\S]*?(?:```|$)|`[^`\n]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(/(?<=[\d)]\s?\*?)\*(?=\*?\s?[\d(])/g, '\\*')))
    .join('');
}

function clean(text: string): string {
  return printable(text).replaceAll('\t', '    ');
}
