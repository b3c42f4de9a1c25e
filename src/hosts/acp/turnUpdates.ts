import type { AgentPayload, TurnEvent } from '../../events.ts';
import { isTerminal } from '../../events.ts';
import type { Usage } from '../../model.ts';
import type { Editor, EditorCapabilities, Update } from './editor.ts';
import { noticeOf, type TurnNotice } from './notices.ts';
import type { SessionUsage } from './sessionUsage.ts';
import type { ToolCalls } from './toolCalls.ts';

export interface TurnUpdatesOptions {
  readonly toolCalls: ToolCalls;
  readonly capabilities: EditorCapabilities;
  readonly usage: SessionUsage;
}

/** What an editor is told of a turn, event by event. */
export class TurnUpdates {
  readonly #options: TurnUpdatesOptions;
  /** The answer that streams, or has. */
  #answerId: string | undefined;
  #compactionId: string | undefined;
  #tokensOfAgents = 0;

  constructor(options: TurnUpdatesOptions) {
    this.#options = options;
  }

  of(event: TurnEvent): readonly Update[] {
    switch (event.type) {
      case 'agent.event':
        // its own sub-agents are in what it says that it has used
        if (isEnd(event.event)) this.#tokensOfAgents += tokensOf(event.event.usage);
        return this.#ofAgent(event.event);
      case 'message.delta':
        return [chunk('agent_message_chunk', event.text, event.messageId)];
      case 'reasoning.delta':
        return [chunk('agent_thought_chunk', event.text, `${event.messageId}.reasoning`)];
      case 'message.started':
        this.#answerId = event.messageId;
        return [];
      case 'message.replaced': {
        const { messageId, replacement } = event;
        // a message of the user may be replaced as well
        const isShown = messageId === this.#answerId && replacement !== '';
        const instead = isShown ? [chunk('agent_message_chunk', replacement, `${messageId}.replaced`)] : [];
        return [...this.#notice(event), ...instead];
      }
      case 'step.finished':
        return this.#measure(event.usage);
      case 'compaction.started':
        return this.#compaction(event);
      case 'compaction.completed':
      case 'compaction.failed':
        return [...this.#compaction(event), ...this.#options.usage.measure(event.tokensAfter)];
      default:
        if (isTerminal(event)) return [...this.#end(), ...this.#options.usage.spend(event.cost)];
        return [...this.#tool(event), ...this.#notice(event)];
    }
  }

  /** Of a sub-agent an editor is shown what it does; what it says is the result of the call that it works on. */
  #ofAgent(payload: AgentPayload): readonly Update[] {
    if (payload.type === 'agent.event') return this.#ofAgent(payload.event);
    return this.#tool(payload, payload.agent);
  }

  /** What sub-agents have used belongs to the step, but is nothing of this conversation. */
  #measure(ofStep: Usage): readonly Update[] {
    const tokens = tokensOf(ofStep) - this.#tokensOfAgents;
    this.#tokensOfAgents = 0;
    return this.#options.usage.measure(Math.max(0, tokens));
  }

  #tool(event: TurnEvent | AgentPayload, agent?: string): readonly Update[] {
    const { toolCalls } = this.#options;
    switch (event.type) {
      case 'tool.called':
        return [toolCalls.call({ ...event, agent })];
      case 'tool.started':
        return [toolCalls.start(event)];
      case 'tool.progress':
        return [toolCalls.progress(event, event.text)];
      case 'tool.retrying':
        return [toolCalls.progress(event, `${event.failure.message}\nTrying again.`)];
      case 'tool.completed':
        return [toolCalls.end(event, event.output)];
      case 'tool.failed':
        return [toolCalls.fail(event, event.failure.message)];
      case 'tool.denied':
        return [toolCalls.fail(event, `Not allowed: ${event.reason}`)];
      case 'tool.cancelled':
        return [toolCalls.fail(event, event.started ? 'Cancelled while it ran.' : 'Cancelled.')];
      default:
        return [];
    }
  }

  #compaction(
    event: Extract<TurnEvent, { type: 'compaction.started' | 'compaction.completed' | 'compaction.failed' }>,
  ): readonly Update[] {
    if (!this.#options.capabilities.compaction) return this.#notice(event);
    this.#compactionId ??= `compaction_${event.seq}`;
    const update = { sessionUpdate: 'compaction_update', compactionId: this.#compactionId } as const;
    if (event.type === 'compaction.started') return [{ ...update, status: 'in_progress' }];
    this.#compactionId = undefined;
    if (event.type === 'compaction.completed') return [{ ...update, status: 'completed' }];
    return [{ ...update, status: 'failed', error: event.failure.message }];
  }

  /** What is still open when the turn ends was cancelled with it. */
  #end(): readonly Update[] {
    const compactionId = this.#compactionId;
    this.#compactionId = undefined;
    return compactionId === undefined
      ? []
      : [{ sessionUpdate: 'compaction_update', compactionId, status: 'cancelled' }];
  }

  #notice(event: TurnEvent): readonly Update[] {
    const notice = noticeOf(event);
    return notice === undefined ? [] : [toNotice(notice, this.#options.capabilities)];
  }
}

/** A notice, for an editor that takes none as a thought: it is no answer, and yet to be seen. */
export function toNotice({ severity, title }: TurnNotice, { notices }: Editor['capabilities']): Update {
  if (notices) return { sessionUpdate: 'notice', severity, title };
  return chunk('agent_thought_chunk', `${title}\n\n`, `notice_${crypto.randomUUID()}`);
}

export function chunk(
  sessionUpdate: 'agent_message_chunk' | 'agent_thought_chunk',
  text: string,
  messageId: string,
): Update {
  return { sessionUpdate, messageId, content: { type: 'text', text } };
}

type AgentEnd = Extract<AgentPayload, { readonly type: 'turn.completed' | 'turn.failed' | 'turn.cancelled' }>;

function isEnd(payload: AgentPayload): payload is AgentEnd {
  return payload.type === 'turn.completed' || payload.type === 'turn.failed' || payload.type === 'turn.cancelled';
}

function tokensOf({ inputTokens, outputTokens }: Usage): number {
  return inputTokens + outputTokens;
}
