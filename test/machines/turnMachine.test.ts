import { createFailure, type Payload } from 'turnchart';
import { connectPort, turnMachine, userMessage } from 'turnchart/machines';
import { scriptedPort } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';

const usage = { inputTokens: 3, outputTokens: 2 };
const says = (text: string) => ({
  type: 'answer',
  content: [{ type: 'text', text }],
  finishReason: { unified: 'stop' },
  usage,
});
const asksFor = (...names: string[]) => ({
  type: 'answer',
  content: names.map((toolName, index) => ({ type: 'tool-call', toolCallId: `c${index}`, toolName, input: {} })),
  finishReason: { unified: 'tool-calls' },
  usage,
});
const ready = { type: 'ready', sequential: false };
const gave = (value: string) => ({ type: 'settled', outcome: { type: 'completed', output: { type: 'text', value } } });

/** The plain machine, with a port in the place of the world. */
function plainTurn(input: Parameters<typeof createActor<typeof turnMachine>>[1] = {}) {
  const port = scriptedPort();
  const actor = createActor(turnMachine, input);
  const payloads: Payload[] = [];
  actor.on('*', (payload) => payloads.push(payload));
  connectPort(actor, port);
  actor.start();
  const start = () => actor.send({ type: 'turn.start', turnId: 't', message: userMessage('Hi', 'm'), at: 100 });
  const children = () => Object.keys(actor.getSnapshot().children);
  return { actor, port, payloads, start, children, types: () => payloads.map(({ type }) => type) };
}

describe('the turn machine by itself', () => {
  it('rests in idle without a child until it gets its message', () => {
    const { actor, port, children } = plainTurn();
    expect(actor.getSnapshot().value).toBe('idle');
    expect(children()).toEqual([]);
    expect(port.started).toEqual([]);
  });

  it('has the model call as its only child while it calls the model', () => {
    const { actor, start, children } = plainTurn();
    start();
    expect(actor.getSnapshot().value).toEqual({ working: 'callingModel' });
    expect(children()).toEqual(['callModel']);
  });

  it('has one child per call while it runs tools, named from a fixed set', () => {
    const { actor, port, start, children } = plainTurn();
    start();
    port.settle('callModel', asksFor('a', 'b', 'c'));
    expect(actor.getSnapshot().value).toEqual({ working: { usingTools: 'runningTools' } });
    expect(children()).toEqual(['tool.0', 'tool.1', 'tool.2']);
  });

  it('has no child but the model call in its next step, and the same names in the one after', () => {
    const { port, start, children } = plainTurn();
    start();
    for (const step of [1, 2]) {
      port.settle(`t.${step}.model.1`, asksFor('a'));
      expect(children()).toEqual(['tool.0']);
      port.settle('prepareTool', ready);
      port.settle('executeTool', gave('so'));
      expect(children()).toEqual(['callModel']);
    }
  });

  it('has no child while it waits to call the model again', () => {
    const { actor, port, start, children } = plainTurn();
    start();
    const failure = createFailure({ type: 'rate_limit', message: 'Wait.' });
    port.settle('callModel', { type: 'trouble', failure, retry: { delayMs: 1_000_000 }, usage });
    expect(actor.getSnapshot().value).toEqual({ working: 'retrying' });
    expect(children()).toEqual([]);
    actor.stop();
  });

  it('names effects by turn, step, attempt and index, and nothing else', () => {
    const { port, start } = plainTurn();
    start();
    port.settle('callModel', asksFor('a', 'b'));
    port.settle('prepareTool', ready);
    port.settle('prepareTool', ready);
    expect(port.started.map(({ id }) => id)).toEqual([
      't.1.model.1',
      't.1.tool.0.prepare',
      't.1.tool.1.prepare',
      't.1.tool.0.execute.1',
      't.1.tool.1.execute.1',
    ]);
  });

  it('aborts the model call in the transition of the cancel', () => {
    const { actor, port, start, types } = plainTurn();
    start();
    port.report('callModel', [{ type: 'text-delta', text: 'So' }], 120);
    actor.send({ type: 'turn.cancel', reason: 'Enough.', at: 150 });
    expect(port.aborted.map(({ id }) => id)).toEqual(['t.1.model.1']);
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', value: 'cancelled' });
    expect(actor.getSnapshot().output).toMatchObject({ status: 'cancelled', reason: 'Enough.', durationMs: 50 });
    expect(types().slice(-2)).toEqual(['messages.updated', 'turn.cancelled']);
  });

  it('aborts all tools in the transition of the cancel, and gives every call a result', () => {
    const { actor, port, start } = plainTurn({ input: { limits: { maxParallelTools: 1 } } });
    start();
    port.settle('callModel', asksFor('a', 'b', 'c'));
    port.settle('prepareTool', ready);
    port.settle('prepareTool', ready);
    actor.send({ type: 'turn.cancel', at: 150 });
    expect(port.aborted.map(({ kind }) => kind)).toEqual(['executeTool', 'prepareTool']);
    expect(port.pending).toEqual([]);
    const results = actor.getSnapshot().output?.history.log.at(-1);
    expect(results).toMatchObject({
      role: 'tool',
      content: [
        { toolCallId: 'c0', synthesized: 'interrupted' },
        { toolCallId: 'c1', synthesized: 'not_started' },
        { toolCallId: 'c2', synthesized: 'not_started' },
      ],
    });
  });

  it('fails when its model call throws, without breaking', () => {
    const { actor, port, start } = plainTurn();
    start();
    port.fail('callModel', new TypeError('a bug'));
    expect(actor.getSnapshot().output).toMatchObject({
      status: 'failed',
      failure: { type: 'internal', name: 'TypeError' },
    });
  });

  it('keeps steering that comes before its message', () => {
    const { actor, port, payloads, start } = plainTurn();
    actor.send({ type: 'turn.steer', message: userMessage('And briefly.', 'm2'), at: 0 });
    start();
    port.settle('callModel', says('Yes.'));
    expect(payloads).toContainEqual({ type: 'steering.applied', messageIds: ['m2'] });
    expect(actor.getSnapshot().status).toBe('done');
  });

  it('says which services are missing where none are provided', async () => {
    const actor = createActor(turnMachine).start();
    actor.send({ type: 'turn.start', turnId: 't', message: userMessage('Hi', 'm'), at: 100 });
    await new Promise<void>((resolve) => actor.subscribe({ complete: resolve }));
    expect(actor.getSnapshot().output).toMatchObject({
      status: 'failed',
      failure: { type: 'internal', message: expect.stringContaining('services({ model, tools })') },
    });
  });
});
