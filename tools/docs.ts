// `npm run docs`: writes the parts of docs/ that the sources tell: the chart of the turn, and the tables of events,
// failures and options. They stand between marks, `<!-- docs:events -->` and `<!-- /docs:events -->`. With `--check` it
// writes nothing, lists what is stale, and exits with 1 if anything is.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sections } from './docs/sections.ts';

/** The files in docs/ of a checkout that are not what the sources say now, with what they ought to be. */
export function staleFiles(root: URL): ReadonlyMap<string, string> {
  const folder = new URL('docs/', root);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.md')) : [];
  const generated = sections();
  const stale = new Map<string, string>();
  for (const name of names) {
    const file = `docs/${name}`;
    // git may have changed the ends of lines
    const text = readFileSync(new URL(file, root), 'utf8').replaceAll('\r\n', '\n');
    const wanted = fill(file, text, generated);
    if (wanted !== text) stale.set(file, wanted);
  }
  return stale;
}

/** What the command does; returns its exit code. */
export function run(args: readonly string[], root: URL, say: (line: string) => void): 0 | 1 {
  const stale = staleFiles(root);
  if (args.includes('--check')) {
    for (const file of stale.keys()) say(`${file} is stale: run \`npm run docs\`.`);
    return stale.size === 0 ? 0 : 1;
  }
  for (const [file, text] of stale) {
    writeFileSync(new URL(file, root), text);
    say(`wrote ${file}`);
  }
  return 0;
}

/** Puts each part between its marks; the rest of the text stays as it is. */
function fill(file: string, text: string, generated: ReadonlyMap<string, string>): string {
  const [before = '', ...parts] = text.split(/<!-- docs:(?=[\w-]+ -->)/);
  return parts.reduce((filled, part) => {
    const name = part.slice(0, part.indexOf(' '));
    const section = generated.get(name);
    if (section === undefined)
      throw new Error(`${file}: there is no part "${name}". Known: ${[...generated.keys()].join(', ')}.`);
    const end = part.indexOf(`<!-- /docs:${name} -->`);
    if (end === -1) throw new Error(`${file} needs <!-- /docs:${name} --> after <!-- docs:${name} -->.`);
    return `${filled}<!-- docs:${name} -->\n\n${section}\n\n${part.slice(end)}`;
  }, before);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = run(process.argv.slice(2), new URL('../', import.meta.url), console.log);
}
