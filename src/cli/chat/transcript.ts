import { type AgentEvent, type Envelope, isTerminal, type TurnEvent } from '../../events.ts';
import type { Json } from '../../json.ts';
import { type ToolOutput, textOf } from '../../messages.ts';
import { enterAgent } from '../innerEvent.ts';
import { noticeOf } from '../notices.ts';
import {
  describeApproval,
  describeCancelled,
  describeEnding,
  describeFailure,
  describeWaiting,
  seconds,
} from '../progress.ts';

/** A piece of what the chat shows, from top to bottom. Never changed, only replaced. */
export type Block =
  | { readonly type: 'user'; readonly messageId: string; readonly text: string; readonly isSteering: boolean }
  | { readonly type: 'reasoning'; readonly messageId: string; readonly text: string }
  | { readonly type: 'answer'; readonly messageId: string; readonly text: string }
  /** What was shown of an answer that broke off. */
  | { readonly type: 'superseded'; readonly text: string }
  | ToolBlock
  | NoteBlock
  | { readonly type: 'ending'; readonly facts: readonly string[] };

export interface ToolBlock {
  readonly type: 'tool';
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: Json;
  /** What it said while it ran, and its retries. */
  readonly progress: readonly string[];
  /** What it waits for, where somebody outside is asked. */
  readonly waits?: string;
  /** What the sub-agent has done so far that works on it. */
  readonly agent?: readonly Block[];
  readonly outcome?:
    | { readonly type: 'completed'; readonly output: ToolOutput; readonly asksAgain: boolean }
    | { readonly type: 'failed'; readonly message: string }
    | { readonly type: 'denied'; readonly reason: string }
    | { readonly type: 'cancelled'; readonly when: string };
}

/** A line about the conversation, or what a command prints. */
export interface NoteBlock {
  readonly type: 'note';
  readonly text: string;
  readonly tone: 'title' | 'plain' | 'quiet' | 'warning' | 'problem';
}

/** What the chat has to show, made of events and of what commands print. Knows no terminal. */
export class Transcript {
  readonly #blocks: Block[] = [];
  /** Of sub-agents, by the calls that they work on. */
  readonly #agents = new Map<string, Transcript>();
  #lastStepTokens = 0;

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  note(text: string, tone: NoteBlock['tone'] = 'plain'): void {
    this.#blocks.push({ type: 'note', text: text.trimEnd(), tone });
  }

  /** Shows what was said before. */
  add(blocks: readonly Block[]): void {
    this.#blocks.push(...blocks);
  }

  /** @param contextWindow tokens that fit into a request of the model, where it tells */
  take(event: TurnEvent, contextWindow?: number): void {
    switch (event.type) {
      case 'message.added':
        if (event.cause === 'input' || event.cause === 'steering') {
          const { cause, message } = event;
          const text = textOf(message);
          this.#blocks.push({ type: 'user', messageId: message.id, text, isSteering: cause === 'steering' });
        }
        return;
      case 'reasoning.delta':
        this.#extend('reasoning', event);
        return;
      case 'message.delta':
        this.#extend('answer', event);
        return;
      case 'message.superseded':
        this.#supersede(event.messageId);
        return;
      case 'message.replaced':
        this.#replace(event.messageId, event.replacement);
        return;
      case 'model.retrying': {
        const { attempt, maxAttempts, failure, delayMs } = event;
        const what = `Attempt ${attempt} of ${maxAttempts} failed (${failure.code}): ${failure.message}`;
        this.note(`${what} The next one after ${seconds(delayMs)}.`, 'warning');
        return;
      }
      case 'tool.called': {
        const { toolCallId, toolName, input } = event;
        this.#agents.delete(toolCallId);
        this.#blocks.push({ type: 'tool', toolCallId, toolName, input, progress: [] });
        return;
      }
      case 'tool.progress':
        this.#report(event.toolCallId, event.text);
        return;
      case 'tool.retrying': {
        const { toolCallId, attempt, maxAttempts, failure, delayMs } = event;
        const again = `the next one after ${seconds(delayMs)}`;
        this.#report(toolCallId, `attempt ${attempt} of ${maxAttempts} failed: ${failure.message} (${again})`);
        return;
      }
      case 'tool.completed':
        this.#settle(event.toolCallId, { type: 'completed', output: event.output, asksAgain: event.retry ?? false });
        return;
      case 'tool.failed':
        this.#settle(event.toolCallId, { type: 'failed', message: event.failure.message });
        return;
      case 'tool.cancelled':
        this.#settle(event.toolCallId, { type: 'cancelled', when: describeCancelled(event) });
        return;
      case 'tool.denied':
        this.#settle(event.toolCallId, { type: 'denied', reason: event.reason });
        return;
      case 'tool.approvalRequested':
      case 'tool.resultRequested':
        this.#changeTool(event.toolCallId, (tool) => ({ ...tool, waits: describeWaiting(event) }));
        return;
      case 'tool.approvalResolved':
        this.#changeTool(event.toolCallId, ({ waits: _, ...tool }) => tool);
        if (event.decision === 'approved') this.#report(event.toolCallId, describeApproval(event));
        return;
      case 'agent.event':
        this.#takeInner(event);
        return;
      case 'step.finished':
        this.#lastStepTokens = event.usage.inputTokens + event.usage.outputTokens;
        return;
      default: {
        if (isTerminal(event)) this.#end(event, contextWindow);
        const notice = noticeOf(event);
        if (notice !== undefined) this.note(notice.text, notice.tone);
      }
    }
  }

  #takeInner(event: AgentEvent & Envelope): void {
    const { toolCallId } = event;
    const agent = this.#agents.get(toolCallId) ?? new Transcript();
    this.#agents.set(toolCallId, agent);
    agent.take(enterAgent(event));
    this.#changeTool(toolCallId, (tool) => ({ ...tool, agent: [...agent.blocks] }));
  }

  #extend(type: 'reasoning' | 'answer', { messageId, text }: { messageId: string; text: string }): void {
    const index = this.#blocks.findLastIndex((block) => block.type === type && block.messageId === messageId);
    const block = this.#blocks[index];
    // a model may reason again after it has said something
    const isOpen = type === 'answer' || index === this.#blocks.length - 1;
    if (block?.type === type && isOpen) this.#blocks[index] = { ...block, text: block.text + text };
    else this.#blocks.push({ type, messageId, text });
  }

  #supersede(messageId: string): void {
    const isStale = (block: Block) =>
      (block.type === 'answer' || block.type === 'reasoning') && block.messageId === messageId;
    const first = this.#blocks.findIndex(isStale);
    if (first === -1) return;
    const stale = this.#blocks.filter(isStale);
    const shown = stale.find(({ type }) => type === 'answer') ?? stale[0];
    const text = shown !== undefined && 'text' in shown ? shown.text : '';
    const kept = this.#blocks.slice(first).filter((block) => !isStale(block));
    this.#blocks.splice(first, Number.POSITIVE_INFINITY, { type: 'superseded', text }, ...kept);
  }

  /** Nothing is left of what was withdrawn. */
  #replace(messageId: string, text: string): void {
    const isShown = (block: Block) =>
      (block.type === 'user' || block.type === 'answer') && block.messageId === messageId;
    const index = this.#blocks.findIndex(isShown);
    const block = this.#blocks[index];
    if (block?.type !== 'user' && block?.type !== 'answer') return;
    this.#blocks.splice(index, 1, ...(text === '' ? [] : [{ ...block, text }]));
  }

  #report(toolCallId: string, text: string): void {
    this.#changeTool(toolCallId, (tool) => ({ ...tool, progress: [...tool.progress, text] }));
  }

  #settle(toolCallId: string, outcome: NonNullable<ToolBlock['outcome']>): void {
    this.#changeTool(toolCallId, ({ waits: _, ...tool }) => ({ ...tool, outcome }));
  }

  #changeTool(toolCallId: string, change: (tool: ToolBlock) => ToolBlock): void {
    // ids are the model's, and may come again in another turn
    const index = this.#blocks.findLastIndex((block) => block.type === 'tool' && block.toolCallId === toolCallId);
    const block = this.#blocks[index];
    if (block?.type === 'tool') this.#blocks[index] = change(block);
  }

  #end(event: Extract<TurnEvent, { durationMs: number; steps: number }>, contextWindow: number | undefined): void {
    if (event.type === 'turn.failed') this.note(describeFailure(event.failure), 'problem');
    if (event.type === 'turn.cancelled') this.note('cancelled', 'warning');
    const facts = [...describeEnding(event)];
    if (event.type === 'turn.completed' && event.stopReason !== 'end_turn') facts.push(`ended by ${event.stopReason}`);
    if (contextWindow !== undefined && this.#lastStepTokens > 0) {
      facts.push(`${Math.round((this.#lastStepTokens / contextWindow) * 100)} % of the window`);
    }
    this.#blocks.push({ type: 'ending', facts });
  }
}
