import { createAgent, defineTool, type ToolRun } from 'turnchart';
import { type Script, SimulatedClock, scriptedModel, transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { talkOf, windowed } from './compactionSupport.ts';
import { deferred, endings, ofType, overloaded, record, typesOf } from './support.ts';

/** Answers that come only when a test has long stopped caring: the input is checked asynchronously. */
const pending = z.object({}).refine(() => new Promise<boolean>(() => {}));

function open(script: readonly Script[]) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const runs: ToolRun[] = [];
  const hold = (_: object, run: ToolRun) => {
    runs.push(run);
    return new Promise<string>(() => {});
  };
  const tools = [
    defineTool({ name: 'hold', input: z.object({}), execute: hold }),
    defineTool({ name: 'checked', input: pending, execute: hold }),
    defineTool({
      name: 'flaky',
      input: z.object({}),
      retry: { maxAttempts: 2 },
      execute: (_, run) => {
        runs.push(run);
        throw new Error('flaked');
      },
    }),
  ] as const;
  const session = createAgent({ model, tools, clock, limits: { maxParallelTools: 1 } }).session();
  return { clock, model, runs, session, events: record(session) };
}

/** Every state that is not final, and how a turn gets there. */
const states: readonly { state: string; script: Script; tools?: readonly string[] }[] = [
  { state: 'callingModel', script: { hangs: true } },
  { state: 'callingModel', script: { text: 'Hel', hangs: true } },
  { state: 'callingModel', script: { reasoning: 'Hm.', calls: [{ name: 'hold' }], hangs: true } },
  { state: 'retrying', script: { text: 'Hel', failure: overloaded() } },
  { state: 'runningTools', script: { calls: [{ name: 'checked' }] }, tools: ['preparing'] },
  { state: 'runningTools', script: { calls: [{ name: 'hold' }] }, tools: ['executing'] },
  { state: 'runningTools', script: { calls: [{ name: 'hold' }, { name: 'hold' }] }, tools: ['executing', 'queued'] },
  { state: 'runningTools', script: { calls: [{ name: 'flaky' }] }, tools: ['retrying'] },
  {
    state: 'runningTools',
    script: { calls: [{ name: 'flaky' }, { name: 'checked' }, { name: 'nothing' }] },
    tools: ['retrying', 'preparing', 'failed'],
  },
];

describe('27. Cancel is accepted in every non-final state, takes effect in the same transition, and aborts the signal handed to the model call, the running tools, compaction and sub-agents.', () => {
  it.each(states)('takes effect at once in $state ($script, $tools)', async ({ state, script, tools = [] }) => {
    const { clock, model, session, events } = open([script, 'Again.']);
    const turn = session.send('Go.');
    await clock.advance(0);
    const { turn: shown } = session.snapshot;
    expect(shown?.state).toBe(state);
    expect(shown?.tools.map((tool) => tool.state)).toEqual(tools);

    expect(session.cancel('stop')).toEqual({ accepted: true });
    // no promise, no timer and no microtask lies between
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(session.snapshot).toEqual({ status: 'idle', queued: 0 });
    expect(transcriptProblems(session.messages)).toEqual([]);
    expect(clock.pending).toBe(0);

    const told = events.length;
    await clock.advance(300_000);
    expect(events).toHaveLength(told);
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'stop' });
    expect(model.requests).toHaveLength(1);
  });

  it('takes effect at once in a compaction between turns', async () => {
    const clock = new SimulatedClock();
    const { model, summarySignals } = windowed(['Here.'], undefined, () => new Promise<string>(() => {}));
    const messages = talkOf(30);
    const session = createAgent({ model, clock }).session({ messages });
    const events = record(session);
    session.compact();
    await clock.advance(0);
    expect(session.cancel()).toEqual({ accepted: true });
    expect(typesOf(events)).toEqual(['compaction.started', 'compaction.cancelled', 'session.idle']);
    expect(session.snapshot).toEqual({ status: 'idle', queued: 0 });
    expect(summarySignals[0]?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
    expect(session.messages).toEqual(messages);
    expect((await session.send('Go.').result).text).toBe('Here.');
  });

  it('is accepted before the turn has started', async () => {
    const { clock, model, session, events } = open(['Hello.']);
    session.send('Go.');
    expect(session.cancel('stop')).toEqual({ accepted: true });
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(model.requests).toEqual([]);
  });

  it('is accepted between two turns, for the one that is about to start', async () => {
    const { clock, model, session, events } = open(['Hello.', 'Again.']);
    session.send('One');
    const second = session.send('Two');
    session.on('turn.completed', () => {
      second.cancel();
    });
    await clock.advance(0);
    expect(endings(events)).toEqual(['turn.completed', 'turn.cancelled']);
    expect(model.requests).toHaveLength(1);
  });

  it.each([
    'turn.started',
    'step.started',
    'message.started',
    'message.delta',
    'tool.called',
    'tool.started',
  ] as const)('takes effect from inside a listener of %s', async (type) => {
    const { clock, session, events, runs } = open([{ text: 'A', calls: [{ name: 'hold' }] }]);
    let told = 0;
    session.on(type, () => {
      session.cancel();
      told += 1;
      expect(session.snapshot.status).toBe('idle');
    });
    session.send('Go.');
    await clock.advance(0);
    expect(told).toBe(1);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(runs).toEqual([]);
  });

  it('takes effect from inside a running tool', async () => {
    const clock = new SimulatedClock();
    const late: string[] = [];
    const stop = defineTool({
      name: 'stop',
      input: z.object({}),
      execute: (_, { signal }) => {
        session.cancel('the tool wants it');
        late.push(signal.aborted ? 'aborted' : 'not aborted');
        return 'stopped';
      },
    });
    const model = scriptedModel([{ calls: [{ name: 'stop' }, { name: 'stop' }] }]);
    const session = createAgent({ model, tools: [stop], clock, limits: { maxParallelTools: 2 } }).session();
    const events = record(session);
    const turn = session.send('Go.');
    await clock.advance(0);
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', reason: 'the tool wants it' });
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(late).toEqual(['aborted']);
    expect(transcriptProblems(session.messages)).toEqual([]);
  });

  it('keeps tools from running that were to start together with the one that cancels', async () => {
    const clock = new SimulatedClock();
    const checked = deferred<boolean>();
    const ran: string[] = [];
    const stop = defineTool({
      name: 'stop',
      input: z.object({}).refine(() => checked.promise),
      execute: () => {
        ran.push('stop');
        session.cancel();
        return 'stopped';
      },
    });
    const work = defineTool({ name: 'work', input: z.object({}), execute: () => ran.push('work') });
    // those after it wait until the input of the first is checked
    const model = scriptedModel([{ calls: [{ name: 'stop' }, { name: 'work' }, { name: 'work' }] }]);
    const session = createAgent({ model, tools: [stop, work], clock }).session();
    const events = record(session);
    session.send('Go.');
    await clock.advance(0);
    checked.resolve(true);
    await clock.advance(0);
    expect(ran).toEqual(['stop']);
    expect(endings(events)).toEqual(['turn.cancelled']);
    expect(transcriptProblems(session.messages)).toEqual([]);
  });

  it.each([
    { hangs: true },
    { text: 'Hel', hangs: true },
  ])('aborts the signal of the model call ($text)', async (script) => {
    const { clock, model, session } = open([script]);
    session.send('Go.');
    await clock.advance(0);
    const [signal] = model.signals;
    expect(signal?.aborted).toBe(false);
    session.cancel();
    expect(signal?.aborted).toBe(true);
  });

  it('aborts the signals of all running tools', async () => {
    const clock = new SimulatedClock();
    const signals: AbortSignal[] = [];
    const hold = defineTool({
      name: 'hold',
      input: z.object({}),
      repeatable: true,
      execute: (_, { signal }) => {
        signals.push(signal);
        return new Promise<string>(() => {});
      },
    });
    const model = scriptedModel([{ calls: [{ name: 'hold' }, { name: 'hold' }, { name: 'hold' }] }]);
    const session = createAgent({ model, tools: [hold], clock }).session();
    session.send('Go.');
    await clock.advance(0);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
    session.cancel();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it('shows an aborted signal to a tool that looks at it only afterwards', async () => {
    const { clock, runs, session } = open([{ calls: [{ name: 'hold' }] }]);
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([true]);
  });

  it('does not abort the signal of a model call that has ended', async () => {
    const { clock, model, session } = open([{ calls: [{ name: 'hold' }] }]);
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    expect(model.signals.map(({ aborted }) => aborted)).toEqual([false]);
  });

  it('ends every call of the step: those that ran as started, the others as not started', async () => {
    const { clock, session, events } = open([{ calls: [{ name: 'hold' }, { name: 'hold' }, { name: 'checked' }] }]);
    session.send('Go.');
    await clock.advance(0);
    session.cancel();
    expect(ofType(events, 'tool.cancelled').map(({ toolCallId, started }) => [toolCallId, started])).toEqual([
      ['call_1', true],
      ['call_2', false],
      ['call_3', false],
    ]);
    const results = session.messages.find(({ role }) => role === 'tool');
    expect(results?.role === 'tool' && results.content.map(({ synthesized }) => synthesized)).toEqual([
      'interrupted',
      'not_started',
      'not_started',
    ]);
  });
});
