import type { EffectResult, EffectsPort, StartedEffect } from '../effects.ts';

/** A port that runs nothing: a test says what comes of every effect, and when. */
export interface ScriptedPort extends EffectsPort {
  /** Effects that wait for their result, in the order of their start. */
  readonly pending: readonly StartedEffect[];
  /** All effects that were ever started. */
  readonly started: readonly StartedEffect[];
  /** Effects that were aborted before they had settled. */
  readonly aborted: readonly StartedEffect[];
  /** Settles the first pending effect of that kind or id. @throws Error where there is none */
  settle(kindOrId: string, value: unknown, at?: number): void;
  /** Settles it as if its runner had thrown. */
  fail(kindOrId: string, error: Error, at?: number): void;
  /** Reports something on behalf of it. */
  report(kindOrId: string, report: unknown, at?: number): void;
}

/**
 * A port for tests of the plain machines.
 *
 * @example
 * ```ts
 * const port = scriptedPort();
 * const actor = createActor(turnMachine);
 * connectPort(actor, port);
 * actor.start();
 * actor.send({ type: 'turn.start', turnId: 't', message: userMessage('Hi', 'm'), at: 0 });
 * port.settle('callModel', { type: 'answer', content: [], finishReason: { unified: 'stop' }, usage: noUsage });
 * ```
 */
export function scriptedPort(): ScriptedPort {
  const pending: StartedEffect[] = [];
  const started: StartedEffect[] = [];
  const aborted: StartedEffect[] = [];
  const find = (kindOrId: string): StartedEffect => {
    const found = pending.find(({ id, kind }) => id === kindOrId || kind === kindOrId);
    if (found !== undefined) return found;
    const list = pending.map(({ id, kind }) => `${kind} (${id})`).join(', ') || 'nothing';
    throw new Error(`No effect "${kindOrId}" is pending; pending: ${list}.`);
  };
  const remove = (effect: StartedEffect) => {
    const index = pending.indexOf(effect);
    if (index >= 0) pending.splice(index, 1);
    return index >= 0;
  };
  const settle = (kindOrId: string, result: EffectResult, at: number) => {
    const found = find(kindOrId);
    remove(found);
    found.settle({ ...result, at });
  };
  return {
    pending,
    started,
    aborted,
    start(effect) {
      started.push(effect);
      pending.push(effect);
    },
    abort(effect) {
      if (remove(effect)) aborted.push(effect);
    },
    settle: (kindOrId, value, at = 0) => settle(kindOrId, { value }, at),
    fail: (kindOrId, { name, message }, at = 0) => settle(kindOrId, { error: { name, message } }, at),
    report: (kindOrId, report, at = 0) => find(kindOrId).report(report, at),
  };
}
