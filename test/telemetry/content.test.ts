import { agentTool, createAgent, createFailure, defineTool, type ModelPart } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { tool } from '../rules/toolSupport.ts';
import { backend } from './support.ts';

const canary = 'CANARY-8f3a';

/** A session in which everything that can be said has the canary in it. */
async function sing(traces: ReturnType<typeof backend>): Promise<void> {
  const clock = new SimulatedClock();
  const said = (text: string) => `${text} ${canary}`;
  const speak = (calls: readonly { name: string; input?: { x: string } | { prompt: string } }[]) => ({
    reasoning: said('I think'),
    text: said('I say'),
    calls,
  });
  const input = { x: said('input') };
  const clerk = createAgent({
    name: 'clerk',
    model: scriptedModel([speak([{ name: 'ok', input }]), said('The clerk')]),
    tools: [tool('ok', () => said('inner'))],
  });
  const failure = createFailure({ type: 'unknown', message: said('It failed'), cause: { said: canary } });
  const refuses = {
    name: 'refuses',
    check: ({ toolName }: { toolName: string }) =>
      toolName === 'guarded' ? ({ action: 'deny', reason: said('No') } as const) : ({ action: 'allow' } as const),
  };
  const session = createAgent({
    instructions: said('Be'),
    clock,
    model: scriptedModel([
      { text: said('So'), failure },
      speak(['ok', 'fails', 'asked', 'guarded', 'client', 'nobody'].map((name) => ({ name, input })).concat()),
      speak([{ name: 'clerk', input: { prompt: said('Please') } }]),
      said('Done.'),
      { failure: { ...failure, retryable: false } },
    ]),
    guardrails: { tool: [refuses] },
    tools: [
      tool('ok', () => ({ output: said('result') })),
      tool('fails', () => {
        throw new Error(said('thrown'));
      }),
      tool('asked', undefined, { approval: true }),
      tool('guarded'),
      defineTool({ name: 'client', description: said('A client'), input: { jsonSchema: { type: 'object' } } }),
      agentTool({ name: 'clerk', description: said('A clerk'), agent: clerk }),
    ],
    limits: { consecutiveToolErrors: 9 },
    modelRetry: { initialDelayMs: 1 },
  }).session();
  traces.observe(session);
  session.on('message.delta', () => {
    throw new Error(said('listener'));
  });
  session.on('tool.approvalRequested', ({ toolCallId }) => session.deny(toolCallId, said('Never')));
  session.on('tool.resultRequested', ({ toolCallId }) => session.resolveTool(toolCallId, said('client')));
  session.send([
    { type: 'text', text: said('Hello') },
    { type: 'file', mediaType: 'text/plain', data: btoa(canary), name: said('file') },
  ]);
  session.steer(said('And'));
  await clock.advance(1_000);
  session.send(said('Again'));
  await clock.advance(1_000);
  expect(session.snapshot.status).toBe('idle');
}

/** All that a backend gets to see, as text. */
function seenBy(traces: ReturnType<typeof backend>): string {
  return JSON.stringify(
    traces.spans().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
  );
}

describe('content', () => {
  it('is in no span and no metric unless it is asked for', async () => {
    const traces = backend();
    await sing(traces);
    const names = traces.spans().map(({ name }) => name);
    for (const part of ['ok', 'fails', 'client', 'nobody', 'clerk']) expect(names).toContain(`execute_tool ${part}`);
    expect(seenBy(traces)).toContain('turnchart.tool.denied');
    expect(seenBy(traces)).not.toContain(canary);
    expect(JSON.stringify(await traces.points('gen_ai.execute_tool.duration'))).not.toContain(canary);
  });

  it('is what was said by whom, what tools were given and gave, and errors in words', async () => {
    const traces = backend({ content: true });
    await sing(traces);
    const [turn, failed] = traces.spans().filter(({ name }) => name === 'invoke_agent agent');
    const parsed = (json: unknown): unknown => JSON.parse(String(json));
    expect(parsed(turn?.attributes['gen_ai.input.messages'])).toEqual([
      {
        role: 'user',
        parts: [
          { type: 'text', content: `Hello ${canary}` },
          // the bytes of a file are not for traces
          { type: 'file', mime_type: 'text/plain', modality: 'text', name: `file ${canary}` },
        ],
      },
      { role: 'user', parts: [{ type: 'text', content: `And ${canary}` }] },
    ]);
    expect(parsed(turn?.attributes['gen_ai.output.messages'])).toEqual([
      { role: 'assistant', parts: [{ type: 'text', content: `Done. ${canary}` }], finish_reason: 'stop' },
    ]);
    expect(failed?.status.message).toBe(`It failed ${canary}`);
    const chats = traces.spans().filter(({ name }) => name === 'chat script');
    expect(parsed(chats[1]?.attributes['gen_ai.output.messages'])).toMatchObject([
      {
        role: 'assistant',
        parts: [
          { type: 'reasoning', content: `I think ${canary}` },
          { type: 'text', content: `I say ${canary}` },
          { type: 'tool_call', id: 'call_1', name: 'ok', arguments: { x: `input ${canary}` } },
          ...Array(5).fill({ type: 'tool_call' }),
        ],
        finish_reason: 'tool_call',
      },
    ]);
    const [ok] = traces.spans().filter(({ name }) => name === 'execute_tool ok');
    expect(parsed(ok?.attributes['gen_ai.tool.call.arguments'])).toEqual({ x: `input ${canary}` });
    expect(parsed(ok?.attributes['gen_ai.tool.call.result'])).toEqual({ output: `result ${canary}` });
    expect(traces.span('execute_tool fails').status.message).toContain('thrown');
    const clerk = traces.span('invoke_agent clerk');
    expect(parsed(clerk.attributes['gen_ai.input.messages'])).toEqual([
      { role: 'user', parts: [{ type: 'text', content: `Please ${canary}` }] },
    ]);
    expect(turn?.events.find(({ name }) => name === 'turnchart.tool.denied')?.attributes).toMatchObject({
      'turnchart.reason': expect.stringContaining(canary),
    });
  });

  it('is nothing that only its provider understands', async () => {
    const parts: ModelPart[] = [
      { type: 'opaque', provider: 'scripted', data: { blob: canary } },
      { type: 'text-delta', text: 'Hello.' },
      { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } },
    ];
    const session = createAgent({ model: scriptedModel([parts]) }).session();
    const traces = backend({ content: true });
    traces.observe(session);
    await session.send('Hi.').result;
    expect(seenBy(traces)).not.toContain(canary);
  });
});
