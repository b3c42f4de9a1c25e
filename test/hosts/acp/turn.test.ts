import { createFailure } from 'turnchart';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { choose, errorOf, everything, patience, TestEditor } from './editor.ts';

const edit = { name: 'edit_file', input: { path: 'notes.txt', oldText: 'milk', newText: 'bread' } };
const rateLimit = createFailure({ type: 'rate_limit', code: 'rate_limit_exceeded', message: 'Too many requests.' });
const overflow = createFailure({ type: 'context_overflow', code: 'request_too_large', message: 'Too long.' });
const longAnswer = { text: 'Long.', usage: { inputTokens: 9_000, outputTokens: 900 } };

let able: TestEditor;
let plain: TestEditor;

beforeAll(async () => {
  [able, plain] = await Promise.all([TestEditor.start({}, { capabilities: everything }), TestEditor.start({})]);
}, patience);
afterAll(async () => {
  await Promise.all([able[Symbol.asyncDispose](), plain[Symbol.asyncDispose]()]);
});
beforeEach(() => {
  for (const editor of [able, plain]) {
    editor.answer = () => choose('allow_once');
    editor.questions.length = 0;
  }
});

describe('a turn', () => {
  test('streams thoughts and the answer, each with an id of its own', async () => {
    const id = await plain.open();
    expect(await plain.prompt(id, [{ reasoning: 'Hm.', text: ['Good ', 'day.'] }])).toEqual({ stopReason: 'end_turn' });
    expect(plain.text(id, 'agent_thought_chunk')).toBe('Hm.');
    expect(plain.text(id)).toBe('Good day.');
    const [thought] = plain.of('agent_thought_chunk', id);
    const [first, ...others] = plain.of('agent_message_chunk', id);
    expect(others.every(({ messageId }) => messageId === first?.messageId)).toBe(true);
    expect(thought?.messageId).not.toBe(first?.messageId);
  });

  test('shows a tool call from its question to its result, with its file and its diff', async () => {
    const id = await plain.open('/tests/project');
    await plain.prompt(id, [{ calls: [{ ...edit, id: 'a' }] }, 'Done.']);
    const diff = { type: 'diff', path: '/tests/project/notes.txt', oldText: 'milk', newText: 'bread' };
    const shown = {
      toolCallId: 'a',
      title: 'edit_file notes.txt',
      name: 'edit_file',
      kind: 'edit',
      rawInput: edit.input,
      locations: [{ path: '/tests/project/notes.txt' }],
      content: [diff],
      status: 'pending',
    };
    expect(plain.updates(id).filter(({ sessionUpdate }) => sessionUpdate.startsWith('tool'))).toEqual([
      { sessionUpdate: 'tool_call', ...shown },
      { sessionUpdate: 'tool_call_update', toolCallId: 'a', status: 'in_progress' },
      {
        sessionUpdate: 'tool_call_update',
        toolCallId: 'a',
        status: 'completed',
        title: 'edit_file notes.txt',
        kind: 'edit',
        locations: [{ path: '/tests/project/notes.txt' }],
        content: [diff, { type: 'content', content: { type: 'text', text: 'notes.txt is changed.' } }],
        rawOutput: 'notes.txt is changed.',
      },
    ]);
    expect(plain.questions.map(({ toolCall }) => toolCall)).toEqual([shown]);
  });

  test('shows a tool that fails, and what it said', async () => {
    const id = await plain.open();
    await plain.prompt(id, [{ calls: [{ name: 'break', id: 'a' }] }, 'Pity.']);
    expect(plain.of('tool_call_update', id).at(-1)).toEqual({
      sessionUpdate: 'tool_call_update',
      toolCallId: 'a',
      status: 'failed',
      content: [{ type: 'content', content: { type: 'text', text: 'It broke.' } }],
    });
  });

  test('gives every tool call an id of its own, whatever ids models use', async () => {
    const id = await plain.open();
    const calls = [{ name: 'echo', id: 'call_1', input: { text: 'Hi' } }];
    await plain.prompt(id, [{ calls }, 'First.']);
    await plain.prompt(id, [
      { calls },
      { calls: [{ name: 'ask_helper', id: 'call_2', input: { prompt: 'Go.' } }] },
      '.',
    ]);
    const ids = plain.of('tool_call', id).map(({ toolCallId }) => toolCallId);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(4);
    const completed = plain.of('tool_call_update', id).filter(({ status }) => status === 'completed');
    expect(completed.map(({ toolCallId }) => toolCallId).sort()).toEqual(ids.toSorted());
  });

  test('shows what a sub-agent does, and asks for it', async () => {
    const id = await plain.open();
    await plain.prompt(id, [{ calls: [{ name: 'ask_helper', input: { prompt: 'Go.' } }] }, 'Done.']);
    expect(plain.of('tool_call', id).map(({ title }) => title)).toEqual(['ask_helper Go.', 'helper: edit_file b.txt']);
    expect(plain.questions.map(({ toolCall }) => toolCall.title)).toEqual(['helper: edit_file b.txt']);
    expect(plain.text(id)).toBe('Done.');
    // what the helper has used is nothing of this conversation
    expect(plain.of('usage_update', id).map(({ used }) => used)).toEqual([15, 15, 15]);
  });

  test('tells how full the conversation is, and what all turns have cost', async () => {
    const id = await plain.open();
    await plain.prompt(id, ['One.']);
    await plain.prompt(id, [{ text: 'Two.', usage: { inputTokens: 30, outputTokens: 10 } }]);
    const last = plain.of('usage_update', id).at(-1);
    expect(last).toEqual({
      sessionUpdate: 'usage_update',
      used: 40,
      size: 10_000,
      cost: { amount: 0.5, currency: 'EUR' },
    });
  });

  test('goes on where a tool is to be run by a client, of which there is none', async () => {
    const id = await plain.open();
    expect(await plain.prompt(id, [{ calls: [{ name: 'pick_color' }] }, 'Blue.'])).toEqual({ stopReason: 'end_turn' });
    expect(plain.of('tool_call_update', id).at(-1)).toMatchObject({ status: 'failed' });
    expect(plain.text(id)).toBe('Blue.');
  });

  test('keeps what is logged off standard output', async () => {
    const id = await plain.open();
    await plain.prompt(id, [{ calls: [{ name: 'chatter' }] }, 'Done.']);
    await plain.until(() => plain.stderr.includes('no protocol'));
  });

  test('has its place after the one before it', async () => {
    const id = await plain.open();
    const answers = [
      plain.prompt(id, [{ calls: [{ name: 'echo', input: { text: 'x' } }] }, 'One.']),
      plain.prompt(id, ['Two.']),
    ];
    expect(await Promise.all(answers)).toEqual([{ stopReason: 'end_turn' }, { stopReason: 'end_turn' }]);
    expect(plain.text(id)).toBe('One.Two.');
  });
});

describe('a question', () => {
  test('is asked once where the answer is always', async () => {
    const id = await plain.open();
    plain.answer = () => choose('allow_always');
    await plain.prompt(id, [
      { calls: [edit] },
      { calls: [{ ...edit, input: { ...edit.input, newText: 'eggs' } }] },
      '.',
    ]);
    await plain.prompt(id, [{ calls: [edit] }, '.']);
    expect(plain.questions).toHaveLength(1);
    expect(plain.questions[0]?.options.map(({ kind }) => kind)).toEqual(['allow_once', 'allow_always', 'reject_once']);
  });

  test('that is answered with no leaves the tool undone, and the turn goes on', async () => {
    const id = await plain.open();
    plain.answer = () => choose('reject_once');
    expect(await plain.prompt(id, [{ calls: [edit] }, 'Then not.'])).toEqual({ stopReason: 'end_turn' });
    expect(plain.of('tool_call_update', id).at(-1)).toMatchObject({ status: 'failed' });
    expect(plain.text(id)).toBe('Then not.');
  });

  test('that an editor cannot ask is answered with no', async () => {
    const id = await plain.open();
    plain.answer = () => {
      throw new Error('No window.');
    };
    expect(await plain.prompt(id, [{ calls: [edit] }, 'Then not.'])).toEqual({ stopReason: 'end_turn' });
    expect(plain.of('tool_call_update', id).at(-1)).toMatchObject({ status: 'failed' });
  });

  test('is withdrawn when it is too late for an answer', async () => {
    const id = await plain.open('/tests/impatient');
    let isWithdrawn = false;
    plain.answer = (_request, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          isWithdrawn = true;
          resolve({ outcome: 'cancelled' });
        });
      });
    expect(await plain.prompt(id, [{ calls: [edit] }, 'Nobody there.'])).toEqual({ stopReason: 'end_turn' });
    expect(isWithdrawn).toBe(true);
  });

  test('lets a turn go on that has no steps left', async () => {
    const id = await plain.open('/tests/asks');
    plain.answer = () => choose('go_on');
    const call = { calls: [{ name: 'echo', input: { text: 'Hi' } }] };
    expect(await plain.prompt(id, [call, 'Done.'])).toEqual({ stopReason: 'end_turn' });
    expect(plain.questions.map(({ toolCall }) => toolCall.title)).toEqual(['1 step is taken. Go on for 10 more?']);
    expect(plain.text(id)).toBe('Done.');
  });

  test('ends a turn that has no steps left', async () => {
    const id = await plain.open('/tests/asks');
    plain.answer = () => choose('stop_here');
    const call = { calls: [{ name: 'echo', input: { text: 'Hi' } }] };
    expect(await plain.prompt(id, [call, 'Done.'])).toEqual({ stopReason: 'max_turn_requests' });
    expect(await plain.prompt(id, ['Here.'])).toEqual({ stopReason: 'end_turn' });
  });

  test('lets a turn go on that has cost enough, or ends it', async () => {
    const id = await plain.open('/tests/thrifty');
    const call = { calls: [{ name: 'echo', input: { text: 'Hi' } }] };
    plain.answer = () => choose('go_on');
    expect(await plain.prompt(id, [call, 'Done.'])).toEqual({ stopReason: 'end_turn' });
    plain.answer = () => choose('stop_here');
    expect(await plain.prompt(id, [call, 'Done.'])).toEqual({ stopReason: 'cancelled' });
    expect(plain.questions.map(({ toolCall }) => toolCall.title)).toEqual([
      'The turn has cost 0.25, more than 0.1. Go on?',
      'The turn has cost 0.25, more than 0.1. Go on?',
    ]);
  });
});

describe('how a turn ends', () => {
  test.each([
    ['max_tokens', '/tests', [{ text: 'Lon', finish: 'length' }]],
    ['refusal', '/tests', [{ text: '', finish: 'content-filter' }]],
    ['max_turn_requests', '/tests/short', [{ calls: [{ name: 'echo', input: { text: 'Hi' } }] }]],
  ] as const)('is said as %s', async (stopReason, cwd, script) => {
    const id = await able.open(cwd);
    expect(await able.prompt(id, script)).toEqual({ stopReason });
    expect(able.of('agent_error', id)).toEqual([]);
  });

  test('is an error with what is known of a failure, and an update for editors that want one', async () => {
    const failure = createFailure({
      type: 'rate_limit',
      code: 'usage_limit_reached',
      message: 'Come back tomorrow.',
      retryable: false,
      retryAfterMs: 90_500,
      resetAt: 1_900_000_000_000,
      status: 429,
    });
    const expected = {
      type: 'rate_limit',
      message: 'Come back tomorrow.',
      detail: { code: 'usage_limit_reached', status: 429 },
      retryable: false,
      retry_after_seconds: 91,
      reset_at_epoch_ms: 1_900_000_000_000,
    };
    const id = await able.open();
    const error = await errorOf(able.prompt(id, [{ failure }]));
    expect(error).toMatchObject({ code: -32603, message: 'Come back tomorrow.', data: expected });
    expect(able.of('agent_error', id)).toEqual([
      { sessionUpdate: 'agent_error', error: error.data, stopReason: 'error' },
    ]);
    const strict = await plain.open();
    expect((await errorOf(plain.prompt(strict, [{ failure }]))).data).toEqual(error.data);
    expect(plain.of('agent_error', strict)).toEqual([]);
  });

  test('leaves a session that takes the next prompt', async () => {
    const id = await able.open('/tests/poor');
    const { data } = await errorOf(able.prompt(id, [{ calls: [{ name: 'echo', input: { text: 'Hi' } }] }, 'Done.']));
    expect(data).toMatchObject({ type: 'budget', detail: { code: 'limit_reached' }, retryable: false });
    expect(await able.prompt(id, ['Here.'])).toEqual({ stopReason: 'end_turn' });
    expect(able.of('agent_error', id)).toHaveLength(1);
  });

  test('is an error where the prompt says nothing', async () => {
    const id = await able.open();
    expect(await errorOf(able.prompt(id, ' '))).toMatchObject({ code: -32602 });
    expect(await errorOf(able.agent.request('session/prompt', { sessionId: id, prompt: [] }))).toMatchObject({
      code: -32602,
    });
    expect(able.updates(id)).toEqual([]);
  });

  test('is an error for a session that there is not', async () => {
    expect(await errorOf(able.prompt('none', ['Hi.']))).toEqual({
      code: -32002,
      message: 'Resource not found',
      data: { sessionId: 'none' },
    });
    expect(able.updates('none')).toEqual([]);
  });
});

describe('what goes on in a turn', () => {
  test('is told in notices: a retry, and text that does not count', async () => {
    const id = await able.open();
    const attempts = [{ text: 'Goo', failure: rateLimit }, { text: 'Good day.' }];
    expect(await able.prompt(id, [attempts])).toEqual({ stopReason: 'end_turn' });
    expect(able.of('notice', id).map(({ severity, title }) => [severity, title])).toEqual([
      ['warning', 'The answer broke off: what was shown of it does not count.'],
      ['warning', expect.stringMatching(/^Too many requests\. Trying again in \S+ s \(2 of 3\)\.$/)],
    ]);
    const [stale, ...fresh] = able.of('agent_message_chunk', id);
    expect(fresh.map(({ messageId }) => messageId)).not.toContain(stale?.messageId);
    expect(able.of('agent_error', id)).toEqual([]);
  });

  test('is told as thoughts to editors that take no notices', async () => {
    const id = await plain.open();
    await plain.prompt(id, [[{ failure: rateLimit }, { text: 'Good day.' }]]);
    expect(plain.of('notice', id)).toEqual([]);
    expect(plain.text(id, 'agent_thought_chunk')).toContain('Too many requests. Trying again');
    expect(plain.text(id)).toBe('Good day.');
  });

  test('is told where a guardrail changes a message or an answer, and only the answer is shown again', async () => {
    const id = await able.open('/tests/guarded');
    await able.prompt(id, ['No secret.']);
    expect(able.text(id)).toBe('No gift.');
    await able.prompt(id, [{ text: ['To ', 'Rome.'] }]);
    expect(able.text(id)).toMatch(/To Paris\.$/);
    expect(able.of('notice', id).map(({ title }) => title)).toEqual([
      'A guardrail has changed what was said: It is a secret.',
      'A guardrail has changed what was said: Not Rome.',
    ]);
  });

  test('is told of a compaction, as such or as notices', async () => {
    const sides = await Promise.all(
      [able, plain].map(async (editor) => {
        const id = await editor.open('/tests/compacts');
        for (let index = 0; index < 3; index += 1) await editor.prompt(id, [`Answer ${index}.`]);
        await editor.prompt(id, [longAnswer]);
        await editor.prompt(id, ['Short.']);
        return id;
      }),
    );
    const [ofAble = '', ofPlain = ''] = sides;
    const [started, completed] = able.of('compaction_update', ofAble);
    expect([started?.status, completed?.status]).toEqual(['in_progress', 'completed']);
    expect(started?.compactionId).toBe(completed?.compactionId);
    expect(plain.text(ofPlain, 'agent_thought_chunk')).toContain('is being shortened');
    expect(plain.of('compaction_update', ofPlain)).toEqual([]);
  });

  test('is no error where a compaction mends an overflow, and one error where none can', async () => {
    const mended = await able.open('/tests/compacts');
    for (let index = 0; index < 3; index += 1) await able.prompt(mended, [`Answer ${index}.`]);
    expect(await able.prompt(mended, [[{ failure: overflow }, { text: 'Short.' }]])).toEqual({
      stopReason: 'end_turn',
    });
    expect(able.of('compaction_update', mended)).toHaveLength(2);
    expect(able.of('agent_error', mended)).toEqual([]);
    const lost = await able.open('/tests/uncompacted');
    const { data } = await errorOf(able.prompt(lost, [{ failure: overflow }]));
    expect(data).toMatchObject({ type: 'context_overflow', detail: { code: 'request_too_large' }, retryable: false });
    expect(able.of('agent_error', lost)).toHaveLength(1);
  });
});
