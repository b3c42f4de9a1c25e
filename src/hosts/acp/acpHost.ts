import { isAbsolute } from 'node:path';
import {
  type AgentContext,
  type AuthenticateRequest,
  type CancelNotification,
  type InitializeRequest,
  type InitializeResponse,
  type ListSessionsRequest,
  type ListSessionsResponse,
  type McpServer,
  PROTOCOL_VERSION,
  type PromptRequest,
  type PromptResponse,
  RequestError,
} from '@agentclientprotocol/sdk';
import type { Store, StoredSession } from '../../durability/store.ts';
import { describeError } from '../../failure.ts';
import { AcpSession } from './acpSession.ts';
import { type EditorCapabilities, readCapabilities } from './editor.ts';
import { canConnect, McpServers } from './mcpServers.ts';
import type { AcpOptions, AcpSessionSetup } from './serveAcp.ts';
import type { ServedAgent } from './servedAgent.ts';
import { newSessionId } from './sessionIds.ts';
import { listSessions } from './sessionList.ts';

/** What a request is handled with, beside what it says. */
interface Handling<TParams> {
  readonly params: TParams;
  readonly client: AgentContext;
  readonly signal: AbortSignal;
}

/** What opens a session, new or kept. */
interface Opening {
  readonly cwd: string;
  readonly mcpServers?: McpServer[];
}

const unnamed = { name: 'agent', version: '0' };

/** One connection with an editor: what it can do, and the sessions that it has open. */
export class AcpHost {
  readonly #options: AcpOptions;
  readonly #onProblem: (problem: string) => void;
  readonly #sessions = new Map<string, AcpSession>();
  readonly #prompts = new Set<Promise<PromptResponse>>();
  #capabilities: EditorCapabilities = readCapabilities(undefined);
  #isClosed = false;

  constructor(options: AcpOptions) {
    this.#options = options;
    this.#onProblem = options.onProblem ?? ((problem) => console.error(problem));
  }

  /** Where sessions are kept, if anywhere. */
  get store(): Store | undefined {
    const { agent, store } = this.#options;
    return store ?? (typeof agent === 'function' ? undefined : agent.store);
  }

  async initialize({ params }: Handling<InitializeRequest>): Promise<InitializeResponse> {
    this.#capabilities = readCapabilities(params.clientCapabilities);
    const { info, auth, agent } = this.#options;
    const isKept = this.store !== undefined;
    const connects = typeof agent === 'function' && (await canConnect());
    return {
      protocolVersion: PROTOCOL_VERSION,
      ...(info !== undefined && { agentInfo: { ...info } }),
      authMethods: (auth?.methods ?? []).map((method) => ({ ...method })),
      agentCapabilities: {
        loadSession: isKept,
        promptCapabilities: { image: true, embeddedContext: true },
        mcpCapabilities: { http: connects, sse: connects },
        sessionCapabilities: { close: {}, ...(isKept && { list: {}, resume: {}, delete: {} }) },
        _meta: { agent_error: true },
      },
    };
  }

  async authenticate({ params: { methodId } }: Handling<AuthenticateRequest>): Promise<void> {
    const { auth } = this.#options;
    if (auth === undefined || !auth.methods.some(({ id }) => id === methodId)) {
      throw RequestError.invalidParams({ methodId }, `there is no method "${methodId}" to authenticate with.`);
    }
    await auth.authenticate(methodId);
  }

  async newSession({ params, signal }: Handling<Opening>): Promise<{ sessionId: string }> {
    const session = await this.#open(newSessionId(checkFolder(params.cwd)), params, signal);
    return { sessionId: session.id };
  }

  /** @param isTold whether the editor is told of the conversation so far */
  async loadSession(
    { params, client, signal }: Handling<Opening & { readonly sessionId: string }>,
    isTold: boolean,
  ): Promise<Record<string, never>> {
    const { sessionId, cwd } = params;
    checkFolder(cwd);
    // one in which nothing was said is open and not kept
    const isOpen = this.#sessions.has(sessionId);
    await this.#end(sessionId);
    const stored = await this.store?.read(sessionId);
    if (stored === undefined && !isOpen) throw RequestError.sessionNotFound(sessionId);
    const session = await this.#open(sessionId, params, signal, stored);
    if (isTold) await session.replay(client);
    return {};
  }

  async listSessions({ params }: Handling<ListSessionsRequest>): Promise<ListSessionsResponse> {
    if (params.cwd != null) checkFolder(params.cwd);
    return this.store === undefined ? { sessions: [] } : listSessions(this.store, params);
  }

  async closeSession({ params: { sessionId } }: Handling<{ readonly sessionId: string }>): Promise<void> {
    this.#get(sessionId);
    await this.#end(sessionId);
  }

  async deleteSession({ params: { sessionId } }: Handling<{ readonly sessionId: string }>): Promise<void> {
    const isOpen = this.#sessions.has(sessionId);
    const isKept = (await this.store?.read(sessionId)) !== undefined;
    if (!isOpen && !isKept) throw RequestError.sessionNotFound(sessionId);
    await this.#end(sessionId);
    await this.store?.delete(sessionId);
  }

  prompt({ params, client, signal }: Handling<PromptRequest>): Promise<PromptResponse> {
    const answer = this.#get(params.sessionId).prompt(params.prompt, client, signal);
    this.#prompts.add(answer);
    const forget = () => this.#prompts.delete(answer);
    answer.then(forget, forget);
    return answer;
  }

  /** Resolves when all prompts have their answers. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#prompts);
  }

  cancel({ params: { sessionId } }: { readonly params: CancelNotification }): void {
    this.#sessions.get(sessionId)?.cancel();
  }

  /** Ends all sessions; those that are just being opened end as well. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ended = await Promise.allSettled([...this.#sessions.keys()].map((id) => this.#end(id)));
    for (const result of ended) {
      if (result.status === 'rejected')
        this.#onProblem(`A session cannot be closed: ${describeError(result.reason).message}`);
    }
  }

  #get(sessionId: string): AcpSession {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw RequestError.sessionNotFound(sessionId);
    return session;
  }

  async #end(sessionId: string): Promise<void> {
    const session = this.#sessions.get(sessionId);
    this.#sessions.delete(sessionId);
    await session?.close();
  }

  async #open(
    id: string,
    { cwd, mcpServers: servers = [] }: Opening,
    signal: AbortSignal,
    stored?: StoredSession,
  ): Promise<AcpSession> {
    const { describeTool, currency } = this.#options;
    const mcpServers = await this.#connect(servers, cwd, signal);
    try {
      // nobody waits for it any more
      signal.throwIfAborted();
      for (const problem of mcpServers.problems) this.#onProblem(problem);
      const session = await AcpSession.open(id, {
        agent: await this.#agentFor({ sessionId: id, cwd, mcpTools: mcpServers.tools }),
        mcpServers,
        capabilities: this.#capabilities,
        cwd,
        currency,
        stored,
        describeTool,
        onProblem: this.#onProblem,
      });
      this.#sessions.set(id, session);
      // nobody is there any more to end it
      if (this.#isClosed) await this.#end(id);
      return session;
    } catch (error) {
      await mcpServers.close();
      throw error;
    }
  }

  async #connect(servers: readonly McpServer[], cwd: string, signal: AbortSignal): Promise<McpServers> {
    const { agent, info: { name, version } = unnamed } = this.#options;
    if (typeof agent !== 'function') return McpServers.unused(servers);
    return McpServers.connect(servers, { cwd, clientInfo: { name, version }, signal });
  }

  async #agentFor(setup: AcpSessionSetup): Promise<ServedAgent> {
    const { agent, store } = this.#options;
    if (typeof agent !== 'function') return agent;
    const made = await agent(setup);
    if (made.store === store || store === undefined) return made;
    throw new Error('serveAcp(): the `agent` that was made has another store than `store`: give it that one.');
  }
}

/** @throws RequestError where it is no absolute path */
function checkFolder(cwd: string): string {
  if (!isAbsolute(cwd)) throw RequestError.invalidParams({ cwd }, '`cwd` must be an absolute path.');
  return cwd;
}
