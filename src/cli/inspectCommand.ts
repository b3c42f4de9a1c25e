import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { type OpenInspector, openInspector } from './openInspector.ts';
import { parseProblem } from './parseProblem.ts';
import { refusal } from './refusal.ts';
import { findRecording, type RecordingName } from './replay.ts';
import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

const usage = `Usage: turnchart inspect [options] <file>     a recording or a kept session, as statecharts in a browser

It prints the URL of a page that shows every moment of it, until Ctrl-C. Without a file the page is empty, and recordings
can be dropped onto it.

  turnchart inspect run.jsonl
  turnchart inspect trip                      a session of "turnchart chat --session trip"
  turnchart chat --inspect                    to watch a chat

Options:
  --store <file>  where sessions are kept (default: ~/.turnchart/sessions.db, or in $XDG_DATA_HOME)
  --port <n>      where the page is (default: any port that is free)
`;

type Environment = Readonly<Record<string, string | undefined>>;

/** `turnchart inspect …`, until it is interrupted; gives the exit code. */
export async function inspectCommand(words: readonly string[], env: Environment, terminal: Terminal): Promise<number> {
  const refuse = refusal('inspect', terminal);
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        store: { type: 'string' },
        port: { type: 'string', default: '0' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      terminal.write(usage);
      return exitCodes.completed;
    }
    const [file, ...others] = positionals;
    const { store, port } = values;
    if (others.length > 0) return refuse('"turnchart inspect" takes one file.');
    if (file === undefined && store !== undefined) return refuse('--store: name the session in it, too.');
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
      return refuse(`--port ${port}: it is a whole number from 0 to 65535.`);
    }
    return await show(
      file === undefined ? undefined : { file, env, ...(store !== undefined && { store }) },
      Number(port),
      terminal,
    );
  } catch (error) {
    return refuse(parseProblem(error));
  }
}

async function show(wanted: RecordingName | undefined, port: number, terminal: Terminal): Promise<number> {
  let opened: OpenInspector;
  try {
    const found = wanted && (await findRecording(wanted));
    opened = await openInspector({ port });
    for (const line of [...(found?.introduction ?? []), ...(found?.gaps ?? [])]) terminal.note(line);
    opened.inspector.show(found?.entries ?? []);
  } catch (error) {
    terminal.note(error instanceof Error ? error.message : String(error), 'red');
    return exitCodes.wrongArguments;
  }
  terminal.write(`${opened.url}\n`);
  terminal.note('Ctrl-C ends it.');
  await interrupted();
  await opened.inspector.close();
  return exitCodes.completed;
}

async function interrupted(): Promise<void> {
  // the inspector keeps no process alive
  const alive = setInterval(() => undefined, 2 ** 30);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  clearInterval(alive);
}
