import type { AnyActorRef } from 'xstate';
import type { CallModelInput } from '../../machines/contracts.ts';
import { messagesOf } from '../../machines/history.ts';
import { sessionMachine } from '../../machines/sessionMachine.ts';
import { turnMachine } from '../../machines/turnMachine.ts';
import type { Observation, PathSubject } from './observation.ts';
import { type PathMachine, Rig } from './rig.ts';

/**
 * The machines by themselves: nothing runs, and the path says what comes of every effect.
 *
 * @param machine one that you have provided with guards or actions of your own. @default ours
 * @example
 * ```ts
 * await runPath(path, { subject: machineSubject(turnMachine.provide({ guards: { … } })) });
 * ```
 */
export function machineSubject(machine?: PathMachine): PathSubject {
  return {
    begin({ machine: name, bounds }) {
      const rig = new Rig(machine ?? (name === 'session' ? sessionMachine : turnMachine), bounds);
      return {
        apply(event) {
          rig.apply(event);
          if (rig.error !== undefined) throw new Error(`The machines broke on "${event}".`, { cause: rig.error });
        },
        observe: () => observe(rig),
        end: () => rig.stop(),
      };
    },
  };
}

function observe(rig: Rig): Observation {
  const { turn, context, session } = rig;
  const running = [...rig.pending.values()];
  const call = running.find(({ kind }) => kind === 'callModel')?.input as CallModelInput | undefined;
  const history = context?.history ?? session?.history;
  return {
    state: rig.state,
    events: [...rig.emitted],
    started: [...rig.started],
    running,
    aborted: [...rig.aborted],
    children: childrenOf(turn?.children),
    messages: history === undefined ? [] : messagesOf(history),
    asked: call && messagesOf(call.history),
  };
}

function childrenOf(children: Readonly<Record<string, AnyActorRef | undefined>> = {}): readonly string[] {
  return Object.entries(children).flatMap(([id, child]) => (child?.getSnapshot().status === 'active' ? [id] : []));
}
