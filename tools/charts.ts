// `npm run charts`: draws the machines into visualizations/, and the turn into the README. With `--check` it writes
// nothing, lists what is stale, and exits with 1 if anything is.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { type ChartState, readChart, toMermaid } from '../src/inspection/index.ts';
import { sessionMachine } from '../src/machines/sessionMachine.ts';
import { toolCallMachine } from '../src/machines/toolCallMachine.ts';
import { turnMachine } from '../src/machines/turnMachine.ts';

export const machines: readonly AnyStateMachine[] = [turnMachine, toolCallMachine, sessionMachine];

const marks = ['<!-- chart:turn -->', '<!-- /chart:turn -->'] as const;

/** The files of a checkout that are not what the machines say now, with what they ought to be. */
export function staleFiles(root: URL): ReadonlyMap<string, string> {
  const files = new Map([...machines.map(drawing), ['visualizations/README.md', gallery()] as const]);
  const readme = readIfThere(root, 'README.md');
  if (readme !== undefined) files.set('README.md', withTurn(readme));
  return new Map([...files].filter(([file, text]) => readIfThere(root, file) !== text));
}

/** What the command does; returns its exit code. */
export function run(args: readonly string[], root: URL, say: (line: string) => void): 0 | 1 {
  const stale = staleFiles(root);
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

function drawing(machine: AnyStateMachine): readonly [file: string, text: string] {
  return [`visualizations/${machine.id}.mmd`, toMermaid(machine)];
}

function mermaidBlock(machine: AnyStateMachine): string {
  return `\`\`\`mermaid\n${toMermaid(machine)}\`\`\``;
}

function gallery(): string {
  const parts = [
    '# Charts',
    'Drawn by `npm run charts` from the machines; do not edit.',
    'An arrow shows an event and, in brackets, its guard; of several guards the first that holds decides, in the order' +
      ' of the machine, and `[else]` is what remains.\n' +
      '`done: x` and `error: x` are the ends of the actor that a state runs. A dashed `→ x` leaves for the `x` outside.',
    ...machines.flatMap((machine) => {
      const [whole, ...states] = readChart(machine).states;
      const table = ['| state | |', '|---|---|', ...states.map(row)].join('\n');
      return [`## ${machine.id}`, whole?.description ?? '', mermaidBlock(machine), table];
    }),
  ];
  return `${parts.join('\n\n')}\n`;
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
  return `${readme.slice(0, from + start.length)}\n${mermaidBlock(turnMachine)}\n${readme.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = run(process.argv.slice(2), new URL('../', import.meta.url), console.log);
}
