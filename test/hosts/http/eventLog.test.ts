import type { TurnEvent } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { beginning, type Cursor, compareCursors, formatCursor, parseCursor } from '../../../src/hosts/http/cursor.ts';
import { EventLog } from '../../../src/hosts/http/eventLog.ts';

const envelope = { agent: 'agent', sessionId: 's', turnId: 't', at: 1 };
const step = (seq: number) => ({ type: 'step.started', step: 1, ...envelope, seq }) as TurnEvent;
const delta = (seq: number, n: number, text: string, more: object = {}) =>
  ({ type: 'message.delta', messageId: 'm', step: 1, attempt: 1, text, ...envelope, seq, n, ...more }) as TurnEvent;
const progress = (seq: number, n: number, toolCallId: string, text: string) =>
  ({ type: 'tool.progress', toolCallId, toolName: 'look', text, ...envelope, seq, n }) as TurnEvent;

function logOf(events: readonly TurnEvent[], maxChars = 1_000_000): EventLog {
  const log = new EventLog(maxChars);
  for (const event of events) log.append(event);
  return log;
}

/** Ids and texts of what is behind a cursor. */
function told(log: EventLog, cursor: Cursor = beginning): readonly (readonly [string, unknown])[] {
  return log.read(cursor).events.map(({ wire, json }) => {
    expect(JSON.parse(json)).toEqual(wire);
    const inner = wire.data.event as { text?: string } | undefined;
    return [wire.id, wire.data.text ?? inner?.text];
  });
}

describe('a log of events', () => {
  it('keeps pieces of a text as one, and cuts it where a reader has it up to', () => {
    const log = logOf([step(1), delta(1, 1, 'a'), delta(1, 2, 'b'), delta(1, 3, 'c'), step(2), delta(2, 1, 'd')]);
    expect(told(log)).toEqual([
      ['1', undefined],
      ['1.3', 'abc'],
      ['2', undefined],
      ['2.1', 'd'],
    ]);
    expect(told(log, { seq: 1, n: 2 })[0]).toEqual(['1.3', 'c']);
    expect(told(log, { seq: 1, n: 3 })[0]).toEqual(['2', undefined]);
    expect(told(log, { seq: 2, n: 1 })).toEqual([]);
  });

  it('tells apart the texts of messages, of reasoning, and of sub-agents', () => {
    const inner = (n: number, toolCallId: string, text: string) => {
      const event = { type: 'message.delta', messageId: 'm', step: 1, attempt: 1, text, agent: 'sub', turnId: 'u' };
      return { type: 'agent.event', toolCallId, event, ...envelope, seq: 1, n } as TurnEvent;
    };
    const log = logOf([
      delta(1, 1, 'a'),
      delta(1, 2, 'b', { messageId: 'other' }),
      delta(1, 3, 'c', { type: 'reasoning.delta' }),
      inner(4, 'call_1', 'd'),
      inner(5, 'call_1', 'e'),
      inner(6, 'call_2', 'f'),
    ]);
    expect(told(log)).toEqual([
      ['1.1', 'a'],
      ['1.2', 'b'],
      ['1.3', 'c'],
      ['1.5', 'de'],
      ['1.6', 'f'],
    ]);
    expect(told(log, { seq: 1, n: 4 })[0]).toEqual(['1.5', 'e']);
  });

  it('keeps of the progress of a tool the latest, as long as nothing else has happened', () => {
    const log = logOf([
      step(1),
      progress(1, 1, 'call_1', '1%'),
      progress(1, 2, 'call_2', 'begins'),
      progress(1, 3, 'call_1', '2%'),
      step(2),
      progress(2, 1, 'call_1', '3%'),
    ]);
    expect(told(log).map(([, text]) => text)).toEqual([undefined, 'begins', '2%', undefined, '3%']);
  });

  it('ignores what it has', () => {
    const log = logOf([step(1), step(2), step(1), delta(1, 1, 'a'), step(2), step(3)]);
    expect(told(log).map(([id]) => id)).toEqual(['1', '2', '3']);
  });

  it('holds about as many characters as it may, and knows how far back it reaches', () => {
    const events = Array.from({ length: 100 }, (_, index) => step(index + 1));
    const log = logOf(events, 1_000);
    const [first] = told(log);
    const from = { seq: Number(first?.[0]) - 1, n: 0 };
    expect(from.seq).toBeGreaterThan(80);
    expect([log.reaches(from), log.reaches({ ...from, seq: from.seq - 1 }), log.reaches(log.last)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(log.read(beginning).events.reduce((sum, { json }) => sum + json.length, 0)).toBeLessThanOrEqual(1_000);
    expect(log.backlog(log.last)).toBe(0);
    expect(log.backlog(from)).toBeLessThanOrEqual(1_000);
  });

  it('holds a text that has no end, in part', () => {
    const log = logOf([step(1)], 100_000);
    for (let n = 1; n <= 1_000; n += 1) log.append(delta(1, n, 'x'.repeat(1_000)));
    const texts = told(log).map(([, text]) => String(text).length);
    expect(texts.reduce((sum, length) => sum + length)).toBeLessThan(200_000);
    expect(texts.at(-1)).toBeGreaterThan(0);
    expect(log.reaches({ seq: 1, n: 1 })).toBe(false);
  });

  it('gives about as much at a time as is asked for, and where to go on', () => {
    const log = logOf(Array.from({ length: 10 }, (_, index) => step(index + 1)));
    const seen: string[] = [];
    let reads = 0;
    for (let read = log.read(beginning, 300); read.events.length > 0; read = log.read(read.cursor, 300)) {
      seen.push(...read.events.map(({ wire }) => wire.id));
      reads += 1;
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10']);
    expect(reads).toBeGreaterThan(2);
  });

  it('writes an event once for all that read it', () => {
    const log = logOf([step(1), delta(1, 1, 'a')]);
    for (const cursor of [beginning, { seq: 1, n: 0 }]) {
      const [one, other] = [log.read(cursor).events.at(-1), log.read(cursor).events.at(-1)];
      expect(one).toBe(other);
    }
  });

  it('tells listeners once of what happens at once', async () => {
    const log = logOf([]);
    let told = 0;
    const stop = log.onAppend(() => {
      told += 1;
    });
    for (const event of [step(1), step(2), step(3)]) log.append(event);
    await Promise.resolve();
    expect(told).toBe(1);
    stop();
    log.append(step(4));
    await Promise.resolve();
    expect(told).toBe(1);
  });

  it('of a session that was open before begins with its first event', () => {
    const log = logOf([delta(7, 3, 'c'), step(8)]);
    expect([log.reaches({ seq: 7, n: 2 }), log.reaches({ seq: 7, n: 1 })]).toEqual([true, false]);
  });
});

describe('a cursor', () => {
  it.each(['0', '17', '17.3'])('is written as it is read: %s', (id) => {
    expect(formatCursor(parseCursor(id) ?? beginning)).toBe(id);
  });

  it.each(['', 'x', '-1', '1.', '.1', '1.2.3', '1e3', '9999999999999999'])('is not "%s"', (id) => {
    expect(parseCursor(id)).toBeUndefined();
  });

  it('is behind another by its number, then by the number of the piece', () => {
    const sorted = ['10.1', '9', '10', '9.12', '9.2'].toSorted((a, b) =>
      compareCursors(parseCursor(a) ?? beginning, parseCursor(b) ?? beginning),
    );
    expect(sorted).toEqual(['9', '9.2', '9.12', '10', '10.1']);
  });
});
