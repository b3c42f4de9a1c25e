import { agentTool, createAgent, defineTool, type Model, type RecordingEntry, type TurnEvent } from 'turnchart';
import type { Store } from 'turnchart/durability';
import { findDivergence, readRecording } from 'turnchart/inspection';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { fragileStore } from '../durability/fragileStore.ts';
import { ofType, record } from './support.ts';
import { tool } from './toolSupport.ts';

describe('47. A sub-agent (`agentTool({ name, description, agent })`) is a tool call whose child is a turn of another agent: its usage counts, cancel reaches it, its events arrive as `agent.event`, it survives a restart like the turn itself; nesting at most 4 deep.', () => {
  const ask = (prompt = 'Find it.') => ({ calls: [{ name: 'research', input: { prompt } }] });
  const research = (agent: Parameters<typeof agentTool>[0]['agent']) =>
    agentTool({ name: 'research', description: 'Looks things up', agent });

  it('gives the answer of the other agent as the result', async () => {
    const inner = scriptedModel(['Found it.']);
    const outer = scriptedModel([ask(), 'It is found.']);
    const researcher = createAgent({ model: inner, name: 'researcher', instructions: 'Look it up.' });
    const session = createAgent({ model: outer, tools: [research(researcher)] }).session();
    const events = record(session);
    const result = await session.send('Where is it?').result;
    expect(result.text).toBe('It is found.');
    expect(inner.requests[0]).toMatchObject({
      instructions: 'Look it up.',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Find it.' }] }],
    });
    expect(ofType(events, 'tool.completed')).toMatchObject([{ output: { type: 'text', value: 'Found it.' } }]);
    // two answers of its own, one of the other
    expect(result.usage).toEqual({ inputTokens: 30, outputTokens: 15 });
    const said = ofType(events, 'agent.event').map(({ event }) => event);
    expect(said[0]).toMatchObject({ type: 'turn.started', agent: 'researcher' });
    expect(said.at(-1)).toMatchObject({ type: 'turn.completed', text: 'Found it.', agent: 'researcher' });
    expect(said.some(({ type }) => type === 'message.delta')).toBe(true);
  });

  it('keeps what streams out of the numbers of the events', async () => {
    const session = createAgent({
      model: scriptedModel([ask(), 'Done.']),
      tools: [research(createAgent({ model: scriptedModel(['Found it.']) }))],
    }).session();
    const events = record(session);
    await session.send('go').result;
    const durable = events.filter(({ n }) => n === undefined);
    expect(durable.map(({ seq }) => seq)).toEqual(durable.map((_, index) => index + 1));
    const streamed = ofType(events, 'agent.event').filter(({ event }) => event.type === 'message.delta');
    expect(streamed.every(({ n }) => n !== undefined)).toBe(true);
  });

  it('gives a structured answer as JSON', async () => {
    const schema = { jsonSchema: { type: 'object' } } as const;
    const inner = createAgent({ model: scriptedModel(['{"at": "home"}']), output: schema });
    const session = createAgent({ model: scriptedModel([ask(), 'Done.']), tools: [research(inner)] }).session();
    const events = record(session);
    await session.send('go').result;
    expect(ofType(events, 'tool.completed')).toMatchObject([{ output: { type: 'json', value: { at: 'home' } } }]);
  });

  it('tells the model of a failure, and goes on', async () => {
    const failing = createAgent({ model: scriptedModel([{ calls: [{ name: 'x' }] }]), limits: { maxSteps: 1 } });
    const session = createAgent({ model: scriptedModel([ask(), 'Then not.']), tools: [research(failing)] }).session();
    const events = record(session);
    expect(await session.send('go').result).toMatchObject({ text: 'Then not.' });
    expect(ofType(events, 'tool.failed')).toMatchObject([
      { failure: { type: 'tool', code: 'agent_failed', cause: { type: 'max_steps' } } },
    ]);
  });

  it('is reached by a cancel, down to the signal of its tools', async () => {
    const clock = new SimulatedClock();
    let signal: AbortSignal | undefined;
    const slow = tool('slow', (_input, run) => {
      signal = run.signal;
      return new Promise(() => {});
    });
    const inner = createAgent({ model: scriptedModel([{ calls: [{ name: 'slow' }] }]), tools: [slow] });
    const session = createAgent({ model: scriptedModel([ask()]), tools: [research(inner)], clock }).session();
    const turn = session.send('go');
    await clock.advance(0);
    expect(session.snapshot.turn?.tools).toMatchObject([
      { state: 'delegating', agent: { state: 'runningTools', tools: [{ toolName: 'slow', state: 'executing' }] } },
    ]);
    session.cancel();
    expect(await turn.outcome).toMatchObject({ status: 'cancelled' });
    expect(signal?.aborted).toBe(true);
  });

  it('counts what it has used by the time of a cancel', async () => {
    const clock = new SimulatedClock();
    const inner = createAgent({
      model: scriptedModel([{ calls: [{ name: 'look' }] }, { hangs: true }]),
      tools: [tool('look')],
    });
    const session = createAgent({ model: scriptedModel([ask()]), tools: [research(inner)], clock }).session();
    const turn = session.send('go');
    await clock.advance(0);
    session.cancel();
    // its own answer, and the first one of the other
    expect(await turn.outcome).toMatchObject({ status: 'cancelled', usage: { inputTokens: 20, outputTokens: 10 } });
  });

  it('asks for approval through the session', async () => {
    const clock = new SimulatedClock();
    const erase = tool('erase', () => 'erased', { approval: true });
    const inner = createAgent({
      model: scriptedModel([{ calls: [{ name: 'erase', id: 'inner_1' }] }, 'Erased.']),
      tools: [erase],
    });
    const session = createAgent({ model: scriptedModel([ask(), 'Done.']), tools: [research(inner)], clock }).session();
    const events = record(session);
    const turn = session.send('go');
    await clock.advance(0);
    const asked = ofType(events, 'agent.event').filter(({ event }) => event.type === 'tool.approvalRequested');
    expect(asked).toHaveLength(1);
    expect(session.approve('inner_1')).toEqual({ accepted: true });
    expect(await turn.outcome).toMatchObject({ status: 'completed' });
    expect(session.approve('inner_1')).toMatchObject({ accepted: false });
  });

  it('is asked by the id of its call, also where the call around it has the same', async () => {
    const clock = new SimulatedClock();
    const erase = tool('erase', () => 'erased', { approval: true });
    const call = { calls: [{ name: 'erase', id: 'call_1' }] };
    const inner = createAgent({ model: scriptedModel([call, 'Erased.']), tools: [erase] });
    const session = createAgent({ model: scriptedModel([ask(), 'Done.']), tools: [research(inner)], clock }).session();
    const turn = session.send('go');
    await clock.advance(0);
    expect(session.approve('call_1')).toEqual({ accepted: true });
    expect(await turn.outcome).toMatchObject({ status: 'completed' });
  });

  describe('is asked for approval once per session where that is said', () => {
    const note = tool('note', () => 'noted', { approval: true });
    const notes = (id: string) => ({ calls: [{ name: 'note', id }] });
    const open = (models: readonly (readonly Script[])[]) => {
      const clock = new SimulatedClock();
      const agents = models.map((script) => createAgent({ model: scriptedModel(script), tools: [note] }));
      return { clock, agents };
    };

    it('for its own tool of that name, in all its later turns', async () => {
      const { clock, agents } = open([
        [notes('a'), 'Noted.', notes('b'), 'Noted again.'],
        [notes('c'), 'Noted as well.'],
      ]);
      const [one, other] = agents.map((agent, index) =>
        agentTool({ name: `helper${index}`, description: 'Helps', agent }),
      );
      if (one === undefined || other === undefined) throw new Error('there are two');
      const prompt = { input: { prompt: 'Do it.' } };
      const session = createAgent({
        model: scriptedModel([
          { calls: [{ name: 'helper0', ...prompt }] },
          'One.',
          { calls: [{ name: 'helper0', ...prompt }] },
          'Two.',
          { calls: [{ name: 'helper1', ...prompt }, notes('d').calls[0] ?? { name: 'note' }] },
        ]),
        tools: [one, other, note],
        clock,
      }).session();
      const turn = session.send('go');
      await clock.advance(0);
      expect(session.approve('a', { remember: 'session' })).toEqual({ accepted: true });
      expect(await turn.outcome).toMatchObject({ status: 'completed' });
      // nobody is asked
      expect((await session.send('again').result).text).toBe('Two.');
      // neither those of other agents, nor that of the session, are meant
      session.send('once more');
      await clock.advance(0);
      expect(session.approve('c')).toEqual({ accepted: true });
      expect(session.approve('d')).toEqual({ accepted: true });
      await session.close();
    });

    it('inside of other agents too, and where the turn is cancelled before it has ended', async () => {
      const { clock, agents } = open([[notes('a'), { hangs: true }, notes('b'), 'Noted.']]);
      const [innermost] = agents;
      if (innermost === undefined) throw new Error('there is one');
      const middle = createAgent({
        model: scriptedModel([ask(), ask(), 'Passed on.']),
        tools: [research(innermost)],
      });
      const model = scriptedModel([ask(), ask(), 'Done.']);
      const session = createAgent({ model, tools: [research(middle)], clock }).session();
      session.send('go');
      await clock.advance(0);
      expect(session.approve('a', { remember: 'session' })).toEqual({ accepted: true });
      await clock.advance(0);
      session.cancel();
      expect((await session.send('again').result).text).toBe('Done.');
    });
  });

  it('stops the clocks of all turns around it while people are waited for', async () => {
    const clock = new SimulatedClock();
    const erase = tool('erase', () => 'erased', { approval: true });
    const inner = createAgent({
      model: scriptedModel([{ calls: [{ name: 'erase', id: 'inner_1' }] }, { hangs: true }]),
      tools: [erase],
    });
    const middle = createAgent({ model: scriptedModel([ask()]), tools: [research(inner)] });
    const limits = { maxDurationMs: 1_000 };
    const session = createAgent({ model: scriptedModel([ask()]), tools: [research(middle)], limits, clock }).session();
    const turn = session.send('go');
    await clock.advance(0);
    expect(session.snapshot.turn).toMatchObject({ state: 'awaitingAnswers' });
    await clock.advance(3_600_000);
    session.approve('inner_1');
    expect(session.snapshot.turn).toMatchObject({ state: 'runningTools' });
    await clock.advance(999);
    expect(session.snapshot.turn).toMatchObject({ state: 'runningTools' });
    await clock.advance(1);
    expect(await turn.outcome).toMatchObject({ status: 'failed', failure: { type: 'timeout' } });
  });

  it('ends its call, and takes the time that it took, where its machine breaks', async () => {
    const clock = new SimulatedClock();
    const sound = research(createAgent({ model: scriptedModel(['never']) }));
    const broken = {
      ...sound.agent,
      turn: {
        getInitialSnapshot() {
          throw new Error('It is broken.');
        },
      },
    };
    const wait = tool('wait', () => new Promise((resolve) => clock.setTimeout(() => resolve('waited'), 500)));
    const model = scriptedModel([{ calls: [{ name: 'wait' }] }, ask(), 'Then not.']);
    const session = createAgent({
      model,
      tools: [wait, { ...sound, agent: broken } as typeof sound],
      clock,
    }).session();
    const events = record(session);
    const turn = session.send('go');
    await clock.advance(500);
    expect(await turn.outcome).toMatchObject({ status: 'completed' });
    expect(ofType(events, 'tool.failed')).toMatchObject([{ failure: { message: 'It is broken.' } }]);
    expect(ofType(events, 'step.finished').map(({ durationMs }) => durationMs)).toEqual([500, 0, 0]);
    expect(ofType(events, 'turn.completed')).toMatchObject([{ durationMs: 500 }]);
  });

  it('says in a replay when it began to answer, as it did', async () => {
    const clock = new SimulatedClock();
    const slow: Model = {
      provider: 'slow',
      modelId: 'slow',
      async *stream() {
        yield { type: 'text-delta', text: 'Found' };
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 1_000));
        yield { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } };
      },
    };
    const model = scriptedModel([ask(), 'Done.']);
    const session = createAgent({ model, tools: [research(createAgent({ model: slow }))], clock }).session();
    const entries: RecordingEntry[] = [];
    session.record((entry) => entries.push(entry));
    const turn = session.send('go');
    await clock.advance(1_000);
    expect(await turn.outcome).toMatchObject({ status: 'completed' });
    const { sessions } = readRecording(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    const [began] = sessions.flatMap(({ events }) =>
      ofType(events, 'agent.event').filter(({ event }) => event.type === 'message.started'),
    );
    const [called] = ofType(sessions[0]?.events ?? [], 'tool.started');
    expect(began?.at).toBe(called?.at);
    expect(sessions.map(findDivergence)).toEqual([undefined]);
  });

  it('is limited by its own limits, and its usage by those around it', async () => {
    const inner = createAgent({
      model: scriptedModel([{ text: 'Much.', usage: { inputTokens: 500, outputTokens: 500 } }]),
    });
    const outer = createAgent({
      model: scriptedModel([ask(), 'never']),
      tools: [research(inner)],
      limits: { maxTokens: 100 },
    });
    expect(await outer.session().send('go').outcome).toMatchObject({
      status: 'failed',
      failure: { type: 'budget', code: 'limit_reached' },
    });
  });

  it('goes at most 4 deep', async () => {
    let agent = createAgent({ model: scriptedModel(['At the bottom.']), name: 'agent 5' });
    for (const depth of [4, 3, 2, 1, 0]) {
      const model = scriptedModel([ask(), `Back at ${depth}.`]);
      agent = createAgent({ model, name: `agent ${depth}`, tools: [research(agent)] }) as typeof agent;
    }
    const session = agent.session();
    const events = record(session);
    expect(await session.send('go').result).toMatchObject({ text: 'Back at 0.' });
    expect(innermost(events)).toBe('agent 4');
  });

  it('goes on after a restart', async () => {
    const { store, until, changes } = fragileStore();
    const clock = new SimulatedClock();
    const open = (found: Store, inner: readonly Script[], outer: readonly Script[], execute: () => unknown) => {
      const input = { jsonSchema: { type: 'object' } } as const;
      const slow = defineTool({ name: 'slow', input, idempotent: true, execute });
      const models = { inner: scriptedModel(inner), outer: scriptedModel(outer) };
      const tools = [research(createAgent({ model: models.inner, tools: [slow] }))];
      const session = createAgent({ model: models.outer, tools, store: found, clock }).session({ id: 's' });
      return { session, models, events: record(session) };
    };
    const before = open(store, [{ calls: [{ name: 'slow' }] }], [ask()], () => new Promise(() => {}));
    before.session.send('go');
    await clock.advance(0);
    expect(before.session.snapshot.turn?.tools).toMatchObject([{ agent: { tools: [{ state: 'executing' }] } }]);

    const after = open(await until(changes.length), ['Found it.'], ['It is found.'], () => 'there');
    await clock.advance(10);
    expect(ofType(after.events, 'turn.completed')).toMatchObject([{ text: 'It is found.' }]);
    expect(after.models.inner.requests[0]?.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(after.models.outer.requests).toHaveLength(1);
  });
});

function innermost(events: readonly TurnEvent[]): string {
  let name = '';
  for (const { event } of ofType(events, 'agent.event')) {
    let inner = event;
    while (inner.type === 'agent.event') inner = inner.event;
    if (inner.agent > name) name = inner.agent;
  }
  return name;
}
