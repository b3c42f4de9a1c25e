import type { InspectionEvent } from 'xstate';
import type { Inspect, InspectedSession } from '../../inspect.ts';
import { checkNames } from '../../options.ts';
import type { Recorder } from '../../recorders.ts';
import { runCommand } from './commands.ts';
import type { CommandAnswer, CommandRequest, WatchedEntry } from './feed.ts';
import { InspectorServer } from './server.ts';
import { Watch } from './watch.ts';

export interface InspectorOptions {
  /** @default 0, any that is free */
  readonly port?: number;
  /** The address to listen on. Beyond this machine, whoever has the URL can read every session. @default '127.0.0.1' */
  readonly host?: string;
  /** Whether the page may speak to sessions: send, steer, cancel, approve, … @default false */
  readonly commands?: boolean;
  /** Told the URL of the page, once it is there. @default writes it to standard error */
  readonly onListen?: (url: string) => void;
}

/** A page that shows sessions, and actors of XState, as statecharts at work. */
export interface Inspector extends Inspect, AsyncDisposable {
  /** For `createActor(machine, { inspect: inspector.inspect })`: any XState v5 actor, and all that it invokes and spawns. */
  readonly inspect: (event: InspectionEvent) => void;
  /**
   * Starts the server, which otherwise starts with the first session or actor; gives the URL of the page.
   *
   * @throws Error where the address cannot be had
   */
  listen(): Promise<string>;
  /** Shows what was recorded: the entries of a recording, in their order. */
  show(entries: Iterable<WatchedEntry>): void;
  /** Ends the server. What was watched goes on, unwatched. */
  close(): Promise<void>;
}

/**
 * Makes an inspector: give it to an agent, and open the URL that it prints. It keeps no process alive.
 *
 * @throws TypeError naming the option that is wrong
 * @example
 * ```ts
 * const agent = createAgent({ model, tools, inspect: inspector() });
 * ```
 */
export function inspector(options: InspectorOptions = {}): Inspector {
  return new LiveInspector(options);
}

/** What is kept for those who come later, in characters. */
const maxChars = 32 * 1024 * 1024;

class LiveInspector implements Inspector {
  readonly #watch = new Watch(maxChars);
  readonly #server: InspectorServer;
  readonly #onListen: (url: string) => void;
  #url: Promise<string> | undefined;
  #isClosed = false;

  constructor(options: InspectorOptions) {
    const { port = 0, host = '127.0.0.1', commands = false, onListen = writeUrl, ...others } = options;
    checkNames('inspector()', others);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new TypeError(`inspector(): \`port\` must be a whole number from 0 to 65535, not ${port}.`);
    }
    if (typeof host !== 'string' || host === '') throw new TypeError('inspector(): `host` must be a text.');
    if (typeof commands !== 'boolean') throw new TypeError('inspector(): `commands` must be true or false.');
    if (typeof onListen !== 'function') throw new TypeError('inspector(): `onListen` must be a function.');
    this.#onListen = onListen;
    this.#server = new InspectorServer({
      host,
      port,
      log: this.#watch.log,
      onReader: () => this.#watch.begin(),
      ...(commands && { perform: (request) => this.#perform(request) }),
    });
  }

  listen(): Promise<string> {
    if (this.#isClosed) return Promise.reject(new Error('This inspector is closed: make another with inspector().'));
    this.#url ??= this.#server.listen().then((url) => {
      this.#onListen(url);
      return url;
    });
    return this.#url;
  }

  session(session: InspectedSession): Recorder {
    this.#begin();
    const record = this.#watch.follow(session);
    return (entry) => {
      if (!this.#isClosed) record(entry);
    };
  }

  inspect = (event: InspectionEvent): void => {
    if (this.#isClosed) return;
    this.#begin();
    this.#watch.take(event);
  };

  show(entries: Iterable<WatchedEntry>): void {
    this.#begin();
    this.#watch.show(entries);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // one that could not listen has nothing to close
    const isListening = await this.#url?.then(
      () => true,
      () => false,
    );
    if (isListening) await this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Nobody waits for it who could be told. */
  #begin(): void {
    if (this.#url === undefined && !this.#isClosed) this.listen().catch((error: Error) => process.emitWarning(error));
  }

  #perform({ sessionId, command }: CommandRequest): CommandAnswer {
    const session = this.#watch.openSession(sessionId);
    if (session === undefined) return { accepted: false, reason: `Session "${sessionId}" is not open.` };
    return runCommand(session, command);
  }
}

function writeUrl(url: string): void {
  process.stderr.write(`Inspector: ${url}\n`);
}
