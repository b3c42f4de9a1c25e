import type { NoticeSeverity } from '@agentclientprotocol/sdk';
import type { TurnEvent } from '../../events.ts';
import type { Failure } from '../../failure.ts';

/** Something about how a turn goes that is neither said by the model nor done by a tool. */
export interface TurnNotice {
  readonly severity: NoticeSeverity;
  readonly title: string;
}

/** What an event is to be noticed for, if it is. */
export function noticeOf(event: TurnEvent): TurnNotice | undefined {
  switch (event.type) {
    case 'model.retrying': {
      const { failure, delayMs, attempt, maxAttempts } = event;
      const when = delayMs === 0 ? 'now' : `in ${seconds(delayMs)}`;
      return warning(`${inWords(failure)} Trying again ${when} (${attempt + 1} of ${maxAttempts}).`);
    }
    case 'message.superseded':
      return warning('The answer broke off: what was shown of it does not count.');
    case 'message.replaced':
      return warning(`A guardrail has changed what was said: ${event.reason}`);
    case 'output.rejected':
      return warning(`The answer is not of the form that was asked for: ${event.reason}`);
    case 'compaction.started':
      return info('The conversation is long and is being shortened for the model. Nothing of it is lost.');
    case 'compaction.completed':
      return info(`Shortened, from about ${event.tokensBefore} to ${event.tokensAfter} tokens.`);
    case 'compaction.failed':
      return warning(`No summary could be made: the oldest messages are left out. ${event.failure.message}`);
    case 'budget.warning':
      return warning(`The turn has spent ${event.spent}, more than its limit of ${event.limit}.`);
    default:
      return undefined;
  }
}

function inWords({ message }: Failure): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

function seconds(ms: number): string {
  return `${Number((ms / 1_000).toPrecision(2))} s`;
}

function info(title: string): TurnNotice {
  return { severity: 'info', title };
}

function warning(title: string): TurnNotice {
  return { severity: 'warning', title };
}
