import type { BreakerTripped, CompactionReason, GuardrailTriggered, TurnEvent } from '../events.ts';
import { recoverySource } from '../reopening.ts';

/** A line about how a turn goes that is about no single tool call. */
export interface Notice {
  readonly text: string;
  readonly tone: 'quiet' | 'warning';
}

/** What an event is to be noticed for, if it is. */
export function noticeOf(event: TurnEvent): Notice | undefined {
  switch (event.type) {
    case 'compaction.started':
      return quiet(`${tooLong[event.reason]} is being shortened for the model.`);
    case 'compaction.completed':
      return quiet(`Compacted: ${describeSaved(event)}.`);
    case 'compaction.failed': {
      const what = `There is no summary (${event.failure.code}): ${event.failure.message}`;
      if (event.removed === 0) return warning(`${what} The conversation stays as it is.`);
      return warning(`${what} The oldest messages are left out without one: ${describeSaved(event)}.`);
    }
    case 'compaction.cancelled':
      return quiet('Not compacted: the conversation is as it was.');
    case 'guardrail.triggered':
      return warning(describeGuardrail(event));
    case 'output.rejected': {
      const { reason, retriesLeft } = event;
      const then = retriesLeft === 0 ? 'it was the last try' : `${count(retriesLeft, 'try', 'tries')} left`;
      return warning(`The answer is not of the form that was asked for (${then}): ${reason}`);
    }
    case 'breaker.tripped':
      return warning(describeBreaker(event));
    case 'turn.paused': {
      const { reason, spent, limit } = event;
      return warning(
        reason === 'max_steps'
          ? `Paused: ${count(spent, 'step is', 'steps are')} taken.`
          : `Paused: ${spent} is spent, more than ${limit}.`,
      );
    }
    case 'turn.resumed':
      return quiet(event.limit === undefined ? 'Goes on.' : `Goes on, until step ${event.limit}.`);
    case 'budget.warning':
      return warning(`spent ${event.spent}, limit ${event.limit}`);
    case 'diagnostic':
      // that a session goes on after the end of its process is said in a whole sentence
      return warning(event.source === recoverySource ? event.message : `${event.source}: ${event.message}`);
    default:
      return undefined;
  }
}

const tooLong: Readonly<Record<CompactionReason, string>> = {
  threshold: 'The conversation has become long, and',
  overflow: 'The conversation was too long, and',
  manual: 'The conversation',
};

interface Saved {
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  readonly removed: number;
}

function describeSaved({ tokensBefore, tokensAfter, removed }: Saved): string {
  const what = removed === 0 ? 'old outputs of tools left out' : `${count(removed, 'message', 'messages')} left out`;
  return `about ${tokensBefore} → ${tokensAfter} tokens, ${what}`;
}

const stages: Readonly<Record<GuardrailTriggered['stage'], string>> = {
  input: 'a message',
  output: 'the answer',
  tool: 'a tool call',
};
const actions: Readonly<Record<GuardrailTriggered['action'], string>> = {
  denied: 'denied',
  rewritten: 'rewrote',
  logged: 'remarks on',
};

function describeGuardrail({ stage, name, action, reason }: GuardrailTriggered): string {
  return `Guardrail ${name} ${actions[action]} ${stages[stage]}: ${reason}`;
}

function describeBreaker({ kind, count: times, limit }: BreakerTripped): string {
  switch (kind) {
    case 'repeated_call':
      return `Breaker: the same call for the ${ordinal(times)} time (limit ${limit}).`;
    case 'consecutive_errors':
      return `Breaker: tools failed in ${count(times, 'step', 'steps')} in a row (limit ${limit}).`;
    case 'total_errors':
      return `Breaker: ${count(times, 'tool call', 'tool calls')} failed (limit ${limit}).`;
    case 'provider':
      return `Breaker: the provider failed ${count(times, 'time', 'times')} (limit ${limit}).`;
  }
}

function quiet(text: string): Notice {
  return { text, tone: 'quiet' };
}

function warning(text: string): Notice {
  return { text, tone: 'warning' };
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function ordinal(number: number): string {
  const suffix = { 1: 'st', 2: 'nd', 3: 'rd' }[number % 10];
  return `${number}${suffix === undefined || (number > 10 && number < 14) ? 'th' : suffix}`;
}
