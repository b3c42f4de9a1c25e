import { readdirSync, readFileSync } from 'node:fs';

export const root = new URL('../../', import.meta.url);

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  /** Of its first line of content, from 1. */
  readonly line: number;
  readonly text: string;
  /** The headings before it, counted: blocks with the same number stand below the same one. */
  readonly section: number;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

/** A page as far as the tests read it. */
export interface Page {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** What a link may have after its `#`. */
  readonly anchors: ReadonlySet<string>;
}

/** A program that a page shows: a block that begins with an import, and those that go on with it. */
export interface Program {
  readonly file: string;
  readonly line: number;
  /** The code in the lines in which it stands on the page. */
  readonly text: string;
  /** What it prints, where the page says so. */
  readonly output: string | undefined;
}

/** All files of docs/, and what else the project tells its readers. */
export function pages(): readonly Page[] {
  const docs = readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.md'));
  const others = ['README.md', 'CONTRIBUTING.md', 'examples/README.md', 'visualizations/README.md'];
  return [...docs.sort(), ...others].map((file) => readPage(file, readFileSync(new URL(file, root), 'utf8')));
}

/** @throws Error for a fence that is not closed */
export function readPage(file: string, source: string): Page {
  const blocks: Block[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  let section = 0;
  let open:
    | { readonly fence: string; readonly language: string; readonly line: number; readonly lines: string[] }
    | undefined;
  for (const [index, line] of source.split(/\r?\n/).entries()) {
    const [, fence = '', language = ''] = /^\s*(`{3,}|~{3,})\s*(\S*)/.exec(line) ?? [];
    if (open !== undefined) {
      if (fence.startsWith(open.fence) && language === '') {
        blocks.push({
          language: open.language,
          line: open.line,
          text: open.lines.map((each) => `${each}\n`).join(''),
          section,
        });
        open = undefined;
      } else open.lines.push(line);
      continue;
    }
    if (fence !== '') {
      open = { fence, language, line: index + 2, lines: [] };
      continue;
    }
    const [, heading] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
    if (heading !== undefined) {
      section += 1;
      anchors.add(unused(slug(heading), anchors));
    }
    for (const [, id] of line.matchAll(/<a\s[^>]*(?:id|name)="([^"]+)"/g)) if (id !== undefined) anchors.add(id);
    links.push(...linksIn(line).map((target) => ({ line: index + 1, target })));
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: this block is not closed.`);
  return { file, blocks, links, anchors };
}

/** @throws Error for a block that goes on with a program that is not there */
export function programsOf({ file, blocks }: Page): readonly Program[] {
  const programs: Program[] = [];
  for (const [index, { language, line, text }] of blocks.entries()) {
    if (language !== 'ts') continue;
    const output = outputOf(blocks, index);
    const last = programs.at(-1);
    if (/^(?:\s|\/\/.*\n)*import\b/.test(text)) programs.push({ file, line, text: atLine(line, '', text), output });
    else if (last === undefined)
      throw new Error(`${file}:${line}: a \`ts\` block without imports goes on with the one before it; there is none.`);
    else
      programs[programs.length - 1] = {
        ...last,
        text: atLine(line, last.text, text),
        output: join(last.output, output),
      };
  }
  return programs;
}

/** What a block prints: the `text` block that is the next one below the same heading. */
function outputOf(blocks: readonly Block[], index: number): string | undefined {
  const next = blocks[index + 1];
  return next?.language === 'text' && next.section === blocks[index]?.section ? next.text : undefined;
}

function join(before: string | undefined, output: string | undefined): string | undefined {
  return before === undefined && output === undefined ? undefined : `${before ?? ''}${output ?? ''}`;
}

/** Code put behind other code so that it begins in its own line. */
function atLine(line: number, before: string, text: string): string {
  return `${before}${'\n'.repeat(line - before.split('\n').length)}${text}`;
}

function linksIn(line: string): readonly string[] {
  const prose = line.replaceAll(/(`+)(?:(?!\1).)*\1/g, (span) => span.replaceAll(/[[\]()<>]/g, ' '));
  const found = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g), ...prose.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/g)];
  const inHtml = [...prose.matchAll(/\b(?:href|src)="([^"]+)"/g)];
  const inSets = [...prose.matchAll(/\bsrcset="([^"]+)"/g)].flatMap(([, set = '']) =>
    set.split(',').map((each) => each.trim().split(/\s/)[0] ?? ''),
  );
  return [...[...found, ...inHtml].map(([, target = '']) => target), ...inSets];
}

/** The name that GitHub gives a heading. */
export function slug(heading: string): string {
  const shown = heading.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/<[^>]+>/g, '');
  return shown
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

function unused(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let count = 1; taken.has(free); count += 1) free = `${name}-${count}`;
  return free;
}
