import { parseArgs } from 'node:util';
import { explainModels } from './model.ts';
import { defined } from './optionValues.ts';
import { parseProblem } from './parseProblem.ts';

/** What a command line asks for. */
export type Command =
  | { readonly type: 'help' }
  | { readonly type: 'version' }
  | RunCommand
  | ChatCommand
  | { readonly type: 'models' }
  | ReplayCommand
  | IndependentCommand
  | { readonly type: 'wrong'; readonly message: string };

/** Reads its own words. */
export interface IndependentCommand {
  readonly type: (typeof independent)[number];
  readonly words: readonly string[];
}

const independent = ['acp', 'chart', 'inspect', 'paths', 'serve', 'sessions'] as const;

/** What the options here are for. */
type ParsedCommand = Exclude<Command, IndependentCommand>;

export interface RunCommand {
  readonly type: 'run';
  /** The words of the command line; `stdin` where standard input holds the question, nothing where it may. */
  readonly question?: string | { readonly from: 'stdin' };
  /** `run` was said: then a question is wanted, and neither chat nor demo. */
  readonly isExplicit: boolean;
  readonly json: boolean;
  /** `auto`, `simulated`, or `provider/model`. */
  readonly model: string;
  /** The file that the session is recorded into. */
  readonly record?: string;
  /** The name of the session, which is kept and goes on from what is kept of it. */
  readonly session?: string;
  /** The file that sessions are kept in. */
  readonly store?: string;
  /** Tools that need approval have it. */
  readonly approvesAll: boolean;
}

/** What belongs to a session, of one turn or of many. */
type SessionOptions = Pick<RunCommand, 'model' | 'record' | 'session' | 'store' | 'approvesAll'>;

export interface ChatCommand extends SessionOptions {
  readonly type: 'chat';
  /** A page shows it. */
  readonly inspect?: true;
}

export interface ReplayCommand {
  readonly type: 'replay';
  /** A recording, or the name of a session that is kept. */
  readonly file: string;
  /** The file that the session is kept in; where it is given, no recording is meant. */
  readonly store?: string;
  readonly speed: number | 'max';
  readonly json: boolean;
}

export const usage = `Usage: turnchart [run] [options] "question"    one turn
       turnchart [chat] [options]              a conversation
       turnchart acp [options]                 serves an editor
       turnchart models                        which models can be used, and what is missing
       turnchart serve [options]               the agent over HTTP
       turnchart sessions [options]            the sessions that are kept
       turnchart replay [options] <file>       a recording or a kept session, played again
       turnchart inspect [options] <file>      the same as statecharts, in a browser
       turnchart chart [options] <machine>     the chart of a machine
       turnchart paths [options]               paths through a machine, to read or as tests

acp, serve, sessions, inspect, chart and paths have options of their own, which turnchart chart --help (and so on)
lists.

A turn prints its answer; tool calls, states and usage go to standard error.

  turnchart "what is 17*23, and how many files are here?"
  echo "what is 17*23?" | turnchart
  turnchart --json "simulate a rate limit, then what is 2+2" | jq .type

Without a question, a terminal opens the chat, and text on standard input is the question; without that, a short demo
runs. Input that has brought nothing after 300 ms counts as none: give - as the question to wait for it. "turnchart chat"
without a terminal takes every line of standard input as a message.

Whether a tool may run that needs approval, and whether a turn goes on that has taken all its steps, is asked in the chat,
or on standard error where standard input is a terminal. Where nobody can be asked the answer is no.

Options:
  --model <name>    who answers, in run and chat; auto unless said otherwise:
${explainModels().replace(/^/gm, ' '.repeat(22)).trimEnd()}
  --session <name>  keeps run or chat under that name, and goes on with it the next time
  --store <file>    where sessions are kept (default: ~/.turnchart/sessions.db, or in $XDG_DATA_HOME)
  --record <file>   records run or chat into a new file, for replay
  --inspect         chat: prints the URL of a page that shows it as statecharts, and can speak to it
  --yes             run, chat: approves every tool that asks first. Dangerous: a model may delete files with it
  --json            run, replay: one JSON line per event on standard output, and nothing else
  --speed <n>       replay: how many times as fast as it was, or max (default: 1)
  -h, --help        this text
  -v, --version     the version

Exit codes: 0 completed, 1 failed, 2 wrong arguments, 130 cancelled by Ctrl-C (a second Ctrl-C quits at once).
`;

/** Which commands an option belongs to. */
const optionsOf = {
  run: ['model', 'session', 'store', 'record', 'yes', 'json'],
  chat: ['model', 'session', 'store', 'record', 'yes', 'inspect'],
  models: [],
  replay: ['store', 'json', 'speed'],
} as const satisfies Record<string, readonly Option[]>;

const allOptions = ['model', 'session', 'store', 'record', 'yes', 'json', 'speed', 'inspect'] as const;
type Option = (typeof allOptions)[number];
type Flag = 'yes' | 'json' | 'inspect';
type Values = { readonly [name in Flag]?: boolean | undefined } & {
  readonly [name in Exclude<Option, Flag>]?: string | undefined;
};

/** Reads the words after `turnchart`. Never throws: what is wrong is a command of its own, with one line that says so. */
export function readArguments(words: readonly string[]): Command {
  const [first, ...others] = words;
  const type = independent.find((name) => name === first);
  if (type !== undefined) return { type, words: others };
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        yes: { type: 'boolean' },
        json: { type: 'boolean' },
        inspect: { type: 'boolean' },
        model: { type: 'string' },
        session: { type: 'string' },
        store: { type: 'string' },
        record: { type: 'string' },
        speed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
    if (values.help) return { type: 'help' };
    if (values.version) return { type: 'version' };
    const command = toCommand(positionals, values);
    return refuseForeignOptions(command, values) ?? refuseNamelessSession(command) ?? command;
  } catch (error) {
    return wrong(`${parseProblem(error)} See turnchart --help.`);
  }
}

/** A single word may be a command; several are a question, unless the first one is `run` or `replay`. */
function toCommand(positionals: readonly string[], values: Values): ParsedCommand {
  const [first, ...others] = positionals;
  if (first === 'run') return toRun(others, true, values);
  if (first === 'replay') return toReplay(others, values);
  if (first === undefined && values.inspect) return toChat(values);
  if (first === undefined || others.length > 0) return toRun(positionals, false, values);
  if (first === 'chat') return toChat(values);
  if (first === 'models') return { type: 'models' };
  return toRun(positionals, false, values);
}

function toRun(words: readonly string[], isExplicit: boolean, values: Values): ParsedCommand {
  const options = { isExplicit, json: values.json ?? false, ...sessionOptions(values) };
  const [first] = words;
  if (first === undefined) return { type: 'run', ...options };
  if (words.length === 1 && first === '-') return { type: 'run', question: { from: 'stdin' }, ...options };
  const question = words.join(' ');
  if (question.trim() === '') return wrong('The question is empty. See turnchart --help.');
  return { type: 'run', question, ...options };
}

function toChat(values: Values): ParsedCommand {
  return { type: 'chat', ...(values.inspect && { inspect: true }), ...sessionOptions(values) };
}

function toReplay(files: readonly string[], { speed = '1', json = false, store }: Values): ParsedCommand {
  const [file] = files;
  if (file === undefined || files.length > 1) {
    return wrong('"turnchart replay" takes one file. To ask that as a question: turnchart run replay …');
  }
  const factor = speed === 'max' ? speed : Number(speed);
  if (factor !== 'max' && !(factor > 0 && Number.isFinite(factor))) {
    return wrong(`--speed ${speed}: it is a number above 0, or max.`);
  }
  return { type: 'replay', file, speed: factor, json, ...(store !== undefined && { store }) };
}

function sessionOptions({ model = 'auto', yes = false, record, session, store }: Values): SessionOptions {
  return { model, approvesAll: yes, ...defined({ record, session, store }) };
}

function refuseNamelessSession(command: ParsedCommand): ParsedCommand | undefined {
  if (command.type !== 'run' && command.type !== 'chat') return undefined;
  if (command.session?.trim() === '') return wrong('--session: the name is empty.');
  if (command.session !== undefined || command.store === undefined) return undefined;
  return wrong('--store says where a session is kept: give it a name with --session, too.');
}

function refuseForeignOptions({ type }: ParsedCommand, values: Values): ParsedCommand | undefined {
  if (type === 'wrong' || type === 'help' || type === 'version') return undefined;
  const own: readonly string[] = optionsOf[type];
  const foreign = allOptions.find((option) => values[option] !== undefined && !own.includes(option));
  if (foreign === undefined) return undefined;
  return wrong(`"turnchart ${type}" has no option --${foreign}. See turnchart --help.`);
}

function wrong(message: string): ParsedCommand {
  return { type: 'wrong', message };
}
