import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, everything, patience, TestEditor } from './editor.ts';
import type { Script } from './programs/agent.ts';

const edit = { name: 'edit_file', input: { path: 'notes.txt', oldText: 'milk', newText: 'bread' } };
const hanging: Script = [{ text: 'Well', hangs: true }];
const cancelled = { stopReason: 'cancelled' };

let editor: TestEditor;
let withdrawn = 0;

beforeAll(async () => {
  editor = await TestEditor.start({}, { capabilities: everything });
}, patience);
afterAll(async () => {
  await editor[Symbol.asyncDispose]();
});

/** Answers no question before it is withdrawn. */
function untilWithdrawn(_question: unknown, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      withdrawn += 1;
      resolve({ outcome: 'cancelled' });
    });
  });
}

/** Nothing failed, and the session takes the next prompt. */
async function expectToGoOn(id: string): Promise<void> {
  expect(editor.of('agent_error', id)).toEqual([]);
  expect(await editor.prompt(id, ['Here.'])).toEqual({ stopReason: 'end_turn' });
  expect(editor.text(id)).toMatch(/Here\.$/);
}

describe('a cancel', () => {
  test('ends a model call', async () => {
    const id = await editor.open();
    const answer = editor.prompt(id, hanging);
    await editor.until(() => editor.text(id) === 'Well');
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    await expectToGoOn(id);
  });

  test('that comes right behind a prompt finds it', async () => {
    const id = await editor.open();
    const answer = editor.prompt(id, hanging);
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    await expectToGoOn(id);
  });

  test('ends a tool', async () => {
    const id = await editor.open();
    const answer = editor.prompt(id, [{ calls: [{ name: 'wait', id: 'a' }] }, 'Done.']);
    await editor.until(() => editor.of('tool_call_update', id).some(({ content }) => content != null));
    expect(editor.of('tool_call', id)).toMatchObject([{ title: 'Waits', kind: 'execute' }]);
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    expect(editor.of('tool_call_update', id).at(-1)).toMatchObject({ toolCallId: 'a', status: 'failed' });
    await expectToGoOn(id);
  });

  test('ends a turn that waits for an answer of the user, and withdraws the question', async () => {
    const id = await editor.open();
    editor.questions.length = 0;
    editor.answer = untilWithdrawn;
    withdrawn = 0;
    const answer = editor.prompt(id, [{ calls: [edit] }, 'Done.']);
    await editor.until(() => editor.questions.length > 0);
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    await expect.poll(() => withdrawn).toBe(1);
    await expectToGoOn(id);
  });

  test('may be said by the answer to a question alone', async () => {
    const id = await editor.open();
    editor.answer = () => ({ outcome: 'cancelled' });
    expect(await editor.prompt(id, [{ calls: [edit] }, 'Done.'])).toEqual(cancelled);
    await expectToGoOn(id);
  });

  test('ends a turn that waits for more steps, and withdraws the question', async () => {
    const id = await editor.open('/tests/asks');
    editor.questions.length = 0;
    editor.answer = untilWithdrawn;
    withdrawn = 0;
    const script: Script = [{ calls: [{ name: 'echo', input: { text: 'Hi' } }] }, 'Done.'];
    const answer = editor.prompt(id, script);
    await editor.until(() => editor.questions.length > 0);
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    await expect.poll(() => withdrawn).toBe(1);
    expect(editor.of('tool_call_update', id).at(-1)).toMatchObject({
      toolCallId: editor.questions[0]?.toolCall.toolCallId,
      status: 'failed',
    });
    await expectToGoOn(id);
  });

  test('ends a compaction', async () => {
    const id = await editor.open('/tests/compacts');
    for (let index = 0; index < 3; index += 1) await editor.prompt(id, [`To be never summarized: ${index}.`]);
    await editor.prompt(id, [{ text: 'Long.', usage: { inputTokens: 9_000, outputTokens: 900 } }]);
    const answer = editor.prompt(id, ['Short.']);
    await editor.until(() => editor.of('compaction_update', id).length > 0);
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    expect(editor.of('compaction_update', id).map(({ status }) => status)).toEqual(['in_progress', 'cancelled']);
    expect(editor.of('agent_error', id)).toEqual([]);
  });

  test('ends the wait for another attempt', async () => {
    const id = await editor.open();
    const failure = {
      type: 'provider_unavailable',
      code: 'overloaded',
      message: 'Busy.',
      retryable: true,
      retryAfterMs: 59_000,
    } as const;
    const answer = editor.prompt(id, [[{ failure }, { text: 'Here.' }]]);
    await editor.until(() => editor.of('notice', id).length > 0);
    await editor.cancel(id);
    expect(await answer).toEqual(cancelled);
    await expectToGoOn(id);
  });

  test('ends all prompts of a session, and none of another', async () => {
    const id = await editor.open();
    const other = await editor.open();
    const answers = [editor.prompt(id, hanging), editor.prompt(id, ['Never said.'])];
    const otherAnswer = editor.prompt(other, hanging);
    await editor.until(() => editor.text(id) === 'Well' && editor.text(other) === 'Well');
    await editor.cancel(id);
    expect(await Promise.all(answers)).toEqual([cancelled, cancelled]);
    expect(editor.text(id)).not.toContain('Never said.');
    await expectToGoOn(id);
    await editor.cancel(other);
    expect(await otherAnswer).toEqual(cancelled);
  });

  test('does nothing where no turn runs, or there is no such session', async () => {
    const id = await editor.open();
    await editor.cancel(id);
    await editor.cancel('none');
    await expectToGoOn(id);
  });

  test('of the request alone ends its turn', async () => {
    const id = await editor.open();
    const controller = new AbortController();
    const prompt = [{ type: 'text' as const, text: JSON.stringify(hanging) }];
    const answer = editor.agent.request(
      'session/prompt',
      { sessionId: id, prompt },
      { cancellationSignal: controller.signal },
    );
    await editor.until(() => editor.text(id) === 'Well');
    controller.abort();
    expect(await answer).toEqual(cancelled);
    await expectToGoOn(id);
  });
});
