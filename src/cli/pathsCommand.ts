import { parseArgs } from 'node:util';
import { defaultBounds, type PathBounds } from '../testing/paths/bounds.ts';
import type { PathSubjectName } from '../testing/paths/index.ts';
import { defined, isOneOf, notOneOf } from './optionValues.ts';
import { parseProblem } from './parseProblem.ts';
import { type WritePathsOptions, writePaths } from './paths.ts';
import { refusal } from './refusal.ts';
import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

type NumberBound = Exclude<keyof PathBounds, 'features'>;

/** The bounds, by the options that set them. */
const bounds = {
  steps: ['steps', 'model calls of a turn'],
  attempts: ['attempts', 'attempts of a model call'],
  tools: ['tools', 'tools that a step asks for'],
  'tool-attempts': ['toolAttempts', 'attempts of a tool'],
  'tool-errors': ['toolErrors', 'steps in a row in which a tool fails'],
  'total-tool-errors': ['totalToolErrors', 'calls of tools that fail in a turn'],
  'parallel-tools': ['parallelTools', 'tools that run at the same time'],
  retries: ['retries', 'how often tools may ask to be called again'],
  turns: ['turns', 'turns of a session'],
} as const satisfies Record<string, readonly [NumberBound, string]>;

const explained = Object.entries(bounds).map(
  ([option, [bound, what]]) => `  ${`--${option} <n>`.padEnd(22)}${what} (default: ${defaultBounds[bound]})\n`,
);

const usage = `Usage: turnchart paths [options]

Walks a machine over everything that may happen, and prints the paths through it, or writes them down as tests.

  turnchart paths --to failed --avoid retrying
  turnchart paths --machine session --cover edges --json
  turnchart paths --from session.jsonl --out bug.test.ts

Options:
  --machine <name>      turn (the default), toolCall, session or compaction
  --cover <name>        smoke (the default): few paths that take every transition, also called transitions;
                        edges: everything that can happen, wherever it can
  --to <state>          all ways into a state, instead of a cover
  --avoid <name>        a state or an event that no path has in it; may be given several times
  --from <file>         the path that a recording went, instead of walking a machine
  --json                prints a line of JSON per path
  --out <file>          writes a test file for vitest instead of printing
  --force               overwrites that file

How far paths go:
${explained.join('')}`;

/** `turnchart paths …`; gives the exit code. */
export async function pathsCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const refuse = refusal('paths', terminal);
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        machine: { type: 'string' },
        cover: { type: 'string' },
        to: { type: 'string' },
        avoid: { type: 'string', multiple: true },
        from: { type: 'string' },
        json: { type: 'boolean', default: false },
        out: { type: 'string' },
        force: { type: 'boolean', default: false },
        steps: { type: 'string' },
        attempts: { type: 'string' },
        tools: { type: 'string' },
        'tool-attempts': { type: 'string' },
        'tool-errors': { type: 'string' },
        'total-tool-errors': { type: 'string' },
        'parallel-tools': { type: 'string' },
        retries: { type: 'string' },
        turns: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      terminal.write(usage);
      return exitCodes.completed;
    }
    const [word] = positionals;
    if (word !== undefined) {
      return refuse(`"turnchart paths" takes options only, not "${word}". To ask that: turnchart run paths …`);
    }
    const { machine, cover, to, avoid, from, json, out, force } = values;
    if (machine !== undefined && !isOneOf(machines, machine)) return refuse(notOneOf('machine', machine, machines));
    if (cover !== undefined && !isOneOf(covers, cover)) return refuse(notOneOf('cover', cover, covers));
    const given: { -readonly [bound in Exclude<keyof PathBounds, 'features'>]?: number } = {};
    for (const [option, [bound]] of Object.entries(bounds)) {
      const value = values[option as keyof typeof bounds];
      if (value === undefined) continue;
      if (!/^\d+$/.test(value)) return refuse(`--${option} ${value}: it is a whole number.`);
      given[bound] = Number(value);
    }
    return await writePaths({
      json,
      force,
      terminal,
      bounds: given,
      ...defined({ machine, cover, to, avoid, from, out }),
    });
  } catch (error) {
    return refuse(parseProblem(error));
  }
}

const machines: readonly PathSubjectName[] = ['turn', 'toolCall', 'session', 'compaction'];
const covers: readonly NonNullable<WritePathsOptions['cover']>[] = ['smoke', 'transitions', 'edges'];
