import { parseArgs } from 'node:util';
import { StoreError } from '../durability/store.ts';
import { chooseModel, type Environment, isInstalled } from './model.ts';
import { parseProblem } from './parseProblem.ts';
import { refusal } from './refusal.ts';
import type { RestateOptions } from './restateReplica.ts';
import { exitCodes } from './runTurn.ts';
import type { ServeOptions } from './serve.ts';
import { isLoopback, parseHostAndPort } from './serveAccess.ts';
import { openStore } from './sessions/storeFile.ts';
import type { Terminal } from './terminal.ts';

const usage = `Usage: turnchart serve [options]

Serves the agent of the command line over HTTP: sessions, their events as they come, and the chat of AI SDK UI. Its tools
work in the current directory. The address is printed on standard output, everything else on standard error.

  turnchart serve
  turnchart serve --port 3000 --store sessions.db --model simulated
  turnchart serve --inspect
  turnchart serve --restate http://localhost:8080 --port 3000
  TURNCHART_TOKEN=… turnchart serve --host 0.0.0.0

Options:
  --port <n>         where it listens; 0 is any that is free (default: 8080)
  --host <name>      the address it listens at (default: 127.0.0.1, which is this machine only)
  --token <text>     what clients must send as "Authorization: Bearer <text>"; better in TURNCHART_TOKEN, which no list of
                     processes shows. Wanted wherever other machines can ask
  --store <file>     keeps sessions there: what was under way when the last process ended goes on (default: nowhere)
  --restate <url>    keeps sessions on the Restate server that takes requests there: several of these processes may serve
                     the same sessions, and run their turns
  --replica <host:port>
                     with --restate, where Restate reaches this process (default: 127.0.0.1:9080)
  --replica-key <key>
                     the public key that Restate signs its requests with; wanted wherever other machines can reach the
                     replica
  --model <name>     who answers, as in turnchart --help (default: auto)
  --grace <seconds>  how long the end waits for turns that are under way (default: 10)
  --inspect          prints the URL of a page of this machine that shows the sessions as statecharts, and can speak to them

Ctrl-C, or SIGTERM, takes no more messages, waits for the turns that are under way, and ends; a second one ends at once.
`;

/** Of npm; what the library itself does not need. */
const packages = ['hono', '@hono/node-server'];
const restatePackages = ['@restatedev/restate-sdk', '@restatedev/restate-sdk-clients'];

/** `turnchart serve …`; gives the exit code, once it is told to stop. */
export async function serveCommand(words: readonly string[], env: Environment, terminal: Terminal): Promise<number> {
  const refuse = refusal('serve', terminal);
  let read: ReturnType<typeof readWords>;
  try {
    read = readWords(words, env);
  } catch (error) {
    return refuse(parseProblem(error));
  }
  if (read.type === 'help') {
    terminal.write(usage);
    return exitCodes.completed;
  }
  if (read.type === 'wrong') return refuse(read.problem);
  const needed = read.restate === undefined ? packages : [...packages, ...restatePackages];
  const missing = needed.filter((name) => !isInstalled(name));
  if (missing.length > 0) {
    terminal.note(`"turnchart serve" needs ${missing.join(' and ')}: npm install ${missing.join(' ')}.`, 'red');
    return exitCodes.failed;
  }
  const { model, store: file, ...options } = read;
  const chosen = await chooseModel(model, env);
  if ('problem' in chosen) return refuse(`--model ${model}: ${chosen.problem}`);
  try {
    const store = file === undefined ? undefined : { file, store: await openStore(file) };
    // takes long to load, and nothing else wants it
    const { serve } = await import('./serve.ts');
    return await serve({ ...options, chosen, kept: store, terminal });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    terminal.note(error.message, 'red');
    return exitCodes.failed;
  }
}

type Words =
  | { readonly type: 'help' }
  | { readonly type: 'wrong'; readonly problem: string }
  | (Pick<ServeOptions, 'host' | 'port' | 'token' | 'graceMs' | 'isInspected' | 'restate'> & {
      readonly type: 'serve';
      readonly model: string;
      readonly store: string | undefined;
    });

function readWords(words: readonly string[], env: Environment): Words {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      token: { type: 'string' },
      store: { type: 'string' },
      model: { type: 'string', default: 'auto' },
      grace: { type: 'string', default: '10' },
      inspect: { type: 'boolean', default: false },
      restate: { type: 'string' },
      replica: { type: 'string' },
      'replica-key': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return { type: 'help' };
  const [word] = positionals;
  if (word !== undefined) {
    return wrong(`"turnchart serve" takes no "${word}". To ask that: turnchart run serve ${positionals.join(' ')}.`);
  }
  const { host, model, store, inspect: isInspected } = values;
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) return wrong(`--port ${values.port}: it is a number up to 65535.`);
  const graceMs = Number(values.grace) * 1_000;
  if (!/^\d+$/.test(values.grace) || graceMs > 2 ** 31 - 1) {
    return wrong(`--grace ${values.grace}: it is a whole number of seconds.`);
  }
  if (host === '') return wrong('--host: the address is empty.');
  if (store === '') return wrong('--store: the file is missing.');
  if (values.token?.trim() === '') return wrong('--token: it is empty.');
  const token = values.token ?? (env.TURNCHART_TOKEN || undefined);
  if (token === undefined && !isLoopback(host)) {
    return wrong(
      `--host ${host} lets other machines ask, and the agent's tools read and delete files: set TURNCHART_TOKEN, or leave --host out to serve this machine only.`,
    );
  }
  const restate = readRestate(values);
  if (typeof restate === 'string') return wrong(restate);
  if (restate !== undefined && store !== undefined) return wrong('--store and --restate: sessions are in one place.');
  if (restate !== undefined && isInspected) {
    return wrong('--inspect and --restate: the page shows sessions of this process only, and those are on Restate.');
  }
  return { type: 'serve', host, port, token, graceMs, isInspected, model, store, restate };
}

/** What is said of Restate; a text is what is wrong with it. */
function readRestate(values: {
  readonly restate?: string | undefined;
  readonly replica?: string | undefined;
  readonly 'replica-key'?: string | undefined;
}): RestateOptions | undefined | string {
  const { restate: url, replica: place = '127.0.0.1:9080', 'replica-key': replicaKey } = values;
  if (url === undefined) {
    const stray = Object.keys(values).find((name) => name.startsWith('replica'));
    return stray === undefined ? undefined : `--${stray}: it goes with --restate.`;
  }
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    return `--restate ${url}: it is a URL, as in http://localhost:8080.`;
  const replica = parseHostAndPort(place);
  if (replica === undefined) return `--replica ${place}: it is a host and a port, as in 127.0.0.1:9080.`;
  if (replicaKey !== undefined && !replicaKey.startsWith('publickeyv1_')) {
    return `--replica-key ${replicaKey}: it begins with publickeyv1_.`;
  }
  if (replicaKey === undefined && !isLoopback(replica.host)) {
    return `--replica ${place} lets other machines run turns, whose tools read and delete files: give the public key of your Restate server with --replica-key, or leave --replica out to let only this machine.`;
  }
  return { url, replica, replicaKey };
}

function wrong(problem: string): Words {
  return { type: 'wrong', problem };
}
