import type { PathMoment } from '../../src/testing/paths/index.ts';
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
  'while pauses are left': ({ path, is }) => is.turn.pauses < path.bounds.steps,
  'while steps are left': ({ path, was }) => was.turn.steps < path.bounds.steps,
  'when steps are spent': ({ path, was }) => was.turn.steps >= path.bounds.steps,
  'when hints are spent': ({ path, is }) => is.turn.hints > path.bounds.retries,
  'while other tools are open': ({ event, before }) => {
    const number = readToolEvent(event)?.number;
    return before.state.tools.some((state, index) => index + 1 !== number && !hasEnded(state));
  },
  'while the tool has attempts left': ({ path, event, was }) => {
    const number = readToolEvent(event)?.number ?? 0;
    const failed = 1 + (was.turn.tools[number - 1]?.failures ?? 0);
    return failed < path.bounds.toolAttempts;
  },
  'unless it was cancelled as it waited': ({ was }) => was.session.queue[0]?.isCancelled !== true,
  'when another turn waits': ({ is }) => is.session.queue.length > 0,
} satisfies Record<string, (circumstances: Circumstances) => boolean>;

export type Condition = keyof typeof conditions;
