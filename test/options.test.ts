import { type AgentOptions, type AnyTool, createAgent, defineTool, type Message, type UserInput } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memoryStore } from '../src/durability/memoryStore.ts';
import type { Schema } from '../src/schema.ts';

// Whoever gives a wrong option is told at once: which one it is, and what to do about it.

type Bad = readonly [what: string, options: unknown, says: readonly (string | RegExp)[]];

const model = scriptedModel([]);
const weather = defineTool({ name: 'weather', input: z.object({}), execute: () => 'sunny' });

describe('createAgent', () => {
  it('accepts every option that it knows', () => {
    const options: Required<AgentOptions<readonly AnyTool[], Schema>> = {
      model,
      name: 'helper',
      instructions: () => 'Be brief.',
      prepareStep: () => undefined,
      output: z.object({ answer: z.string() }),
      validateOutput: (output) => output,
      guardrails: {
        input: [() => ({ action: 'allow' })],
        output: [{ check: () => ({ action: 'allow' }) }],
        tool: [{ name: 'no-erasing', advisory: true, check: () => ({ action: 'deny', reason: 'It erases.' }) }],
      },
      compaction: { threshold: 0.5, keepMessages: 5, model, prompt: 'Be brief.' },
      tools: [weather],
      toolChoice: { tool: 'weather' },
      settings: {
        temperature: 0,
        topP: 1,
        maxOutputTokens: 5,
        reasoningEffort: 'low',
        stopSequences: [],
        seed: 1,
        providerOptions: {},
      },
      retries: 0,
      approval: { timeoutMs: 60_000 },
      modelRetry: {
        maxAttempts: 1,
        initialDelayMs: 0,
        maxDelayMs: 0,
        jitter: 0,
        maxRetryAfterMs: 0,
        retryAfterOutput: false,
        decide: () => undefined,
      },
      limits: {
        maxSteps: 1,
        lastStep: 'ask',
        maxTokens: 0,
        maxCost: 0,
        softCost: 0,
        maxDurationMs: 0.5,
        stallTimeoutMs: 0.5,
        maxParallelTools: 1,
        maxOutputChars: 1,
        consecutiveToolErrors: 1,
        totalToolErrors: 1,
        repeatedCalls: 2,
      },
      detailedToolErrors: false,
      cancelNotes: false,
      pricing: () => 0,
      clock: new SimulatedClock(),
      store: memoryStore(),
      inspect: { session: () => () => {} },
    };
    expect(createAgent(options).name).toBe('helper');
  });

  it('takes an option that is undefined for one that is left out', () => {
    const options = { model, tools: undefined, limits: { maxSteps: undefined }, store: undefined, nonsense: undefined };
    expect(() => createAgent(options as unknown as AgentOptions)).not.toThrow();
  });

  it.each([undefined, null, 'model', 5])('takes an object, not %j', (options) => {
    expect(() => createAgent(options as unknown as AgentOptions)).toThrow(
      new TypeError('createAgent() takes an object: { model, tools, … }.'),
    );
  });

  const wrong: readonly Bad[] = [
    ['no model', { model: undefined }, ['`model`', 'missing', 'give it']],
    ['the name of a model', { model: 'gpt-5' }, ['`model`', 'adapter']],
    ['a model without stream', { model: { provider: 'x', modelId: 'y' } }, ['`model`', '`stream`']],
    ['a model whose stream is no function', { model: { ...model, stream: 'x' } }, ['`model`', '`stream`']],
    ['a model without provider', { model: { ...model, provider: undefined } }, ['`model.provider`', 'text']],
    ['a model without modelId', { model: { ...model, modelId: 5 } }, ['`model.modelId`', 'text']],
    ['an empty name', { name: '' }, ['`name`', 'text']],
    ['a name that is no text', { name: 5 }, ['`name`', 'text']],
    ['instructions that are no text', { instructions: ['x'] }, ['`instructions`', 'text', 'function']],
    ['a prepareStep that is no function', { prepareStep: {} }, ['`prepareStep`', 'function']],
    ['a validateOutput that is no function', { validateOutput: true }, ['`validateOutput`', 'function']],
    ['an output that is no schema', { output: { type: 'object' } }, ['`output`', '{ jsonSchema }']],
    ['an output without a JSON form', { output: z.object({ at: z.date() }) }, ['`output`', 'JSON Schema']],
    ['guardrails that are none', { guardrails: () => true }, ['`guardrails`', '{ input: [check] }']],
    [
      'guardrails of another stage',
      { guardrails: { steering: [] } },
      ['guardrails', '`steering`', 'input, output, tool'],
    ],
    ['a guardrail that is in no list', { guardrails: { input: () => true } }, ['`guardrails.input`', 'array']],
    ['a guardrail that is none', { guardrails: { output: ['no swearing'] } }, ['`guardrails.output`', 'function']],
    ['a guardrail without a check', { guardrails: { tool: [{ name: 'x' }] } }, ['`guardrails.tool`', 'check']],
    [
      'a guardrail with a mistyped option',
      { guardrails: { input: [{ check: () => {}, advisry: true }] } },
      ['guardrails.input', '`advisry`', 'advisory'],
    ],
    [
      'a guardrail whose name is no text',
      { guardrails: { input: [{ check: () => {}, name: 5 }] } },
      ['`name`', 'text'],
    ],
    [
      'a guardrail whose advisory is no boolean',
      { guardrails: { input: [{ check: () => {}, advisory: 'yes' }] } },
      ['`advisory`', 'true or false'],
    ],
    ['a compaction that is none', { compaction: true }, ['`compaction`', 'false, or an object']],
    ['an unknown part of compaction', { compaction: { treshold: 0.5 } }, ['compaction', '`treshold`', 'threshold']],
    ['a threshold above 1', { compaction: { threshold: 85 } }, ['`compaction.threshold`', '1 at most']],
    ['a compaction model that is none', { compaction: { model: 'gpt-5' } }, ['`compaction.model`', '`stream`']],
    ['a compaction prompt that is no text', { compaction: { prompt: () => 'x' } }, ['`compaction.prompt`', 'text']],
    ['an approval that is no object', { approval: 5_000 }, ['`approval`', '{ timeoutMs: 60_000 }']],
    ['an unknown part of approval', { approval: { timeout: 5 } }, ['approval', '`timeout`', 'timeoutMs']],
    ['tools that are no array', { tools: { weather } }, ['`tools`', 'array']],
    ['a tool that is none', { tools: [null] }, ['tool', 'defineTool()']],
    ['a function for a tool', { tools: [() => 'x'] }, ['tool', 'defineTool()']],
    ['two tools of one name', { tools: [weather, weather] }, ['"weather"', 'rename']],
    ['a tool without a name', { tools: [{ ...weather, name: undefined }] }, ['`name`', 'give it']],
    ['an unknown toolChoice', { toolChoice: 'always' }, ['`toolChoice`', "'auto'", "'required'", '{ tool: name }']],
    [
      'a toolChoice for an unknown tool',
      { tools: [weather], toolChoice: { tool: 'wether' } },
      ['`toolChoice`', '"wether"'],
    ],
    [
      'a toolChoice for a tool where there are none',
      { toolChoice: { tool: 'weather' } },
      ['`toolChoice`', '"weather"'],
    ],
    ["toolChoice 'required' without tools", { toolChoice: 'required' }, ['`toolChoice`', 'no tools']],
    ['settings that are none', { settings: 5 }, ['`settings`', 'object']],
    ['an unknown setting', { settings: { maxTokens: 5 } }, ['`maxTokens`', 'settings', 'maxOutputTokens']],
    ['a modelRetry that is no object', { modelRetry: 3 }, ['`modelRetry`', '{ maxAttempts: 3 }']],
    ['an unknown part of modelRetry', { modelRetry: { attempts: 3 } }, ['`attempts`', 'modelRetry', 'maxAttempts']],
    ['a decide that is no function', { modelRetry: { decide: false } }, ['`modelRetry.decide`', 'function of failure']],
    [
      'a retryAfterOutput that is no boolean',
      { modelRetry: { retryAfterOutput: 1 } },
      ['`modelRetry.retryAfterOutput`', 'true or false'],
    ],
    ['limits that are no object', { limits: 5 }, ['`limits`', 'object']],
    ['an unknown limit', { limits: { maxStep: 5 } }, ['`maxStep`', 'limits', 'maxSteps']],
    ['an unknown lastStep', { limits: { lastStep: 'stop' } }, ['`limits.lastStep`', "'fail', 'answer' or 'ask'"]],
    ['maxCost without pricing', { limits: { maxCost: 5 } }, ['`limits.maxCost`', 'needs `pricing`']],
    ['softCost without pricing', { limits: { softCost: 5 } }, ['`limits.softCost`', 'needs `pricing`']],
    ['a pricing that is no function', { pricing: { input: 1 } }, ['`pricing`', 'function']],
    ['detailedToolErrors that is no boolean', { detailedToolErrors: 'no' }, ['`detailedToolErrors`', 'true or false']],
    ['cancelNotes that is no boolean', { cancelNotes: 0 }, ['`cancelNotes`', 'true or false']],
    ['a clock that is none', { clock: 5 }, ['`clock`', '`now`']],
    ['a clock without now', { clock: { setTimeout, clearTimeout } }, ['`clock`', '`now`']],
    ['a clock without setTimeout', { clock: { now: Date.now, clearTimeout } }, ['`clock`', '`setTimeout`']],
    ['a clock without clearTimeout', { clock: { now: Date.now, setTimeout } }, ['`clock`', '`clearTimeout`']],
    ['an unknown option', { instruction: 'Be brief.' }, ['`instruction`', 'Known: ', 'instructions']],
  ];
  it.each(wrong)('refuses %s', (_, options, says) => {
    expectError(() => createAgent({ model, ...(options as object) } as AgentOptions), says);
  });

  const numbers: readonly (readonly [option: string, refused: readonly unknown[], says: string])[] = [
    ['limits.maxSteps', [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null], 'whole number from 1'],
    ['limits.maxParallelTools', [0, -1, 1.5, Number.NaN, '5'], 'whole number from 1'],
    ['limits.maxOutputChars', [0, -1, 1.5, Number.NaN, '5'], 'whole number from 1'],
    ['limits.maxTokens', [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', 5n], 'number from 0'],
    ['compaction.keepMessages', [0, 1.5, '5'], 'whole number from 1'],
    ['limits.maxCost', [-0.01, Number.NaN, '5'], 'number from 0'],
    ['limits.softCost', [-0.01, Number.NaN, '5'], 'number from 0'],
    ['limits.consecutiveToolErrors', [0, 1.5, '5'], 'whole number from 1'],
    ['limits.totalToolErrors', [0, 1.5, '5'], 'whole number from 1'],
    ['limits.repeatedCalls', [1, 2.5, '5'], 'whole number from 2'],
    ['approval.timeoutMs', [0, -1, Number.NaN, '1s'], 'number above 0'],
    ['limits.maxDurationMs', [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5'], 'number above 0'],
    ['limits.stallTimeoutMs', [0, -1, Number.NaN, '5'], 'number above 0'],
    ['retries', [-1, 0.5, Number.NaN, '1', true], 'whole number from 0'],
    ['modelRetry.maxAttempts', [0, -1, 1.5, Number.NaN, '3'], 'whole number from 1'],
    ['modelRetry.initialDelayMs', [-1, Number.NaN, '1s'], 'number of milliseconds from 0'],
    ['modelRetry.maxDelayMs', [-1, Number.NaN, '1s'], 'number of milliseconds from 0'],
    ['modelRetry.jitter', [-0.1, 1.1, Number.NaN, '25%'], 'number from 0 to 1'],
    ['modelRetry.maxRetryAfterMs', [-1, Number.NaN, '1s'], 'number from 0'],
  ];
  it.each(
    numbers.flatMap(([option, refused, says]) => refused.map((value) => [option, value, says] as const)),
  )('refuses %s: %s', (option, value, says) => {
    const [group, name] = option.split('.') as [string, string?];
    const options = name === undefined ? { [group]: value } : { [group]: { [name]: value } };
    expectError(
      () => createAgent({ model, pricing: () => 0, ...options } as AgentOptions),
      [new RegExp(option.replace('.', '`?\\.')), says],
    );
  });

  it('says of inspect what it lacks', () => {
    expectError(
      () => createAgent({ model, inspect: () => {} } as unknown as AgentOptions),
      ['`inspect` has no `session` function', 'inspector()'],
    );
  });

  it('says of a store what it lacks', () => {
    expectError(
      () => createAgent({ model, store: { lock() {}, read() {} } } as unknown as AgentOptions),
      ['`store` has no `write` function', 'memoryStore()'],
    );
  });
});

describe('defineTool', () => {
  const noJsonForm = { '~standard': { version: 1, vendor: 'old', validate: () => ({ value: 1 }) } };
  const wrong: readonly Bad[] = [
    ['no name', { name: undefined }, ['`name`', 'give it']],
    ['an empty name', { name: '' }, ['`name`', 'give it']],
    ['a name that is no text', { name: 5 }, ['`name`', 'give it']],
    ['a name with a space', { name: 'the weather' }, ['"the weather"', '`name`', 'letters, digits']],
    ['a name with a dot', { name: 'weather.now' }, ['"weather.now"', '`name`', 'letters, digits']],
    ['a name with an umlaut', { name: 'Ärger' }, ['"Ärger"', '`name`', 'letters, digits']],
    ['a name of 65 letters', { name: 'x'.repeat(65) }, ['`name`', '64']],
    ['no input', { input: undefined }, ['"weather"', '`input`']],
    ['an input that is null', { input: null }, ['"weather"', '`input`', 'not a schema']],
    ['a text for an input', { input: 'object' }, ['"weather"', '`input`', 'not a schema']],
    ['a bare JSON Schema', { input: { type: 'object' } }, ['"weather"', '`input`', '{ jsonSchema }']],
    ['a jsonSchema that is none', { input: { jsonSchema: 'x' } }, ['"weather"', '`input`', 'jsonSchema']],
    ['a schema that cannot validate', { input: { '~standard': {} } }, ['"weather"', '`input`', 'validate']],
    ['a schema without a JSON form', { input: noJsonForm }, ['"weather"', '`input`', 'JSON Schema']],
    ['an execute that is no function', { execute: 'x' }, ['"weather"', '`execute`', 'function']],
    ['a description that is no text', { description: 5 }, ['"weather"', '`description`', 'text']],
    ['an approval that is none', { approval: 'ask' }, ['"weather"', '`approval`', 'true, false or a function']],
    ['repeatable that is no boolean', { repeatable: 'yes' }, ['"weather"', '`repeatable`', 'true or false']],
    ['idempotent that is no boolean', { idempotent: 'yes' }, ['"weather"', '`idempotent`', 'true or false']],
    ['sequential that is no boolean', { sequential: 1 }, ['"weather"', '`sequential`', 'true or false']],
    ['a timeoutMs of 0', { timeoutMs: 0 }, ['"weather"', '`timeoutMs`', 'above 0']],
    ['a negative timeoutMs', { timeoutMs: -5 }, ['"weather"', '`timeoutMs`', 'above 0']],
    ['a timeoutMs that is NaN', { timeoutMs: Number.NaN }, ['"weather"', '`timeoutMs`', 'above 0']],
    ['a timeoutMs that is a text', { timeoutMs: '5s' }, ['"weather"', '`timeoutMs`', 'milliseconds']],
    ['a retry that is a number', { retry: 3 }, ['"weather"', '`retry`', '{ maxAttempts: 3 }']],
    ['no attempts at all', { retry: { maxAttempts: 0 } }, ['"weather"', 'retry', 'maxAttempts', 'whole number from 1']],
    ['half an attempt', { retry: { maxAttempts: 1.5 } }, ['"weather"', 'retry', 'maxAttempts', 'whole number from 1']],
    [
      'a negative delay',
      { retry: { maxAttempts: 2, initialDelayMs: -1 } },
      ['"weather"', 'retry', 'initialDelayMs', 'from 0'],
    ],
    [
      'a delay that is NaN',
      { retry: { maxAttempts: 2, maxDelayMs: Number.NaN } },
      ['"weather"', 'retry', 'maxDelayMs', 'from 0'],
    ],
    ['a jitter above 1', { retry: { maxAttempts: 2, jitter: 2 } }, ['"weather"', 'retry', 'jitter', 'from 0 to 1']],
    ['an unknown part of retry', { retry: { attempts: 3 } }, ['"weather"', 'retry', '`attempts`', 'maxAttempts']],
    ['an unknown option', { sequental: true }, ['"weather"', '`sequental`', 'sequential']],
  ];

  it.each(wrong)('refuses %s', (_, options, says) => {
    expectError(() => defineTool({ ...weather, ...(options as object) } as never), says);
  });

  it.each(
    wrong,
  )('leaves nothing to createAgent that it would refuse, and the other way round: %s', (_, options, says) => {
    expectError(() => createAgent({ model, tools: [{ ...weather, ...(options as object) } as AnyTool] }), says);
  });

  it('leaves a schema with parts that JSON cannot say to createAgent, which names tool and option', () => {
    const odd = defineTool({ name: 'odd', input: z.object({ at: z.date() }), execute: () => 'x' });
    expectError(() => createAgent({ model, tools: [odd] }), ['"odd"', '`input`', 'JSON Schema']);
  });
});

describe('messages', () => {
  const nothing: readonly (readonly [string, unknown])[] = [
    ['an empty text', ''],
    ['only space', ' \n\t'],
    ['no parts', []],
    ['an empty text part', [{ type: 'text', text: '' }]],
    [
      'text parts of space',
      [
        { type: 'text', text: ' ' },
        { type: 'text', text: '\n' },
      ],
    ],
  ];
  const wrong: readonly (readonly [string, unknown, readonly string[]])[] = [
    ...nothing.map(([what, input]) => [what, input, ['empty', 'give it a text or a file']] as const),
    ['nothing', undefined, ['text', 'array']],
    ['null', null, ['text', 'array']],
    ['a number', 5, ['text', 'array']],
    ['a message', { role: 'user', content: 'hi' }, ['text', 'array']],
    [
      'a part of another type',
      [
        { type: 'text', text: 'hi' },
        { type: 'image', url: 'x' },
      ],
      ['Part 1', 'text', 'file'],
    ],
    ['a text for a part', ['hi'], ['Part 0', 'text', 'file']],
    ['a part that is null', [{ type: 'text', text: 'hi' }, null], ['Part 1', 'text', 'file']],
    ['a text part without a text', [{ type: 'text' }], ['Part 0', 'text']],
    ['a text part with a number', [{ type: 'text', text: 5 }], ['Part 0', 'text']],
    ['a file without a media type', [{ type: 'file', data: 'x' }], ['Part 0', 'mediaType']],
    ['a file without data', [{ type: 'file', mediaType: 'image/png' }], ['Part 0', 'data']],
    [
      'a file with data of another kind',
      [{ type: 'file', mediaType: 'image/png', data: new Uint8Array(2) }],
      ['Part 0', 'data'],
    ],
  ];

  it.each(wrong)('that are %s are refused by send(), steer() and run()', async (_, input, says) => {
    const agent = createAgent({ model });
    const session = agent.session();
    expectError(() => session.send(input as UserInput), says);
    expectError(() => session.steer(input as UserInput), says);
    expect(session.snapshot).toEqual({ status: 'idle', queued: 0 });
    await expectRejection(agent.run(input as UserInput), says);
  });

  it.each<[string, UserInput]>([
    [
      'a text beside an empty one',
      [
        { type: 'text', text: '' },
        { type: 'text', text: 'hi' },
      ],
    ],
    ['a file alone', [{ type: 'file', mediaType: 'image/png', data: 'aGk=' }]],
    ['a file at an address', [{ type: 'file', mediaType: 'image/png', data: { url: 'https://example.com/x.png' } }]],
  ])('of %s are taken as they are', async (_, input) => {
    const { messages } = await createAgent({ model: scriptedModel(['hello']) }).run(input);
    expect(messages[0]).toMatchObject({ role: 'user', content: input });
  });

  it('are copied: changing the array afterwards changes no history', async () => {
    const parts = [{ type: 'text' as const, text: 'hi' }];
    const asking = scriptedModel(['hello']);
    const turn = createAgent({ model: asking }).session().send(parts);
    parts.push({ type: 'text', text: 'and more' });
    await turn.result;
    expect(asking.requests[0]?.messages[0]?.content).toEqual([{ type: 'text', text: 'hi' }]);
  });
});

describe('run(), session() and send()', () => {
  const agent = createAgent({ model });

  const wrongRun: readonly Bad[] = [
    ['an unknown option', { maxSteps: 5 }, ['run()', '`maxSteps`']],
    ['an output that is no schema', { output: { type: 'object' } }, ['`output`', '{ jsonSchema }']],
    ['an output without a JSON form', { output: z.date() }, ['`output`', 'JSON Schema']],
    ['an unknown limit', { limits: { maxStep: 5 } }, ['limits', '`maxStep`', 'maxSteps']],
    ['a signal that is none', { signal: new AbortController() }, ['`signal`', 'AbortSignal']],
    ['an onEvent that is no function', { onEvent: 'log' }, ['`onEvent`', 'function']],
  ];
  it.each(wrongRun)('run() refuses %s', async (_, options, says) => {
    await expectRejection(agent.run('hi', options as object), says);
  });

  const wrongSend: readonly Bad[] = [
    ['an unknown option', { priority: 5 }, ['send()', '`priority`']],
    ['an output that is no schema', { output: 'json' }, ['send()', '`output`', 'not a schema']],
    ['an output without a JSON form', { output: z.date() }, ['`output`', 'JSON Schema']],
    ['limits that are no object', { limits: 5 }, ['send()', '`limits`', 'object']],
    ['an unknown limit', { limits: { maxStep: 5 } }, ['send()', 'limits', '`maxStep`', 'maxSteps']],
    ['a limit of all turns', { limits: { maxOutputChars: 5 } }, ['send()', 'limits', '`maxOutputChars`']],
    ['a limit that is wrong', { limits: { maxSteps: 0 } }, ['send()', '`limits.maxSteps`', 'whole number from 1']],
    ['an unknown lastStep', { limits: { lastStep: 'stop' } }, ['send()', '`limits.lastStep`', "'answer'"]],
    ['a signal that is none', { signal: 'stop' }, ['send()', '`signal`', 'AbortSignal']],
  ];
  it.each(wrongSend)('send() refuses %s, and sends nothing', (_, options, says) => {
    const session = agent.session();
    expectError(() => session.send('hi', options as object), says);
    expect(session.snapshot).toEqual({ status: 'idle', queued: 0 });
  });

  const wrongSession: readonly Bad[] = [
    ['an unknown option', { user: 'ada' }, ['session()', '`user`']],
    ['a resume that is none', { resume: 'later' }, ['session()', '`resume`', "'auto' or 'manual'"]],
    ['an empty id', { id: '' }, ['session()', '`id`', 'text']],
    ['an id that is no text', { id: 5 }, ['session()', '`id`', 'text']],
    ['messages that are no array', { messages: 'hi' }, ['session()', '`messages`', 'array']],
  ];
  it.each(wrongSession)('session() refuses %s', (_, options, says) => {
    expectError(() => agent.session(options as object), says);
  });

  const call = { type: 'tool-call', toolCallId: 'c1', toolName: 'x', input: {} } as const;
  const result = { type: 'tool-result', toolCallId: 'c1', toolName: 'x', output: { type: 'text', value: '' } } as const;
  const user: Message = { role: 'user', id: 'u', content: [{ type: 'text', text: 'hi' }] };
  const calling: Message = { role: 'assistant', id: 'a', content: [call] };
  const answering: Message = { role: 'tool', id: 't', content: [result] };
  const wrongMessages: readonly (readonly [string, readonly unknown[], readonly (string | RegExp)[]])[] = [
    ['a call without a result', [user, calling], ['message 1', 'c1']],
    ['a call that something else follows', [user, calling, user], ['message 1', 'c1']],
    ['a result without a call', [user, answering], ['message 1', 'results without calls']],
    ['results that are too many', [user, calling, answering, answering], ['message 3', 'results without calls']],
    [
      'two calls of one id',
      [user, { ...calling, content: [call, call] }, { ...answering, content: [result, result] }],
      ['message 1', 'share an id'],
    ],
    ['a user message without content', [{ ...user, content: [] }], ['message 0', 'empty']],
    ['null', [user, null], ['message 1']],
    ['a text', ['hi'], ['message 0']],
    ['a role that there is not', [{ ...user, role: 'robot' }], ['message 0', 'robot']],
    ['a message without content', [{ role: 'user', id: 'u' }], ['message 0', 'content']],
    ['content of the wrong kind', [{ ...user, content: 'hi' }], ['message 0', 'content']],
  ];
  it.each(wrongMessages)('session() refuses a conversation with %s', (_, messages, says) => {
    expectError(
      () => agent.session({ messages: messages as readonly Message[] }),
      ['session()', '`messages`', ...says],
    );
  });

  it('session() takes a conversation that is fine, and copies it', async () => {
    const messages = [user, calling, answering];
    const session = createAgent({ model: scriptedModel(['hello']) }).session({ messages });
    messages.pop();
    expect(session.messages).toEqual([user, calling, answering]);
    await session.send('go on').result;
    expect(session.messages).toHaveLength(5);
    expect(messages).toHaveLength(2);
  });

  it('on() refuses a listener that is no function', () => {
    expectError(() => agent.session().on('turn.failed', 'log' as never), ["on('turn.failed')", 'function']);
  });
});

describe('answers for unknown calls', () => {
  const commands = {
    approve: (session: ReturnType<typeof open>, id: string) => session.approve(id),
    deny: (session: ReturnType<typeof open>, id: string) => session.deny(id, 'no'),
    resolveTool: (session: ReturnType<typeof open>, id: string) => session.resolveTool(id, { any: 'thing' }),
  };
  const clock = new SimulatedClock();
  const open = () =>
    createAgent({
      model: scriptedModel([{ calls: [{ name: 'hang' }, { name: 'weather' }] }]),
      tools: [weather, defineTool({ name: 'hang', input: z.object({}), execute: () => new Promise(() => {}) })],
      clock,
    }).session();

  it.each(
    Object.entries(commands),
  )('%s() is not accepted while no turn runs, and says which call it means', (_, command) => {
    expect(command(open(), 'call_99')).toEqual({ accepted: false, reason: expect.stringContaining('"call_99"') });
  });

  it.each(Object.entries(commands))('%s() is not accepted for a call that does not exist', async (_, command) => {
    const session = open();
    session.send('hi');
    await clock.advance(0);
    expect(command(session, 'call_99')).toEqual({ accepted: false, reason: expect.stringContaining('"call_99"') });
  });

  it.each(
    Object.entries(commands),
  )('%s() is not accepted for a call that waits for no answer, and says what it does', async (_, command) => {
    const session = open();
    session.send('hi');
    await clock.advance(0);
    expect(command(session, 'call_1')).toEqual({
      accepted: false,
      reason: expect.stringMatching(/"call_1".*hang.*executing/),
    });
    expect(command(session, 'call_2')).toEqual({
      accepted: false,
      reason: expect.stringMatching(/"call_2".*weather.*completed/),
    });
  });
});

describe('after close()', () => {
  it('a session takes no message: send() throws, steer() is not accepted, both name the session', async () => {
    const session = createAgent({ model }).session({ id: 'chat-1' });
    await session.close();
    expectError(() => session.send('hi'), ['"chat-1"', 'closed', 'agent.session()'], Error);
    expect(session.steer('hi')).toEqual({ accepted: false, reason: expect.stringContaining('"chat-1"') });
    expect(session.snapshot).toEqual({ status: 'closed', queued: 0 });
  });

  it('a session takes no message from the moment of closing, not only once it is closed', async () => {
    const clock = new SimulatedClock();
    const session = createAgent({ model: scriptedModel([{ hangs: true }]), clock }).session();
    session.send('hi');
    await clock.advance(0);
    const closing = session.close();
    expectError(() => session.send('hi'), ['closed'], Error);
    await closing;
  });

  it('a message that is wrong in itself is still called so', async () => {
    const session = createAgent({ model }).session();
    await session.close();
    expectError(() => session.send(''), ['empty']);
  });

  it('an agent opens no sessions, and runs nothing', async () => {
    const agent = createAgent({ model, name: 'helper' });
    await agent.close();
    expectError(() => agent.session(), ['"helper"', 'closed'], Error);
    await expectRejection(agent.run('hi'), ['"helper"', 'closed'], Error);
  });
});

function expectError(
  act: () => unknown,
  says: readonly (string | RegExp)[],
  kind: ErrorConstructor = TypeError as ErrorConstructor,
) {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  checkError(thrown, says, kind);
}

async function expectRejection(
  promise: Promise<unknown>,
  says: readonly (string | RegExp)[],
  kind: ErrorConstructor = TypeError as ErrorConstructor,
) {
  checkError(
    await promise.then(
      () => undefined,
      (error: unknown) => error,
    ),
    says,
    kind,
  );
}

function checkError(error: unknown, says: readonly (string | RegExp)[], kind: ErrorConstructor) {
  expect(error).toBeInstanceOf(kind);
  for (const words of says) expect((error as Error).message).toMatch(words);
}
