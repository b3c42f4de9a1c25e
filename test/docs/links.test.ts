import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Page, pages, readPage, root, slug } from './markdown.ts';

/** The links of pages that lead nowhere, as `file:line: target`. */
function brokenLinks(all: readonly Page[]): readonly string[] {
  const byFile = new Map(all.map((page) => [page.file, page]));
  return all.flatMap(({ file, links }) =>
    links
      .filter(({ target }) => !leadsSomewhere(file, target, byFile))
      .map(({ line, target }) => `${file}:${line}: ${target}`),
  );
}

function leadsSomewhere(from: string, target: string, byFile: ReadonlyMap<string, Page>): boolean {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return true;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), decodeURI(path)));
  if (file.startsWith('..') || (!byFile.has(file) && !existsSync(new URL(file, root)))) return false;
  if (anchor === undefined) return true;
  // of files that are no Markdown, GitHub knows lines only
  if (!file.endsWith('.md')) return /^L\d+(?:-L\d+)?$/.test(anchor);
  const page = byFile.get(file) ?? readPage(file, readFileSync(new URL(file, root), 'utf8'));
  return page.anchors.has(anchor);
}

describe('links in the documentation', () => {
  it('lead to files and headings that are there', () => {
    const all = pages();
    expect(all.flatMap(({ links }) => links).length).toBeGreaterThan(20);
    expect(brokenLinks(all)).toEqual([]);
  });

  it('lead from the index to every page', () => {
    const all = pages();
    const index = all.find(({ file }) => file === 'docs/README.md');
    const linked = new Set(index?.links.map(({ target }) => posix.join('docs', target)));
    const missing = all.map(({ file }) => file).filter((file) => file.startsWith('docs/') && !linked.has(file));
    expect(missing).toEqual(['docs/README.md']);
  });

  it.each([
    ['[no file](nowhere.md)', 'nowhere.md'],
    ['[no heading](#nowhere)', '#nowhere'],
    ['[no heading elsewhere](../README.md#nowhere)', '../README.md#nowhere'],
    ['[outside of the repository](../../elsewhere.md)', '../../elsewhere.md'],
    ['[ref]: nowhere.md', 'nowhere.md'],
    ['<img src="nowhere.svg">', 'nowhere.svg'],
    ['<source srcset="nowhere.svg 2x">', 'nowhere.svg'],
  ])('are found broken: %s', (text, target) => {
    expect(brokenLinks([readPage('docs/page.md', `# Page\n${text}\n`)])).toEqual([`docs/page.md:2: ${target}`]);
  });

  it('are left alone in code and on other sites', () => {
    const text = '# Page\n`[a](b.md)` [site](https://example.com/x#y)\n```text\n[a](b.md)\n```\n';
    expect(brokenLinks([readPage('docs/page.md', text)])).toEqual([]);
  });
});

describe('names of headings', () => {
  it.each([
    ['Where to go next', 'where-to-go-next'],
    ['`openai(modelId, options)`', 'openaimodelid-options'],
    ['What is *not* there, yet?', 'what-is-not-there-yet'],
    ['[A link](x.md) — and a dash', 'a-link--and-a-dash'],
    ['snake_case & more', 'snake_case--more'],
  ])('of "%s" are those of GitHub', (heading, name) => {
    expect(slug(heading)).toBe(name);
  });

  it('are numbered where they repeat, and are none in code', () => {
    const { anchors } = readPage('docs/page.md', '# Twice\n## Twice\n```sh\n# comment\n```\n');
    expect([...anchors]).toEqual(['twice', 'twice-1']);
  });
});
