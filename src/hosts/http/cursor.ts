import type { TurnEvent } from '../../events.ts';

/** A place in the events of a session: right behind the event of that `seq` and, where it is ephemeral, `n`. */
export interface Cursor {
  readonly seq: number;
  readonly n: number;
}

export const beginning: Cursor = { seq: 0, n: 0 };

export function cursorOf({ seq, n = 0 }: Pick<TurnEvent, 'seq' | 'n'>): Cursor {
  return { seq, n };
}

/** As the `id` of an event. */
export function formatCursor({ seq, n }: Cursor): string {
  return n === 0 ? `${seq}` : `${seq}.${n}`;
}

/** Nothing for what is no `id` of an event. */
export function parseCursor(id: string): Cursor | undefined {
  const [, seq, n = '0'] = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(id) ?? [];
  return seq === undefined ? undefined : { seq: Number(seq), n: Number(n) };
}

/** Negative where `a` is before `b`. */
export function compareCursors(a: Cursor, b: Cursor): number {
  return a.seq - b.seq || a.n - b.n;
}
