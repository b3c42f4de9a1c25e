import { isEphemeral, type TurnEvent } from 'turnchart';
import { userMessage } from 'turnchart/machines';
import { describe, expect, it } from 'vitest';
import { Host, type HostInput, type HostOptions, type Row, refold } from '../src/host.ts';
import { sessionMachine } from '../src/machines/sessionMachine.ts';

const options: HostOptions = { machine: sessionMachine, agent: 'agent', input: { sessionId: 's' } };
const usage = { inputTokens: 3, outputTokens: 2 };
const answer = (text: string) => ({
  value: { type: 'answer', content: [{ type: 'text', text }], finishReason: { unified: 'stop' }, usage },
});

/** A host that keeps its rows, and a clock that goes on by 10 ms with every input. */
function recorded() {
  const rows: Row[] = [];
  const host = new Host(options);
  host.onRow = (row) => rows.push(row);
  let at = 1_000;
  const apply = (input: HostInput) => {
    at += 10;
    host.apply(input, at);
  };
  const send = (n: number) =>
    apply({ type: 'command', command: { type: 'session.send', turnId: `t${n}`, message: userMessage('Hi', `m${n}`) } });
  const start = () => apply({ type: 'command', command: { type: 'session.start' } });
  const text = (effect: string, value: string) =>
    apply({ type: 'reported', effect, report: [{ type: 'text-delta', text: value }] });
  return { host, rows, apply, send, start, text };
}

const durable = (events: readonly TurnEvent[]) => events.filter((event) => !isEphemeral(event));

describe('a host', () => {
  it('shows what its machines want as data, and runs nothing', () => {
    const { host, send, start } = recorded();
    send(1);
    expect(host.awaitsStart).toBe(true);
    expect(host.effects.size).toBe(0);
    start();
    expect([...host.effects.keys()]).toEqual(['t1.1.model.1']);
    expect(host.takeBegun().map(({ kind }) => kind)).toEqual(['callModel']);
    expect(host.takeBegun()).toEqual([]);
  });

  it('records three rows for a turn without tools, however many deltas it has, in less than a kilobyte', () => {
    const { host, rows, apply, send, start, text } = recorded();
    send(1);
    start();
    for (let count = 0; count < 1_000; count += 1) text('t1.1.model.1', 'word ');
    apply({ type: 'settled', effect: 't1.1.model.1', result: answer('Fine.') });
    expect(rows.map(({ input }) => input.type)).toEqual(['command', 'command', 'settled']);
    expect(rows.map(({ began }) => began)).toEqual([[], ['t1.1.model.1'], []]);
    expect(JSON.stringify(rows).length).toBeLessThan(1_024);
    expect(host.events.at(-1)?.type).toBe('session.idle');
  });

  it('records what was shown so far, merged, before what interrupts it', () => {
    const { host, rows, apply, send, start, text } = recorded();
    send(1);
    start();
    text('t1.1.model.1', 'So ');
    text('t1.1.model.1', 'far');
    apply({ type: 'command', command: { type: 'session.cancel', reason: 'Enough.' } });
    expect(rows.slice(2)).toMatchObject([
      { at: 1_030, input: { type: 'reported', report: [{ type: 'text-delta', text: 'So far' }] } },
      { at: 1_050, input: { type: 'command', command: { type: 'session.cancel' } } },
    ]);
    const rebuilt = refold(options, rows);
    expect(rebuilt.divergence).toBeUndefined();
    expect(rebuilt.host.actor.getSnapshot().context).toEqual(host.actor.getSnapshot().context);
    expect(JSON.stringify(rebuilt.host.actor.getSnapshot().context.history)).toContain('So far');
  });

  it('records who reported first where several effects do, since their results do not say it', () => {
    const { host, rows, apply, send, start, text } = recorded();
    const agent = { name: 'other', prompt: 'Do it.', options: {} };
    const calls = ['a', 'b'].map((toolCallId) => ({
      type: 'tool-call',
      toolCallId,
      toolName: 'ask',
      input: toolCallId,
    }));
    const settle = (effect: string, value: object) => apply({ type: 'settled', effect, result: { value } });
    send(1);
    start();
    settle('t1.1.model.1', { type: 'answer', content: calls, finishReason: { unified: 'tool-calls' }, usage });
    for (const index of [0, 1]) {
      settle(`t1.1.tool.${index}.prepare`, { type: 'ready', sequential: false, agent });
    }
    text('t1.1.tool.0.agent.1.model.1', 'One');
    text('t1.1.tool.1.agent.1.model.1', 'Two');
    apply({ type: 'settled', effect: 't1.1.tool.0.agent.1.model.1', result: answer('One.') });
    expect(durable(refold(options, rows).host.events)).toEqual(durable(host.events));
  });

  it('gives the same durable events in a replay, byte for byte, with their times', () => {
    const { host, rows, apply, send, start, text } = recorded();
    send(1);
    send(2);
    start();
    text('t1.1.model.1', 'Once ');
    apply({
      type: 'settled',
      effect: 't1.1.model.1',
      result: {
        value: {
          type: 'trouble',
          failure: { type: 'rate_limit', code: 'rate_limit_exceeded', message: 'Wait.', retryable: true },
          retry: { delayMs: 500 },
          usage,
        },
      },
    });
    expect([...host.timers.values()].map(({ id, dueAt }) => [id, dueAt])).toEqual([
      ['session/turn:xstate.after.retryDelay.turn.working.retrying', 1_550],
    ]);
    for (const { id } of host.timers.values()) apply({ type: 'fired', timer: id });
    text('t1.1.model.2', 'Twice');
    apply({ type: 'settled', effect: 't1.1.model.2', result: answer('Twice') });
    start();
    apply({ type: 'settled', effect: 't2.1.model.1', result: answer('Thrice') });

    const rebuilt = refold(options, rows);
    expect(rebuilt.divergence).toBeUndefined();
    expect(JSON.stringify(durable(rebuilt.host.events))).toBe(JSON.stringify(durable(host.events)));
    const types = durable(host.events).map(({ type }) => type);
    expect(types.filter((type) => type === 'message.superseded')).toHaveLength(1);
    expect(durable(host.events).map(({ seq }) => seq)).toEqual(types.map((_, index) => index + 1));
  });

  it('tells where a history began something else than it begins now', () => {
    const { rows, send, start } = recorded();
    send(1);
    start();
    const changed = rows.map((row, index) => (index === 1 ? { ...row, began: ['t1.1.model.7'] } : row));
    expect(refold(options, changed).divergence).toMatch(/Row 2 .*began \[t1\.1\.model\.7\]/);
  });

  it('tells where a history began something that is not begun any more', () => {
    const { rows, send, start } = recorded();
    send(1);
    start();
    const changed = rows.map((row, index) => (index === 0 ? { ...row, began: ['t1.0.model.1'] } : row));
    expect(refold(options, changed).divergence).toMatch(/Row 1 .*began \[t1\.0\.model\.1\], now it begins \[\]/);
  });

  it('takes no notice of a late result and an old timer, and records neither', () => {
    const { host, rows, apply, send, start } = recorded();
    send(1);
    start();
    apply({ type: 'command', command: { type: 'session.cancel' } });
    const { length } = rows;
    apply({ type: 'settled', effect: 't1.1.model.1', result: answer('Late.') });
    apply({ type: 'fired', timer: 'nobody' });
    expect(rows).toHaveLength(length);
    expect(host.actor.getSnapshot().value).toBe('idle');
  });

  it('goes on counting where another host stopped', () => {
    const host = new Host({ ...options, seq: 41 });
    host.apply({ type: 'command', command: { type: 'session.diagnose', source: 'test', message: 'Hi' } }, 5);
    expect(host.events).toMatchObject([{ type: 'diagnostic', seq: 42, at: 5, sessionId: 's' }]);
  });

  it('aborts everything when it is stopped', () => {
    const { host, send, start } = recorded();
    const aborted: string[] = [];
    host.onAbort = ({ id }) => aborted.push(id);
    send(1);
    start();
    host.stop();
    expect(aborted).toEqual(['t1.1.model.1']);
    expect(host.effects.size + host.timers.size).toBe(0);
  });
});
