import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import {
  type AgentOptions,
  type AnyTool,
  agentTool,
  createAgent,
  createFailure,
  defineTool,
  Retry,
  type Schema,
} from 'turnchart';
import { type Script, SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { overloaded, unauthorized } from '../rules/support.ts';
import { gate, tool } from '../rules/toolSupport.ts';
import { backend, durationOf, notesOf, startOf } from './support.ts';

type Options = Omit<AgentOptions<readonly AnyTool[], Schema | undefined>, 'clock' | 'model'>;

/** A session that is observed from its start, on a clock of the test. */
function observed(script: readonly Script[], { content, ...options }: Options & { content?: boolean } = {}) {
  const clock = new SimulatedClock();
  const model = scriptedModel(script);
  const session = createAgent({ name: 'guide', ...options, model, clock }).session({ id: 'talk' });
  const traces = backend({ ...(content !== undefined && { content }) });
  const stop = traces.observe(session);
  return { clock, session, traces, stop };
}

/** A tool that takes its time, by a clock. */
function slow(name: string, ms: number, clock: () => SimulatedClock, options?: Parameters<typeof tool>[2]): AnyTool {
  return tool(name, () => new Promise((resolve) => clock().setTimeout(() => resolve('done'), ms)), options);
}

const asks = (...names: readonly string[]) => ({ calls: names.map((name) => ({ name })) });

describe('a turn', () => {
  it('is an `invoke_agent` span, each attempt of a model call in it a `chat` span', async () => {
    const { clock, session, traces } = observed(['Hello.']);
    session.send('Hi.');
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent guide', '  chat script']);
    const turn = traces.span('invoke_agent guide');
    expect(turn.kind).toBe(SpanKind.INTERNAL);
    expect(turn.status.code).toBe(SpanStatusCode.UNSET);
    expect(turn.attributes).toEqual({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'guide',
      'gen_ai.conversation.id': 'talk',
      'gen_ai.provider.name': 'scripted',
      'gen_ai.request.model': 'script',
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.output_tokens': 5,
      'turnchart.turn.id': expect.stringMatching(/^turn_/),
      'turnchart.steps': 1,
      'turnchart.stop_reason': 'end_turn',
      'turnchart.outcome': 'completed',
    });
    const chat = traces.span('chat script');
    expect(chat.kind).toBe(SpanKind.CLIENT);
    expect(chat.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'scripted',
      'gen_ai.request.model': 'script',
      'gen_ai.request.stream': true,
      'gen_ai.conversation.id': 'talk',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.response.time_to_first_chunk': 0,
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.output_tokens': 5,
      'turnchart.purpose': 'turn',
      'turnchart.step': 1,
      'turnchart.attempt': 1,
      'turnchart.outcome': 'completed',
    });
  });

  it('has the times of the session, not of the process', async () => {
    const { clock, session, traces } = observed([asks('look'), 'Seen.'], { tools: [slow('look', 700, () => clock)] });
    await clock.advance(50);
    const begun = clock.now();
    session.send('Go.');
    await clock.advance(1_000);
    const turn = traces.span('invoke_agent guide');
    expect([startOf(turn), durationOf(turn)]).toEqual([begun, 700]);
    const look = traces.span('execute_tool look');
    expect([startOf(look), durationOf(look)]).toEqual([begun, 700]);
    expect(traces.spans().map(startOf)).toEqual([begun, begun, begun, begun + 700]);
  });

  it('says what the provider says of its answer, and who really gave it', async () => {
    const usage = {
      inputTokens: 100,
      outputTokens: 20,
      cachedInputTokens: 60,
      cacheWriteTokens: 5,
      reasoningTokens: 7,
    };
    const response = { id: 'resp_1', modelId: 'script-2026' };
    const finish = { type: 'finish', finishReason: { unified: 'length' }, usage, response } as const;
    const { clock, session, traces } = observed([[{ type: 'text-delta', text: 'So' }, finish]], {
      pricing: () => 0.25,
    });
    session.send('Hi.');
    await clock.advance(0);
    expect(traces.span('chat script').attributes).toMatchObject({
      'gen_ai.response.id': 'resp_1',
      'gen_ai.response.model': 'script-2026',
      'gen_ai.response.finish_reasons': ['length'],
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 60,
      'gen_ai.usage.cache_creation.input_tokens': 5,
      'gen_ai.usage.reasoning.output_tokens': 7,
      'turnchart.cost': 0.25,
    });
    expect(traces.span('invoke_agent guide').attributes).toMatchObject({
      'turnchart.stop_reason': 'max_tokens',
      'turnchart.cost': 0.25,
    });
  });

  it('names the model that `prepareStep` chose, whether it answers, fails or is cut off', async () => {
    const other = { ...scriptedModel([{ failure: overloaded() }, asks('look')]), modelId: 'other' };
    const third = { ...scriptedModel([{ text: 'So', hangs: true }]), modelId: 'third' };
    const { clock, session, traces } = observed(['Never asked.'], {
      tools: [tool('look')],
      prepareStep: ({ step }) => ({ model: step === 1 ? other : third }),
      modelRetry: { initialDelayMs: 100, jitter: 0 },
    });
    session.send('Go.');
    await clock.advance(100);
    session.cancel();
    await clock.advance(0);
    expect(traces.tree()).toEqual([
      'invoke_agent guide: cancelled',
      '  chat other: failed!',
      '  chat other',
      '  execute_tool look',
      '  chat third: cancelled',
    ]);
  });

  it('calls providers as the conventions do', async () => {
    const google = { ...scriptedModel(['Hello.']), provider: 'google', modelId: 'gemini' };
    const session = createAgent({ model: google }).session();
    const traces = backend();
    traces.observe(session);
    await session.send('Hi.').result;
    expect(traces.span('chat gemini').attributes['gen_ai.provider.name']).toBe('gcp.gen_ai');
  });

  it('comes after another in a trace of its own', async () => {
    const { clock, session, traces } = observed(['One.', 'Two.']);
    session.send('a');
    session.send('b');
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent guide', '  chat script', 'invoke_agent guide', '  chat script']);
    expect(new Set(traces.spans().map((span) => span.spanContext().traceId)).size).toBe(2);
  });
});

describe('retries and failures', () => {
  it('are a span for each attempt, and an event of the turn that says how long it waits', async () => {
    const { clock, session, traces } = observed([{ text: 'So', failure: overloaded() }, 'Hello.'], {
      modelRetry: { initialDelayMs: 400, jitter: 0 },
    });
    const begun = clock.now();
    session.send('Hi.');
    await clock.advance(1_000);
    expect(traces.tree()).toEqual(['invoke_agent guide', '  chat script: failed!', '  chat script']);
    const [, failed, answered] = traces.spans();
    expect(failed?.attributes).toMatchObject({ 'error.type': 'overloaded', 'turnchart.attempt': 1 });
    expect(answered?.attributes).toMatchObject({ 'turnchart.attempt': 2 });
    expect(answered && startOf(answered)).toBe(begun + 400);
    expect(notesOf(traces.span('invoke_agent guide'))).toEqual([
      [
        'turnchart.model.retrying',
        begun,
        {
          'error.type': 'overloaded',
          'turnchart.step': 1,
          'turnchart.attempt': 1,
          'turnchart.max_attempts': 3,
          'turnchart.delay_ms': 400,
        },
      ],
    ]);
  });

  it('make the turn an error where it fails', async () => {
    const { clock, session, traces } = observed([{ failure: unauthorized() }]);
    session.send('Hi.');
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent guide: failed!', '  chat script: failed!']);
    expect(traces.span('invoke_agent guide').attributes['error.type']).toBe('auth');
  });

  it('are told of a model that throws against its contract, and of one that is cut off by a time limit', async () => {
    const throwing = observed([], { limits: { maxDurationMs: 500 } });
    const hanging = observed([{ text: 'So', hangs: true }], { limits: { maxDurationMs: 500 } });
    for (const { clock, session } of [throwing, hanging]) {
      session.send('Hi.');
      await clock.advance(600);
    }
    expect(throwing.traces.span('chat script').attributes['error.type']).toBe('script_ended');
    expect(hanging.traces.tree()).toEqual(['invoke_agent guide: failed!', '  chat script: cancelled']);
    expect(hanging.traces.span('invoke_agent guide').attributes['error.type']).toBe('timeout');
    expect(durationOf(hanging.traces.span('chat script'))).toBe(500);
  });

  it('are an outcome of their own where a guardrail denies the answer', async () => {
    const deny = { name: 'polite', check: () => ({ action: 'deny', reason: 'rude' }) as const };
    const { clock, session, traces } = observed(['You fool.'], { guardrails: { output: [deny] } });
    session.send('Hi.');
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent guide: failed!', '  chat script: denied']);
    expect(notesOf(traces.span('invoke_agent guide')).map(([name, , said]) => [name, said])).toEqual([
      [
        'turnchart.guardrail.triggered',
        { 'turnchart.stage': 'output', 'turnchart.name': 'polite', 'turnchart.action': 'denied' },
      ],
    ]);
  });
});

describe('tools', () => {
  it('have a span each where they run side by side', async () => {
    const { clock, session, traces } = observed([asks('a', 'b', 'c'), 'Done.'], {
      tools: [slow('a', 300, () => clock), slow('b', 100, () => clock), slow('c', 100, () => clock)],
      limits: { maxParallelTools: 2 },
    });
    const begun = clock.now();
    session.send('Go.');
    await clock.advance(1_000);
    expect(traces.tree()).toEqual([
      'invoke_agent guide',
      '  chat script',
      '  execute_tool a',
      '  execute_tool b',
      '  execute_tool c',
      '  chat script',
    ]);
    const times = ['a', 'b', 'c'].map((name) => traces.span(`execute_tool ${name}`));
    // the third waits for a slot, which is no part of it
    expect(times.map((span) => [startOf(span) - begun, durationOf(span)])).toEqual([
      [0, 300],
      [0, 100],
      [100, 100],
    ]);
    expect(times[1]?.attributes).toEqual({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'b',
      'gen_ai.tool.call.id': 'call_2',
      'gen_ai.tool.type': 'function',
      'gen_ai.agent.name': 'guide',
      'gen_ai.conversation.id': 'talk',
      'turnchart.outcome': 'completed',
    });
  });

  it('are errors where they fail, whether they ran or not', async () => {
    const failing = tool('fail', () => {
      throw new Error('It broke.');
    });
    const { clock, session, traces } = observed([asks('fail', 'nobody'), 'Well.'], { tools: [failing] });
    session.send('Go.');
    await clock.advance(0);
    expect(traces.tree()).toEqual([
      'invoke_agent guide',
      '  chat script',
      '  execute_tool fail: failed!',
      '  execute_tool nobody: failed!',
      '  chat script',
    ]);
    expect(traces.span('execute_tool fail').attributes['error.type']).toBe('tool_threw');
    expect(traces.span('execute_tool nobody').attributes['error.type']).toBe('unknown_tool');
  });

  it('have their retries as events', async () => {
    let runs = 0;
    const flaky = tool(
      'flaky',
      () => {
        runs += 1;
        if (runs === 1) throw new Error('Not yet.');
        return 'now';
      },
      { retry: { maxAttempts: 2, initialDelayMs: 300, jitter: 0 } },
    );
    const { clock, session, traces } = observed([asks('flaky'), 'Done.'], { tools: [flaky] });
    session.send('Go.');
    await clock.advance(500);
    const span = traces.span('execute_tool flaky');
    expect(durationOf(span)).toBe(300);
    expect(notesOf(span).map(([name, , said]) => [name, said?.['turnchart.delay_ms'], said?.['error.type']])).toEqual([
      ['turnchart.tool.retrying', 300, 'tool_threw'],
    ]);
  });

  it('are completed where they ask to be called again', async () => {
    const hinting = tool('hint', () => {
      throw new Retry('Say which.');
    });
    const { clock, session, traces } = observed([asks('hint'), 'Well.'], { tools: [hinting] });
    session.send('Go.');
    await clock.advance(0);
    expect(traces.tree()).toContain('  execute_tool hint');
  });

  it('begin once somebody has approved them: the wait is told by events of the turn', async () => {
    const { clock, session, traces } = observed([asks('pay', 'burn'), 'Done.'], {
      tools: [tool('pay', undefined, { approval: true }), tool('burn', undefined, { approval: true })],
    });
    const begun = clock.now();
    session.send('Go.');
    await clock.advance(60_000);
    session.approve('call_1');
    session.deny('call_2', 'Too hot.');
    await clock.advance(0);
    // what is denied does not run
    expect(traces.tree()).toEqual(['invoke_agent guide', '  chat script', '  execute_tool pay', '  chat script']);
    const pay = traces.span('execute_tool pay');
    expect([startOf(pay) - begun, durationOf(pay)]).toEqual([60_000, 0]);
    const notes = notesOf(traces.span('invoke_agent guide'));
    expect(notes.map(([name, at, said]) => [name, at - begun, said?.['gen_ai.tool.name']])).toEqual([
      ['turnchart.tool.approvalRequested', 0, 'pay'],
      ['turnchart.tool.approvalRequested', 0, 'burn'],
      ['turnchart.tool.approvalResolved', 60_000, 'pay'],
      ['turnchart.tool.approvalResolved', 60_000, 'burn'],
      ['turnchart.tool.denied', 60_000, 'burn'],
    ]);
  });

  it('run at the client from its being asked to its answer', async () => {
    const locate = defineTool({ name: 'locate', description: 'Where', input: { jsonSchema: { type: 'object' } } });
    const { clock, session, traces } = observed([asks('locate'), 'There.'], { tools: [locate] });
    session.send('Go.');
    await clock.advance(2_000);
    session.resolveTool('call_1', 'here');
    await clock.advance(0);
    expect(durationOf(traces.span('execute_tool locate'))).toBe(2_000);
  });
});

describe('a cancelled turn', () => {
  it('is no error, and ends all that is inside of it', async () => {
    const never = gate();
    const { clock, session, traces } = observed([asks('wait', 'pay'), 'Done.'], {
      tools: [tool('wait', () => never.promise), tool('pay', undefined, { approval: true })],
    });
    session.send('Go.');
    await clock.advance(900);
    session.cancel('enough');
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent guide: cancelled', '  chat script', '  execute_tool wait: cancelled']);
    expect(durationOf(traces.span('execute_tool wait'))).toBe(900);
  });

  it('has the attempt in it that was cut off', async () => {
    const { clock, session, traces } = observed([{ text: 'So', hangs: true }]);
    session.send('Go.');
    await clock.advance(900);
    session.cancel();
    await clock.advance(0);
    expect(traces.tree()).toEqual(['invoke_agent guide: cancelled', '  chat script: cancelled']);
    expect(durationOf(traces.span('chat script'))).toBe(900);
  });

  it('is a span even where it was cancelled before it began', async () => {
    const { clock, session, traces } = observed([{ text: 'So', hangs: true }]);
    session.send('Go.');
    const second = session.send('And then?');
    second.cancel();
    session.cancel();
    await clock.advance(0);
    expect(traces.tree().filter((line) => line.startsWith('invoke_agent'))).toEqual([
      'invoke_agent guide: cancelled',
      'invoke_agent guide: cancelled',
    ]);
  });
});

describe('sub-agents', () => {
  /** An agent that asks another one, which asks a third. */
  function nested(answer: Script) {
    const third = createAgent({ name: 'clerk', model: { ...scriptedModel([answer]), modelId: 'small' } });
    const ask = agentTool({ name: 'clerk', description: 'Asks the clerk', agent: third });
    const researcher = createAgent({
      name: 'researcher',
      model: scriptedModel([{ calls: [{ name: 'clerk', input: { prompt: 'Which?' } }] }, 'That one.']),
      tools: [ask],
    });
    const tools = [agentTool({ name: 'research', description: 'Looks up', agent: researcher })];
    return observed([{ calls: [{ name: 'research', input: { prompt: 'Find it.' } }] }, 'Found.'], { tools });
  }

  it('are nested in the call that they work on', async () => {
    const { clock, session, traces } = nested('This one.');
    session.send('Go.');
    await clock.advance(0);
    expect(traces.tree()).toEqual([
      'invoke_agent guide',
      '  chat script',
      '  execute_tool research',
      '    invoke_agent researcher',
      '      chat script',
      '      execute_tool clerk',
      '        invoke_agent clerk',
      '          chat small',
      '      chat script',
      '  chat script',
    ]);
    expect(traces.span('invoke_agent clerk').attributes).toMatchObject({
      'gen_ai.conversation.id': 'talk',
      'gen_ai.request.model': 'small',
      'gen_ai.usage.output_tokens': 5,
    });
  });

  it('end where the turn around them is cancelled', async () => {
    const { clock, session, traces } = nested({ text: 'So', hangs: true });
    session.send('Go.');
    await clock.advance(100);
    session.cancel();
    await clock.advance(0);
    expect(traces.tree()).toEqual([
      'invoke_agent guide: cancelled',
      '  chat script',
      '  execute_tool research: cancelled',
      '    invoke_agent researcher: cancelled',
      '      chat script',
      '      execute_tool clerk: cancelled',
      '        invoke_agent clerk: cancelled',
      '          chat: cancelled',
    ]);
  });
});

describe('compaction', () => {
  it('has a `chat` span for its summary, in a turn or between turns', async () => {
    const tooLong = createFailure({ type: 'context_overflow', message: 'Too long.', retryable: false });
    const { clock, session, traces } = observed(
      ['One.', 'Two.', 'Summed up.', 'Three.', { failure: tooLong }, 'Summed up.', 'Four.'],
      { compaction: { keepMessages: 1 } },
    );
    const say = async (text: string) => {
      session.send(`${text} `.repeat(200));
      await clock.advance(0);
    };
    await say('a');
    await say('b');
    expect(session.compact()).toEqual({ accepted: true });
    await clock.advance(0);
    await say('c');
    await say('d');
    expect(traces.tree()).toEqual([
      'invoke_agent guide',
      '  chat script',
      'invoke_agent guide',
      '  chat script',
      'chat script',
      'invoke_agent guide',
      '  chat script',
      'invoke_agent guide',
      '  chat script: failed!',
      '  chat script',
      '  chat script',
    ]);
    const purposes = traces.spans().flatMap(({ attributes }) => attributes['turnchart.purpose'] ?? []);
    expect(purposes).toEqual(['turn', 'turn', 'summary', 'turn', 'turn', 'summary', 'turn']);
    const notes = traces.spans().flatMap(notesOf);
    expect(notes.map(([name, , said]) => [name, said?.['turnchart.reason']])).toEqual([
      ['turnchart.compaction.started', 'overflow'],
      ['turnchart.compaction.completed', 'overflow'],
    ]);
  });
});
