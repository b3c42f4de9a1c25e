import type { TurnEvent } from '../../../../src/events.ts';
import type { Host } from '../../../../src/host.ts';
import type { WatchedEntry } from '../../../../src/inspection/inspector/feed.ts';
import { openRecorded, type RecordedStart } from '../../../../src/inspection/readRecording.ts';
import { append, createHistory, type History } from '../../../../src/machines/history.ts';
import { type Measured, type Message, type ToolResultPart, toolCallsOf } from '../../../../src/messages.ts';
import type { Usage } from '../../../../src/model.ts';

/** What a session is between two turns: its machines can be built from it, without the turns before. */
export interface Rest extends RecordedStart {
  readonly input: RecordedStart['input'] & { readonly history: History };
}

/** What turns leave to those after them. */
export interface Left {
  /** Added to the conversation. */
  readonly messages: readonly Message[];
  /** Its length without what was there before. */
  readonly measured: Measured | undefined;
  readonly usage: Usage;
  readonly cost: number | undefined;
  readonly seq: number;
}

/** Where a session begins. */
export function restAt({ agent, sessionId, seq, input }: Extract<WatchedEntry, { type: 'session' }>): Rest {
  return { agent, sessionId, seq, input: { ...input, history: createHistory(input.history, input) } };
}

/** Where a session rests, as its machines have it; nothing where they do not rest. */
export function restOf(host: Host, { input, ...start }: Rest): Rest | undefined {
  const { value, context } = host.actor.getSnapshot();
  if (host.error !== undefined || value !== 'idle') return undefined;
  const { history, approvedTools, usage, cost } = context;
  return { ...start, seq: host.seq, input: { ...input, history, approvedTools, usage, cost } };
}

/** Where a session rests after turns whose events tell everything that they leave. */
export function restAfter({ input, ...start }: Rest, { messages, measured, usage, cost, seq }: Left): Rest {
  const { length } = input.history;
  const history = {
    ...append(input.history, ...messages),
    ...(measured !== undefined && { measured: { ...measured, length: length + measured.length } }),
  };
  return { ...start, seq, input: { ...input, history, usage, cost } };
}

/** Where a session rests after entries that its machines are given; nothing where they do not take them. */
export function replayRest(rest: Rest, entries: readonly WatchedEntry[]): Rest | undefined {
  try {
    const host = openRecorded(rest);
    for (const entry of entries) if (entry.type === 'row') host.apply(entry.input, entry.at);
    return restOf(host, rest);
  } catch {
    return undefined;
  }
}

/**
 * What ordinary turns leave: all of it is in what they said. Nothing where there is more to them, which only their
 * machines know.
 */
export function readLeft(entries: readonly WatchedEntry[]): Left | undefined {
  const messages: Message[] = [];
  const results = new Map<string, ToolResultPart>();
  let left: Left | undefined;
  let measured: Measured | undefined;
  let answered: Usage | undefined;
  let step = 0;
  for (const entry of entries) {
    // whatever happens at rest is no part of a turn
    if (left !== undefined) return undefined;
    if (entry.type === 'session') continue;
    if (entry.type === 'row') {
      if (!isOrdinary(entry)) return undefined;
      answered = usageIn(entry) ?? answered;
      continue;
    }
    const { event } = entry;
    switch (event.type) {
      case 'step.started':
        step = event.step;
        break;
      case 'message.added':
        messages.push(event.message);
        break;
      case 'message.completed': {
        messages.push(event.message);
        const tokens = (answered?.inputTokens ?? 0) + (answered?.outputTokens ?? 0);
        if (tokens > 0) measured = { tokens, length: messages.length };
        break;
      }
      case 'tool.completed': {
        const { toolCallId, toolName, output } = event;
        results.set(toolCallId, { type: 'tool-result', toolCallId, toolName, output });
        break;
      }
      case 'messages.updated': {
        const asked = messages.at(-1);
        const calls = asked === undefined ? [] : toolCallsOf(asked);
        const content = calls.flatMap(({ toolCallId }) => results.get(toolCallId) ?? []);
        if (content.length === 0 || content.length !== results.size || calls.length !== results.size) return undefined;
        messages.push({ role: 'tool', id: `${event.turnId}.${step}.results`, content });
        results.clear();
        break;
      }
      case 'session.idle':
        left = { messages, measured, usage: event.usage, cost: event.cost, seq: event.seq };
        break;
      default:
        if (!leaveNothing.has(event.type)) return undefined;
    }
  }
  return left;
}

const leaveNothing: ReadonlySet<TurnEvent['type']> = new Set([
  'turn.started',
  'message.started',
  'message.delta',
  'reasoning.delta',
  'message.superseded',
  'model.retrying',
  'tool.called',
  'tool.started',
  'tool.progress',
  'tool.retrying',
  'step.finished',
  'turn.completed',
]);

/** Whether nobody spoke to the turn while it ran. */
function isOrdinary({ input }: Extract<WatchedEntry, { type: 'row' }>): boolean {
  if (input.type !== 'command') return true;
  return input.command.type === 'session.send' || input.command.type === 'session.start';
}

/** Of an answer of the model. */
function usageIn({ input }: Extract<WatchedEntry, { type: 'row' }>): Usage | undefined {
  const value = input.type === 'settled' ? input.result.value : undefined;
  const isAnswer = typeof value === 'object' && value !== null && 'type' in value && value.type === 'answer';
  return isAnswer ? (value as unknown as { readonly usage: Usage }).usage : undefined;
}
