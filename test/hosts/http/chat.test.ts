import { setImmediate } from 'node:timers/promises';
import {
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from 'ai';
import { agentTool, createAgent, defineTool, type Failure, type Message, type Model, textOf } from 'turnchart';
import { memoryStore } from 'turnchart/durability';
import { scriptedModel } from 'turnchart/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { expectWellFormed, TestChat } from './chat.ts';
import { listen, type RunningServer } from './server.ts';
import { asAnotherProcess, SpokenModel, subject } from './support.ts';

const look = defineTool({ name: 'look', description: 'Looks', input: z.object({}), execute: () => ({ seen: 3 }) });
const erase = defineTool({
  name: 'erase',
  description: 'Erases',
  input: z.object({}),
  approval: true,
  execute: () => 'gone',
});
const ask = defineTool({ name: 'ask', description: 'Asks the user', input: z.object({}) });
const tools = [look, erase, ask];

const gone: Failure = { type: 'provider_unavailable', code: 'network', message: 'Gone.', retryable: true };

type Extras = Parameters<typeof subject>[1];
type Options = ConstructorParameters<typeof TestChat>[1];

const servers: RunningServer[] = [];
const chats: TestChat[] = [];

afterEach(async () => {
  for (const chat of chats.splice(0)) {
    await chat.dispose();
    await expectWellFormed(chat.told);
  }
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(model: Model, extras: Extras = {}, limits = {}) {
  const served = subject(model, { tools, ...extras }, { limits });
  const server = await listen(served.app);
  servers.push(server);
  const chat = (options: Options = {}) => {
    const made = new TestChat(server.url, { id: 'trip', ...options });
    chats.push(made);
    return made;
  };
  const messages = async () =>
    ((await (await served.get('/v1/sessions/trip/messages')).json()) as { messages: Message[] }).messages;
  const post = (body: unknown) => served.post('/v1/chat', body);
  const request = async (path: string, body: object) => expect((await served.post(path, body)).ok).toBe(true);
  return { ...served, url: server.url, chat, messages, post, request };
}

const said = (text: string, id = 'm1'): UIMessage => ({ id, role: 'user', parts: [{ type: 'text', text }] });
const file = (url: string): UIMessage => ({
  id: 'm1',
  role: 'user',
  parts: [{ type: 'file', mediaType: 'text/plain', url }],
});

describe('a chat', () => {
  it('streams answers with their tools, a message for each turn, and goes on', async () => {
    const model = scriptedModel([
      { reasoning: 'Let me see.', text: ['I ', 'look.'], calls: [{ name: 'look' }] },
      { text: ['So it ', 'is.'] },
      'Two.',
    ]);
    const { chat, messages } = await serve(model);
    const trip = chat();
    await trip.sendMessage({ text: 'Look!' });
    expect(trip.status).toBe('ready');
    expect(trip.lastMessage?.parts).toMatchObject([
      { type: 'step-start' },
      { type: 'reasoning', text: 'Let me see.', state: 'done' },
      { type: 'text', text: 'I look.', state: 'done' },
      { type: 'tool-look', state: 'output-available', input: {}, output: { seen: 3 } },
      { type: 'step-start' },
      { type: 'text', text: 'So it is.', state: 'done' },
    ]);
    await trip.sendMessage({ text: 'And?' });
    expect(trip.text).toBe('Two.');
    expect(trip.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(new Set(trip.messages.map(({ id }) => id)).size).toBe(4);
    expect((await messages()).map(textOf)).toEqual(['Look!', 'I look.', '', 'So it is.', 'And?', 'Two.']);
    expect(trip.told.map((chunks) => chunks.at(-1))).toEqual(Array(2).fill({ type: 'finish', finishReason: 'stop' }));
  });

  it('shows text while the model speaks', async () => {
    const model = new SpokenModel();
    const trip = (await serve(model)).chat();
    const sending = trip.sendMessage({ text: 'Speak!' });
    model.say('It goes');
    await trip.until(() => trip.text === 'It goes');
    expect(trip.status).toBe('streaming');
    model.say(' on.');
    model.finish();
    await sending;
    expect(trip.text).toBe('It goes on.');
  });

  it('takes files, as data or by their address', async () => {
    const model = scriptedModel(['I see.']);
    const { chat, messages } = await serve(model);
    await chat().sendMessage({
      text: 'Look!',
      files: [
        { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,aGk=', filename: 'a.png' },
        { type: 'file', mediaType: 'image/png', url: 'https://example.com/b.png' },
        { type: 'file', mediaType: 'text/plain', url: 'data:,h%C3%AF' },
      ],
    });
    expect((await messages())[0]?.content).toEqual([
      { type: 'file', mediaType: 'image/png', data: 'aGk=', name: 'a.png' },
      { type: 'file', mediaType: 'image/png', data: { url: 'https://example.com/b.png' } },
      { type: 'file', mediaType: 'text/plain', data: Buffer.from('hï').toString('base64') },
      { type: 'text', text: 'Look!' },
    ]);
  });

  it('takes files that are as long as a body may be', async () => {
    const { post, messages } = await serve(scriptedModel(['I see.']));
    const text = 'ä'.repeat(150_000);
    await (await post({ id: 'trip', messages: [file(`data:text/plain,${encodeURIComponent(text)}`)] })).text();
    const [part] = (await messages())[0]?.content ?? [];
    expect(part).toEqual({ type: 'file', mediaType: 'text/plain', data: Buffer.from(text).toString('base64') });
  });

  it('sends only its last message where it sends all: the session has the others', async () => {
    const { chat, messages } = await serve(scriptedModel(['Two.']));
    const trip = chat({
      messages: [said('one'), { id: 'a1', role: 'assistant', parts: [{ type: 'text', text: '1' }] }],
    });
    await trip.sendMessage({ text: 'two' });
    expect((await messages()).map(textOf)).toEqual(['two', 'Two.']);
  });

  it('says why a turn failed, and sends the message again when it is told to', async () => {
    const failure: Failure = { type: 'auth', code: 'auth', message: 'The key is wrong.', retryable: false };
    const { chat } = await serve(scriptedModel([{ text: 'So', failure }, 'Now.']));
    const trip = chat();
    await trip.sendMessage({ text: 'Hi' });
    expect([trip.status, trip.error?.message]).toEqual(['error', 'The key is wrong.']);
    await trip.regenerate();
    expect([trip.status, trip.text]).toEqual(['ready', 'Now.']);
    expect(trip.messages).toHaveLength(2);
  });

  it('forgets text of an attempt that failed, and keeps what came before', async () => {
    const { chat, clock } = await serve(
      scriptedModel([{ text: 'I look.', calls: [{ name: 'look' }] }, { text: 'Wro', failure: gone }, 'Right.']),
    );
    const trip = chat();
    const sending = trip.sendMessage({ text: 'Hi' });
    await trip.until(() => trip.told[0]?.some(({ type }) => type === 'reset-step') === true);
    await clock.advance(60_000);
    await sending;
    expect(trip.text).toBe('I look.Right.');
    expect(trip.tools).toEqual(['look output-available']);
  });

  it('shows what guardrails make of an answer, and nothing of what they withdraw', async () => {
    const check = (text: string) =>
      text.includes('secret')
        ? ({ action: 'rewrite', value: text.replace('secret', '…') } as const)
        : text.includes('poison')
          ? ({ action: 'deny', reason: 'It is poison.' } as const)
          : ({ action: 'allow' } as const);
    const { chat } = await serve(scriptedModel([{ text: ['A ', 'secret.'] }, { text: ['Some ', 'poison.'] }]), {
      guardrails: { output: [check] },
    });
    const trip = chat();
    await trip.sendMessage({ text: 'Tell!' });
    expect(trip.text).toBe('A ….');
    await trip.sendMessage({ text: 'And?' });
    expect(trip.status).toBe('error');
    expect(trip.messages.slice(-1).flatMap(({ role, parts }) => (role === 'user' ? [] : parts))).not.toContainEqual(
      expect.objectContaining({ type: 'text' }),
    );
  });

  it('is told of a cancel, and does not send by itself what was cut off', async () => {
    const hang = defineTool({
      name: 'hang',
      description: 'Hangs',
      input: z.object({}),
      execute: () => new Promise<string>(() => {}),
    });
    const { chat, post, request } = await serve(scriptedModel([{ calls: [{ name: 'hang' }] }]), { tools: [hang] });
    const trip = chat({ sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls });
    const sending = trip.sendMessage({ text: 'Go!' });
    await trip.until(() => trip.tools.length > 0);
    await request('/v1/sessions/trip/cancel', { reason: 'Enough.' });
    await sending;
    expect(trip.told[0]?.at(-1)).toEqual({ type: 'abort', reason: 'Enough.' });
    expect([trip.status, trip.requests]).toEqual(['ready', ['POST /chat']]);
    const again = await post({ id: 'trip', messages: trip.messages });
    expect([again.status, await again.json()]).toMatchObject([409, { code: 'not_waiting' }]);
  });

  it('shows who steers the turn, before the step that takes it', async () => {
    const seen = Promise.withResolvers<string>();
    const gaze = defineTool({ name: 'gaze', description: 'Gazes', input: z.object({}), execute: () => seen.promise });
    const { chat, request, clock } = await serve(
      scriptedModel([{ calls: [{ name: 'gaze' }] }, { text: 'Wro', failure: gone }, 'So it is.']),
      { tools: [gaze] },
    );
    const trip = chat();
    const sending = trip.sendMessage({ text: 'Look!' });
    await trip.until(() => trip.tools.length > 0);
    await request('/v1/sessions/trip/steer', { content: 'Up!' });
    seen.resolve('sky');
    await trip.until(() => trip.told[0]?.some(({ type }) => type === 'reset-step') === true);
    await clock.advance(60_000);
    await sending;
    expect(trip.lastMessage?.parts.map(({ type }) => type)).toEqual([
      'step-start',
      'tool-gaze',
      'step-start',
      'steering-message',
      'text',
    ]);
    expect(trip.lastMessage?.parts).toContainEqual(
      expect.objectContaining({ type: 'steering-message', parts: [{ type: 'text', text: 'Up!' }] }),
    );
  });

  it('shows what tools report, which is not kept in the message, and why they fail', async () => {
    const dig = defineTool({
      name: 'dig',
      description: 'Digs',
      input: z.object({ deep: z.boolean() }),
      execute: (_, { progress }) => {
        progress('half');
        throw new Error('It is stone.');
      },
    });
    const calls = [
      { name: 'dig', input: { deep: true } },
      { name: 'dig', rawInput: '{"deep":' },
    ];
    const { chat } = await serve(scriptedModel([{ calls }, 'No.']), { tools: [dig] });
    const data: unknown[] = [];
    const trip = chat({ onData: (part) => data.push(part) });
    await trip.sendMessage({ text: 'Dig!' });
    expect(data).toEqual([
      { type: 'data-tool-progress', data: { toolCallId: 'call_1', text: 'half' }, transient: true },
    ]);
    expect(trip.lastMessage?.parts.filter(({ type }) => type === 'tool-dig')).toMatchObject([
      { state: 'output-error', input: { deep: true }, errorText: expect.stringContaining('It is stone.') },
      { state: 'output-error', errorText: expect.any(String) },
    ]);
  });

  it('shows that the turn is paused, and goes on once that is over', async () => {
    const { chat, request } = await serve(scriptedModel([{ calls: [{ name: 'look' }] }, 'Done.']), {
      limits: { maxSteps: 1, lastStep: 'ask' },
    });
    const trip = chat();
    const sending = trip.sendMessage({ text: 'Go!' });
    const pause = () => trip.lastMessage?.parts.find(({ type }) => type === 'data-pause');
    await trip.until(() => pause() !== undefined);
    expect(pause()).toMatchObject({ data: { state: 'paused', reason: 'max_steps', spent: 1, limit: 1 } });
    await request('/v1/sessions/trip/extend', { steps: 2 });
    await sending;
    expect(trip.text).toBe('Done.');
    expect(pause()).toMatchObject({ data: { state: 'resumed' } });
  });
});

describe('approvals in a chat', () => {
  const sendAutomaticallyWhen = lastAssistantMessageIsCompleteWithApprovalResponses;

  it.each([
    [true, 'erase output-available', 'gone'],
    [false, 'erase output-denied', undefined],
  ])('end the answer, which goes on in the same message once they are given: %j', async (approved, state, output) => {
    const model = scriptedModel([{ text: 'May I?', calls: [{ name: 'look' }, { name: 'erase' }] }, 'Done.']);
    const { chat, messages } = await serve(model);
    const trip = chat({ sendAutomaticallyWhen });
    await trip.sendMessage({ text: 'Erase!' });
    expect(trip.told[0]?.at(-1)).toEqual({ type: 'finish', finishReason: 'tool-calls' });
    expect(trip.tools).toEqual(['look output-available', 'erase approval-requested']);
    await trip.addToolApprovalResponse({ id: 'call_2', approved, reason: 'As you like.' });
    await trip.until(() => trip.text.endsWith('Done.') && trip.status === 'ready');
    expect(trip.messages).toHaveLength(2);
    expect(trip.tools).toEqual(['look output-available', state]);
    expect(trip.lastMessage?.parts.find(({ type }) => type === 'tool-erase')).toMatchObject({
      approval: { id: 'call_2', approved, reason: 'As you like.' },
      ...(output !== undefined && { output }),
    });
    expect(JSON.stringify(await messages()).includes('As you like.')).toBe(!approved);
  });

  it('of several calls are sent together, and those of the next step are asked for again', async () => {
    const model = scriptedModel([
      { calls: [{ name: 'erase' }, { name: 'erase' }] },
      { calls: [{ name: 'erase', input: { again: true } }] },
      'Done.',
    ]);
    const trip = (await serve(model)).chat({ sendAutomaticallyWhen });
    await trip.sendMessage({ text: 'Erase!' });
    await trip.addToolApprovalResponse({ id: 'call_1', approved: true });
    expect(trip.requests).toHaveLength(1);
    await trip.addToolApprovalResponse({ id: 'call_2', approved: false });
    await trip.until(() => trip.tools.length === 3 && trip.status === 'ready');
    expect(trip.tools).toEqual(['erase output-available', 'erase output-denied', 'erase approval-requested']);
    await trip.addToolApprovalResponse({ id: 'call_3', approved: true });
    await trip.until(() => trip.text === 'Done.' && trip.status === 'ready');
    expect(trip.requests).toHaveLength(3);
  });

  it('that come too late get what has become of the turn', async () => {
    const { chat, clock } = await serve(scriptedModel([{ calls: [{ name: 'erase' }] }, 'Too late.']), {
      approval: { timeoutMs: 60_000 },
    });
    const trip = chat({ sendAutomaticallyWhen });
    await trip.sendMessage({ text: 'Erase!' });
    await clock.advance(60_000);
    await trip.addToolApprovalResponse({ id: 'call_1', approved: true });
    await trip.until(() => trip.text === 'Too late.' && trip.status === 'ready');
    expect(trip.tools).toEqual(['erase output-denied']);
  });

  it('that somebody else has given are shown when the chat sends its own', async () => {
    const { chat, request } = await serve(scriptedModel([{ calls: [{ name: 'erase' }, { name: 'erase' }] }, 'Done.']));
    const trip = chat({ sendAutomaticallyWhen });
    await trip.sendMessage({ text: 'Erase!' });
    await request('/v1/sessions/trip/approvals', { tool_call_id: 'call_1', decision: 'deny' });
    await trip.addToolApprovalResponse({ id: 'call_1', approved: true });
    await trip.addToolApprovalResponse({ id: 'call_2', approved: true });
    await trip.until(() => trip.text === 'Done.' && trip.status === 'ready');
    expect(trip.tools).toEqual(['erase output-denied', 'erase output-available']);
  });

  it('of a sub-agent are asked for, and nothing else of what it does is shown', async () => {
    const inner = createAgent({
      model: scriptedModel([
        {
          text: 'Hm.',
          calls: [
            { name: 'look', id: 'i1' },
            { name: 'erase', id: 'i2' },
          ],
        },
        'Erased.',
      ]),
      tools,
    });
    const delegate = agentTool({ name: 'delegate', description: 'Delegates', agent: inner });
    const model = scriptedModel([{ calls: [{ name: 'delegate', input: { prompt: 'Erase!' } }] }, 'Done.']);
    const trip = (await serve(model, { tools: [delegate] })).chat({ sendAutomaticallyWhen });
    await trip.sendMessage({ text: 'Erase!' });
    expect(trip.tools).toEqual(['delegate input-available', 'erase approval-requested']);
    await trip.addToolApprovalResponse({ id: 'i2', approved: true });
    await trip.sendMessage();
    expect(trip.tools).toEqual(['delegate output-available', 'erase output-available']);
    expect(trip.text).toBe('Done.');
  });
});

describe('tools that the client of a chat runs', () => {
  it('are called when the call comes, and answered in one go with approvals, in whatever order they wait', async () => {
    const sendAutomaticallyWhen = (options: { messages: UIMessage[] }) =>
      lastAssistantMessageIsCompleteWithToolCalls(options) ||
      lastAssistantMessageIsCompleteWithApprovalResponses(options);
    const model = scriptedModel([{ calls: [{ name: 'ask' }, { name: 'erase' }] }, 'Done.']);
    const { chat, messages } = await serve(model);
    const trip: TestChat = chat({
      sendAutomaticallyWhen,
      onToolCall: ({ toolCall: { toolName, toolCallId } }) => {
        if (toolName === 'ask') void trip.addToolOutput({ tool: 'ask', toolCallId, output: { it: 'is' } });
      },
    });
    await trip.sendMessage({ text: 'Ask!' });
    expect(trip.tools).toEqual(['ask output-available', 'erase approval-requested']);
    await trip.addToolApprovalResponse({ id: 'call_2', approved: true });
    await trip.until(() => trip.text === 'Done.' && trip.status === 'ready');
    expect(trip.requests).toHaveLength(2);
    expect((await messages())[2]?.content).toMatchObject([
      { toolCallId: 'call_1', output: { type: 'json', value: { it: 'is' } } },
      { toolCallId: 'call_2', output: { type: 'text', value: 'gone' } },
    ]);
  });

  it('may fail', async () => {
    const { chat, messages } = await serve(scriptedModel([{ calls: [{ name: 'ask' }] }, 'Oh.']));
    const trip = chat({ sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls });
    await trip.sendMessage({ text: 'Ask!' });
    await trip.addToolOutput({
      state: 'output-error',
      tool: 'ask',
      toolCallId: 'call_1',
      errorText: 'Nobody is here.',
    });
    await trip.until(() => trip.text === 'Oh.' && trip.status === 'ready');
    expect(trip.tools).toEqual(['ask output-error']);
    expect((await messages())[2]?.content).toMatchObject([{ output: { type: 'error', value: 'Nobody is here.' } }]);
  });
});

describe('a message of a chat', () => {
  it('that comes instead of an answer cancels the turn that waits, and is answered', async () => {
    const { chat, messages } = await serve(scriptedModel([{ calls: [{ name: 'erase' }] }, 'Never mind.']));
    const trip = chat();
    await trip.sendMessage({ text: 'Erase!' });
    await trip.sendMessage({ text: 'Rather not.' });
    expect([trip.status, trip.text]).toEqual(['ready', 'Never mind.']);
    expect(JSON.stringify(await messages())).toContain('instead of an answer');
  });

  it('that comes twice is one turn, whose answer both get', async () => {
    const model = scriptedModel(['One.', 'Two.']);
    const { post, messages } = await serve(model);
    const body = { id: 'trip', messages: [said('Hi')], trigger: 'submit-message' };
    const texts = await Promise.all([post(body), post(body)].map(async (response) => (await response).text()));
    expect(texts[0]).toContain('"One."');
    expect(texts[1]).toBe(texts[0]);
    expect(await (await post(body)).text()).toBe(texts[0]);
    const edited = await (await post({ ...body, messages: [said('Ho')], messageId: 'm1' })).text();
    expect(edited).toContain('"Two."');
    expect((await messages()).map(textOf)).toEqual(['Hi', 'One.', 'Ho', 'Two.']);
  });

  it('waits for the turn before it', async () => {
    const model = new SpokenModel();
    const { chat, open, send } = await serve(model);
    await send(await open('trip'), 'first');
    const trip = chat();
    const sending = trip.sendMessage({ text: 'second' });
    model.say('One.');
    model.finish();
    await trip.until(() => trip.told[0]?.some(({ type }) => type === 'start-step') === true);
    model.say('Two.');
    model.finish();
    await sending;
    expect(trip.text).toBe('Two.');
  });

  it.each<[string, object]>([
    ['no messages', { messages: [] }],
    ['nothing said', { messages: [said(' ')] }],
    ['only what the system says', { messages: [{ ...said('x'), role: 'system' }] }],
    ['a file without an address', { messages: [file('')] }],
    ['a file that cannot be decoded', { messages: [file('data:text/plain,%')] }],
    ['another id than a session has', { id: '../x', messages: [said('Hi')] }],
    ['no id', { id: undefined, messages: [said('Hi')] }],
  ])('is refused where there is %s', async (_, body) => {
    const { post } = await serve(scriptedModel([]));
    expect((await post({ id: 'trip', ...body })).status).toBe(400);
  });
});

describe('the answer of a chat', () => {
  it('is resumed from its beginning in the middle of it, by whoever has lost it or comes new', async () => {
    const model = new SpokenModel();
    const { chat } = await serve(model);
    const first = chat();
    const sending = first.sendMessage({ text: 'Speak!' });
    model.say('It ', 'goes ');
    await first.until(() => first.text === 'It goes ');
    await first.stop();
    await sending;
    expect(model.signals[0]?.aborted).toBe(false);
    const second = chat({ messages: first.messages.slice(0, 1) });
    const resuming = [first.resumeStream(), second.resumeStream()];
    await Promise.all([first, second].map((each) => each.until(() => each.text === 'It goes ')));
    expect(second.told[0]?.filter(({ type }) => type === 'text-delta')).toHaveLength(1);
    model.say('on.');
    model.finish();
    await Promise.all(resuming);
    for (const each of [first, second]) {
      expect([each.text, each.messages.length, each.status]).toEqual(['It goes on.', 2, 'ready']);
    }
    // the one that was stopped has no end of its own
    first.told.shift();
  });

  it('is not resumed where none is under way: 204', async () => {
    const { chat, get } = await serve(scriptedModel(['One.']));
    const trip = chat();
    await trip.resumeStream();
    expect((await get('/v1/chat/trip/stream')).status).toBe(204);
    await trip.sendMessage({ text: 'Hi' });
    expect((await get('/v1/chat/trip/stream')).status).toBe(204);
    expect([trip.status, trip.text]).toEqual(['ready', 'One.']);
  });

  it('is resumed with the questions that it waits for', async () => {
    const { chat } = await serve(scriptedModel([{ calls: [{ name: 'erase' }] }, 'Done.']));
    const first = chat();
    await first.sendMessage({ text: 'Erase!' });
    const second = chat({
      messages: first.messages.slice(0, 1),
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    await second.resumeStream();
    expect(second.tools).toEqual(['erase approval-requested']);
    await second.addToolApprovalResponse({ id: 'call_1', approved: true });
    await second.until(() => second.text === 'Done.' && second.status === 'ready');
    expect(second.messages).toHaveLength(2);
  });

  it('is whole where its beginning is not in memory any more but in the store', async () => {
    const model = new SpokenModel();
    const long = 'x'.repeat(30_000);
    const script: Model = {
      ...model,
      provider: 'both',
      modelId: 'both',
      stream: (request, options) =>
        request.messages.length < 3
          ? scriptedModel([{ text: long, calls: [{ name: 'look' }] }]).stream(request, options)
          : model.stream(request, options),
    };
    const { chat, agent, open, send, get } = await serve(script, { store: memoryStore() }, { maxLogChars: 40_000 });
    const path = await open('trip');
    await send(path, 'Speak!');
    model.say('End');
    while (!(await (await get(`${path}/snapshot`)).text()).includes('"step":2')) await setImmediate();
    const second = chat();
    const resuming = second.resumeStream();
    await second.until(() => second.text.endsWith('End'));
    model.say('.');
    model.finish();
    await resuming;
    expect(second.text).toBe(`${long}End.`);
    expect(second.tools).toEqual(['look output-available']);
    await agent.close();
  });

  it('goes on in the next process: its questions are answered, and what was cut off comes whole', async () => {
    const store = memoryStore();
    const before = await serve(scriptedModel([{ calls: [{ name: 'erase' }] }]), { store });
    const first = before.chat();
    await first.sendMessage({ text: 'Erase!' });
    const model = new SpokenModel();
    const between = await serve(model, { store: asAnotherProcess(store) });
    const second = between.chat({
      messages: first.messages,
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    });
    await between.get('/v1/sessions/trip');
    await between.clock.advance(0);
    await second.addToolApprovalResponse({ id: 'call_1', approved: true });
    model.say('It is');
    await second.until(() => second.text === 'It is');
    expect(second.tools).toEqual(['erase output-available']);
    await second.stop();
    // the one that was stopped has no end of its own
    second.told.shift();
    const after = await serve(scriptedModel(['It is gone.']), { store: asAnotherProcess(store) });
    await after.get('/v1/sessions/trip');
    const third = after.chat({ messages: second.messages });
    const resuming = third.resumeStream();
    await third.until(() => third.told.length > 0);
    await after.clock.advance(0);
    await resuming;
    expect([third.text, third.tools, third.messages.length]).toEqual(['It is gone.', ['erase output-available'], 2]);
    await after.agent.close();
  });

  it('ends where it is read too slowly, and can be resumed', async () => {
    const model = new SpokenModel();
    const { post, get, events, clock, request } = await serve(model, {}, { maxLogChars: 20_000 });
    await request('/v1/sessions', { id: 'trip' });
    const { pending } = clock;
    const slow = await post({ id: 'trip', messages: [said('Speak!')] });
    const fast = await events('/v1/sessions/trip');
    for (let piece = 0; piece < 30; piece += 1) {
      model.say('x'.repeat(1_000));
      await fast.until('message.delta');
    }
    const resumed = (await get('/v1/chat/trip/stream')).body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('x'.repeat(30_000))) text += (await resumed?.read())?.value;
    await request('/v1/sessions/trip/cancel', {});
    for (let read = await resumed?.read(); read?.done === false; read = await resumed?.read()) text += read.value;
    expect(text).toMatch(/data: \{"type":"abort"\}\n\ndata: \[DONE]\n\n$/);
    expect(await slow.text()).toMatch(/data: \{"type":"error","errorText":".* too slowly.*\}\n\ndata: \[DONE]\n\n$/);
    await fast.close();
    expect(clock.pending).toBe(pending);
  });

  it.each([
    ['its session is deleted', 'abort'],
    ['the server stops', 'error'],
  ])('ends where %s', async (why, type) => {
    const { chat, app, clock } = await serve(new SpokenModel(), { store: memoryStore() });
    const trip = chat();
    const sending = trip.sendMessage({ text: 'Speak!' });
    await trip.until(() => trip.told[0]?.some((chunk) => chunk.type === 'start-step') === true);
    if (type === 'abort') await app.request('/v1/sessions/trip', { method: 'DELETE' });
    else await Promise.all([app.drain({ graceMs: 0 }), clock.advance(0)]);
    await sending;
    expect([why, trip.told[0]?.at(-1)?.type]).toEqual([why, type]);
  });
});
