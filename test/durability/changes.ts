import type { CheckpointChange, RowsChange, SessionState } from '../../src/durability/store.ts';
import type { Message } from '../../src/messages.ts';
import { noUsage } from '../../src/model.ts';

export const state: SessionState = { agent: 'clerk', seq: 0, usage: noUsage, turns: 0, machineVersion: 'of the test' };

export function user(text: string): Message {
  return { role: 'user', id: text, content: [{ type: 'text', text }] };
}

export function rows(sessionId: string, index: number, ...texts: readonly string[]): RowsChange {
  return { type: 'rows', sessionId, at: 2, index, rows: texts };
}

/** A checkpoint that sums up so many rows, and appends messages from an index on. */
export function checkpoint(sessionId: string, count = 0, first = 0, ...added: readonly Message[]): CheckpointChange {
  return { type: 'checkpoint', sessionId, at: 1, rows: count, messages: { index: first, added }, state };
}
