import type { ModelFailureType } from '../../failure.ts';
import type { ContractSubject } from '../contractExchange.ts';
import type { ErrorKind } from '../dialects/dialect.ts';
import { faultServer } from '../faultServer.ts';
import type { Fault, FaultAnswer } from '../faults.ts';
import { type AgentPlan, cannotHappen } from './agentPlan.ts';
import { answerAt, beginning, type ModelVoice } from './modelVoice.ts';
import type { TurnPath } from './path.ts';
import { type PathEvent, readFailure } from './pathEvent.ts';

/**
 * The voice of an adapter: a server answers its requests, over real sockets and in the provider's dialect, with what the
 * path says.
 */
export async function wireVoice(plan: AgentPlan, { createModel, dialect }: ContractSubject): Promise<ModelVoice> {
  let goOn: (() => void) | undefined;
  let answer: FaultAnswer = {};
  const server = await faultServer(dialect, { answer: () => answer });
  return {
    model: createModel(server.url, 'sk-path'),
    say(index) {
      // what follows the beginning is on its way already
      if (goOn !== undefined) {
        goOn();
        goOn = undefined;
        return;
      }
      const isBeginning = plan.path.steps[index]?.event === 'model streams';
      const end = isBeginning ? endOfCall(plan.path, index) : index;
      if (!isBeginning && end !== undefined) {
        answer = wireAnswer(plan, end, false);
        return;
      }
      if (end === undefined) {
        answer = { text: [beginning, '…'], fault: { type: 'silence', afterParts: 1 } };
        return;
      }
      const until = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      answer = { ...wireAnswer(plan, end, true), wire: { hold: { part: 1, until } } };
    },
    async close() {
      goOn?.();
      await server.close();
    },
  };
}

/** Why something cannot be said in a provider's words at all; nothing where it can. */
export function unsayableEvent(event: PathEvent): string | undefined {
  if (event.startsWith('model pauses')) return 'the dialect has no word for a pause';
  return event.includes(' fails, over budget') ? 'an error over HTTP does not say what was used' : undefined;
}

/** Why a path cannot be said in a provider's words; nothing where it can. */
export function unsayable({ steps }: TurnPath): string | undefined {
  let hasBegun = false;
  for (const { event } of steps) {
    const reason = unsayableEvent(event);
    if (reason !== undefined) return cannotHappen(event, reason);
    if (event === 'model fails: unknown' && hasBegun) {
      return cannotHappen(event, 'the dialect has no such error in the middle of an answer');
    }
    if (event === 'model streams' && hasBegun) {
      return cannotHappen(event, 'over HTTP an answer is shown in two pieces at most');
    }
    if (event === 'model streams') hasBegun = true;
    else if (endsCall(event)) hasBegun = false;
  }
  return undefined;
}

function wireAnswer(plan: AgentPlan, index: number, hasBegun: boolean): FaultAnswer {
  const { usage, calls = [], text = [], finish } = answerAt(plan, index, hasBegun);
  const failure = failureOf(plan.path.steps[index]?.event ?? 'model answers');
  if (failure !== undefined) {
    if (!hasBegun) return { fault: refusals[failure] };
    return { text: [beginning, '…'], fault: { type: 'streamError', afterParts: 2, kind: kinds[failure] } };
  }
  const pieces = typeof text === 'string' ? [text] : text;
  return {
    ...(usage !== undefined && { usage }),
    calls,
    text: hasBegun ? [beginning, ...pieces] : pieces,
    ...(finish === 'length' || finish === 'content-filter' ? { finish } : {}),
  };
}

function failureOf(event: PathEvent): ModelFailureType | undefined {
  return event.startsWith('summary fails') ? 'provider_unavailable' : readFailure(event);
}

const kinds: Readonly<Record<ModelFailureType, ErrorKind>> = {
  budget: 'quota',
  rate_limit: 'rate_limit',
  provider_unavailable: 'server',
  context_overflow: 'overflow',
  auth: 'auth',
  unknown: 'invalid_request',
};

const refusals: Readonly<Record<ModelFailureType, Fault>> = {
  budget: { type: 'error', kind: kinds.budget },
  rate_limit: { type: 'error', kind: kinds.rate_limit },
  provider_unavailable: { type: 'error', kind: kinds.provider_unavailable },
  context_overflow: { type: 'error', kind: kinds.context_overflow },
  auth: { type: 'error', kind: kinds.auth },
  // nothing in the dialects is unknown and worth another try, but headers may say so
  unknown: {
    type: 'error',
    kind: kinds.unknown,
    headers: { 'x-llm-error-type': 'unknown', 'x-llm-error-retryable': 'true' },
  },
};

/** The step in which the call ends by itself; nothing where it is aborted. */
function endOfCall({ steps }: TurnPath, begun: number): number | undefined {
  const index = steps.findIndex(({ event }, place) => place > begun && endsCall(event));
  return index === -1 || aborting.has(steps[index]?.event ?? 'user cancels') ? undefined : index;
}

const aborting: ReadonlySet<PathEvent> = new Set(['user cancels', 'session closes', 'time is up']);

function endsCall(event: PathEvent): boolean {
  if (aborting.has(event) || event === 'answer is denied') return true;
  return event.startsWith('model ') && event !== 'model streams';
}
