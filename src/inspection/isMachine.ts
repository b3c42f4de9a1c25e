import type { AnyStateMachine } from 'xstate';

/** Whether something is a machine of XState v5, of whichever copy of the package. */
export function isMachine(value: unknown): value is AnyStateMachine {
  return (
    typeof value === 'object' &&
    value !== null &&
    'root' in value &&
    'config' in value &&
    'implementations' in value &&
    'getInitialSnapshot' in value
  );
}
