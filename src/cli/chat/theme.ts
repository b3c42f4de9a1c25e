import { styleText } from 'node:util';
import type { EditorTheme, MarkdownTheme } from '@earendil-works/pi-tui';
import type { Output, Style } from '../terminal.ts';

type Paint = (text: string) => string;

/** The colours of the chat. */
export interface Theme {
  readonly title: Paint;
  readonly user: Paint;
  readonly dim: Paint;
  readonly superseded: Paint;
  readonly state: Paint;
  readonly running: Paint;
  readonly success: Paint;
  readonly warning: Paint;
  readonly question: Paint;
  readonly problem: Paint;
  readonly plain: Paint;
  readonly markdown: MarkdownTheme;
  readonly editor: EditorTheme;
}

/** The theme for a terminal; without any colours where it wants none, as with `NO_COLOR`. */
export function createTheme(stream: Output): Theme {
  const isColoured = styleText('red', '?', { stream, validateStream: true }) !== '?';
  const plain: Paint = (text) => text;
  const paint = (style: Style): Paint =>
    isColoured ? (text) => styleText(style, text, { validateStream: false }) : plain;
  const dim = paint('dim');
  const bold = paint('bold');
  const cyan = paint('cyan');
  return {
    title: bold,
    user: paint(['bold', 'cyan']),
    dim,
    superseded: paint(['dim', 'strikethrough']),
    state: cyan,
    running: cyan,
    success: paint('green'),
    warning: paint('yellow'),
    question: paint(['bold', 'yellow']),
    problem: paint('red'),
    plain,
    markdown: {
      heading: bold,
      link: paint('underline'),
      linkUrl: dim,
      code: cyan,
      codeBlock: plain,
      codeBlockBorder: dim,
      quote: dim,
      quoteBorder: dim,
      hr: dim,
      listBullet: cyan,
      bold,
      italic: paint('italic'),
      strikethrough: paint('strikethrough'),
      underline: paint('underline'),
    },
    editor: {
      borderColor: dim,
      selectList: { selectedPrefix: cyan, selectedText: cyan, description: dim, scrollInfo: dim, noMatch: dim },
    },
  };
}
