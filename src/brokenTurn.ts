import type { Payload } from './events.ts';
import type { Failure } from './failure.ts';
import type { Host } from './host.ts';
import { addCost } from './machines/budget.ts';
import { resultsMessage } from './machines/calls.ts';
import { append, type History, messagesOf, withoutLast } from './machines/history.ts';
import { notesAfter } from './machines/notes.ts';
import type { QueuedTurn } from './machines/sessionMachine.ts';
import type { TurnOutput } from './machines/turnMachine.ts';
import { addUsage, noUsage, type Usage } from './model.ts';

/** What is saved of a session whose machines broke. */
export interface Rescue {
  readonly history: History;
  /** Turns that waited behind the broken one. */
  readonly queue: readonly QueuedTurn[];
  /** How the turns end that cannot go on. */
  readonly outputs: readonly TurnOutput[];
  /** What is said in the machines' stead. */
  readonly payloads: readonly { readonly payload: Payload; readonly turnId?: string }[];
  /** Of the session, what the broken turn has used included. */
  readonly usage: Usage;
  readonly cost: number | undefined;
  /** Tools that nobody has to be asked about any more. */
  readonly approvedTools: readonly string[];
}

/**
 * Closes what broken machines left open, from the last state that was whole: calls get results, turns their one
 * terminal event. What broke them is not repeated, so the next message starts from a valid conversation.
 *
 * @param awaited ids of all turns that somebody waits for; one that the machines do not know broke them as it came
 */
export function rescue(host: Host, failure: Failure, at: number, awaited: Iterable<string>): Rescue {
  const session = host.actor.getSnapshot().context;
  const [current, ...queue] = session.queue;
  const payloads: { payload: Payload; turnId?: string }[] = [];
  const broken = current === undefined ? undefined : closeTurn(host, current, failure, at);
  payloads.push(...(broken?.payloads ?? []));
  const notes = broken === undefined ? [] : notesAfter(broken.output, false);
  for (const note of notes) payloads.push({ payload: { type: 'message.added', ...note } });
  const history = append(broken?.output.history ?? session.history, ...notes.map(({ message }) => message));

  const taken = new Set(messagesOf(history).map(({ id }) => id));
  const untaken = session.steering.filter(({ message }) => !taken.has(message.id));
  const waiting = [...untaken, ...queue];
  const known = new Set([...session.queue, ...waiting].map(({ turnId }) => turnId));
  const lost = [...awaited].filter((turnId) => !known.has(turnId)).map((turnId) => endOf(turnId, history, failure));
  for (const { turnId } of lost) {
    payloads.push({ turnId, payload: { type: 'turn.started', messageId: `${turnId}.input` } });
    payloads.push({ turnId, payload: { type: 'turn.failed', failure, usage: noUsage, steps: 0, durationMs: 0 } });
  }

  const usage = addUsage(session.usage, broken?.output.usage ?? noUsage);
  const cost = addCost(session.cost, broken?.output.cost);
  if (waiting.length === 0) {
    payloads.push({ payload: { type: 'session.idle', usage, ...(cost !== undefined && { cost }) } });
  }
  const outputs = broken === undefined ? lost : [broken.output, ...lost];
  const { approvedTools } = broken?.output ?? session;
  return { history, queue: waiting, outputs, payloads, usage, cost, approvedTools };
}

/** Lets machines that take the place of broken ones say what these have left unsaid. */
export function sayInstead(host: Host, broken: Host, { outputs, payloads }: Rescue, at: number): void {
  host.events.push(...broken.events.splice(0));
  for (const output of outputs) host.outputs.set(output.turnId, output);
  for (const { payload, turnId } of payloads) host.emit({ ...payload, at }, turnId);
}

/** Ends the turns that waited as well, where nothing goes on with them. */
export function failWaiting(host: Host, { queue, history, usage, cost }: Rescue, failure: Failure, at: number): void {
  for (const { turnId, message } of queue) {
    host.outputs.set(turnId, endOf(turnId, history, failure));
    host.emit({ type: 'turn.started', messageId: message.id, at }, turnId);
    host.emit({ type: 'turn.failed', failure, usage: noUsage, steps: 0, durationMs: 0, at }, turnId);
  }
  if (queue.length > 0) host.emit({ type: 'session.idle', usage, ...(cost !== undefined && { cost }), at }, undefined);
}

function closeTurn(host: Host, { turnId, message }: QueuedTurn, failure: Failure, at: number) {
  const before = host.actor.getSnapshot().context.history;
  const turn = host.turn?.getSnapshot().context;
  const begun = turn?.turnId === turnId ? turn : undefined;
  const payloads: { payload: Payload; turnId: string }[] = [];
  const say = (payload: Payload) => payloads.push({ payload, turnId });

  let history = begun?.history ?? append(before, message);
  if (begun === undefined) {
    say({ type: 'turn.started', messageId: message.id });
    say({ type: 'message.added', message, cause: 'input' });
  } else if (begun.calls.length > 0) {
    for (const { call, state } of begun.calls) {
      const { toolCallId, toolName } = call;
      if (state !== 'settled')
        say({
          type: 'tool.cancelled',
          toolCallId,
          toolName,
          started: state === 'executing' || state === 'awaitingAgent',
        });
    }
    history = append(history, resultsMessage(`${turnId}.${begun.step}.results`, begun.calls));
    say({ type: 'messages.updated', added: 1, removed: 0, length: history.length });
  }

  const unseen = begun?.unseen.length ?? (host.actor.getSnapshot().context.turn.guardsInput ? 1 : 0);
  if (unseen > 0) {
    history = withoutLast(history, unseen);
    say({ type: 'messages.updated', added: 0, removed: unseen, length: history.length });
  }

  const { usage, cost } = begun?.totals ?? { usage: noUsage, cost: undefined };
  const steps = begun?.step ?? 0;
  const startedAt = begun?.clock.startedAt ?? at;
  const approvedTools = begun?.allowance.tools ?? host.actor.getSnapshot().context.approvedTools;
  const durationMs = Math.max(0, at - startedAt);
  say({ type: 'turn.failed', failure, usage, ...(cost !== undefined && { cost }), steps, durationMs });
  const end = endOf(turnId, history, failure);
  return {
    payloads,
    output: { ...end, historyStart: before.length, approvedTools, usage, cost, steps, durationMs, at },
  };
}

/** The end of a turn of which nothing is known. */
export function endOf(turnId: string, history: History, failure: Failure): TurnOutput {
  const nothing = { steering: [], approvedTools: [], usage: noUsage, cost: undefined, steps: 0, durationMs: 0, at: 0 };
  return { status: 'failed', failure, stopReason: 'failed', turnId, history, historyStart: history.length, ...nothing };
}
