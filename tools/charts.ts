// `npm run charts`: draws the machines and their smoke paths into visualizations/, and the turn into the README. With
// `--check` it writes nothing, lists what is stale, and exits with 1 if anything is.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { type ChartState, readChart, toMermaid, toStatelyJson, toSvg } from '../src/inspection/index.ts';
import { machines as ours, overviewMermaid, overviewSvg, overviewText } from './overview.ts';
import { type PathCharts, pathChartsOf } from './pathCharts.ts';

export const machines: readonly AnyStateMachine[] = Object.values(ours);

const folder = 'visualizations';
const themes = ['light', 'dark'] as const;
const marks = ['<!-- chart:turn -->', '<!-- /chart:turn -->'] as const;

/** The files of a checkout that are not what the machines say now, with what they ought to be: nothing for one too many. */
export async function staleFiles(root: URL): Promise<ReadonlyMap<string, string | undefined>> {
  drawn ??= draw();
  const files = new Map<string, string | undefined>(await drawn);
  for (const file of drawingsIn(root)) if (!files.has(file)) files.set(file, undefined);
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
  for (const [file, text] of stale) {
    const url = new URL(file, root);
    mkdirSync(new URL('.', url), { recursive: true });
    if (text === undefined) rmSync(url);
    else writeFileSync(url, text);
    say(`${text === undefined ? 'removed' : 'wrote'} ${file}`);
  }
  return 0;
}

/** The drawings that are there, of machines and paths that may be gone. */
function drawingsIn(root: URL): readonly string[] {
  const url = new URL(`${folder}/`, root);
  if (!existsSync(url)) return [];
  const files = readdirSync(url, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'));
  return files
    .filter((file) => !file.startsWith('inspector/') && ['.svg', '.mmd', '.json'].includes(extname(file)))
    .map((file) => `${folder}/${file}`);
}

function readIfThere(root: URL, file: string): string | undefined {
  const url = new URL(file, root);
  // git may have changed the ends of lines
  return existsSync(url) ? readFileSync(url, 'utf8').replaceAll('\r\n', '\n') : undefined;
}

let drawn: Promise<readonly (readonly [file: string, text: string])[]> | undefined;

/** Takes seconds, and the machines do not change meanwhile: it is done once. */
async function draw(): Promise<readonly (readonly [file: string, text: string])[]> {
  const files: [file: string, text: string][] = [];
  const add = (file: string, text: string) => files.push([`${folder}/${file}`, text]);
  for (const theme of themes) add(`${overviewText.title}.${theme}.svg`, overviewSvg(theme));
  add(`${overviewText.title}.mmd`, overviewMermaid());
  const sections: string[] = [];
  for (const [name, machine] of Object.entries(ours) as [keyof typeof ours, AnyStateMachine][]) {
    for (const theme of themes) add(`${name}.${theme}.svg`, await toSvg(machine, { theme }));
    add(`${name}.mmd`, toMermaid(machine));
    add(`${name}.json`, `${JSON.stringify(toStatelyJson(machine), undefined, 2)}\n`);
    const charts = await pathChartsOf(name);
    for (const theme of themes) {
      add(`${name}.coverage.${theme}.svg`, await toSvg(machine, { theme, highlight: charts.coverage }));
      for (const [index, { highlight }] of charts.paths.entries()) {
        add(`${pathName(name, index)}.${theme}.svg`, await toSvg(machine, { theme, highlight }));
      }
    }
    sections.push(...sectionOf(machine, charts));
  }
  add('README.md', gallery(sections));
  return files;
}

function pathName(machine: string, index: number): string {
  return `paths/${machine}.${index + 1}`;
}

/** A drawing that follows the theme of the page. */
function picture(name: string, text: string, from = ''): string {
  const [light, dark] = themes.map((theme) => `${from}${name}.${theme}.svg`);
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="${dark}">`,
    `  <img alt="${text}" src="${light}">`,
    '</picture>',
  ].join('\n');
}

function chartOf(machine: AnyStateMachine, from?: string): string {
  return picture(machine.id, `Statechart of ${machine.id}: ${machine.root.description}`, from);
}

function gallery(sections: readonly string[]): string {
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
    ...sections,
  ];
  return `${parts.join('\n\n')}\n`;
}

function sectionOf(machine: AnyStateMachine, { paths }: PathCharts): readonly string[] {
  const [whole, ...states] = readChart(machine).states;
  const { id } = machine;
  return [
    `## ${id}`,
    whole?.description ?? '',
    chartOf(machine),
    filesOf(id, ['mmd', 'json']),
    ['| state | |', '|---|---|', ...states.map(row)].join('\n'),
    `### Paths of ${id}`,
    `The ${paths.length} smoke paths that [\`turnPaths\`](../docs/testing.md) finds take every transition. How often each` +
      ' state is entered and each transition taken, all paths together:',
    picture(`${id}.coverage`, `Statechart of ${id} with what its smoke paths cover.`),
    'One by one; the numbers in a chart are those of the steps:',
    ...paths.map((chart, index) => pathOf(chart, index)),
  ];
}

function pathOf({ path: { machine, name, steps } }: PathCharts['paths'][number], index: number): string {
  const [end] = name.split(':');
  return [
    `<details><summary>${machine} ${index + 1}: ${end} in ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}</summary>`,
    steps.map(({ event, state }, step) => `${step + 1}. ${event} → \`${state}\``).join('\n'),
    picture(pathName(machine, index), `Statechart of ${machine} with a path that ${end}.`),
    '</details>',
  ].join('\n\n');
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
  return `${readme.slice(0, from + start.length)}\n${chartOf(ours.turn, `${folder}/`)}\n${readme.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await run(process.argv.slice(2), new URL('../', import.meta.url), console.log);
}
