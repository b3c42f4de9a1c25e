import { type AnyMachineSnapshot, isMachineSnapshot, type StateValue } from 'xstate';

interface Snapshotted {
  getSnapshot(): unknown;
}

/** Where an actor is, if it is one of a machine. */
export function machineSnapshot(actor: Snapshotted): AnyMachineSnapshot | undefined {
  const snapshot = actor.getSnapshot();
  return isMachineSnapshot(snapshot) ? snapshot : undefined;
}

/** A state value as the charts write it: `working.callingModel`. */
export function dotted(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [[key, inner] = []] = Object.entries(value);
  if (key === undefined || inner === undefined) return '';
  return `${key}.${dotted(inner)}`;
}
