import { readFileSync, writeFileSync } from 'node:fs';
import { readRecording } from '../inspection/readRecording.ts';
import type { PathBounds, PathSubjectName, TurnPath } from '../testing/paths/index.ts';
import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

export interface WritePathsOptions {
  /** Whose transitions to take. @default 'turn' */
  readonly machine?: PathSubjectName;
  /** Which paths: few that take every transition (`smoke` and `transitions` are the same), or everything everywhere. @default 'smoke' */
  readonly cover?: 'smoke' | 'transitions' | 'edges';
  /** Only the ways into this state, instead of a cover. */
  readonly to?: string;
  /** States and events that no path has in it. */
  readonly avoid?: readonly string[];
  readonly bounds?: Partial<PathBounds>;
  /** A recording to make paths of, instead of walking a machine. */
  readonly from?: string;
  /** Prints a line of JSON per path instead of a list. */
  readonly json: boolean;
  /** A file for vitest to write instead of printing. */
  readonly out?: string;
  /** Whether that file may be there already. */
  readonly force: boolean;
  readonly terminal: Terminal;
}

type Paths = typeof import('../testing/paths/index.ts');

/** Prints paths, or writes them into a test file; gives the exit code. What is wrong is one line on standard error. */
export async function writePaths(options: WritePathsOptions): Promise<number> {
  const { json, out, force, terminal } = options;
  try {
    refuseContradictions(options);
    const tools = await loadPaths();
    const paths = options.from === undefined ? findPaths(options, tools) : readPaths(options.from, tools);
    if (out === undefined) {
      terminal.write(json ? paths.map((path) => `${JSON.stringify(path)}\n`).join('') : listPaths(paths));
      return exitCodes.completed;
    }
    write(
      out,
      tools.writeTests(paths, { title: titleOf(options), comment: `Written by: ${commandOf(options)}` }),
      force,
    );
    terminal.note(`${describeCount(paths)} written. Run them: npx vitest run ${out}`, 'green');
    return exitCodes.completed;
  } catch (error) {
    terminal.note(error instanceof Error ? error.message : String(error), 'red');
    return error instanceof NoWords ? exitCodes.failed : exitCodes.wrongArguments;
  }
}

/** The recording is as it should be, and paths cannot say what it says. */
class NoWords extends Error {}

function refuseContradictions({ from, json, out, force, ...options }: WritePathsOptions): void {
  if (json && out !== undefined) throw new Error('--json prints, and --out writes a test file: leave one of them out.');
  if (force && out === undefined) throw new Error('--force is about the file that --out names; none is named.');
  if (options.to !== undefined && options.cover !== undefined) {
    throw new Error('--to and --cover are two ways to choose paths: leave one of them out.');
  }
  if (from === undefined) return;
  const foreign = (['machine', 'cover', 'to', 'avoid', 'bounds'] as const).find((name) => !isEmpty(options[name]));
  if (foreign === undefined) return;
  const [name = foreign] = foreign === 'bounds' ? Object.keys(options.bounds ?? {}) : [];
  throw new Error(`A path from a recording is what was recorded: leave out --${optionOf(name)}.`);
}

function isEmpty(value: object | string | undefined): boolean {
  return value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
}

async function loadPaths(): Promise<Paths> {
  try {
    return await import('../testing/paths/index.ts');
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("'@xstate/graph'"))) throw error;
    throw new Error('Paths need the package @xstate/graph: npm install --save-dev @xstate/graph', { cause: error });
  }
}

function findPaths({ machine = 'turn', cover, to, avoid = [], bounds }: WritePathsOptions, { turnPaths }: Paths) {
  try {
    const paths = turnPaths({ machine, avoid, ...bounds });
    return to === undefined ? paths[cover === 'edges' ? 'edges' : 'smoke'] : paths.to(to);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    // it names the function, which nobody has called here
    const [, message = error.message] = /^turnPaths\(\): (.+)$/s.exec(error.message) ?? [];
    throw new Error(`${message.charAt(0).toUpperCase()}${message.slice(1)}`, { cause: error });
  }
}

function readPaths(file: string, { pathFromRecording }: Paths): readonly TurnPath[] {
  const { sessions } = explained(file, () => readRecording(readFileSync(file, 'utf8')), Error);
  return sessions.map((session, index) => {
    const path = explained(file, () => pathFromRecording(session), NoWords);
    return sessions.length === 1 ? path : { ...path, name: `${path.name}, part ${index + 1}` };
  });
}

/** What it throws names the file. */
function explained<T>(file: string, read: () => T, as: new (message: string, options: ErrorOptions) => Error): T {
  try {
    return read();
  } catch (error) {
    throw new as(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function listPaths(paths: readonly TurnPath[]): string {
  const width = Math.max(...paths.flatMap(({ steps }) => steps.map(({ event }) => event.length)));
  const lines = paths.flatMap(({ name, steps }, index) => [
    // what comes after it is in the list
    `${index + 1}. ${name.replace(/:.*/, '')}`,
    ...steps.map(({ event, state }) => `     ${event.padEnd(width)}  → ${state}`),
    '',
  ]);
  return `${[...lines, describeCount(paths)].join('\n')}\n`;
}

function describeCount(paths: readonly TurnPath[]): string {
  const steps = paths.reduce((sum, path) => sum + path.steps.length, 0);
  return `${paths.length} ${paths.length === 1 ? 'path' : 'paths'} of ${steps} steps`;
}

function write(file: string, text: string, isForced: boolean): void {
  try {
    writeFileSync(file, text, { flag: isForced ? 'w' : 'wx' });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST')
      throw new Error(`${file} is there already. Name another file, or overwrite it with --force.`);
    throw new Error(`The tests cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function titleOf({ machine = 'turn', cover = 'smoke', to, from }: WritePathsOptions): string {
  if (from !== undefined) return `the recording ${from}`;
  return to === undefined ? `${cover} paths of the ${machine}` : `paths of the ${machine} to ${to}`;
}

/** The command line that says the same. */
function commandOf({ machine = 'turn', cover, to, avoid = [], bounds = {}, from, out }: WritePathsOptions): string {
  const options: readonly (readonly [string, unknown])[] =
    from === undefined
      ? [
          ['machine', machine],
          ['cover', to === undefined ? (cover ?? 'smoke') : undefined],
          ['to', to],
        ]
      : [['from', from]];
  const all = [
    ...options,
    ...avoid.map((name) => ['avoid', name] as const),
    ...Object.entries(bounds).map(([name, value]) => [optionOf(name), value] as const),
    ['out', out] as const,
  ];
  const words = all.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, quoted(String(value))]));
  return `turnchart paths ${words.join(' ')}`;
}

/** What sets a bound on the command line. */
function optionOf(bound: string): string {
  return bound.replace(/[A-Z]/g, '-$&').toLowerCase();
}

function quoted(word: string): string {
  return /^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
