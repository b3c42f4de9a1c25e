import {
  type AgentContext,
  type ClientCapabilities,
  methods,
  type RequestPermissionRequest,
  type RequestPermissionResponse,
  type SessionUpdate,
} from '@agentclientprotocol/sdk';
import type { AgentErrorUpdate } from './agentError.ts';

/** What an editor is told of a session. */
export type Update = SessionUpdate | AgentErrorUpdate;

/** What an editor takes beyond what every one does. */
export interface EditorCapabilities {
  readonly notices: boolean;
  readonly compaction: boolean;
  readonly agentErrors: boolean;
}

export function readCapabilities(capabilities: ClientCapabilities | undefined): EditorCapabilities {
  const { session, _meta } = capabilities ?? {};
  const agentError = _meta?.agent_error;
  return {
    notices: session?.notices != null,
    compaction: session?.compaction != null,
    agentErrors: agentError !== undefined && agentError !== null && agentError !== false,
  };
}

/** The other side of a connection, as far as one session is concerned. */
export class Editor {
  readonly capabilities: EditorCapabilities;
  readonly #client: AgentContext;
  readonly #sessionId: string;

  constructor(client: AgentContext, sessionId: string, capabilities: EditorCapabilities) {
    this.#client = client;
    this.#sessionId = sessionId;
    this.capabilities = capabilities;
  }

  /** Resolves when it is on its way; rejects where the connection is closed. */
  tell(update: Update): Promise<void> {
    return this.#client.notify<{ readonly sessionId: string; readonly update: Update }>(methods.client.session.update, {
      sessionId: this.#sessionId,
      update,
    });
  }

  /** Asks the user; when the signal aborts, the question is withdrawn and this rejects. */
  async ask(
    request: Omit<RequestPermissionRequest, 'sessionId'>,
    signal: AbortSignal,
  ): Promise<RequestPermissionResponse['outcome']> {
    const { outcome } = await this.#client.request(
      methods.client.session.requestPermission,
      { sessionId: this.#sessionId, ...request },
      { cancellationSignal: signal, stopWaitingOnCancel: true },
    );
    return outcome;
  }
}
