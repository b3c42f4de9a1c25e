import { isDiagnostic, isEphemeral, type Payload, type TurnEvent } from '../../../../src/events.ts';
import type { Command, HostInput } from '../../../../src/host.ts';
import { type Message, type ToolOutput, textOf, toolCallsOf } from '../../../../src/messages.ts';
import { kindOfEffect } from './effectIds.ts';
import type { Item } from './run.ts';

type Description = Pick<Item, 'kind' | 'name' | 'summary' | 'fold'>;

/** An input of the machines. */
export function describeInput(input: HostInput): Description {
  switch (input.type) {
    case 'command':
      return { kind: 'command', name: input.command.type, summary: describeCommand(input.command) };
    case 'fired': {
      const [, event = ''] = input.timer.split(/:(.*)/s);
      const delay = /^xstate\.after\.([^.]+)\./.exec(event)?.[1];
      return { kind: 'timer', name: delay ?? event, summary: 'The time has come.' };
    }
    case 'reported':
      return { kind: 'result', name: `${kindOfEffect(input.effect)} reports`, summary: shorten(input.report) };
    case 'settled': {
      const { value, error } = input.result;
      const summary = error === undefined ? describeResult(value) : `threw: ${error.message}`;
      return { kind: 'result', name: kindOfEffect(input.effect), summary };
    }
  }
}

function describeCommand(command: Command): string {
  if ('message' in command && typeof command.message === 'object') return oneLine(textOf(command.message));
  if ('source' in command) return command.message;
  if ('output' in command) return outputText(command.output);
  if ('reason' in command && command.reason !== undefined) return command.reason;
  if ('steps' in command) return `${command.steps} more`;
  if ('remember' in command) return 'for the whole session';
  return '';
}

/** What came of an effect: contracts name it by `type`. */
function describeResult(value: unknown): string {
  if (typeof value !== 'object' || value === null) return shorten(value);
  const { type, failure, outcome, content, finishReason } = value as {
    readonly type?: string;
    readonly failure?: { readonly message: string };
    readonly outcome?: { readonly type: string; readonly output?: ToolOutput };
    readonly content?: readonly { readonly type: string }[];
    readonly finishReason?: { readonly unified: string };
  };
  if (failure !== undefined) return `${type}: ${failure.message}`;
  if (outcome !== undefined) return `${outcome.type}${outcome.output ? `: ${outputText(outcome.output)}` : ''}`;
  if (content !== undefined) return `${type} (${finishReason?.unified ?? ''})`;
  return type ?? shorten(value);
}

/** Something that the session said. */
export function describeEvent(event: TurnEvent): Description {
  const said = event.type === 'agent.event' ? innermost(event.event) : event;
  const description = {
    kind: isDiagnostic(event) ? ('diagnostic' as const) : ('event' as const),
    name: said.type,
    summary: describePayload(said),
  };
  return isEphemeral(event) ? { ...description, fold: foldOf(event) } : description;
}

/** What agents inside of agents say is passed on by all around them. */
function innermost(payload: Payload): Payload {
  return payload.type === 'agent.event' ? innermost(payload.event) : payload;
}

function foldOf(event: Payload): string {
  if (event.type === 'agent.event') return `${event.toolCallId} ${foldOf(event.event)}`;
  if ('messageId' in event) return `${event.type} ${event.messageId}`;
  return 'toolCallId' in event ? `${event.type} ${event.toolCallId}` : event.type;
}

function describePayload(event: Payload): string {
  switch (event.type) {
    case 'agent.event':
      return describePayload(event.event);
    case 'message.added':
      return `${event.cause}: ${oneLine(textOf(event.message))}`;
    case 'message.completed':
      return messageText(event.message);
    case 'message.delta':
    case 'reasoning.delta':
    case 'tool.progress':
      return oneLine(event.text);
    case 'message.replaced':
    case 'tool.denied':
    case 'output.rejected':
      return event.reason;
    case 'step.started':
      return `step ${event.step}`;
    case 'step.finished':
      return `step ${event.step}: ${event.finishReason.unified}, ${tokens(event.usage)}`;
    case 'message.started':
      return `step ${event.step}, attempt ${event.attempt}`;
    case 'model.retrying':
      return `attempt ${event.attempt} of ${event.maxAttempts}, again in ${Math.round(event.delayMs)} ms: ${event.failure.message}`;
    case 'tool.called':
    case 'tool.approvalRequested':
    case 'tool.resultRequested':
      return `${event.toolName}(${shorten(event.input)})`;
    case 'tool.completed':
      return `${event.toolName}: ${outputText(event.output)}`;
    case 'tool.failed':
      return `${event.toolName}: ${event.failure.message}`;
    case 'tool.retrying':
      return `${event.toolName}, attempt ${event.attempt} of ${event.maxAttempts}: ${event.failure.message}`;
    case 'tool.approvalResolved':
      return `${event.toolName}: ${event.decision} by ${event.by}`;
    case 'tool.started':
    case 'tool.cancelled':
      return event.toolName;
    case 'messages.updated':
      return `+${event.added} −${event.removed}, ${event.length} now`;
    case 'turn.completed':
      return `${event.stopReason}: ${oneLine(event.text)}`;
    case 'turn.failed':
      return `${event.failure.type}: ${event.failure.message}`;
    case 'turn.cancelled':
      return event.reason ?? '';
    case 'turn.paused':
    case 'turn.resumed':
      return `${event.reason}, ${event.spent} spent`;
    case 'compaction.started':
    case 'compaction.cancelled':
      return event.reason;
    case 'compaction.completed':
    case 'compaction.failed':
      return `${event.reason}: about ${event.tokensBefore} → ${event.tokensAfter} tokens`;
    case 'guardrail.triggered':
      return `${event.name} at ${event.stage}: ${event.action}, ${event.reason}`;
    case 'breaker.tripped':
      return `${event.kind}, ${event.count} of ${event.limit}`;
    case 'budget.warning':
      return `${event.spent} of ${event.limit}`;
    case 'transcript.repaired':
      return event.how;
    case 'diagnostic':
      return `${event.source}: ${event.message}`;
    case 'session.idle':
      return tokens(event.usage);
    case 'turn.started':
    case 'message.superseded':
    case 'steering.applied':
      return '';
  }
}

function messageText(message: Message): string {
  const calls = toolCallsOf(message).map(({ toolName }) => `${toolName}()`);
  return [oneLine(textOf(message)), ...calls].filter((part) => part !== '').join(' ');
}

export function outputText(output: ToolOutput): string {
  return typeof output.value === 'string' ? oneLine(output.value) : shorten(output.value);
}

function tokens({
  inputTokens,
  outputTokens,
}: {
  readonly inputTokens: number;
  readonly outputTokens: number;
}): string {
  return `${inputTokens} + ${outputTokens} tokens`;
}

/** Lists show one line of it, which is no longer than that. */
const longest = 200;

export function shorten(value: unknown): string {
  return oneLine(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
}

function oneLine(text: string): string {
  const line = text.length > 2 * longest ? text.slice(0, 2 * longest) : text;
  const words = line.replace(/\s+/g, ' ').trim();
  return words.length > longest ? `${words.slice(0, longest)}…` : words;
}
