import { createAgent, defineTool } from 'turnchart';
import { scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { converse, gate, tool } from './toolSupport.ts';

describe('43. A tool without `execute` is a client-side tool: the turn waits for `tool.resultRequested` to be answered; ids must match exactly or the answer is refused; `steer()` while waiting closes the open calls as cancelled, and the next step takes the message; `send()` queues a follow-up as always.', () => {
  const schema = { jsonSchema: { type: 'object' } } as const;
  const pick = defineTool({ name: 'pick', input: schema });

  it('asks for the result, and goes on with it', async () => {
    const talk = converse([{ calls: [{ name: 'pick', input: { from: 3 } }] }, 'The second.'], { tools: [pick] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.resultRequested')).toMatchObject([
      { toolCallId: 'call_1', toolName: 'pick', input: { from: 3 } },
    ]);
    expect(talk.session.snapshot.turn).toMatchObject({
      state: 'awaitingAnswers',
      tools: [{ state: 'awaitingResult' }],
    });
    expect(talk.session.resolveTool('call_1', { picked: 2 })).toEqual({ accepted: true });
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', result: { text: 'The second.' } });
    expect(talk.results()).toMatchObject([{ output: { type: 'json', value: { picked: 2 } } }]);
    expect(talk.of('tool.started')).toEqual([]);
  });

  it('runs the other tools first, then asks for all results at once', async () => {
    const working = gate<string>();
    const here = tool('here', () => working.promise);
    const talk = converse(
      [{ calls: [{ name: 'pick' }, { name: 'here' }, { name: 'pick', input: { n: 2 } }] }, 'Done.'],
      {
        tools: [pick, here],
      },
    );
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.resultRequested')).toEqual([]);
    working.open('worked');
    await talk.clock.advance(0);
    expect(talk.of('tool.resultRequested').map(({ toolCallId }) => toolCallId)).toEqual(['call_1', 'call_3']);
    talk.session.resolveTool('call_3', 'c');
    talk.session.resolveTool('call_1', 'a');
    await talk.outcomeOf(turn);
    expect(talk.results().map(({ output }) => output.value)).toEqual(['a', 'worked', 'c']);
  });

  it.each([
    ['another id', 'call_2'],
    ['part of the id', 'call'],
    ['the id in capitals', 'CALL_1'],
  ])('refuses an answer for %s', async (_what, id) => {
    const talk = converse([{ calls: [{ name: 'pick' }] }, 'Done.'], { tools: [pick] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.session.resolveTool(id, 'x')).toEqual({
      accepted: false,
      reason: `There is no tool call "${id}" in the running turn.`,
    });
    talk.session.resolveTool('call_1', 'a');
    await talk.outcomeOf(turn);
    expect(talk.session.resolveTool('call_1', 'b')).toMatchObject({ accepted: false });
  });

  it('tells the model why a client could not run it', async () => {
    const talk = converse([{ calls: [{ name: 'pick' }] }, 'Then not.'], { tools: [pick] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    talk.session.resolveTool('call_1', 'The window is closed.', { isError: true });
    await talk.outcomeOf(turn);
    expect(talk.of('tool.failed')).toHaveLength(1);
    expect(talk.results()).toMatchObject([{ output: { type: 'error', value: 'The window is closed.' } }]);
  });

  it('asks for approval first where the tool wants it', async () => {
    const talk = converse([{ calls: [{ name: 'pick' }] }, 'Done.'], { tools: [{ ...pick, approval: true }] });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.of('tool.resultRequested')).toEqual([]);
    expect(talk.session.resolveTool('call_1', 'x')).toMatchObject({ accepted: false });
    talk.session.approve('call_1');
    expect(talk.of('tool.resultRequested')).toHaveLength(1);
    talk.session.resolveTool('call_1', 'x');
    await talk.outcomeOf(turn);
  });

  it('closes the open calls when steered, and takes the message with the next step', async () => {
    const talk = converse([{ calls: [{ name: 'pick' }, { name: 'look' }] }, 'As you like.'], {
      tools: [pick, tool('look', () => 'seen')],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    expect(talk.session.steer('Never mind.')).toEqual({ accepted: true });
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 2 });
    expect(talk.of('tool.cancelled')).toMatchObject([{ toolCallId: 'call_1', started: false }]);
    expect(talk.of('steering.applied')).toHaveLength(1);
    expect(talk.results()).toMatchObject([{ synthesized: 'cancelled' }, { output: { value: 'seen' } }]);
  });

  it('is not given up for steering while somebody is asked for approval', async () => {
    const talk = converse([{ calls: [{ name: 'erase' }] }, 'Done.'], {
      tools: [tool('erase', undefined, { approval: true })],
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(0);
    talk.session.steer('And quickly.');
    expect(talk.of('tool.cancelled')).toEqual([]);
    talk.session.approve('call_1');
    expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed' });
    expect(talk.of('steering.applied')).toHaveLength(1);
  });

  it('queues what is sent meanwhile', async () => {
    const talk = converse([{ calls: [{ name: 'pick' }] }, 'First.', 'Second.'], { tools: [pick] });
    const first = talk.session.send('go');
    await talk.clock.advance(0);
    const second = talk.session.send('and then');
    await talk.clock.advance(0);
    expect(talk.of('turn.started')).toHaveLength(1);
    talk.session.resolveTool('call_1', 'a');
    await talk.outcomeOf(first);
    expect(await talk.outcomeOf(second)).toMatchObject({ result: { text: 'Second.' } });
  });

  it('cuts a long result like that of any tool', async () => {
    const model = scriptedModel([{ calls: [{ name: 'pick' }] }, 'Done.']);
    const session = createAgent({ model, tools: [pick], limits: { maxOutputChars: 10 } }).session();
    session.on('tool.resultRequested', ({ toolCallId }) => void session.resolveTool(toolCallId, 'x'.repeat(100)));
    const { messages } = await session.send('go').result;
    expect(JSON.stringify(messages)).toContain('90 characters left out');
  });
});
