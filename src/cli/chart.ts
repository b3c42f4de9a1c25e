import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ChartHighlight, type ChartOptions, toMermaid, toStatelyJson, toSvg } from '../inspection/index.ts';
import { isMachine } from '../inspection/isMachine.ts';
import { compactionMachine } from '../machines/compactionMachine.ts';
import { sessionMachine } from '../machines/sessionMachine.ts';
import { toolCallMachine } from '../machines/toolCallMachine.ts';
import { turnMachine } from '../machines/turnMachine.ts';
import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

export type ChartFormat = 'mermaid' | 'svg' | 'json';

export interface PrintChartOptions
  extends Pick<ChartOptions, 'region' | 'collapsed' | 'direction' | 'theme' | 'actions'> {
  /** `turn`, `toolCall`, `session`, `compaction`, or a file that exports a machine: `file.ts`, or `file.ts#exportName`. */
  readonly machine: string;
  readonly format: ChartFormat;
  /** States by id or path, and transitions by their index, all of which are drawn as active. */
  readonly highlight?: readonly string[];
  /** A file to write to instead of standard output; what it held is lost. */
  readonly out?: string;
  readonly terminal: Terminal;
}

type Machine = Parameters<typeof toSvg>[0];

const ours: Readonly<Record<string, Machine>> = {
  turn: turnMachine,
  toolCall: toolCallMachine,
  session: sessionMachine,
  compaction: compactionMachine,
};

/** Prints a chart; returns the exit code. What is wrong is one line on standard error. */
export async function printChart({
  machine,
  format,
  highlight = [],
  out,
  terminal,
  ...options
}: PrintChartOptions): Promise<number> {
  try {
    const chart = await draw(await findMachine(machine), format, { ...options, highlight: toHighlight(highlight) });
    if (out === undefined) terminal.write(chart);
    else writeFileSync(out, chart);
    return exitCodes.completed;
  } catch (error) {
    terminal.note(error instanceof Error ? error.message : String(error), 'red');
    return exitCodes.wrongArguments;
  }
}

async function draw(machine: Machine, format: ChartFormat, options: ChartOptions): Promise<string> {
  switch (format) {
    case 'mermaid':
      return toMermaid(machine, options);
    case 'svg':
      return toSvg(machine, options);
    case 'json':
      refuseDrawing(options);
      return `${JSON.stringify(toStatelyJson(machine), undefined, 2)}\n`;
  }
}

/** @throws Error for what would change a drawing, and cannot change the JSON. */
function refuseDrawing({ highlight, ...options }: ChartOptions): void {
  const marks = [highlight?.states, highlight?.transitions].flatMap((each) => Object.keys(each ?? {}));
  const names = [...Object.keys(options), ...(marks.length > 0 ? ['highlight'] : [])];
  if (names.length > 0) throw new Error(`json is the whole machine: ${names.join(', ')} cannot be given with it.`);
}

function toHighlight(names: readonly string[]): ChartHighlight {
  const isIndex = (name: string) => /^\d+$/.test(name);
  const activate = (some: readonly string[]) => Object.fromEntries(some.map((name) => [name, 'active' as const]));
  return {
    states: activate(names.filter((name) => !isIndex(name))),
    transitions: activate(names.filter(isIndex)),
  };
}

async function findMachine(name: string): Promise<Machine> {
  const own = Object.hasOwn(ours, name) ? ours[name] : undefined;
  if (own !== undefined) return own;
  const [, file = '', wanted] = /^(.*?)(?:#([^#]*))?$/s.exec(name) ?? [];
  const found = await load(file, name);
  const keys = Object.keys(found);
  const exported = keys.length === 0 ? 'It exports nothing.' : `It exports: ${keys.join(', ')}.`;
  if (wanted !== undefined) {
    const machine = found[wanted];
    if (isMachine(machine)) return machine;
    const what = keys.includes(wanted) ? `"${wanted}" of ${file} is no XState machine.` : `${file} has no "${wanted}".`;
    throw new Error(`${what} ${exported}`);
  }
  const machines = keys.filter((key) => isMachine(found[key]));
  const [machine, ...others] = new Set(Object.values(found).filter(isMachine));
  if (machine === undefined) throw new Error(`${file} exports no XState machine. ${exported}`);
  if (others.length === 0) return machine;
  const names = machines.map((key) => `${file}#${key}`).join(', ');
  throw new Error(`${file} exports several machines; say which: ${names}.`);
}

async function load(file: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  if (!/\.[cm]?[jt]sx?$/.test(file)) {
    throw new Error(
      `There is no machine "${name}": it is ${Object.keys(ours).join(', ')}, or a file such as machine.ts#name.`,
    );
  }
  try {
    return await import(pathToFileURL(resolve(file)).href);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${file} cannot be loaded: ${reason}`, { cause });
  }
}
