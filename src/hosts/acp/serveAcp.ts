import { Console } from 'node:console';
import { Readable, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import {
  type AuthMethodAgent,
  agent as acpApp,
  type Implementation,
  methods,
  ndJsonStream,
  RequestError,
  type Stream,
} from '@agentclientprotocol/sdk';
import type { Store } from '../../durability/store.ts';
import { describeError } from '../../failure.ts';
import { checkNames } from '../../options.ts';
import type { AnyTool } from '../../tool.ts';
import { AcpHost } from './acpHost.ts';
import { internalError } from './internalError.ts';
import type { ServedAgent } from './servedAgent.ts';
import type { DescribeTool } from './toolCalls.ts';

/** What an agent is made for, where each session has its own. */
export interface AcpSessionSetup {
  readonly sessionId: string;
  /** The folder that the editor has open; an absolute path. */
  readonly cwd: string;
  /** The tools of the MCP servers that the editor names. They are closed with the session. */
  readonly mcpTools: readonly AnyTool[];
}

export interface AcpOptions {
  /**
   * Whose sessions are served: one agent, or a function that makes one for each session. Only what is made can take the
   * folder into account, and the tools of the editor's MCP servers.
   */
  readonly agent: ServedAgent | ((setup: AcpSessionSetup) => ServedAgent | Promise<ServedAgent>);
  /** Where sessions are kept, so that they can be listed and loaded; agents that are made have it too. @default that of `agent` */
  readonly store?: Store;
  /** Where the editor is; it is closed in the end. @default standard input and output; what is logged goes to standard error then */
  readonly stream?: Stream;
  /** What the editor calls the agent. @default none */
  readonly info?: Readonly<Implementation>;
  /**
   * How the user signs in. A function for `agent` that throws `RequestError.authRequired()` of the SDK sends them there.
   *
   * @default nobody has to
   */
  readonly auth?: {
    readonly methods: readonly AuthMethodAgent[];
    /** Resolves when the user is signed in, and rejects where they are not. */
    readonly authenticate: (methodId: string) => void | Promise<void>;
  };
  /** How calls of tools are shown; what it leaves out is taken from the tool's name and input. @default all of it is */
  readonly describeTool?: DescribeTool;
  /** Of the agent's `pricing`, such as `USD`; it has to be known for editors to be told what turns cost. @default none */
  readonly currency?: string;
  /** Told what goes wrong that ends no turn, such as an MCP server that cannot be reached. @default `console.error` */
  readonly onProblem?: (problem: string) => void;
}

/** A connection with an editor. */
export interface AcpConnection extends AsyncDisposable {
  /** Resolves when the editor is gone, and all that it had open has ended. */
  readonly closed: Promise<void>;
  /** Ends all sessions, and the connection. */
  close(): Promise<void>;
}

/**
 * Serves an agent to an editor, with version 1 of the Agent Client Protocol.
 *
 * @throws TypeError naming the option that is wrong
 * @example
 * ```ts
 * const connection = serveAcp({
 *   agent: ({ cwd, mcpTools }) => createAgent({ model, tools: [readFile(cwd), ...mcpTools] }),
 * });
 * await connection.closed;
 * ```
 */
export function serveAcp(options: AcpOptions): AcpConnection {
  checkOptions(options);
  const host = new AcpHost(options);
  const { session } = methods.agent;
  // a message passes the handlers one by one, so that what is to be found by the next stands before it
  const app = acpApp(options.info === undefined ? {} : { name: options.info.name })
    .onRequest(session.prompt, (handling) => inWords(() => host.prompt(handling)))
    .onNotification(session.cancel, (handling) => host.cancel(handling))
    .onRequest(methods.agent.initialize, (handling) => inWords(() => host.initialize(handling)))
    .onRequest(methods.agent.authenticate, (handling) => inWords(() => host.authenticate(handling)))
    .onRequest(session.new, (handling) => inWords(() => host.newSession(handling)))
    .onRequest(session.close, (handling) => inWords(() => host.closeSession(handling)));
  if (host.store !== undefined) {
    app
      .onRequest(session.load, (handling) => inWords(() => host.loadSession(handling, true)))
      .onRequest(session.resume, (handling) => inWords(() => host.loadSession(handling, false)))
      .onRequest(session.list, (handling) => inWords(() => host.listSessions(handling)))
      .onRequest(session.delete, (handling) => inWords(() => host.deleteSession(handling)));
  }
  const connection = app.connect(options.stream ?? standardStream());
  const closed = connection.closed.then(async () => {
    await host.close();
    // so that the other side sees that this was all, whenever it reads that; standard output ends with the process
    options.stream?.writable.close().catch(() => undefined);
  });
  const close = async () => {
    await host.close();
    // the last answers are to get through, but not to one who is gone
    await Promise.race([host.answered(), connection.closed]);
    await setImmediate();
    connection.close();
    await closed;
  };
  return { closed, close, [Symbol.asyncDispose]: close };
}

/** What goes wrong says so to the editor, and not only that something did. */
async function inWords<T>(handle: () => Promise<T>): Promise<T> {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw internalError(describeError(error).message);
  }
}

function standardStream(): Stream {
  // standard output is the protocol's alone
  globalThis.console = new Console(process.stderr, process.stderr);
  return ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>);
}

function checkOptions(options: AcpOptions): void {
  const { agent, store, stream, info, auth, currency, describeTool, onProblem, ...others } = options;
  checkNames('serveAcp()', others);
  if (typeof agent !== 'function' && typeof agent?.open !== 'function') {
    throw new TypeError('serveAcp(): `agent` must be an agent, or a function that makes one.');
  }
  for (const [name, value] of Object.entries({ describeTool, onProblem, authenticate: auth?.authenticate })) {
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`serveAcp(): \`${name}\` is not a function.`);
    }
  }
}
