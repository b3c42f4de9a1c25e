import { parseArgs, stripVTControlCharacters } from 'node:util';
import { truncateToWidth, visibleWidth } from '@earendil-works/pi-tui';
import { type SessionSummary, type Store, StoreError } from '../../durability/store.ts';
import { parseProblem } from '../parseProblem.ts';
import { refusal } from '../refusal.ts';
import { exitCodes } from '../runTurn.ts';
import type { Terminal } from '../terminal.ts';
import { ago } from './ago.ts';
import { abbreviate, defaultStoreFile, findStore } from './storeFile.ts';

const usage = `Usage: turnchart sessions [options]                    the sessions that are kept, the last used first
       turnchart sessions delete [--store <file>] <name>
       turnchart sessions trim [--store <file>] --older-than <age>

"delete" removes a session with all that was said in it. "trim" removes the journal of turns that ended so long ago, of
all sessions: they can be gone on with as before, but no more be replayed.

  turnchart chat --session trip
  turnchart sessions --search "hotel lisbon"
  turnchart sessions trim --older-than 30d

Options:
  --search <words>    only those with all of these words in one message, or in their title
  --limit <n>         no more than that
  --json              one line of JSON for each
  --older-than <age>  days or hours: 30d, 12h
  --store <file>      where they are kept (default: ~/.turnchart/sessions.db, or in $XDG_DATA_HOME)
`;

/** What was wrong with the words, in a line. */
class WrongWords extends Error {}

/** `turnchart sessions …`; gives the exit code. */
export async function sessionsCommand(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): Promise<number> {
  try {
    const { values, positionals } = parse(words);
    if (values.help) {
      terminal.write(usage);
      return exitCodes.completed;
    }
    const act = actionOf(positionals, values, terminal);
    const file = values.store ?? defaultStoreFile(env);
    const store = await findStore(file);
    try {
      await act(store, abbreviate(file));
    } finally {
      await store?.close();
    }
    return exitCodes.completed;
  } catch (error) {
    if (error instanceof StoreError) {
      terminal.note(error.message, 'red');
      return exitCodes.failed;
    }
    return refusal('sessions', terminal)(error instanceof WrongWords ? error.message : parseProblem(error));
  }
}

function parse(words: readonly string[]) {
  return parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      search: { type: 'string' },
      limit: { type: 'string' },
      json: { type: 'boolean' },
      'older-than': { type: 'string' },
      store: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

type Values = ReturnType<typeof parse>['values'];
/** What is done with the store, if there is one, and its file as people read it. */
type Action = (store: Store | undefined, file: string) => Promise<void>;

/** @throws WrongWords */
function actionOf([first, ...names]: readonly string[], values: Values, terminal: Terminal): Action {
  const [name] = names;
  switch (first) {
    case undefined: {
      refuseForeign('sessions', values, ['search', 'limit', 'json']);
      const limit = readLimit(values.limit);
      return list({ search: values.search, limit, json: values.json === true }, terminal);
    }
    case 'delete':
      refuseForeign('sessions delete', values, []);
      if (name === undefined || names.length > 1) throw new WrongWords('"turnchart sessions delete" takes one name.');
      return remove(name, terminal);
    case 'trim':
      refuseForeign('sessions trim', values, ['older-than']);
      if (name !== undefined)
        throw new WrongWords('"turnchart sessions trim" takes no name: it is about all sessions.');
      return trim(values['older-than'], terminal);
    default:
      throw new WrongWords(
        `"turnchart sessions ${first}" is not there: there is delete and trim. To ask that: turnchart run sessions …`,
      );
  }
}

function refuseForeign(command: string, values: Values, own: readonly (keyof Values)[]): void {
  const foreign = (Object.keys(values) as (keyof Values)[]).find((name) => name !== 'store' && !own.includes(name));
  if (foreign !== undefined) throw new WrongWords(`"turnchart ${command}" has no option --${foreign}.`);
}

interface ListWords {
  readonly search: string | undefined;
  readonly limit: number | undefined;
  readonly json: boolean;
}

function list({ search, limit, json }: ListWords, terminal: Terminal): Action {
  return async (store, file) => {
    const sessions = await store?.list({
      ...(search !== undefined && { search }),
      ...(limit !== undefined && { limit }),
    });
    if (json) {
      terminal.write((sessions ?? []).map((session) => `${JSON.stringify(session)}\n`).join(''));
    } else if (sessions === undefined || sessions.length === 0) {
      const found = search === undefined ? 'There are no sessions' : `No session has "${search}"`;
      terminal.note(`${found} in ${file}. To begin one: turnchart chat --session NAME`);
    } else {
      terminal.write(table(sessions, Date.now(), terminal.columns));
    }
  };
}

function remove(name: string, terminal: Terminal): Action {
  return async (store, file) => {
    if ((await store?.read(name)) === undefined) throw new StoreError(`There is no session "${name}" in ${file}.`);
    await store?.delete(name);
    terminal.note(`Session "${name}" is deleted.`);
  };
}

function trim(age: string | undefined, terminal: Terminal): Action {
  const [, amount, unit] = /^(\d+)([dh])$/.exec(age ?? '') ?? [];
  if (age === undefined) throw new WrongWords('"turnchart sessions trim" wants --older-than, such as 30d.');
  if (amount === undefined) throw new WrongWords(`--older-than ${age}: it is days or hours, such as 30d or 12h.`);
  const ageMs = Number(amount) * (unit === 'd' ? 86_400_000 : 3_600_000);
  return async (store) => {
    const rows = (await store?.trim({ endedBefore: Date.now() - ageMs })) ?? 0;
    terminal.note(`${rows} rows of turns that ended more than ${age} ago are gone. What was said is still there.`);
  };
}

function readLimit(limit: string | undefined): number | undefined {
  if (limit === undefined || /^[1-9]\d*$/.test(limit)) return limit === undefined ? undefined : Number(limit);
  throw new WrongWords(`--limit ${limit}: it is a whole number from 1.`);
}

const heads = ['NAME', 'TURNS', 'STATUS', 'LAST CHANGE', 'TITLE'];

/** The titles come last, cut where the line ends. */
function table(sessions: readonly SessionSummary[], now: number, columns: number): string {
  const rows = sessions.map(({ id, turns, status, updatedAt, title = '' }) => [
    oneLine(id),
    String(turns),
    status === 'idle' ? 'idle' : 'in a turn',
    ago(now - updatedAt),
    oneLine(title),
  ]);
  const all = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...all.map((row) => visibleWidth(row[column] ?? ''))));
  const lines = all.map((row) => {
    const line = row
      .map((cell, column) => padded(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    return visibleWidth(line) > columns ? stripVTControlCharacters(truncateToWidth(line, columns, '…')) : line;
  });
  return `${lines.join('\n')}\n`;
}

/** Some characters are two columns wide, and some none. */
function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - visibleWidth(cell)));
}

/** Names and titles are what somebody typed. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
