import { overBudget } from '../../src/testing/paths/bounds.ts';
import type { PathEvent, PathMoment } from '../../src/testing/paths/index.ts';
import { readToolEvent } from '../../src/testing/paths/pathEvent.ts';
import { hasEnded } from './slots.ts';
import { type Story, storiesOf } from './story.ts';

/** What a condition may look at: what is seen before a step, and the story without and with its event. */
export interface Circumstances extends Pick<PathMoment, 'path' | 'event' | 'before'> {
  readonly was: Story;
  readonly is: Story;
}

/** @throws Error for a step that the path does not have */
export function circumstances({ path, index, event, before }: PathMoment): Circumstances {
  const [was, is] = storiesOf(path).slice(index, index + 2);
  if (was === undefined || is === undefined) throw new Error(`There is no step ${index + 1} in "${path.name}".`);
  return { path, event, before, was, is };
}

/** The conditions of the tables. */
export const conditions = {
  'while attempts are left': ({ path, is }) => is.turn.failures < path.bounds.attempts,
  'while pauses are left': ({ path, is }) => is.turn.requests < path.bounds.steps,
  'while steps are left': ({ path, was }) => was.turn.steps < path.bounds.steps,
  'when steps are spent': ({ path, was, is }) => was.turn.steps >= path.bounds.steps + is.turn.extended,
  'when the turn cannot go on': ({ path, was }) =>
    was.turn.steps >= path.bounds.steps && !path.bounds.features.includes('pauses'),
  'when hints are spent': ({ path, is }) => is.turn.hints > path.bounds.retries,
  'while hints are left': ({ path, was }) => was.turn.hints < path.bounds.retries,
  'when tools have failed too often': ({ path, is }) => is.turn.errorSteps >= path.bounds.toolErrors,
  'when money is spent': ({ is }) => is.turn.tokens > 0 && !is.turn.isLifted,
  'when the budget is spent': ({ is }) => is.turn.tokens >= overBudget,
  'while other tools are open': ({ event, before }) => {
    const number = readToolEvent(event)?.number;
    return before.state.tools.some((state, index) => index + 1 !== number && !hasEnded(state));
  },
  'while only clients are waited for': ({ before }) => {
    const open = before.state.tools.filter((state) => !hasEnded(state));
    return open.length > 0 && open.every((state) => state === 'awaitingResult');
  },
  'while the tool has attempts left': ({ path, event, was }) => {
    const number = readToolEvent(event)?.number ?? 0;
    const failed = 1 + (was.turn.tools[number - 1]?.failures ?? 0);
    return failed < path.bounds.toolAttempts;
  },
  'while an agent works on it': ({ event, before }) => {
    return before.state.tools[(readToolEvent(event)?.number ?? 0) - 1] === 'delegating';
  },
  'unless it was cancelled as it waited': ({ was }) => was.session.queue[0]?.isCancelled !== true,
  'when another turn waits': ({ is }) => is.session.queue.length > 0,
  'with output': ({ path }) => path.bounds.features.includes('output'),
  'with preparation': ({ path }) => path.bounds.features.includes('preparation'),
  'with pauses': ({ path }) => path.bounds.features.includes('pauses'),
  'with compaction': ({ path }) => path.bounds.features.includes('compaction'),
  'unless the step is prepared': ({ event, was }) => !was.turn.isPrepared || !/overflow|^summary/.test(event),
  'when it is too long': ({ event, is }) => is.turn.newest > 0 && !event.startsWith('summary'),
  'when masking is enough': ({ event, was, is }) => {
    return (
      is.turn.newest > 0 &&
      event !== 'user compacts' &&
      !isOverflow(event) &&
      (was.turn.older > 0 || was.turn.steering > 0)
    );
  },
  'unless it was shortened in vain': ({ was }) => !was.turn.hasOverflowed && !was.turn.isSummarized && was.unproven < 2,
  'when somebody asked for it': ({ before }) => before.state.session === 'compacting',
  'when nothing was said since': ({ event, was }) => event === 'user compacts' && !was.session.isSaidSince,
} satisfies Record<string, (circumstances: Circumstances) => boolean>;

export type Condition = keyof typeof conditions;

function isOverflow(event: PathEvent): boolean {
  return event === 'model fails: context_overflow';
}
