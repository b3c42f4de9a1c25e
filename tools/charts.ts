// `npm run charts`: draws the machines into visualizations/, and the turn into the README. With `--check` it writes
// nothing, lists what is stale, and exits with 1 if anything is.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { type ChartState, readChart, toMermaid, toStatelyJson, toSvg } from '../src/inspection/index.ts';
import { machines as ours, overviewMermaid, overviewSvg, overviewText } from './overview.ts';

export const machines: readonly AnyStateMachine[] = Object.values(ours);

const themes = ['light', 'dark'] as const;
const marks = ['<!-- chart:turn -->', '<!-- /chart:turn -->'] as const;

/** The files of a checkout that are not what the machines say now, with what they ought to be. */
export async function staleFiles(root: URL): Promise<ReadonlyMap<string, string>> {
  const files = new Map(await drawings());
  files.set('visualizations/README.md', gallery());
  const readme = readIfThere(root, 'README.md');
  if (readme !== undefined) files.set('README.md', withTurn(readme));
  return new Map([...files].filter(([file, text]) => readIfThere(root, file) !== text));
}

/** What the command does; returns its exit code. */
export async function run(args: readonly string[], root: URL, say: (line: string) => void): Promise<0 | 1> {
  const stale = await staleFiles(root);
  if (args.includes('--check')) {
    for (const file of stale.keys()) say(`${file} is stale: run \`npm run charts\`.`);
    return stale.size === 0 ? 0 : 1;
  }
  mkdirSync(new URL('visualizations/', root), { recursive: true });
  for (const [file, text] of stale) {
    writeFileSync(new URL(file, root), text);
    say(`wrote ${file}`);
  }
  return 0;
}

function readIfThere(root: URL, file: string): string | undefined {
  const url = new URL(file, root);
  // git may have changed the ends of lines
  return existsSync(url) ? readFileSync(url, 'utf8').replaceAll('\r\n', '\n') : undefined;
}

async function drawings(): Promise<[file: string, text: string][]> {
  const files: [file: string, text: string][] = [];
  const add = (file: string, text: string) => files.push([`visualizations/${file}`, text]);
  for (const theme of themes) add(`${overviewText.title}.${theme}.svg`, overviewSvg(theme));
  add(`${overviewText.title}.mmd`, overviewMermaid());
  for (const machine of machines) {
    for (const theme of themes) add(`${machine.id}.${theme}.svg`, await toSvg(machine, { theme }));
    add(`${machine.id}.mmd`, toMermaid(machine));
    add(`${machine.id}.json`, `${JSON.stringify(toStatelyJson(machine), undefined, 2)}\n`);
  }
  return files;
}

/** A drawing that follows the theme of the page. */
function picture(name: string, text: string, folder = ''): string {
  const [light, dark] = themes.map((theme) => `${folder}${name}.${theme}.svg`);
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="${dark}">`,
    `  <img alt="${text}" src="${light}">`,
    '</picture>',
  ].join('\n');
}

function chartOf(machine: AnyStateMachine, folder?: string): string {
  return picture(machine.id, `Statechart of ${machine.id}: ${machine.root.description}`, folder);
}

function gallery(): string {
  const parts = [
    '# Charts',
    'Drawn by `npm run charts` from the machines; do not edit.',
    'An arrow shows an event and, in brackets, its guard; of several guards the first that holds decides, in the order' +
      ' of the machine, and `[else]` is what remains.\n' +
      '`done: x` and `error: x` are the ends of the actor that a state runs. What a state lists are the actors that it' +
      ' runs and the events that it takes without being left. States with a double border are final.',
    '`turnchart/inspection` draws any XState machine like this: `toSvg`, `toMermaid`, and `toStatelyJson` for the' +
      ' [editor of Stately](https://stately.ai/docs/import-from-code), whose import takes `createMachine(…)` with that' +
      ' JSON inside.',
    '## The actors, and what they say to each other',
    overviewText.description,
    picture(overviewText.title, overviewText.description),
    filesOf(overviewText.title, ['mmd']),
    ...machines.flatMap((machine) => {
      const [whole, ...states] = readChart(machine).states;
      const table = ['| state | |', '|---|---|', ...states.map(row)].join('\n');
      return [
        `## ${machine.id}`,
        whole?.description ?? '',
        chartOf(machine),
        filesOf(machine.id, ['mmd', 'json']),
        table,
      ];
    }),
  ];
  return `${parts.join('\n\n')}\n`;
}

function filesOf(name: string, others: readonly ('mmd' | 'json')[]): string {
  const kinds = { mmd: 'Mermaid', json: 'Stately JSON' };
  const files = [
    ...themes.map((theme) => [`${theme} SVG`, `${theme}.svg`]),
    ...others.map((kind) => [kinds[kind], kind]),
  ];
  return files.map(([text, ending]) => `[${text}](${name}.${ending})`).join(' · ');
}

function row({ path, type, description = '' }: ChartState): string {
  const name = `\`${path.join('.')}\`${type === 'final' ? ', final' : ''}`;
  return `| ${name} | ${description.replaceAll('|', '\\|').replace(/\s+/g, ' ')} |`;
}

/** A README without the marks has no chart, and stays as it is. */
function withTurn(readme: string): string {
  const [start, end] = marks;
  const [from, to] = [readme.indexOf(start), readme.indexOf(end)];
  if (from === -1 && to === -1) return readme;
  if (from === -1 || to < from) throw new Error(`README.md needs ${start}, and ${end} after it.`);
  return `${readme.slice(0, from + start.length)}\n${chartOf(ours.turn, 'visualizations/')}\n${readme.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await run(process.argv.slice(2), new URL('../', import.meta.url), console.log);
}
