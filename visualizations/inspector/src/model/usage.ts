import type { TurnEvent } from '../../../../src/events.ts';
import type { Failure } from '../../../../src/failure.ts';
import type { Usage } from '../../../../src/model.ts';
import type { Item } from './run.ts';

export interface TurnUsage {
  readonly turnId: string;
  /** Of what was asked. */
  readonly title: string;
  readonly item: number;
  steps: StepUsage[];
  end?: { readonly status: string; readonly usage: Usage; readonly cost?: number; readonly durationMs: number };
  failure?: Failure;
}

export interface StepUsage {
  readonly step: number;
  readonly item: number;
  attempts: number;
  tools: number;
  usage?: Usage;
  durationMs?: number;
  finishReason?: string;
}

/** What each step of each turn has used, as far as it was told by then. */
export function usageUntil(items: readonly Item[], last: number): readonly TurnUsage[] {
  const turns: TurnUsage[] = [];
  for (let index = 0; index <= last; index += 1) {
    const item = items[index];
    if (item?.kind === 'event') takeEvent(turns, item, item.payload as TurnEvent);
  }
  return turns;
}

function takeEvent(turns: TurnUsage[], item: Item, event: TurnEvent): void {
  const turn = turns.at(-1);
  const step = turn?.steps.at(-1);
  switch (event.type) {
    case 'turn.started':
      turns.push({ turnId: event.turnId ?? '', title: '', item: item.index, steps: [] });
      return;
    case 'message.added':
      if (turn?.title === '' && event.cause === 'input')
        turns[turns.length - 1] = { ...turn, title: item.summary.replace('input: ', '') };
      return;
    case 'step.started':
      turn?.steps.push({ step: event.step, item: item.index, attempts: 1, tools: 0 });
      return;
    case 'model.retrying':
      if (step !== undefined) step.attempts = event.attempt + 1;
      return;
    case 'tool.called':
      if (step !== undefined) step.tools += 1;
      return;
    case 'step.finished':
      if (step === undefined) return;
      step.usage = event.usage;
      step.durationMs = event.durationMs;
      step.finishReason = event.finishReason.unified;
      return;
    case 'turn.completed':
    case 'turn.failed':
    case 'turn.cancelled':
      if (turn === undefined) return;
      turn.end = {
        status: event.type.slice('turn.'.length),
        usage: event.usage,
        durationMs: event.durationMs,
        ...(event.cost !== undefined && { cost: event.cost }),
      };
      if (event.type === 'turn.failed') turn.failure = event.failure;
      return;
    default:
  }
}
