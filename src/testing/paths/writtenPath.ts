import type { PathSubjectName } from './alphabet.ts';
import { checkBounds, type PathBounds } from './bounds.ts';
import type { TurnPath } from './path.ts';
import { isPathEvent, type PathEvent } from './pathEvent.ts';

/**
 * A path that is written down, to be kept and edited: what happens, each with the state that it leads to.
 *
 * @throws TypeError for an event that there is not
 * @example
 * ```ts
 * const path = writtenPath('gives up where the key is wrong', { machine: 'turn' }, [
 *   ['turn starts', 'turn working.callingModel'],
 *   ['model fails: auth', 'turn failed'],
 * ]);
 * test(path.name, () => runPath(path));
 * ```
 */
export function writtenPath(
  name: string,
  { machine, bounds = {} }: { readonly machine: PathSubjectName; readonly bounds?: Partial<PathBounds> },
  steps: readonly (readonly [event: PathEvent, state: string])[],
): TurnPath {
  for (const [index, [event]] of steps.entries()) {
    if (!isPathEvent(event)) {
      throw new TypeError(`writtenPath(): step ${index + 1} of "${name}" is no event of a path: "${String(event)}".`);
    }
  }
  return { name, machine, bounds: checkBounds(bounds), steps: steps.map(([event, state]) => ({ event, state })) };
}
