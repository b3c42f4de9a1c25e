import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type SimulatedOptions, simulated } from '../../src/adapters/simulated/index.ts';
import type { Json } from '../../src/json.ts';
import type { Message, ToolOutput } from '../../src/messages.ts';
import type { ModelPart, ModelRequest } from '../../src/model.ts';
import { type Schema, toJsonSchema } from '../../src/schema.ts';

type Part<T extends ModelPart['type']> = Extract<ModelPart, { type: T }>;

const allTools = ['calculate', 'list_files', 'read_file', 'delete_file', 'hang'];

function user(text: string, cause?: 'steering'): Message {
  return { role: 'user', id: 'u', content: [{ type: 'text', text }], ...(cause && { cause }) };
}

function request(conversation: string | readonly Message[], overrides: Partial<ModelRequest> = {}): ModelRequest {
  return {
    messages: typeof conversation === 'string' ? [user(conversation)] : conversation,
    tools: allTools.map((name) => ({ name, inputSchema: { type: 'object' } })),
    toolChoice: 'auto',
    purpose: 'turn',
    requestId: 'request-1',
    attempt: 1,
    ...overrides,
  };
}

async function read(asked: ModelRequest, options: SimulatedOptions = {}): Promise<readonly ModelPart[]> {
  const parts: ModelPart[] = [];
  const signal = new AbortController().signal;
  for await (const part of simulated({ delayMs: 0, ...options }).stream(asked, { signal }))
    parts.push(...[part].flat());
  const endings = parts.filter(({ type }) => type === 'finish' || type === 'error' || type === 'aborted');
  expect(endings).toEqual([parts.at(-1)]);
  return parts;
}

function only<T extends ModelPart['type']>(parts: readonly ModelPart[], type: T): readonly Part<T>[] {
  return parts.filter((part): part is Part<T> => part.type === type);
}

function textIn(parts: readonly ModelPart[]): string {
  return only(parts, 'text-delta')
    .map(({ text }) => text)
    .join('');
}

function callsIn(parts: readonly ModelPart[]): readonly [name: string, input: Json][] {
  return only(parts, 'tool-call').map(({ toolName, rawInput }) => [toolName, JSON.parse(rawInput)]);
}

function failureIn(parts: readonly ModelPart[]) {
  return only(parts, 'error')[0]?.failure;
}

/** The calls of an answer and their results, as the engine puts them into the conversation. */
function answered(parts: readonly ModelPart[], results: Readonly<Record<string, ToolOutput>>): readonly Message[] {
  const calls = only(parts, 'tool-call');
  return [
    {
      role: 'assistant',
      id: 'a',
      content: calls.map(({ toolCallId, toolName, rawInput }) => {
        return { type: 'tool-call', toolCallId, toolName, input: JSON.parse(rawInput) };
      }),
    },
    {
      role: 'tool',
      id: 't',
      content: calls.map(({ toolCallId, toolName }) => {
        const output = results[toolName] ?? { type: 'error', value: 'no result' };
        return { type: 'tool-result', toolCallId, toolName, output };
      }),
    },
  ];
}

/** Asks, plays the results, and asks again until there is an answer. */
async function converse(question: string, results: Readonly<Record<string, ToolOutput>>): Promise<string> {
  const messages: Message[] = [user(question)];
  for (let step = 0; step < 5; step += 1) {
    const parts = await read(request(messages));
    if (only(parts, 'tool-call').length === 0) return textIn(parts);
    messages.push(...answered(parts, results));
  }
  throw new Error('the model calls tools again and again');
}

function json(value: Json): ToolOutput {
  return { type: 'json', value };
}

describe('the simulated model, asked', () => {
  test.each<[question: string, calls: [string, Json][]]>([
    ['what is 17*23', [['calculate', { expression: '17*23' }]]],
    ['(2+3)*4', [['calculate', { expression: '(2+3)*4' }]]],
    ['What is 12.5 / 4?', [['calculate', { expression: '12.5 / 4' }]]],
    ['7 times 6 minus 2, please', [['calculate', { expression: '7 * 6 - 2' }]]],
    ['12 divided by 4 plus 1', [['calculate', { expression: '12 / 4 + 1' }]]],
    ['what is 1,000 * 3?', [['calculate', { expression: '1000 * 3' }]]],
    ['what is 20% of 50?', [['calculate', { expression: '20/100 * 50' }]]],
    ['what is 5 squared?', [['calculate', { expression: '5^2' }]]],
    [
      'what is 2 ** 8 and -3 x 4?',
      [
        ['calculate', { expression: '2 ** 8' }],
        ['calculate', { expression: '-3 * 4' }],
      ],
    ],
    ['what is 2+2, and again: 2+2?', [['calculate', { expression: '2+2' }]]],
    ['what is 2 / 0?', [['calculate', { expression: '2 / 0' }]]],
    ['how many files are here?', [['list_files', { path: '.' }]]],
    ['How many files are in src?', [['list_files', { path: 'src' }]]],
    ['how many files are in the src directory in total?', [['list_files', { path: 'src', recursive: true }]]],
    ['list the files', [['list_files', { path: '.' }]]],
    ['ls test/rules', [['list_files', { path: 'test/rules' }]]],
    ['what is in src?', [['list_files', { path: 'src' }]]],
    ['what is in README.md?', [['read_file', { path: 'README.md' }]]],
    ["what's in `my notes.txt`?", [['read_file', { path: 'my notes.txt' }]]],
    ['read package.json', [['read_file', { path: 'package.json' }]]],
    ['read a.txt, b.txt and LICENSE', ['a.txt', 'b.txt', 'LICENSE'].map((path) => ['read_file', { path }])],
    ['how many lines has src/index.ts?', [['read_file', { path: 'src/index.ts' }]]],
    ['read a.txt and tell me how many lines it has', [['read_file', { path: 'a.txt' }]]],
    ['what is the size of a.txt?', [['read_file', { path: 'a.txt' }]]],
    ['summarize a.txt', []],
    ['read ../secret.txt', [['read_file', { path: '../secret.txt' }]]],
    ['read /etc/passwd', [['read_file', { path: '/etc/passwd' }]]],
    ['delete notes.txt', [['delete_file', { path: 'notes.txt' }]]],
    [
      'what is 1+1, and remove a.txt and "b c.txt"',
      [
        ['calculate', { expression: '1+1' }],
        ['delete_file', { path: 'a.txt' }],
        ['delete_file', { path: 'b c.txt' }],
      ],
    ],
    ['do not delete notes.txt', []],
    ['simulate a hanging tool', [['hang', {}]]],
    ['simulate a loop', [['list_files', { path: '.' }]]],
    ['simulate a loop, then what is 2+2?', [['calculate', { expression: '2+2' }]]],
    ['hello', []],
    ['it was on 2024-01-15, in version 1.2.3', []],
    ['what is the meaning of and/or?', []],
  ])('%j, calls %j', async (question, calls) => {
    const parts = await read(request(question));
    expect(callsIn(parts)).toEqual(calls);
    expect(parts.at(-1)).toMatchObject({
      type: 'finish',
      finishReason: { unified: calls.length > 0 ? 'tool-calls' : 'stop' },
    });
  });
});

describe('the simulated model', () => {
  test('answers several asks with parallel calls, and then with what both tools said', async () => {
    const question = 'what is 17*23, and how many files are here?';
    const parts = await read(request(question));
    expect(callsIn(parts)).toEqual([
      ['calculate', { expression: '17*23' }],
      ['list_files', { path: '.' }],
    ]);
    expect(new Set(only(parts, 'tool-call').map(({ toolCallId }) => toolCallId)).size).toBe(2);
    const text = await converse(question, {
      calculate: json({ result: 391 }),
      list_files: json({ files: [], directories: [], count: 12 }),
    });
    expect(text).toBe('17*23 = 391. There are 12 files here.');
  });

  test('says the number of the tool, even where it is wrong', async () => {
    expect(await converse('what is 2+2?', { calculate: json({ result: 5 }) })).toBe('2+2 = 5.');
    expect(await converse('what is 2+2?', { calculate: { type: 'text', value: '6' } })).toBe('2+2 = 6.');
  });

  test('reads after it listed, where the name of the file is not known before', async () => {
    const results = {
      list_files: json({ files: ['a.txt', 'README.md'], directories: [], count: 2 }),
      read_file: json({ content: 'Hello.', bytes: 6, lines: 1 }),
    };
    expect(await converse('what does the readme say?', results)).toBe('README.md (6 bytes):\nHello.');
    expect(await converse('read the first file', results)).toBe('a.txt (6 bytes):\nHello.');
    expect(await converse('how many lines has the last file?', results)).toBe('README.md has 1 line.');
  });

  test('says that a list or a file is cut', async () => {
    const list = json({ files: ['a'], directories: [], count: 1000, truncated: true });
    expect(await converse('how many files are here?', { list_files: list })).toBe(
      'There are at least 1000 files here.',
    );
    const file = json({ content: 'beginning', bytes: 99_999, truncated: true });
    expect(await converse('read big.txt', { read_file: file })).toBe('big.txt (99999 bytes) begins:\nbeginning\n…');
    expect(await converse('how many lines has big.txt?', { read_file: file })).toMatch(/could not count the lines/);
  });

  test('says honestly that a tool failed', async () => {
    const failed: ToolOutput = { type: 'error', value: 'The tool failed: Division by zero.' };
    expect(await converse('what is 1/0?', { calculate: failed })).toBe('I could not work out 1/0: Division by zero.');
  });

  test('says that a tool is not offered', async () => {
    for (const overrides of [{ tools: [] }, { toolChoice: 'none' }, { toolChoice: { tool: 'hang' } }] as const) {
      const parts = await read(request('what is 2+2?', overrides));
      expect(callsIn(parts)).toEqual([]);
      expect(textIn(parts)).toMatch(/^I could not work out 2\+2: .*`calculate`/);
    }
  });

  test('says what it is when it is asked something that it cannot do', async () => {
    const text = textIn(await read(request('Write a poem about the sea.')));
    expect(text).toContain('simulated model');
    expect(text).toContain('real model');
  });

  test('says that it leaves a part of the question unanswered', async () => {
    const text = await converse('what is 2+2, and why is the sky blue?', { calculate: json({ result: 4 }) });
    expect(text).toMatch(/^2\+2 = 4\. The rest I cannot answer/);
  });

  test('lists what it can simulate when it is asked what it can do', async () => {
    const text = textIn(await read(request('What can you do?')));
    for (const name of [
      'rate limit',
      'outage',
      'cut stream',
      'overflow',
      'endless answer',
      'hanging tool',
      'loop',
      'invalid answer',
      'reasoning',
    ]) {
      expect(text).toContain(name);
    }
    expect(textIn(await read(request('simulate a fire')))).toContain('I do not know how to simulate that.');
  });

  test('answers the last message, and leaves earlier ones alone', async () => {
    const messages: Message[] = [
      user('simulate an outage, then what is 1+1?'),
      { role: 'assistant', id: 'a', content: [{ type: 'text', text: 'Sorry.' }] },
      user('what is 2+2?'),
    ];
    expect(callsIn(await read(request(messages)))).toEqual([['calculate', { expression: '2+2' }]]);
  });

  test('answers a steering message beside the question that it came into', async () => {
    const first = await read(request('what is 1+1?'));
    const messages = [
      user('what is 1+1?'),
      ...answered(first, { calculate: json({ result: 2 }) }),
      user('and what is 3+3?', 'steering'),
    ];
    const second = await read(request(messages));
    expect(callsIn(second)).toEqual([['calculate', { expression: '3+3' }]]);
    messages.push(...answered(second, { calculate: json({ result: 6 }) }));
    expect(textIn(await read(request(messages)))).toBe('1+1 = 2. 3+3 = 6.');
  });

  test('calls again in a later turn, with ids of their own', async () => {
    const first = await read(request('what is 1+1?'));
    const messages: Message[] = [
      user('what is 1+1?'),
      ...answered(first, { calculate: json({ result: 2 }) }),
      { role: 'assistant', id: 'a', content: [{ type: 'text', text: '1+1 = 2.' }] },
      user('what is 1+1?'),
    ];
    const again = await read(request(messages, { requestId: 'request-2' }));
    expect(callsIn(again)).toEqual(callsIn(first));
    expect(only(again, 'tool-call')[0]?.toolCallId).not.toBe(only(first, 'tool-call')[0]?.toolCallId);
  });

  test('gives the same parts for the same request', async () => {
    for (const question of ['what is 17*23, and list the files', 'simulate reasoning, then read a.txt', 'hello']) {
      expect(await read(request(question))).toEqual(await read(request(question)));
    }
  });

  test('streams a word per read, and the input of a call before the call', async () => {
    const words = only(await read(request('hello')), 'text-delta');
    expect(words.length).toBeGreaterThan(20);
    expect(words.every(({ text }) => text.trim().split(/\s+/).length === 1)).toBe(true);
    const parts = await read(request('what is 17*23?'));
    const deltas = only(parts, 'tool-input-delta').map(({ delta }) => delta);
    expect(deltas.join('')).toBe('{"expression":"17*23"}');
    expect(parts.findIndex(({ type }) => type === 'tool-call')).toBe(deltas.length);
  });

  test('counts four characters as a token', async () => {
    const parts = await read(request('hello', { instructions: 'x'.repeat(400) }));
    const plain = await read(request('hello'));
    const usage = only(parts, 'finish')[0]?.usage;
    const plainUsage = only(plain, 'finish')[0]?.usage;
    expect(usage?.outputTokens).toBe(Math.ceil(textIn(parts).length / 4));
    expect((usage?.inputTokens ?? 0) - (plainUsage?.inputTokens ?? 0)).toBe(100);
  });

  test('summarizes where a summary is wanted, shortly, and calls no tool for it', async () => {
    const said = Array.from(
      { length: 20 },
      (_, index) => `[user]\nWhat is ${index}+1?\n\n[assistant]\n${'x'.repeat(500)}`,
    );
    const parts = await read(request(said.join('\n\n'), { purpose: 'summary' }));
    expect(callsIn(parts)).toEqual([]);
    const lines = textIn(parts).split('\n');
    expect(lines).toHaveLength(13);
    expect(lines.at(-2)).toBe('- user: What is 19+1?');
    expect(lines.at(-1)).toBe(`- assistant: ${'x'.repeat(80)}…`);
  });

  test('says that somebody did not let it delete a file', async () => {
    const denied: ToolOutput = { type: 'error', value: 'Denied: this call was not approved, and did not run.' };
    expect(await converse('delete notes.txt', { delete_file: denied })).toBe(
      'I could not delete notes.txt: this call was not approved, and did not run.',
    );
    expect(await converse('delete notes.txt', { delete_file: json({ deleted: true }) })).toBe('notes.txt is deleted.');
  });

  test.each([
    ['ask an agent: what is 2+2, and how many files are here?', 'what is 2+2, and how many files are here?'],
    ['Please have the sub-agent count the files', 'count the files'],
    ['delegate this: simulate an outage', 'simulate an outage'],
  ])('passes a question on to an agent: %j', async (question, prompt) => {
    const inputSchema = { type: 'object', required: ['prompt'] } as const;
    const tools = [...request('').tools, { name: 'research', inputSchema }];
    const first = await read(request(question, { tools }));
    expect(callsIn(first)).toEqual([['research', { prompt }]]);
    const messages = [user(question), ...answered(first, { research: { type: 'text', value: 'It is so.' } })];
    expect(textIn(await read(request(messages, { tools })))).toBe('The agent says: It is so.');
    expect(textIn(await read(request(question)))).toContain('no tool that takes a `prompt`');
  });

  test('refuses options that make no sense', () => {
    expect(() => simulated({ delayMs: -1 })).toThrow('`delayMs`');
    expect(() => simulated({ retryAfterMs: Number.NaN })).toThrow('`retryAfterMs`');
  });
});

describe('asked to simulate', () => {
  test('a rate limit, it fails once with a delay, then answers', async () => {
    const question = 'simulate a rate limit, then what is 2+2?';
    expect(failureIn(await read(request(question)))).toEqual({
      type: 'rate_limit',
      code: 'rate_limit_exceeded',
      message: 'Simulated rate limit: try again in 1200 ms.',
      retryable: true,
      retryAfterMs: 1200,
      provider: 'simulated',
      model: 'simulated',
      requestId: 'request-1',
      attempt: 1,
    });
    const second = await read(request(question, { attempt: 2 }));
    expect(callsIn(second)).toEqual([['calculate', { expression: '2+2' }]]);
    const messages = [user(question), ...answered(second, { calculate: json({ result: 4 }) })];
    expect(textIn(await read(request(messages)))).toBe('2+2 = 4.');
  });

  test.each([
    ['simulate a rate limit of 2.5 seconds', [2500]],
    ['simulate a rate limit of 30 ms, then 2+2', [30]],
    ['simulate two rate limits', [1200, 1200]],
    ['simulate a rate limit of 5 ms twice', [5, 5]],
    ['please simulate a rate limit three times and then tell me 1+1', [1200, 1200, 1200]],
  ])('%j, it asks for the delays %j', async (question, delays) => {
    for (const [index, delayMs] of delays.entries()) {
      expect(failureIn(await read(request(question, { attempt: index + 1 })))?.retryAfterMs).toBe(delayMs);
    }
    const next = await read(request(question, { attempt: delays.length + 1 }));
    expect(next.at(-1)?.type).toBe('finish');
  });

  test('a rate limit always, it fails every attempt', async () => {
    const failed = await read(request('always simulate a rate limit', { attempt: 50 }));
    expect(failureIn(failed)?.code).toBe('rate_limit_exceeded');
  });

  test('an outage, it fails every attempt', async () => {
    for (const attempt of [1, 2, 9]) {
      const failure = failureIn(await read(request('simulate an outage', { attempt })));
      expect(failure).toMatchObject({ type: 'provider_unavailable', code: 'provider_unavailable', retryable: true });
    }
    expect(failureIn(await read(request('simulate an outage once', { attempt: 2 })))).toBeUndefined();
  });

  test('a cut stream, it breaks off with some text, then is whole', async () => {
    const question = 'simulate a cut stream, then what is 2+2?';
    const cut = await read(request(question));
    expect(textIn(cut)).not.toBe('');
    expect(failureIn(cut)).toMatchObject({ type: 'provider_unavailable', code: 'stream_truncated', retryable: true });
    expect(only(cut, 'usage')[0]?.usage.outputTokens).toBeGreaterThan(0);
    expect(callsIn(await read(request(question, { attempt: 2 })))).toEqual([['calculate', { expression: '2+2' }]]);
  });

  test('an overflow, it refuses the request', async () => {
    const failure = failureIn(await read(request('simulate an overflow')));
    expect(failure).toMatchObject({ type: 'context_overflow', code: 'request_too_large', retryable: false });
  });

  test('several troubles, it plays them one after the other', async () => {
    const question = 'simulate a cut stream and a rate limit, then 1+1';
    const codes: (string | undefined)[] = [];
    for (const attempt of [1, 2, 3]) codes.push(failureIn(await read(request(question, { attempt })))?.code);
    expect(codes).toEqual(['stream_truncated', 'rate_limit_exceeded', undefined]);
  });

  test('something that is no failure, it does not fail, however often that is wanted', async () => {
    const parts = await read(request('simulate reasoning twice, then what is 2+2?'));
    expect(callsIn(parts)).toEqual([['calculate', { expression: '2+2' }]]);
  });

  test('reasoning, it reasons first, and counts it', async () => {
    const parts = await read(request('simulate reasoning, then what is 2+2?'));
    expect(parts[0]?.type).toBe('reasoning-delta');
    expect(callsIn(parts)).toEqual([['calculate', { expression: '2+2' }]]);
    expect(only(parts, 'finish')[0]?.usage.reasoningTokens).toBeGreaterThan(0);
  });

  test('a hanging tool that is not offered, it says so', async () => {
    const parts = await read(request('simulate a hanging tool', { tools: [] }));
    expect(textIn(parts)).toMatch(/`hang`/);
  });

  test('a loop, it makes the same call whatever comes of it, as long as it may', async () => {
    const question = 'simulate a loop';
    const first = await read(request(question));
    const messages = [user(question), ...answered(first, { list_files: { type: 'error', value: 'not again' } })];
    const second = await read(request(messages, { requestId: 'request-2' }));
    expect(callsIn(second)).toEqual(callsIn(first));
    expect(textIn(await read(request(messages, { tools: [] })))).toMatch(/no tool `list_files`/);
  });

  test('an invalid answer, it answers in prose where JSON is asked for, and then in JSON', async () => {
    const question = 'simulate an invalid answer, then what is 2+2?';
    const overrides = { outputSchema: toJsonSchema(z.object({ result: z.number() })), tools: [] };
    const prose = textIn(await read(request(question, overrides)));
    expect(prose).toMatch(/^I could not work out/);
    const messages: Message[] = [
      user(question),
      { role: 'assistant', id: 'a', content: [{ type: 'text', text: prose }] },
      { role: 'user', id: 'h', content: [{ type: 'text', text: 'The answer must be JSON.' }], cause: 'output_hint' },
    ];
    expect(JSON.parse(textIn(await read(request(messages, overrides))))).toEqual({ result: 2 });
  });

  test('an endless answer, it goes on until it is aborted', { timeout: 10_000 }, async () => {
    const controller = new AbortController();
    const parts: ModelPart[] = [];
    const stream = simulated({ delayMs: 0 }).stream(request('simulate an endless answer'), controller);
    for await (const part of stream) {
      parts.push(...[part].flat());
      if (parts.length === 100) controller.abort();
    }
    expect(parts.slice(100).map(({ type }) => type)).toEqual(['usage', 'aborted']);
  });

  test('an endless answer, it lets other work get in between', { timeout: 10_000 }, async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    let last: ModelPart | undefined;
    for await (const part of simulated({ delayMs: 0 }).stream(request('simulate an endless answer'), controller)) {
      last = [part].flat().at(-1);
    }
    expect(last).toEqual({ type: 'aborted' });
  });
});

describe('asked for a form, the simulated model', () => {
  const answer = async (schema: Schema, question: string, results: Readonly<Record<string, ToolOutput>> = {}) => {
    const overrides = { outputSchema: toJsonSchema(schema) };
    const messages: Message[] = [user(question)];
    for (let parts = await read(request(messages, overrides)); ; parts = await read(request(messages, overrides))) {
      if (only(parts, 'tool-call').length === 0) return JSON.parse(textIn(parts));
      messages.push(...answered(parts, results));
    }
  };

  test('fills fields with what tools gave under their names', async () => {
    const schema = z.object({ result: z.number(), count: z.int(), files: z.array(z.string()), summary: z.string() });
    const results = {
      calculate: json({ result: 391 }),
      list_files: json({ files: ['a', 'b'], directories: [], count: 2 }),
    };
    const filled = await answer(schema, 'what is 17*23, and how many files are here?', results);
    expect(schema.parse(filled)).toEqual({
      result: 391,
      count: 2,
      files: ['a', 'b'],
      summary: '17*23 = 391. There are 2 files here.',
    });
  });

  test('takes numbers that tools gave without a name', async () => {
    expect(await answer(z.object({ value: z.number() }), 'what is 2+2?', { calculate: json(4) })).toEqual({ value: 4 });
  });

  test('takes numbers, quoted words, choices and words that stand for yes out of the question', async () => {
    const schema = z.object({
      quantity: z.int().positive(),
      price: z.number().min(10),
      item: z.string(),
      colour: z.enum(['red', 'green']),
      urgent: z.boolean(),
      gift: z.boolean(),
      to: z.object({ name: z.string() }).nullable(),
      tags: z.array(z.string().max(5)),
      kind: z.literal('order'),
      none: z.null(),
    });
    const filled = await answer(schema, 'An urgent order of 3 green "lamps" at 2.5 for "Ada Lovelace".');
    expect(schema.parse(filled)).toEqual({
      quantity: 3,
      price: 10,
      item: 'lamps',
      colour: 'green',
      urgent: true,
      gift: false,
      to: { name: 'Ada Lovelace' },
      tags: ['I am '],
      kind: 'order',
      none: null,
    });
  });

  test('answers with some value of the form where it knows nothing', async () => {
    const schema = z.object({ count: z.number(), size: z.union([z.literal('small'), z.number()]) });
    expect(schema.parse(await answer(schema, 'Hello!'))).toEqual({ count: 0, size: 'small' });
    expect(await answer({ jsonSchema: { enum: ['yes', 'no'] } }, 'Is it so, or no?')).toBe('no');
    expect(typeof (await answer({ jsonSchema: {} }, 'Hello!'))).toBe('string');
  });
});

describe('aborted', () => {
  /** Timers that a test fires by hand. */
  function manualClock() {
    const waiting = new Map<number, () => void>();
    const delays: number[] = [];
    let next = 0;
    return {
      waiting,
      delays,
      setTimeout(run: () => void, ms: number) {
        next += 1;
        waiting.set(next, run);
        delays.push(ms);
        return next;
      },
      clearTimeout(id: unknown) {
        waiting.delete(Number(id));
      },
      fire() {
        for (const run of [...waiting.values()]) run();
      },
    };
  }

  test('before it begins, it says nothing', async () => {
    const parts: ModelPart[] = [];
    const stream = simulated().stream(request('hello'), { signal: AbortSignal.abort() });
    for await (const part of stream) parts.push(...[part].flat());
    expect(parts.map(({ type }) => type)).toEqual(['usage', 'aborted']);
  });

  test('while it waits for the next word, it ends at once and leaves no timer behind', async () => {
    const clock = manualClock();
    const controller = new AbortController();
    const model = simulated({ delayMs: 40, clock });
    const stream = model.stream(request('hello'), controller)[Symbol.asyncIterator]();
    const first = stream.next();
    clock.fire();
    expect((await first).value).toEqual({ type: 'text-delta', text: 'I ' });
    const second = stream.next();
    expect(clock.waiting.size).toBe(1);
    controller.abort();
    expect((await second).value).toMatchObject([{ type: 'usage' }, { type: 'aborted' }]);
    expect((await stream.next()).done).toBe(true);
    expect(clock.waiting.size).toBe(0);
    expect(clock.delays).toEqual([40, 40]);
  });
});
