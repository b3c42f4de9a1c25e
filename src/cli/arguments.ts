import { parseArgs } from 'node:util';

/** What a command line asks for. */
export type Command =
  | { readonly type: 'help' }
  | { readonly type: 'version' }
  | RunCommand
  | { readonly type: 'wrong'; readonly message: string };

export interface RunCommand {
  readonly type: 'run';
  /** The words of the command line; `stdin` where standard input holds the question, nothing where it may. */
  readonly question?: string | { readonly from: 'stdin' };
  /** `run` was said: then a question is wanted, and no demo. */
  readonly isExplicit: boolean;
  readonly json: boolean;
  /** `simulated`, or `provider/model`. */
  readonly model: string;
}

/** Commands that are to come: they would be taken for questions. */
const later: ReadonlySet<string> = new Set('chat serve acp models sessions chart paths replay inspect'.split(' '));

export const usage = `Usage: turnchart [run] [options] "question"

Runs one turn and prints the answer; tool calls, states and usage go to standard error.

  turnchart "what is 17*23, and how many files are here?"
  echo "what is 17*23?" | turnchart
  turnchart --json "simulate a rate limit, then what is 2+2" | jq .type

Without a question, text on standard input is the question; without that, a short demo runs. Input that has brought
nothing after 300 ms counts as none: give - as the question to wait for it.

Options:
  --model <name>  the model that answers: simulated (the default), a local program that needs no key;
                  or openai/<model>, with OPENAI_API_KEY, at OPENAI_BASE_URL where that is set
  --json          one JSON line per event on standard output, and nothing else
  -h, --help      this text
  -v, --version   the version

Exit codes: 0 completed, 1 failed, 2 wrong arguments, 130 cancelled by Ctrl-C (a second Ctrl-C quits at once).
`;

/** Reads the words after `turnchart`. Never throws: what is wrong is a command of its own, with one line that says so. */
export function readArguments(words: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        model: { type: 'string', default: 'simulated' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
    if (values.help) return { type: 'help' };
    if (values.version) return { type: 'version' };
    return toRun(positionals, { json: values.json, model: values.model });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')))
      throw error;
    // the rest of Node's message explains itself with examples that do not fit
    return wrong(`${error.message.split(/\. |\n/, 1)[0]?.replace(/\.$/, '')}. See turnchart --help.`);
  }
}

function toRun(positionals: readonly string[], options: Pick<RunCommand, 'json' | 'model'>): Command {
  const isExplicit = positionals[0] === 'run';
  const words = isExplicit ? positionals.slice(1) : positionals;
  const [first] = words;
  if (first === undefined) return { type: 'run', isExplicit, ...options };
  if (words.length === 1 && first === '-') return { type: 'run', question: { from: 'stdin' }, isExplicit, ...options };
  if (!isExplicit && words.length === 1 && later.has(first)) {
    return wrong(`"turnchart ${first}" is not there yet. To ask that as a question: turnchart run ${first}`);
  }
  const question = words.join(' ');
  if (question.trim() === '') return wrong('The question is empty. See turnchart --help.');
  return { type: 'run', question, isExplicit, ...options };
}

function wrong(message: string): Command {
  return { type: 'wrong', message };
}
