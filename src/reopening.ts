import type { EffectResult, StartedEffect } from './effects.ts';
import { createFailure, type Failure } from './failure.ts';
import type { Host, Row } from './host.ts';
import { isInterruption } from './services/interrupted.ts';

/** Who says that a session was reopened. */
export const recoverySource = 'recovery';

/** How often a turn is gone on with that comes to nothing new in between. */
const maxRecoveries = 3;

/** The failure of a turn that was reopened again and again without getting anywhere: it may be what ends the process. */
export function stuckIn(rows: readonly Row[]): Failure | undefined {
  let recoveries = 0;
  for (const { input } of rows.toReversed()) {
    if (input.type === 'command' && input.command.type === 'session.diagnose') {
      if (input.command.source === recoverySource) recoveries += 1;
    } else if (!(input.type === 'fired' || (input.type === 'settled' && isInterruption(input.result)))) {
      break;
    }
  }
  if (recoveries < maxRecoveries) return undefined;
  return createFailure({
    type: 'no_progress',
    code: 'recovered_in_vain',
    message: `The process ended ${recoveries + 1} times in the same place of this turn, so it is not tried again.`,
  });
}

/** The machines of today do not go the way that was kept. */
export function divergedFailure(divergence: string): Failure {
  return createFailure({
    type: 'internal',
    code: 'journal_diverged',
    message: `The turn was begun by another version of the machines, and cannot be gone on with. ${divergence}`,
  });
}

export function lostFailure(sessionId: string, reason: string): Failure {
  return createFailure({
    type: 'internal',
    code: 'store_failed',
    message: `Session "${sessionId}" could not be kept: ${reason}. Open it again to go on from what was.`,
  });
}

/** What a reopened session does with what it finds, in a sentence. */
export function whatIsLeft(host: Host, resultOf: (effect: StartedEffect) => EffectResult | undefined): string {
  const parts = [...host.effects.values()].map((effect) => {
    if (effect.kind === 'callModel') return 'the model is asked anew';
    if (effect.kind === 'summarize') return 'the conversation is summarized anew';
    const again = resultOf(effect) === undefined ? 'is run again' : 'was interrupted, which the model is told';
    return `${effect.kind === 'prepareTool' ? 'the preparation of a tool' : `the tool of ${effect.id}`} ${again}`;
  });
  if (host.timers.size > 0) parts.push(`${host.timers.size} timers wait for what is left of their time`);
  const what = host.turn === undefined ? 'a compaction' : 'a turn';
  return `The process before this one ended in the middle of ${what}: ${parts.join(', ') || 'it begins'}.`;
}
