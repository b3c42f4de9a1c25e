import type { PromptResponse, RequestError } from '@agentclientprotocol/sdk';
import type { Failure } from '../../failure.ts';
import { failureData } from './agentError.ts';
import type { Editor } from './editor.ts';
import { internalError } from './internalError.ts';
import { Questions } from './questions.ts';
import type { ServedSession, ServedTurn } from './servedAgent.ts';
import type { SessionUsage } from './sessionUsage.ts';
import type { ToolCalls } from './toolCalls.ts';
import { TurnUpdates } from './turnUpdates.ts';

export interface PromptTurnOptions {
  readonly editor: Editor;
  readonly session: ServedSession;
  readonly turn: ServedTurn;
  readonly toolCalls: ToolCalls;
  readonly usage: SessionUsage;
  readonly onProblem: (problem: string) => void;
}

/**
 * Tells an editor of a turn up to its end, and asks the user what the turn waits for.
 *
 * @returns how the prompt is answered
 * @throws RequestError where the turn failed, with {@link failureData} as its `data`
 */
export async function promptTurn(options: PromptTurnOptions): Promise<PromptResponse> {
  const { editor, turn, onProblem } = options;
  const updates = new TurnUpdates({ ...options, capabilities: editor.capabilities });
  const questions = new Questions(options);
  try {
    // one after the other: an editor that is slow is told longer pieces, and the last of them before the answer
    for await (const event of turn) {
      for (const update of updates.of(event)) await editor.tell(update);
      if (event.type === 'diagnostic') onProblem(`${event.source}: ${event.message}`);
      questions.take(event);
    }
  } catch (error) {
    // nobody follows it any more
    turn.cancel('The editor could not be told of it.');
    throw error;
  } finally {
    await questions.close();
  }
  const outcome = await turn.outcome;
  switch (outcome.status) {
    case 'completed':
      return { stopReason: toStopReason(outcome.stopReason) };
    case 'cancelled':
      return { stopReason: questions.stoppedBy === 'max_steps' ? 'max_turn_requests' : 'cancelled' };
    case 'failed':
      if (outcome.failure.type === 'max_steps') return { stopReason: 'max_turn_requests' };
      throw await fail(outcome.failure, editor);
  }
}

function toStopReason(reason: string): PromptResponse['stopReason'] {
  return reason === 'max_tokens' || reason === 'refusal' ? reason : 'end_turn';
}

async function fail(failure: Failure, editor: Editor): Promise<RequestError> {
  const error = failureData(failure);
  if (editor.capabilities.agentErrors) {
    await editor.tell({ sessionUpdate: 'agent_error', error, stopReason: 'error' });
  }
  return internalError(error.message, error);
}
