// Measures the workloads against a hand-written loop: npm run bench -- [--runs N] [--only W1] [--json FILE]
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Cell, cells } from './cells.ts';
import { median } from './measure.ts';
import { type SubjectName, subjects } from './subjects.ts';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const runs = Number(options.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs must be a whole number from 1.');
const chosen = cells.map((workload, index) => ({ workload, index })).filter(isChosen);
if (chosen.length === 0) throw new Error(`--only ${options.only}: no workload has such a name.`);

interface Row {
  readonly workload: string;
  readonly unit: string;
  readonly bare: number;
  readonly turnchart: number;
  readonly ratio: number;
  readonly goal?: number;
  readonly judged: 'ratio' | 'value';
  readonly met?: boolean;
}

build();
const figures = new Map<string, number[]>();
const names = Object.keys(subjects) as SubjectName[];
for (let run = 1; run <= runs; run += 1) {
  for (const { workload, index } of chosen) {
    // both in turn, so that what else the machine does meets both
    for (const name of run % 2 === 1 ? names : names.toReversed()) {
      progress(`run ${run} of ${runs}: ${workload.name}, ${name}`);
      figuresOf(workload, name).push(measure(index, name));
    }
  }
}
progress('');
const rows = chosen.map(({ workload }) => toRow(workload));
print(rows);
if (options.json !== undefined) {
  const { version: node, arch, platform } = process;
  writeFileSync(options.json, `${JSON.stringify({ node, platform, arch, runs, rows }, null, 2)}\n`);
}

function isChosen({ workload }: { readonly workload: Cell }): boolean {
  return workload.name.toLowerCase().startsWith(options.only.toLowerCase());
}

/** One line, written over. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** What users get is the compiled code, so that is what is measured. */
function build(): void {
  progress('building');
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** One figure, from a process of its own. Its conditions are those of users: `turnchart` is what was built. */
function measure(index: number, name: SubjectName): number {
  const cell = fileURLToPath(new URL('cell.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', cell, `${index}`, name], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== 0) throw new Error(`The cell ${index} ${name} failed:\n${stderr}`);
  return (JSON.parse(stdout) as { readonly value: number }).value;
}

function figuresOf({ name: workload }: Cell, name: SubjectName): number[] {
  const key = `${workload} ${name}`;
  const list = figures.get(key) ?? [];
  figures.set(key, list);
  return list;
}

function toRow(workload: Cell): Row {
  const bare = median(figuresOf(workload, 'bare'));
  const turnchart = median(figuresOf(workload, 'turnchart'));
  const ratio = turnchart / bare;
  const { name, unit, goal, judged = 'ratio' } = workload;
  const row = { workload: name, unit, bare, turnchart, ratio, judged };
  return goal === undefined ? row : { ...row, goal, met: (judged === 'ratio' ? ratio : turnchart) <= goal };
}

function print(rows: readonly Row[]): void {
  const cells = rows.map(({ workload, unit, bare, turnchart, ratio, goal, judged, met }) => [
    workload,
    unit,
    short(bare),
    short(turnchart),
    `${short(ratio)}x`,
    goal === undefined ? '' : judged === 'ratio' || unit === 'x' ? `${goal}x` : `${goal} ${unit}`,
    met === undefined ? '' : met ? 'yes' : 'no',
  ]);
  const header = ['workload', 'unit', 'bare', 'Turnchart', 'ratio', 'goal', 'met'];
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => {
    const padded = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column < 2 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = `|${widths.map((width, column) => `${'-'.repeat(width + 1)}${column < 2 ? '-' : ':'}`).join('|')}|`;
  console.log([line(header), rule, ...cells.map(line)].join('\n'));
}

/** Three digits that count. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
