import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Store } from '../durability/store.ts';
import { type HttpApp, httpApp } from '../hosts/http/index.ts';
import { createAgent } from '../index.ts';
import { commandLineAgent } from './commandLineAgent.ts';
import type { ChosenModel } from './model.ts';
import { openInspector } from './openInspector.ts';
import type { RestateOptions, RestateReplica } from './restateReplica.ts';
import { exitCodes, sameInterruptMs } from './runTurn.ts';
import { asksByLoopback, bearerToken, type HostAndPort, urlOf } from './serveAccess.ts';
import { abbreviate } from './sessions/storeFile.ts';
import type { Terminal } from './terminal.ts';

export interface ServeOptions {
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
  /** What clients must send. @default nothing */
  readonly token: string | undefined;
  /** How long the end waits for turns that are under way. */
  readonly graceMs: number;
  /** Whether a page shows the sessions. */
  readonly isInspected: boolean;
  readonly chosen: ChosenModel;
  /** Where sessions are kept. @default nowhere */
  readonly kept: { readonly file: string; readonly store: Store } | undefined;
  /** Where sessions are instead. @default with this process */
  readonly restate: RestateOptions | undefined;
  readonly terminal: Terminal;
}

/** After how long connections are cut whose clients do not go. */
const closingMs = 1_000;

/** Serves the agent of the command line until the process is told to stop; gives the exit code. */
export async function serve({ chosen, kept, restate, terminal, ...options }: ServeOptions): Promise<number> {
  const { host, port, token, graceMs, isInspected } = options;
  const inspected = isInspected ? await openInspector({ commands: true }) : undefined;
  const agent = createAgent({
    ...commandLineAgent(chosen, process.cwd()),
    ...(kept && { store: kept.store }),
    ...(inspected && { inspect: inspected.inspector }),
  });
  let replica: RestateReplica | undefined;
  const end = async (leftMs: number) => {
    await replica?.close(leftMs);
    await agent.close();
    await kept?.store.close();
    await inspected?.inspector.close();
  };
  const refuse = async (error: unknown, where: HostAndPort & { readonly option: string }) => {
    terminal.note(describeListenError(error, where), 'red');
    await end(0);
    return exitCodes.failed;
  };
  if (restate !== undefined) {
    // takes long to load, and nothing else wants it
    const { RestateReplica } = await import('./restateReplica.ts');
    try {
      replica = await RestateReplica.start(agent, restate);
    } catch (error) {
      return refuse(error, { ...restate.replica, option: '--replica' });
    }
  }
  const sessions = kept === undefined ? [] : await agent.recover();
  const authorize = token === undefined ? {} : { authorize: bearerToken(token) };
  const app = httpApp({ agent: replica?.sessions ?? agent, sessions, ...authorize });
  const server = createAdaptorServer({ fetch: token === undefined ? onlyLoopback(app) : app.fetch }) as Server;
  const stopped = stopSignal();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    return refuse(error, { host, port, option: '--port' });
  }
  terminal.note(chosen.notice);
  if (replica === undefined || restate === undefined) terminal.note(whereKept(kept, sessions.length));
  else tellReplica(replica, restate, terminal);
  const url = urlOf(host, (server.address() as AddressInfo).port);
  terminal.write(`${url}\n`);
  if (inspected !== undefined) terminal.note(`Inspector: ${inspected.url}`);
  terminal.explain(example(url, token !== undefined));

  await stopped;
  terminal.note(`Stopping: no more messages are taken, and turns have ${graceMs / 1_000} s to end.`);
  const stoppingAt = performance.now();
  const { unfinished } = await app.drain({ graceMs });
  await close(server);
  // what is left of it is for turns here of sessions that others serve
  const leftMs = Math.max(0, graceMs - (performance.now() - stoppingAt));
  if (unfinished > 0 && (kept ?? replica) !== undefined) {
    const where = replica === undefined ? 'with the next start' : 'in another replica, or in the next one';
    terminal.note(`${count(unfinished)} in the middle of something, which goes on ${where}.`);
    await replica?.close(leftMs);
    // to close them would be to cancel what is to go on; all of it is kept
    process.exit(exitCodes.completed);
  }
  await end(leftMs);
  return exitCodes.completed;
}

/** Says where sessions are, and what is to be done that they can be reached there. */
function tellReplica(replica: RestateReplica, { url }: RestateOptions, terminal: Terminal): void {
  terminal.note(`Sessions are on Restate, ${url}, and turns run here, ${replica.url}.`);
  terminal.explain(`Tell Restate about this address, once: ${replica.registration(url)}`);
  // any session will do
  replica.sessions.has('turnchart').catch((error: unknown) => {
    terminal.note(error instanceof Error ? error.message : String(error), 'yellow');
  });
}

/** Resolves when the process is told to stop; told again, it ends at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const stop = () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        resolve();
      } else if (performance.now() - firstAt > sameInterruptMs) {
        process.exit(exitCodes.cancelled);
      }
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}

/** Without a token, whoever is on this machine may ask, and no page that only seems to be. */
function onlyLoopback(app: HttpApp): (request: Request) => Response | Promise<Response> {
  return (request) =>
    asksByLoopback(request)
      ? app.fetch(request)
      : new Response('This server is asked as localhost.\n', {
          status: 421,
          headers: { 'content-type': 'text/plain' },
        });
}

/** Streams have said their last; whoever keeps the connection all the same is not waited for. */
async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), closingMs);
  await closed;
  clearTimeout(timer);
}

function describeListenError(
  error: unknown,
  { host, port, option }: HostAndPort & { readonly option: string },
): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `Port ${port} of ${host} is taken: choose another with ${option}.`;
  if (code === 'EACCES') return `Port ${port} is not for this user: choose one from 1024 with ${option}.`;
  return `Nothing can be served at ${host}, port ${port}: ${error instanceof Error ? error.message : String(error)}.`;
}

function whereKept(kept: ServeOptions['kept'], unfinished: number): string {
  if (kept === undefined) return 'Sessions end with this process: --store <file> keeps them.';
  const file = abbreviate(kept.file);
  if (unfinished === 0) return `Sessions are kept in ${file}.`;
  return `Sessions are kept in ${file}: ${count(unfinished)} in the middle of something, which goes on.`;
}

function count(sessions: number): string {
  return sessions === 1 ? '1 session is' : `${sessions} sessions are`;
}

function example(url: string, needsToken: boolean): string {
  const message = { id: 'm1', role: 'user', parts: [{ type: 'text', text: 'What is 17*23?' }] };
  const body = JSON.stringify({ id: 'trip', messages: [message] });
  const authorization = needsToken ? ` -H "Authorization: Bearer $TURNCHART_TOKEN"` : '';
  return `Try it: curl -N ${url}/v1/chat -H 'Content-Type: application/json'${authorization} -d '${body}'`;
}
