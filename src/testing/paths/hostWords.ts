/** A host, in the words of paths. */

import type { StartedEffect } from '../../effects.ts';
import type { Host } from '../../host.ts';
import { type PathEvent, readToolEvent } from './pathEvent.ts';
import { compactionState, dotted, lastEnd, type PathState, toolStates, turnSnapshot } from './pathState.ts';

/**
 * Where a session is.
 *
 * @param emitted everything that it has said
 */
export function hostState({ actor }: Host, emitted: readonly { readonly type: string }[]): PathState {
  const { value, context } = actor.getSnapshot();
  const turn = turnSnapshot(actor);
  return {
    session: dotted(value),
    queued: Math.max(0, context.queue.length - 1),
    turn: turn === undefined ? lastEnd(emitted) : dotted(turn.value),
    tools: toolStates(turn),
    compaction: compactionState(actor, emitted),
  };
}

/** The id of the timer that such an event means, where one is set. */
export function timerFor(event: PathEvent, { timers }: Host): string | undefined {
  return [...timers.keys()].find((id) => eventOfTimer(id) === event);
}

/** What it is that a timer of a host does. */
export function eventOfTimer(id: string): PathEvent {
  const [, index] = /\/tool\.(\d+):/.exec(id) ?? [];
  if (index !== undefined) {
    return `tool ${Number(index) + 1} ${id.endsWith(':tool.expire') ? 'is not approved in time' : 'runs again'}`;
  }
  return id.endsWith(':turn.timeout') ? 'time is up' : 'retry is due';
}

/** Whether such an event is about this effect. */
export function isAbout(event: PathEvent, { id, kind }: StartedEffect): boolean {
  const tool = readToolEvent(event);
  if (tool !== undefined) return id.includes(`.tool.${tool.number - 1}.`);
  if (event === 'step is prepared' || event === 'input is denied') return kind === 'prepareStep';
  return kind === (event.startsWith('summary ') ? 'summarize' : 'callModel');
}
