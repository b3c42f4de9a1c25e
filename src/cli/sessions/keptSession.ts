import type { Store } from '../../durability/store.ts';
import type { SessionSnapshot } from '../../snapshot.ts';
import type { LastTurns } from './lastTurns.ts';

/** A session that outlives the process. */
export interface KeptSession {
  readonly name: string;
  readonly store: Store;
  /** The file of the store, as people read it. */
  readonly file: string;
}

/**
 * Which session it is, and how much of it there is, in a line.
 *
 * @param status a turn may be unfinished before any has ended
 */
export function introduceSession(
  { name, file }: KeptSession,
  { shown, all }: Omit<LastTurns, 'messages'>,
  status: SessionSnapshot['status'],
): string {
  if (all === 0) return `Session "${name}" ${status === 'idle' ? 'is new, and kept in' : 'goes on in'} ${file}.`;
  const turns = `${all} ${all === 1 ? 'turn' : 'turns'} so far`;
  const which = shown === 0 || shown === all ? '' : `, of which these are the last ${shown}`;
  return `Session "${name}" of ${file} goes on: ${turns}${which}.`;
}
