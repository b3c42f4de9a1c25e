import type { ModelPart } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { converse, tool } from './toolSupport.ts';

const usage = { inputTokens: 1, outputTokens: 1 };
const text = (text: string): ModelPart => ({ type: 'text-delta', text });
const finish: ModelPart = { type: 'finish', finishReason: { unified: 'stop' }, usage };
const once = { modelRetry: { maxAttempts: 1 } };

describe("24. A stream that ends without the provider's own end-of-answer mark is `stream_truncated`, never a completed message.", () => {
  it.each<[string, readonly ModelPart[]]>([
    ['at once', []],
    ['after text', [text('The answer is')]],
    ['after reasoning', [{ type: 'reasoning-delta', text: 'Hm' }]],
    ['after usage', [text('The answer is 4.'), { type: 'usage', usage }]],
    [
      'after a closed block',
      [
        { type: 'text-delta', id: 'b', text: 'The answer is 4.' },
        { type: 'block-end', id: 'b' },
      ],
    ],
    ['as aborted, which nobody asked for', [text('The answer is'), { type: 'aborted' }]],
  ])('fails a stream that ends %s', async (_, parts) => {
    const talk = converse([parts], once);
    expect(await talk.say('go')).toMatchObject({
      status: 'failed',
      failure: { type: 'provider_unavailable', code: 'stream_truncated', retryable: true },
    });
    expect(talk.of('message.completed')).toEqual([]);
    expect(talk.session.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(talk.session.messages.at(-1)).toMatchObject({ cause: 'failure_note' });
  });

  it('runs no tool of such a stream, even of a call that is whole', async () => {
    let ran = 0;
    const call: ModelPart = { type: 'tool-call', toolCallId: 'x', toolName: 'work', rawInput: '{}' };
    const talk = converse([[text('Let me see.'), call]], { ...once, tools: [tool('work', () => (ran += 1))] });
    expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { code: 'stream_truncated' } });
    expect(ran).toBe(0);
    expect(talk.of('tool.called')).toEqual([]);
  });

  it('repeats the call, and keeps only the text of the attempt that ended well', async () => {
    const talk = converse([[text('The ans')], [text('The answer is 4.'), finish]], {
      modelRetry: { initialDelayMs: 10, jitter: 0 },
    });
    const turn = talk.session.send('go');
    await talk.clock.advance(10);
    const outcome = await talk.outcomeOf(turn);
    expect(outcome).toMatchObject({ status: 'completed', result: { text: 'The answer is 4.' } });
    expect(outcome.messages).toHaveLength(2);
    const types = talk.events.map(({ type }) => type).filter((type) => /^(message\.[^a]|model)/.test(type));
    expect(types).toEqual([
      'message.started',
      'message.delta',
      'message.superseded',
      'model.retrying',
      'message.started',
      'message.delta',
      'message.completed',
    ]);
  });

  it('takes an answer for whole that has the mark and nothing else', async () => {
    const talk = converse([[finish]], once);
    expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { text: '' } });
  });

  it('reads nothing beyond the mark', async () => {
    const talk = converse([[text('The answer.'), finish, text(' And more.'), { type: 'aborted' }]], once);
    expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { text: 'The answer.' } });
  });

  it('reads nothing beyond the mark within one network read either', async () => {
    const talk = converse([[[text('The answer.'), finish, text(' And more.')]]], once);
    expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { text: 'The answer.' } });
    expect(talk.of('message.delta').map(({ text }) => text)).toEqual(['The answer.']);
  });
});
