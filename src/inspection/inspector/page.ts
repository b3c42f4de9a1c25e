import { readFile } from 'node:fs/promises';

let page: Promise<string> | undefined;

/**
 * The page as HTML: from the package, or built from its sources where these are what runs.
 *
 * @throws Error where it is not there
 */
export function readPage(): Promise<string> {
  page ??= import.meta.url.endsWith('.ts')
    ? build()
    : readFile(new URL('../../inspector/index.html', import.meta.url), 'utf8');
  // it may be there the next time
  page.catch(() => {
    page = undefined;
  });
  return page;
}

async function build(): Promise<string> {
  const builder = new URL('../../../visualizations/inspector/buildPage.ts', import.meta.url);
  const { buildPage }: { buildPage(): Promise<string> } = await import(builder.href);
  return buildPage();
}
