import type { InspectionEvent } from 'xstate';
import type { CallModelInput } from '../../machines/contracts.ts';
import { messagesOf } from '../../machines/history.ts';
import { messagesForModel } from '../../machines/modelView.ts';
import { rootOf } from './alphabet.ts';
import type { Observation, PathSubject } from './observation.ts';
import { childrenOf } from './pathState.ts';
import { type PathMachine, Rig } from './rig.ts';

/**
 * The machines by themselves: nothing runs, and the path says what comes of every effect.
 *
 * @param machine one that you have provided with guards or actions of your own. @default ours
 * @param options `inspect`: told everything that XState tells of the actors, for `pathCoverage()` among others
 * @example
 * ```ts
 * await runPath(path, { subject: machineSubject(turnMachine.provide({ guards: { … } })) });
 * ```
 */
export function machineSubject(
  machine?: PathMachine,
  options: { readonly inspect?: (event: InspectionEvent) => void } = {},
): PathSubject {
  return {
    begin({ machine: name, bounds }) {
      const rig = new Rig(machine ?? rootOf(name), bounds, options.inspect);
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
    children: childrenOf(turn),
    messages: history === undefined ? [] : messagesOf(history),
    asked: call && messagesForModel(call.history),
  };
}
