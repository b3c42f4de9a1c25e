import type { AgentPayload, MessageAdded, Payload, TurnCompleted, TurnEvent } from '../../../events.ts';
import type { AssistantMessage, FilePart, TextPart, ToolOutput } from '../../../messages.ts';
import type { ChatChunk } from './chatChunk.ts';

/** What the chat has of the turn already. */
export interface KnownCalls {
  /** Tool calls that it shows. */
  readonly shown: ReadonlySet<string>;
  /** Those of them that somebody was asked about. */
  readonly asked: ReadonlySet<string>;
}

type Kind = 'text' | 'reasoning';

/**
 * Says the events of one turn as chunks of one message. What is streamed of an answer is compared with the whole answer
 * in the end: where they differ, because it was withdrawn or is not kept in pieces, the step is told anew.
 */
export class TurnChunks {
  readonly #turnId: string;
  readonly #shown: Set<string>;
  readonly #asked: Set<string>;
  readonly #denied = new Set<string>();
  /** Chunks for messages that steer; what resets the step takes them away, too. */
  #steering: ChatChunk[] = [];
  /** Calls that ended with their turn, or so it may turn out. */
  #cancelled: ChatChunk[] = [];
  #inputId: string | undefined;
  #block: { readonly kind: Kind; readonly id: string } | undefined;
  #blocks = 0;
  #streamed: Record<Kind, string> = { text: '', reasoning: '' };
  #isOver = false;

  constructor(turnId: string, { shown, asked }: KnownCalls) {
    this.#turnId = turnId;
    this.#shown = new Set(shown);
    this.#asked = new Set(asked);
  }

  /** Whether the turn has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  take(event: TurnEvent): readonly ChatChunk[] {
    if (event.turnId !== this.#turnId || this.#isOver) return [];
    const chunks = this.#chunksOf(event);
    if (this.#cancelled.length === 0 || event.type === 'tool.cancelled' || event.type === 'messages.updated') {
      return chunks;
    }
    const cancelled = this.#cancelled;
    this.#cancelled = [];
    // calls that were stopped stay as they are: what looks complete would be sent again by itself
    return event.type === 'turn.cancelled' ? chunks : [...cancelled, ...chunks];
  }

  /** Ends what is open. */
  close(): readonly ChatChunk[] {
    if (this.#block === undefined) return [];
    const { kind, id } = this.#block;
    this.#block = undefined;
    return [{ type: `${kind}-end`, id }];
  }

  #chunksOf(event: TurnEvent): readonly ChatChunk[] {
    switch (event.type) {
      case 'turn.started':
        this.#inputId = event.messageId;
        return [];
      case 'message.added':
        return this.#added(event);
      case 'step.started':
        this.#steering = [];
        return [{ type: 'start-step' }];
      case 'step.finished':
        return [...this.close(), { type: 'finish-step' }];
      case 'message.started':
        this.#streamed = { text: '', reasoning: '' };
        return [];
      case 'message.delta':
        return this.#delta('text', event.messageId, event.text);
      case 'reasoning.delta':
        return this.#delta('reasoning', event.messageId, event.text);
      case 'message.completed':
        return this.#completed(event.message);
      case 'message.superseded':
        return this.#reset();
      case 'message.replaced':
        return event.messageId === this.#inputId ? [] : this.#reset();
      case 'turn.paused':
      case 'turn.resumed': {
        const { reason, spent, limit } = event;
        const state = event.type === 'turn.paused' ? 'paused' : 'resumed';
        const data = { state, reason, spent, ...(limit !== undefined && { limit }) } as const;
        return [{ type: 'data-pause', id: 'pause', data }];
      }
      case 'turn.completed':
        return this.#over({ type: 'finish', finishReason: finishReasons[event.stopReason] });
      case 'turn.failed':
        return this.#over({ type: 'error', errorText: event.failure.message });
      case 'turn.cancelled':
        return this.#over({ type: 'abort', ...(event.reason !== undefined && { reason: event.reason }) });
      case 'tool.called':
        return this.#show(event);
      case 'agent.event':
        return this.#ofAgent(event.event);
      default:
        return this.#ofCall(event);
    }
  }

  /** What a sub-agent does is its own, but for calls that somebody is asked about. */
  #ofAgent(event: AgentPayload): readonly ChatChunk[] {
    if (event.type === 'agent.event') return this.#ofAgent(event.event);
    const isAsked = event.type === 'tool.approvalRequested' || event.type === 'tool.resultRequested';
    return [...(isAsked ? this.#show(event) : []), ...this.#ofCall(event)];
  }

  #ofCall(event: Payload): readonly ChatChunk[] {
    if (!('toolCallId' in event) || event.toolCallId === undefined || !this.#shown.has(event.toolCallId)) return [];
    const { toolCallId } = event;
    switch (event.type) {
      case 'tool.progress':
        return [{ type: 'data-tool-progress', data: { toolCallId, text: event.text }, transient: true }];
      case 'tool.approvalRequested':
        this.#asked.add(toolCallId);
        return [{ type: 'tool-approval-request', approvalId: toolCallId, toolCallId }];
      case 'tool.approvalResolved': {
        const { decision } = event;
        const isApproved = decision === 'approved';
        if (!this.#asked.has(toolCallId)) return [];
        if (!isApproved) this.#denied.add(toolCallId);
        const reason = decision === 'timed_out' ? { reason: 'Nobody has answered in time.' } : {};
        return [{ type: 'tool-approval-response', approvalId: toolCallId, approved: isApproved, ...reason }];
      }
      case 'tool.denied':
        // the chat knows a denial only as an answer
        if (!this.#denied.has(toolCallId)) return [{ type: 'tool-output-error', toolCallId, errorText: event.reason }];
        return [{ type: 'tool-output-denied', toolCallId }];
      case 'tool.completed':
        return [outputOf(toolCallId, event.output)];
      case 'tool.failed':
        return [{ type: 'tool-output-error', toolCallId, errorText: event.failure.message }];
      case 'tool.cancelled':
        this.#cancelled.push({ type: 'tool-output-error', toolCallId, errorText: 'It was cancelled.' });
        return [];
      default:
        return [];
    }
  }

  #show({ toolCallId, toolName, input }: Extract<Payload, { input: unknown }>): readonly ChatChunk[] {
    if (this.#shown.has(toolCallId)) return [];
    this.#shown.add(toolCallId);
    return [...this.close(), { type: 'tool-input-available', toolCallId, toolName, input }];
  }

  #added({ message, cause }: MessageAdded): readonly ChatChunk[] {
    if (message.role !== 'user' || cause !== 'steering' || message.id === this.#inputId) return [];
    const chunk: ChatChunk = { type: 'steering-message', id: message.id, parts: message.content.map(toChatPart) };
    this.#steering.push(chunk);
    return [...this.close(), chunk];
  }

  #delta(kind: Kind, messageId: string, text: string): readonly ChatChunk[] {
    this.#streamed[kind] += text;
    const chunks: ChatChunk[] = [];
    if (this.#block?.kind !== kind) {
      chunks.push(...this.close());
      this.#blocks += 1;
      this.#block = { kind, id: `${messageId}.${this.#blocks}` };
      chunks.push({ type: `${kind}-start`, id: this.#block.id });
    }
    return [...chunks, { type: `${kind}-delta`, id: this.#block.id, delta: text }];
  }

  #completed({ id, content }: AssistantMessage): readonly ChatChunk[] {
    const whole = { text: '', reasoning: '' };
    for (const part of content) if (isSaid(part)) whole[part.type] += part.text;
    const { text, reasoning } = this.#streamed;
    if (text === whole.text && reasoning === whole.reasoning) return this.close();
    const chunks = text === '' && reasoning === '' ? [] : [...this.#reset()];
    for (const part of content) {
      if (isSaid(part) && part.text !== '') chunks.push(...this.#delta(part.type, id, part.text));
    }
    return [...chunks, ...this.close()];
  }

  #reset(): readonly ChatChunk[] {
    this.#streamed = { text: '', reasoning: '' };
    return [...this.close(), { type: 'reset-step' }, ...this.#steering];
  }

  #over(last: ChatChunk): readonly ChatChunk[] {
    this.#isOver = true;
    return [...this.close(), last];
  }
}

const finishReasons = { end_turn: 'stop', max_tokens: 'length', refusal: 'content-filter' } as const satisfies Record<
  TurnCompleted['stopReason'],
  string
>;

function outputOf(toolCallId: string, output: ToolOutput): ChatChunk {
  if (output.type === 'error') return { type: 'tool-output-error', toolCallId, errorText: output.value };
  return { type: 'tool-output-available', toolCallId, output: output.value };
}

function isSaid(part: AssistantMessage['content'][number]): part is Extract<typeof part, { type: Kind }> {
  return part.type === 'text' || part.type === 'reasoning';
}

function toChatPart(part: TextPart | FilePart) {
  if (part.type === 'text') return { type: 'text', text: part.text } as const;
  const { mediaType, data, name } = part;
  const url = typeof data === 'string' ? `data:${mediaType};base64,${data}` : data.url;
  return { type: 'file', mediaType, url, ...(name !== undefined && { filename: name }) } as const;
}
