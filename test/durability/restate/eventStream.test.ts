import type { TurnEvent } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { EventStream } from '../../../src/durability/restate/eventStream.ts';

const envelope = { agent: 'agent', sessionId: 'talk', turnId: 'turn', at: 0 };

function started(seq: number): TurnEvent {
  return { ...envelope, seq, type: 'message.started', messageId: 'm', step: 1, attempt: 1 };
}
function delta(seq: number, n: number, text: string): TurnEvent {
  return { ...envelope, seq, n, type: 'message.delta', messageId: 'm', step: 1, attempt: 1, text };
}
function stepStarted(seq: number): TurnEvent {
  return { ...envelope, seq, type: 'step.started', step: 1 };
}
function cancelled(seq: number): TurnEvent {
  const usage = { inputTokens: 0, outputTokens: 0 };
  return { ...envelope, seq, type: 'turn.cancelled', usage, steps: 1, durationMs: 0 };
}

function listen(seq = 0) {
  const told: string[] = [];
  const stream = new EventStream(seq, (event) => {
    told.push(event.type === 'message.delta' ? event.text : `${event.seq} ${event.type}`);
  });
  return { stream, told };
}

describe('the stream of a session on Restate', () => {
  it('tells what the bus brings at once, and not again when it is kept', () => {
    const { stream, told } = listen();
    stream.live({ events: [stepStarted(1), started(2), delta(2, 1, 'Hel')], effect: 'model', startedAt: 1 });
    stream.keep([stepStarted(1), started(2), cancelled(3)]);
    stream.live({ events: [cancelled(3)] });
    expect(told).toEqual(['1 step.started', '2 message.started', 'Hel', '3 turn.cancelled']);
  });

  it('tells what only is kept, where there is no bus or it has lost something', () => {
    const { stream, told } = listen();
    expect(stream.live({ events: [started(3)] })).toBe(true);
    stream.keep([stepStarted(1), stepStarted(2), started(3)]);
    expect(told).toEqual(['1 step.started', '2 step.started', '3 message.started']);
  });

  it('asks for what is kept where something is missing, and for how a turn ended', () => {
    const { stream } = listen();
    expect(stream.live({ events: [stepStarted(1)] })).toBe(false);
    // once more, out of an attempt that was repeated
    expect(stream.live({ events: [stepStarted(1)] })).toBe(false);
    expect(stream.live({ events: [stepStarted(3)] })).toBe(true);
    expect(stream.live({ events: [cancelled(2)] })).toBe(true);
  });

  it('drops deltas that belong elsewhere, come twice, or are of an earlier try of their effect', () => {
    const { stream, told } = listen(1);
    const live = (events: readonly TurnEvent[], startedAt: number) =>
      stream.live({ events, effect: 'model', startedAt });
    live([delta(2, 1, 'too early')], 10);
    live([started(2), delta(2, 1, 'Hel')], 10);
    live([delta(2, 1, 'twice'), delta(2, 2, 'lo')], 10);
    live([delta(2, 3, 'stale')], 5);
    expect(told).toEqual(['2 message.started', 'Hel', 'lo']);
  });

  it('tells what was said instead, where a process that ended had said something else', () => {
    const { stream, told } = listen(1);
    stream.live({ events: [started(2), delta(2, 1, 'Hel')], effect: 'model', startedAt: 1 });
    stream.keep([stepStarted(2), cancelled(3)]);
    expect(told).toEqual(['2 message.started', 'Hel', '2 step.started', '3 turn.cancelled']);
  });
});
