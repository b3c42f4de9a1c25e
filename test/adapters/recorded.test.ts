import { createAgent, createFailure, defineTool, type Model, type ModelPart } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RecordedCall, recorded, replayed } from '../../src/adapters/recorded.ts';
import { error, failureOf, finish, partsOf, readsOf, request, text } from './models.ts';

const weather = defineTool({
  name: 'weather',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `${city}: rain`,
});

/** Through text and back, as it is in a file. */
const stored = (calls: readonly RecordedCall[]) => JSON.parse(JSON.stringify(calls)) as RecordedCall[];

function recording(inner: Model) {
  const calls: RecordedCall[] = [];
  return { calls, model: recorded(inner, { onCall: (call) => calls.push(call) }) };
}

function saying(...reads: readonly (ModelPart | readonly ModelPart[])[]): Model {
  return {
    provider: 'acme',
    modelId: 'large',
    contextWindow: 5,
    async *stream() {
      yield* reads;
    },
  };
}

describe('recorded', () => {
  it('passes on what its model says, and writes it down read by read', async () => {
    const reads = [text('Hel'), [text('lo'), text('.')], finish()];
    const { calls, model } = recording(saying(...reads));
    expect(model).toMatchObject({ provider: 'acme', modelId: 'large', contextWindow: 5 });
    const expected = reads.map((read) => [read].flat());
    expect(await readsOf(model)).toEqual(expected);
    expect(calls).toEqual([{ provider: 'acme', modelId: 'large', request: request(), reads: expected }]);
    expect(stored(calls)).toEqual(calls);
  });

  it('writes down a call whose reader stops at the last part', async () => {
    const { calls, model } = recording(saying(text('Hi.'), finish()));
    for await (const read of model.stream(request(), { signal: new AbortController().signal })) {
      if ('type' in read && read.type === 'finish') break;
    }
    expect(calls[0]?.reads.flat()).toEqual([text('Hi.'), finish()]);
  });

  it('writes down as aborted what its reader left in the middle', async () => {
    const { calls, model } = recording(saying(text('Hi.'), finish()));
    for await (const _ of model.stream(request(), { signal: new AbortController().signal })) break;
    expect(calls[0]?.reads.flat()).toEqual([text('Hi.'), { type: 'aborted' }]);
  });

  it('writes down an answer that breaks off as it is', async () => {
    const { calls, model } = recording(saying(text('Hi.')));
    await partsOf(model);
    expect(calls[0]?.reads.flat()).toEqual([text('Hi.')]);
  });

  it('writes nothing of a model that throws', async () => {
    const { calls, model } = recording({ ...saying(), stream: () => throwing() });
    await expect(partsOf(model)).rejects.toThrow('broken');
    expect(calls).toEqual([]);
  });

  it('fails the call that cannot be written down', async () => {
    const model = recorded(saying(text('Hi.'), finish()), {
      onCall: () => {
        throw new Error('disk full');
      },
    });
    const outcome = await createAgent({ model }).session().send('Hi').outcome;
    expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'adapter_error' } });
  });
});

describe('replayed', () => {
  it('plays a whole turn with retries and tools back, event by event', async () => {
    const { calls, model } = recording(
      scriptedModel([
        { text: 'Let', failure: createFailure({ type: 'provider_unavailable', message: 'Down.' }) },
        { text: ['Let me', ' see.'], calls: [{ name: 'weather', input: { city: 'Paris' } }] },
        'It rains.',
      ]),
    );
    const run = async (model: Model) => {
      const clock = new SimulatedClock();
      const session = createAgent({ model, tools: [weather], clock, modelRetry: { jitter: 0 } }).session({ id: 's' });
      const events: object[] = [];
      session.on('*', ({ type, seq, at }) => events.push({ type, seq, at }));
      const turn = session.send('Weather in Paris?');
      await clock.advance(10_000);
      const { text, usage } = await turn.result;
      return { text, usage, events };
    };
    const live = await run(model);
    expect(live.text).toBe('It rains.');
    expect(calls).toHaveLength(3);
    expect(await run(replayed(stored(calls)))).toEqual(live);
  });

  it('goes by the name of the recorded model, and gives the same reads', async () => {
    const { calls, model } = recording(saying([text('Hel'), text('lo.')], finish()));
    const reads = await readsOf(model);
    const again = replayed(stored(calls));
    expect(again).toMatchObject({ provider: 'acme', modelId: 'large' });
    expect(await readsOf(again)).toEqual(reads);
  });

  const call = (asked: string, answer: string): RecordedCall => ({
    provider: 'acme',
    modelId: 'large',
    request: request(asked),
    reads: [[text(answer), finish()]],
  });
  const answerOf = async (model: Model, asked: string) => {
    const [first] = await partsOf(model, request(asked, { requestId: crypto.randomUUID() }));
    return first?.type === 'text-delta' ? first.text : first?.type;
  };

  it('finds the answer by what is asked, so that sessions may run in another order', async () => {
    const model = replayed([call('a', 'A'), call('b', 'B')]);
    expect([await answerOf(model, 'b'), await answerOf(model, 'a')]).toEqual(['B', 'A']);
  });

  it('gives answers to the same request in the order of the recording', async () => {
    const model = replayed([call('a', 'first'), call('a', 'second')]);
    expect([await answerOf(model, 'a'), await answerOf(model, 'a')]).toEqual(['first', 'second']);
  });

  it('does not mind other ids and another order of keys', async () => {
    const asked = request('a', { settings: { temperature: 0, topP: 1 }, instructions: 'Be brief.' });
    const model = replayed([{ ...call('a', 'A'), request: asked }]);
    const [message] = asked.messages;
    const again = request('a', {
      instructions: 'Be brief.',
      settings: { topP: 1, temperature: 0 },
      requestId: 'another',
      messages: [{ ...message, id: 'another' } as (typeof asked.messages)[number]],
    });
    expect((await partsOf(model, again))[0]).toEqual(text('A'));
  });

  it('minds everything else, and says what differs', async () => {
    const model = replayed([call('a', 'A')]);
    const other = request('b', { settings: { temperature: 1 } });
    expect(await failureOf(model, other)).toMatchObject({
      type: 'unknown',
      code: 'not_recorded',
      retryable: false,
      message: expect.stringContaining('the next call differs in messages, settings'),
    });
    expect(await answerOf(model, 'a')).toBe('A');
    expect((await failureOf(model, request('a')))?.message).toContain('all its calls have been played');
  });

  it('minds ids that are part of what was said', async () => {
    const input = (id: number) =>
      request('a', {
        messages: [
          {
            role: 'assistant',
            id: 'm',
            content: [{ type: 'tool-call', toolCallId: 'c', toolName: 't', input: { id } }],
          },
        ],
      });
    const model = replayed([{ ...call('a', 'A'), request: input(1) }]);
    expect((await failureOf(model, input(2)))?.code).toBe('not_recorded');
  });

  it('lets an answer that was aborted wait for the abort', async () => {
    const model = replayed([{ ...call('a', ''), reads: [[text('Hel')], [{ type: 'aborted' }]] }]);
    const controller = new AbortController();
    const reading = partsOf(model, request('a'), controller.signal);
    const early = await Promise.race([reading, new Promise((resolve) => setImmediate(() => resolve('waiting')))]);
    expect(early).toBe('waiting');
    controller.abort();
    expect(await reading).toEqual([text('Hel'), { type: 'aborted' }]);
  });

  it('stops where it is aborted', async () => {
    const model = replayed([call('a', 'A')]);
    expect(await partsOf(model, request('a'), AbortSignal.abort())).toEqual([{ type: 'aborted' }]);
  });

  it('plays failures back as they were', async () => {
    const failure = createFailure({ type: 'rate_limit', message: 'Slow down.', retryAfterMs: 5 });
    const { calls, model } = recording(saying(error(failure)));
    await partsOf(model);
    expect(await failureOf(replayed(stored(calls)))).toEqual(failure);
  });

  it('refuses a recording without calls', () => {
    expect(() => replayed([])).toThrow(TypeError);
  });
});

async function* throwing(): AsyncGenerator<ModelPart> {
  yield text('Hi.');
  throw new Error('broken');
}
