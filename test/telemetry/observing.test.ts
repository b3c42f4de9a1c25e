import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { createAgent } from 'turnchart';
import { telemetry } from 'turnchart/telemetry';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { asks, start, workers } from '../rules/durableSupport.ts';
import { overloaded, record, typesOf } from '../rules/support.ts';
import { gate, tool } from '../rules/toolSupport.ts';
import { backend, durationOf, startOf } from './support.ts';

describe('a session that is observed', () => {
  it('is observed from then on, in the middle of a turn, too', async () => {
    const answer = gate();
    const clock = new SimulatedClock();
    const model = scriptedModel([asks('look'), 'Done.']);
    const session = createAgent({ model, clock, tools: [tool('look', () => answer.promise)] }).session();
    session.send('Go.');
    await clock.advance(300);
    const traces = backend();
    traces.observe(session);
    const begun = clock.now();
    await clock.advance(200);
    answer.open('seen');
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent agent', '  execute_tool look', '  chat script']);
    const turn = traces.span('invoke_agent agent');
    expect(turn.attributes).toMatchObject({ 'turnchart.resumed': true, 'turnchart.outcome': 'completed' });
    expect([startOf(turn), durationOf(turn)]).toEqual([begun, 200]);
    expect(durationOf(traces.span('execute_tool look'))).toBe(200);
    // how long they took, nobody knows
    expect(await traces.points('gen_ai.invoke_agent.duration')).toEqual([]);
    expect(await traces.points('gen_ai.execute_tool.duration')).toEqual([]);
    expect(await traces.points('gen_ai.client.operation.duration')).toHaveLength(1);
  });

  it('is observed no more where that is ended, and nothing stays open', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([asks('look'), { text: 'So', hangs: true }]);
    const session = createAgent({ model, clock, tools: [tool('look')] }).session();
    const traces = backend();
    const stop = traces.observe(session);
    session.send('Go.');
    await clock.advance(100);
    stop();
    stop();
    expect(traces.tree()).toEqual([
      'invoke_agent agent: unfinished',
      '  chat script',
      '  execute_tool look',
      '  chat script: unfinished',
    ]);
    session.cancel();
    await clock.advance(0);
    expect(traces.spans()).toHaveLength(4);
    expect(await traces.points('gen_ai.invoke_agent.duration')).toEqual([]);
  });

  it('goes its way whatever a tracer does', async () => {
    const session = createAgent({ model: scriptedModel(['Hello.']) }).session();
    const events = record(session);
    const { tracer } = backend();
    const broken = Object.assign(Object.create(tracer), {
      startSpan: () => {
        throw new Error('No span today.');
      },
    });
    telemetry({ tracer: broken }).observe(session);
    expect((await session.send('Hi.').result).text).toBe('Hello.');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'diagnostic', source: 'recorder', message: 'Error: No span today.' }),
    );
  });

  it('may be one whose turn was cut off by the end of its process: what is left of it is a trace of its own', async () => {
    const script = [{ ...asks('pay') }, 'Done.'];
    const before = workers('pay');
    const first = await start(script, { tools: before.tools });
    const traces = backend();
    traces.observe(first.session);
    first.session.send('Go.');
    await first.clock.advance(0);
    expect(traces.spans().map(({ name }) => name)).toEqual(['chat script']);

    const second = await start(['It was cut off.'], { tools: before.tools }, await first.crash(), 5_000_000);
    const later = backend();
    later.observe(second.session);
    await second.clock.advance(0);
    expect(typesOf(second.events)).toContain('turn.completed');
    expect(later.tree()).toEqual(['invoke_agent agent', '  execute_tool pay: failed!', '  chat script']);
    const turn = later.span('invoke_agent agent');
    expect(turn.attributes).toMatchObject({ 'turnchart.resumed': true, 'gen_ai.conversation.id': 'talk' });
    expect(startOf(turn)).toBe(5_000_000);
    expect(later.span('execute_tool pay').attributes['error.type']).toBe('interrupted');
    expect(turn.events.map(({ name, attributes }) => [name, attributes?.['turnchart.source']])).toContainEqual([
      'turnchart.diagnostic',
      'recovery',
    ]);
  });

  it('asks its model again where an attempt was cut off', async () => {
    const first = await start([{ text: 'So', hangs: true }]);
    first.session.send('Go.');
    await first.clock.advance(0);
    const second = await start(['So it is.'], {}, await first.crash(), 5_000_000);
    const later = backend();
    later.observe(second.session);
    await second.clock.advance(0);
    expect(later.tree()).toEqual(['invoke_agent agent', '  chat script: failed!', '  chat script']);
    const [, cutOff, answered] = later.spans();
    expect(cutOff?.attributes).toMatchObject({ 'turnchart.attempt': 1, 'error.type': 'interrupted' });
    expect(answered?.attributes).toMatchObject({ 'turnchart.attempt': 2, 'gen_ai.usage.output_tokens': 5 });
    expect(answered && startOf(answered)).toBe(5_000_000);
  });
});

describe('metrics', () => {
  it('measure model calls, tools and turns, and count tokens', async () => {
    const clock = new SimulatedClock();
    const model = scriptedModel([
      { failure: overloaded(), usage: { inputTokens: 0, outputTokens: 0 } },
      asks('look'),
      'Done.',
    ]);
    const look = tool('look', () => new Promise((resolve) => clock.setTimeout(() => resolve('seen'), 500)));
    const session = createAgent({
      model,
      clock,
      tools: [look],
      modelRetry: { initialDelayMs: 250, jitter: 0 },
    }).session();
    const traces = backend();
    traces.observe(session);
    session.send('Go.');
    await clock.advance(1_000);
    const chat = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'scripted',
      'gen_ai.request.model': 'script',
    };
    expect(await traces.points('gen_ai.client.operation.duration')).toEqual([
      { attributes: { ...chat, 'error.type': 'overloaded' }, count: 1, sum: 0 },
      { attributes: chat, count: 2, sum: 0 },
    ]);
    // an answer that only asks for tools has a first part as well
    expect(await traces.points('gen_ai.client.operation.time_to_first_chunk')).toEqual([
      { attributes: chat, count: 2, sum: 0 },
    ]);
    expect(await traces.points('gen_ai.client.token.usage')).toEqual([
      { attributes: { ...chat, 'gen_ai.token.type': 'input' }, count: 2, sum: 20 },
      { attributes: { ...chat, 'gen_ai.token.type': 'output' }, count: 2, sum: 10 },
    ]);
    const ran = { 'gen_ai.tool.name': 'look', 'gen_ai.tool.type': 'function', 'gen_ai.agent.name': 'agent' };
    expect(await traces.points('gen_ai.execute_tool.duration')).toEqual([{ attributes: ran, count: 1, sum: 0.5 }]);
    expect(await traces.points('gen_ai.invoke_agent.duration')).toEqual([
      { attributes: { 'gen_ai.agent.name': 'agent' }, count: 1, sum: 0.75 },
    ]);
  });
});

describe('the parent of a turn', () => {
  const storage = new AsyncLocalStorage<Context>();
  afterEach(() => context.disable());

  /** As an application's context manager does it. */
  function manageContexts(): void {
    context.setGlobalContextManager({
      active: () => storage.getStore() ?? ROOT_CONTEXT,
      with: (within, run, self, ...args) => storage.run(within, () => run.call(self as never, ...args)),
      bind: (_, target) => target,
      enable() {
        return this;
      },
      disable() {
        return this;
      },
    });
  }

  it('is the span in which its message was sent, for a turn that waits as well', async () => {
    manageContexts();
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel(['One.', 'Two.']), clock }).session();
    const traces = backend();
    traces.observe(session);
    for (const name of ['first request', 'second request']) {
      const span = traces.tracer.startSpan(name);
      context.with(trace.setSpan(context.active(), span), () => session.send('Hi.'));
      span.end();
    }
    await clock.advance(0);
    expect(traces.tree().toSorted()).toEqual(
      [
        'first request',
        '  invoke_agent agent',
        '    chat script',
        'second request',
        '  invoke_agent agent',
        '    chat script',
      ].toSorted(),
    );
  });

  it('is nothing where no span was active', async () => {
    const session = createAgent({ model: scriptedModel(['One.']) }).session();
    const traces = backend();
    traces.observe(session);
    await session.send('Hi.').result;
    expect(traces.span('invoke_agent agent').parentSpanContext).toBeUndefined();
  });
});

describe('telemetry()', () => {
  it('takes the tracer and the meter that are registered where none is given', async () => {
    const session = createAgent({ model: scriptedModel(['One.']) }).session();
    using _ = telemetry().observe(session);
    expect((await session.send('Hi.').result).text).toBe('One.');
  });

  it('refuses options that it does not have', () => {
    expect(() => telemetry({ contents: true } as never)).toThrow('telemetry(): there is no option `contents`.');
    expect(() => telemetry({ content: 'all' } as never)).toThrow('telemetry(): `content` must be true or false.');
  });
});
