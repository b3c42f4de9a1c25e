import type { FilePart, Message, ModelRequest } from 'turnchart';
import { type AnthropicOptions, anthropic } from 'turnchart/adapters/anthropic';
import { describe, expect, test } from 'vitest';
import {
  askServer,
  callsOf,
  failureOf,
  finishOf,
  messageOf,
  only,
  read,
  request,
  sseServer,
  textOf,
  toolResult,
  user,
} from './support.ts';

function ask(events: readonly (object | string)[], asked?: ModelRequest, options?: AnthropicOptions) {
  return askServer(events, asked, (url) =>
    anthropic('claude-sonnet-5-5', { baseURL: new URL(url).origin, apiKey: 'key-of-a-test', ...options }),
  );
}

/** The messages that are sent for this history. */
async function sentFor(messages: readonly Message[], options: AnthropicOptions = {}) {
  return (await ask(fine, request(messages), options)).sent.messages;
}

const began = (usage: object = { input_tokens: 10, output_tokens: 1 }) => {
  return { type: 'message_start', message: { id: 'msg_1', model: 'claude-sonnet-5-5-20261101', usage } };
};
const opened = (index: number, block: object) => ({ type: 'content_block_start', index, content_block: block });
const delta = (index: number, fields: object) => ({ type: 'content_block_delta', index, delta: fields });
const closed = (index: number) => ({ type: 'content_block_stop', index });
const said = (index: number, text: string) => [
  opened(index, { type: 'text', text: '' }),
  delta(index, { type: 'text_delta', text }),
  closed(index),
];
const thought = (index: number, thinking: string, signature: string) => [
  opened(index, { type: 'thinking', thinking: '', signature: '' }),
  ...(thinking === '' ? [] : [delta(index, { type: 'thinking_delta', thinking })]),
  delta(index, { type: 'signature_delta', signature }),
  closed(index),
];
const called = (index: number, id: string, name: string, json: string, fields: object = {}) => [
  opened(index, { type: 'tool_use', id, name, input: {}, ...fields }),
  delta(index, { type: 'input_json_delta', partial_json: '' }),
  delta(index, { type: 'input_json_delta', partial_json: json }),
  closed(index),
];
const stopped = (reason: string, fields: object = {}) => [
  { type: 'message_delta', delta: { stop_reason: reason, ...fields }, usage: { output_tokens: 7 } },
  { type: 'message_stop' },
];
const fine = [began(), ...said(0, 'Fine.'), ...stopped('end_turn')];

const assistant = (...content: Extract<Message, { role: 'assistant' }>['content']): Message => {
  return { role: 'assistant', id: 'a', content };
};
const system = (content: string): Message => ({ role: 'system', id: 's', content });
const text = (words: string) => ({ type: 'text', text: words }) as const;
const call = (toolCallId: string, toolName: string, input: object = {}) => {
  return { type: 'tool-call', toolCallId, toolName, input: { ...input } } as const;
};
const block = (role: string, ...content: object[]) => ({ role, content });

describe('a request to the Messages API', () => {
  test('has what the model is to see in order, the results of tools with what the user says next', async () => {
    const { sent, calls } = await ask(
      fine,
      request(
        [
          user('Weather in Rome?'),
          assistant(
            { type: 'reasoning', text: 'Of another provider.', providerMetadata: { openai: { signature: 'x' } } },
            text('Let me see.'),
            { type: 'opaque', provider: 'openai', data: { type: 'web_search_call' } },
            call('a', 'weather', { city: 'Rome' }),
            { type: 'tool-call', toolCallId: 'b', toolName: 'weather', input: '{"city":', invalid: true },
            { type: 'tool-call', toolCallId: 'c', toolName: 'weather', input: [1] },
          ),
          {
            role: 'tool',
            id: '2',
            content: [
              {
                type: 'tool-result',
                toolCallId: 'a',
                toolName: 'weather',
                output: {
                  type: 'content',
                  value: [text('A map:'), { type: 'file', mediaType: 'image/png', data: 'aW1n' }, text('')],
                },
              },
              {
                type: 'tool-result',
                toolCallId: 'b',
                toolName: 'weather',
                output: { type: 'error', value: 'No JSON.' },
              },
              { type: 'tool-result', toolCallId: 'c', toolName: 'weather', output: { type: 'error', value: '' } },
            ],
          },
          user('Be quick.'),
          { role: 'assistant', id: '3', content: [text('Blue, and')], partial: true },
          user('Go on.'),
        ],
        { instructions: 'Be brief.', tools: [{ name: 'weather', inputSchema: { type: 'object' } }] },
      ),
    );
    expect(calls[0]?.path).toBe('/v1/messages');
    expect(sent).toEqual({
      model: 'claude-sonnet-5-5',
      max_tokens: 32_000,
      stream: true,
      system: 'Be brief.',
      tools: [{ name: 'weather', input_schema: { type: 'object' } }],
      tool_choice: { type: 'auto' },
      messages: [
        block('user', text('Weather in Rome?')),
        block(
          'assistant',
          text('Let me see.'),
          { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Rome' } },
          { type: 'tool_use', id: 'b', name: 'weather', input: { invalid: '{"city":' } },
          { type: 'tool_use', id: 'c', name: 'weather', input: { value: [1] } },
        ),
        block(
          'user',
          {
            type: 'tool_result',
            tool_use_id: 'a',
            content: [
              text('A map:'),
              { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aW1n' } },
            ],
          },
          { type: 'tool_result', tool_use_id: 'b', is_error: true, content: 'No JSON.' },
          { type: 'tool_result', tool_use_id: 'c', is_error: true, content: 'The tool failed.' },
          text('Be quick.'),
        ),
        block('assistant', text('Blue, and')),
        block('user', text('Go on.')),
      ],
    });
  });

  const opening = block('user', text('(The conversation goes on from here.)'));
  test.each<[what: string, history: readonly Message[], sent: readonly object[]]>([
    [
      'two messages of the user in a row are one',
      [user('One.'), user('Two.')],
      [block('user', text('One.'), text('Two.'))],
    ],
    [
      'two answers in a row are one',
      [user('Hi'), assistant(text('One.')), assistant(text('Two.')), user('Go on.')],
      [block('user', text('Hi')), block('assistant', text('One.'), text('Two.')), block('user', text('Go on.'))],
    ],
    [
      'a system message in the middle is a text in tags',
      [user('Hi'), assistant(text('Hello.')), system('It is late.'), user('Bye')],
      [
        block('user', text('Hi')),
        block('assistant', text('Hello.')),
        block('user', text('<system>\nIt is late.\n</system>'), text('Bye')),
      ],
    ],
    [
      'a system message between a call and its result comes after the result',
      [user('Hi'), assistant(call('a', 'clock')), system('It is late.'), toolResult('a', 'clock', 'now')],
      [
        block('user', text('Hi')),
        block('assistant', { type: 'tool_use', id: 'a', name: 'clock', input: {} }),
        block(
          'user',
          { type: 'tool_result', tool_use_id: 'a', content: '"now"' },
          text('<system>\nIt is late.\n</system>'),
        ),
      ],
    ],
    [
      'a line of ours comes first where an answer would',
      [assistant(text('Welcome.')), user('Hi')],
      [opening, block('assistant', text('Welcome.')), block('user', text('Hi'))],
    ],
    ['a line of ours is all there is where nothing is', [system('Say hello.')], [opening]],
    [
      'texts of blanks are left out, and what is empty without them',
      [user('Hi'), assistant(text(' \n')), system(' '), user('Well?')],
      [block('user', text('Hi'), text('Well?'))],
    ],
    [
      'so are they in results of tools',
      [
        user('Hi'),
        assistant(call('a', 'clock')),
        {
          role: 'tool',
          id: 't',
          content: [
            {
              type: 'tool-result',
              toolCallId: 'a',
              toolName: 'clock',
              output: { type: 'content', value: [text(' ')] },
            },
          ],
        },
      ],
      [
        block('user', text('Hi')),
        block('assistant', { type: 'tool_use', id: 'a', name: 'clock', input: {} }),
        block('user', { type: 'tool_result', tool_use_id: 'a' }),
      ],
    ],
    [
      'an answer that is to be gone on with ends without blanks',
      [user('Hi'), assistant(text('So far, \n'))],
      [block('user', text('Hi')), block('assistant', text('So far,'))],
    ],
  ])('is made of any history: %s', async (_what, history, sent) => {
    expect(await sentFor(history)).toEqual(sent);
  });

  test('joins the system messages at the beginning with the instructions', async () => {
    const { sent } = await ask(
      fine,
      request([system('Today is Friday.'), system(''), user('Hi')], { instructions: 'Be brief.' }),
    );
    expect(sent.system).toBe('Be brief.\n\nToday is Friday.');
    expect(sent.messages).toEqual([block('user', text('Hi'))]);
  });

  test('gives calls ids and names that the API takes, each id once', async () => {
    const result = (toolCallId: string) => {
      return { type: 'tool-result', toolCallId, toolName: 'x', output: { type: 'text', value: 'done' } } as const;
    };
    const history: readonly Message[] = [
      user('Hi'),
      assistant(call('r.call_1', 'my.tool'), call('r call 1', '')),
      { role: 'tool', id: 't', content: [result('r.call_1'), result('r call 1')] },
      assistant(call('r.call_1', 'x'.repeat(200))),
      { role: 'tool', id: 't', content: [result('r.call_1')] },
    ];
    const messages = await sentFor(history);
    const ids = messages.flatMap(({ content }) =>
      (content as readonly { id?: string; tool_use_id?: string }[]).map((each) => each.id ?? each.tool_use_id),
    );
    const [first, second, third] = ['r_call_1', 'r_call_1_2', 'r_call_1_3'];
    expect(ids.slice(1)).toEqual([first, second, first, second, third, third]);
    const names = messages.flatMap(({ content }) => (content as readonly { name?: string }[]).map(({ name }) => name));
    expect(names.filter((name) => name !== undefined)).toEqual(['my_tool', 'unnamed', 'x'.repeat(128)]);
  });

  const asked = (...files: Omit<FilePart, 'type'>[]) =>
    request([
      { role: 'user', id: 'u', content: [text('See.'), ...files.map((f) => ({ ...f, type: 'file' as const }))] },
    ]);

  test('has images, PDF and texts, by their data and by their address', async () => {
    const { sent } = await ask(
      fine,
      asked(
        { mediaType: 'image/jpeg', data: 'aW1n' },
        { mediaType: 'image/jpeg', data: { url: 'https://example.com/a.jpg' } },
        { mediaType: 'application/pdf', data: 'cGRm', name: 'report.pdf' },
        { mediaType: 'application/pdf', data: { url: 'https://example.com/a.pdf' } },
        { mediaType: 'text/markdown; charset=utf-8', data: Buffer.from('# Grüße').toString('base64'), name: 'a.md' },
      ),
    );
    expect(sent.messages[0]?.content).toEqual([
      text('See.'),
      { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'aW1n' } },
      { type: 'image', source: { type: 'url', url: 'https://example.com/a.jpg' } },
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'cGRm' },
        title: 'report.pdf',
      },
      { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: '# Grüße' }, title: 'a.md' },
    ]);
  });

  test.each<[file: Omit<FilePart, 'type'>]>([
    [{ mediaType: 'audio/wav', data: 'd2F2' }],
    [{ mediaType: 'image/tiff', data: 'aW1n' }],
    [{ mediaType: 'text/csv', data: { url: 'https://example.com/a.csv' } }],
    [{ mediaType: 'text/html', data: 'no base64!' }],
  ])('is not made with the file %j: the failure names it', async (file) => {
    const { parts, calls } = await ask(fine, asked(file));
    expect(failureOf(parts)).toMatchObject({ type: 'unknown', code: 'invalid_request', retryable: false });
    expect(failureOf(parts)?.message).toContain(file.mediaType);
    expect(calls).toHaveLength(0);
  });

  test('tells of tools that were called before, where there are none any more', async () => {
    const { sent } = await ask(
      fine,
      request([user('Hi'), assistant(call('a', 'clock'), call('b', 'clock')), toolResult('a', 'clock', 'now')]),
    );
    expect(sent.tools).toEqual([{ name: 'clock', input_schema: { type: 'object' } }]);
    expect(sent.tool_choice).toEqual({ type: 'none' });
  });

  const clock = { name: 'clock', inputSchema: { properties: {} } };
  test.each<[toolChoice: ModelRequest['toolChoice'], sent: object]>([
    ['auto', { type: 'auto', disable_parallel_tool_use: true }],
    ['required', { type: 'any', disable_parallel_tool_use: true }],
    [{ tool: 'clock' }, { type: 'tool', name: 'clock', disable_parallel_tool_use: true }],
    ['none', { type: 'none' }],
  ])('asks for one tool at a time with the choice %j', async (toolChoice, sent) => {
    const asked = await ask(fine, request('Hi', { tools: [clock], toolChoice }), { parallelToolCalls: false });
    expect(asked.sent.tool_choice).toEqual(sent);
    expect(asked.sent.tools).toEqual([{ name: 'clock', input_schema: { type: 'object', properties: {} } }]);
  });

  test('adds tools of the provider to those of the agent', async () => {
    const search = { type: 'web_search_20260318', name: 'web_search' };
    const settings = { providerOptions: { tools: [search], thinking: { type: 'adaptive' }, max_tokens: 5 } };
    const { sent } = await ask(fine, request('Hi', { settings, tools: [clock] }));
    expect(sent.tools).toEqual([{ name: 'clock', input_schema: { type: 'object', properties: {} } }, search]);
    expect(sent).toMatchObject({ thinking: { type: 'adaptive' }, max_tokens: 5 });
    const alone = await ask(fine, request('Hi', { settings }));
    expect(alone.sent.tools).toEqual([search]);
    expect(alone.sent).not.toHaveProperty('tool_choice');
  });

  test('has the form of the output beside the effort, and says it where the API cannot hold the model to it', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
    const settings = { reasoningEffort: 'low', maxOutputTokens: 100, stopSequences: ['END'] };
    const { sent } = await ask(fine, request('Hi', { outputSchema: schema, settings }));
    expect(sent.output_config).toEqual({
      effort: 'low',
      format: { type: 'json_schema', schema: { ...schema, additionalProperties: false } },
    });
    expect(sent).toMatchObject({ max_tokens: 100, stop_sequences: ['END'] });
    expect(sent).not.toHaveProperty('system');
    const open = { type: 'object', additionalProperties: { type: 'number' } };
    const { sent: told } = await ask(fine, request('Hi', { outputSchema: open, instructions: 'Be brief.' }));
    expect(told).not.toHaveProperty('output_config');
    expect(told.system).toMatch(/^Be brief\.\n\nAnswer with nothing but JSON/);
    expect(told.system).toContain(JSON.stringify(open));
  });

  test('marks instructions and conversation to be kept, where that is asked for', async () => {
    const history = [user('Hi'), assistant(call('a', 'clock')), toolResult('a', 'clock', 'now')];
    const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } };
    const asked = request(history, { instructions: 'Be brief.', tools: [clock] });
    const { sent } = await ask(fine, asked, { cache: '1h' });
    expect(sent.system).toEqual([{ type: 'text', text: 'Be brief.', ...mark }]);
    expect(sent.messages[2]).toEqual(
      block('user', { type: 'tool_result', tool_use_id: 'a', content: '"now"', ...mark }),
    );
    expect(JSON.stringify(sent).split('cache_control')).toHaveLength(3);
    // without instructions the tools are what stays the same
    const { instructions: _, ...uninstructed } = asked;
    const { sent: bare } = await ask(fine, uninstructed, { cache: '5m' });
    expect(bare).not.toHaveProperty('system');
    expect(bare.tools).toMatchObject([{ name: 'clock', cache_control: { ttl: '5m' } }]);
    expect(JSON.stringify((await ask(fine, asked)).sent)).not.toContain('cache_control');
  });
});

describe('an answer of the Messages API', () => {
  test('is read with thinking, text, calls, usage, id and model', async () => {
    const { parts } = await ask([
      began({ input_tokens: 10, cache_creation_input_tokens: 200, cache_read_input_tokens: 3_000, output_tokens: 1 }),
      { type: 'ping' },
      ...thought(0, 'Hm.', 'sealed'),
      ...said(1, 'Let me see.'),
      ...called(2, 'toolu_1', 'weather', '{"city":"Rome"}'),
      opened(3, { type: 'tool_use', id: 'toolu_2', name: 'clock', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: '' }),
      closed(3),
      {
        type: 'message_delta',
        delta: { stop_reason: 'tool_use' },
        usage: { input_tokens: null, output_tokens: 50, output_tokens_details: { thinking_tokens: 20 } },
      },
      { type: 'message_stop' },
    ]);
    const input = { inputTokens: 3_210, cachedInputTokens: 3_000, cacheWriteTokens: 200 };
    expect(parts).toEqual([
      { type: 'usage', usage: { ...input, outputTokens: 1 } },
      { type: 'reasoning-delta', id: '0', text: 'Hm.' },
      { type: 'block-end', id: '0', providerMetadata: { anthropic: { signature: 'sealed' } } },
      { type: 'text-delta', id: '1', text: 'Let me see.' },
      { type: 'tool-input-delta', toolCallId: 'toolu_1', toolName: 'weather', delta: '{"city":"Rome"}' },
      { type: 'tool-call', toolCallId: 'toolu_1', toolName: 'weather', rawInput: '{"city":"Rome"}' },
      { type: 'tool-call', toolCallId: 'toolu_2', toolName: 'clock', rawInput: '' },
      {
        type: 'finish',
        finishReason: { unified: 'tool-calls', raw: 'tool_use' },
        usage: { ...input, outputTokens: 50, reasoningTokens: 20 },
        response: { id: 'msg_1', modelId: 'claude-sonnet-5-5-20261101' },
      },
    ]);
  });

  test('goes back block by block, signatures and what only the provider understands included', async () => {
    const redacted = { type: 'redacted_thinking', data: 'sealed-too' };
    const found = { type: 'web_search_tool_result', tool_use_id: 'srv_1', content: [{ url: 'https://example.com' }] };
    const citation = { type: 'web_search_result_location', url: 'https://example.com', encrypted_index: 'x' };
    const caller = { type: 'code_execution_20260521', tool_id: 'srv_2' };
    const { parts } = await ask([
      began(),
      ...thought(0, 'Hm.', 'sealed'),
      ...thought(1, '', 'unseen'),
      opened(2, redacted),
      closed(2),
      opened(3, { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: '' }),
      delta(3, { type: 'input_json_delta', partial_json: '{"query":' }),
      delta(3, { type: 'input_json_delta', partial_json: '"x"}' }),
      closed(3),
      opened(4, found),
      closed(4),
      opened(5, { type: 'text', text: '', citations: [] }),
      delta(5, { type: 'text_delta', text: 'It says so.' }),
      delta(5, { type: 'citations_delta', citation }),
      closed(5),
      ...called(6, 'toolu_1', 'weather', '{"city":"Rome"}', { caller }),
      ...called(7, 'toolu_2', 'clock', '{}', { caller: { type: 'direct' } }),
      ...stopped('tool_use'),
    ]);
    // calls of tools that run at the provider are none of ours
    expect(callsOf(parts).map(([name]) => name)).toEqual(['weather', 'clock']);
    const history = [user('Hi'), messageOf(parts), user('And?')];
    const [, answer] = await sentFor(history);
    expect(answer).toEqual(
      block(
        'assistant',
        { type: 'thinking', thinking: 'Hm.', signature: 'sealed' },
        { type: 'thinking', thinking: '', signature: 'unseen' },
        redacted,
        { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'x' } },
        found,
        { type: 'text', text: 'It says so.', citations: [citation] },
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Rome' }, caller },
        { type: 'tool_use', id: 'toolu_2', name: 'clock', input: {} },
      ),
    );
    const [, elsewhere] = await sentFor(history, { providerName: 'proxy' });
    expect(elsewhere).toEqual(
      block(
        'assistant',
        text('It says so.'),
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Rome' } },
        { type: 'tool_use', id: 'toolu_2', name: 'clock', input: {} },
      ),
    );
  });

  test('goes back without thinking that led to nothing', async () => {
    const redacted = opened(2, { type: 'redacted_thinking', data: 'sealed-too' });
    const thoughts = [...thought(1, 'Hm.', 'sealed'), redacted, closed(2)];
    const { parts } = await ask([began(), ...said(0, 'So'), ...thoughts, ...stopped('max_tokens')]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'length', raw: 'max_tokens' });
    const [, answer] = await sentFor([user('Hi'), messageOf(parts), user('Go on.')]);
    expect(answer).toEqual(block('assistant', text('So')));
  });

  test('that pauses goes back as the last message, and is gone on with', async () => {
    const search = { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'x' } };
    const { parts } = await ask([
      began(),
      ...said(0, 'I look. '),
      opened(1, search),
      closed(1),
      ...stopped('pause_turn'),
    ]);
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'pause', raw: 'pause_turn' });
    const messages = await sentFor([user('Hi'), messageOf(parts)]);
    expect(messages).toEqual([block('user', text('Hi')), block('assistant', text('I look. '), search)]);
  });

  test('that pauses goes back without the call at the provider that nothing came of, once the user goes on', async () => {
    const search = (id: string) => ({ type: 'server_tool_use', id, name: 'web_search', input: { query: 'x' } });
    const found = { type: 'web_search_tool_result', tool_use_id: 'srv_1', content: [] };
    const caller = { type: 'code_execution_20260521', tool_id: 'srv_2' };
    const { parts } = await ask([
      began(),
      ...[search('srv_1'), found, search('srv_2')].flatMap((block, index) => [opened(index, block), closed(index)]),
      ...called(3, 'toolu_1', 'clock', '{}', { caller }),
      ...stopped('pause_turn'),
    ]);
    const history = [user('Hi'), messageOf(parts), toolResult('toolu_1', 'clock', 'now')];
    const [, goesOn] = await sentFor(history);
    const clockCall = { type: 'tool_use', id: 'toolu_1', name: 'clock', input: {} };
    expect(goesOn).toEqual(block('assistant', search('srv_1'), found, search('srv_2'), { ...clockCall, caller }));
    const [, abandoned] = await sentFor([...history, user('Never mind.')]);
    expect(abandoned).toEqual(block('assistant', search('srv_1'), found, clockCall));
    const [, told] = await sentFor([...history, system('It is late.')]);
    expect(told).toEqual(abandoned);
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['pause_turn', 'pause'],
    ['refusal', 'content-filter'],
    ['something_new', 'other'],
    ['toString', 'other'],
  ])('that stops with %s finishes with %s', async (reason, unified) => {
    const { parts } = await ask([began(), ...said(0, 'Hal'), ...stopped(reason)]);
    expect(textOf(parts)).toBe('Hal');
    expect(finishOf(parts)).toMatchObject({
      finishReason: { unified, raw: reason },
      usage: { inputTokens: 10, outputTokens: 7 },
    });
  });

  test('that calls tools finishes with them, whatever the server calls it', async () => {
    const { parts } = await ask([began(), ...called(0, '', 'clock', '{}'), ...stopped('end_turn')]);
    expect(only(parts, 'tool-call')[0]?.toolCallId).toBe('request-1.call_1');
    expect(finishOf(parts)?.finishReason).toEqual({ unified: 'tool-calls', raw: 'end_turn' });
  });

  test('with a call that the limit cut off tells it as it came', async () => {
    const { parts } = await ask([began(), ...called(0, 'toolu_1', 'weather', '{"city":"R'), ...stopped('max_tokens')]);
    expect(callsOf(parts)).toEqual([['weather', '{"city":"R']]);
    expect(finishOf(parts)?.finishReason.unified).toBe('length');
  });

  const overloaded = { details: null, type: 'overloaded_error', message: 'Overloaded' };
  test.each<[how: string, events: readonly (object | string)[], failure: object]>([
    [
      'an error event',
      [{ type: 'error', error: overloaded, request_id: 'req_body' }],
      { type: 'provider_unavailable', code: 'overloaded', message: 'Overloaded', retryable: true, requestId: 'req_1' },
    ],
    [
      'an error event without an error',
      [{ type: 'error', message: 'Sorry.' }],
      { message: 'Sorry.', requestId: 'req_1' },
    ],
    ['a line that is no JSON', ['data: {"type":\n\n'], { code: 'stream_truncated' }],
    ['an end without a reason', [{ type: 'message_stop' }], { code: 'stream_truncated' }],
    ['its end', [stopped('end_turn')[0] ?? ''], { code: 'stream_truncated' }],
  ])('that is ended by %s is no answer, and says what it has cost', async (_how, events, failure) => {
    const { parts } = await ask([began(), ...said(0, 'Hel'), ...events]);
    expect(parts.slice(-2)).toMatchObject([
      { type: 'usage', usage: { inputTokens: 10 } },
      { type: 'error', failure: { provider: 'anthropic', model: 'claude-sonnet-5-5', ...failure } },
    ]);
  });

  test('names the request where only the error does', async () => {
    await using server = await sseServer((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`data: ${JSON.stringify({ type: 'error', error: overloaded, request_id: 'req_body' })}\n\n`);
    });
    const model = anthropic('claude-sonnet-5-5', { baseURL: new URL(server.url).origin, apiKey: 'key' });
    expect(failureOf(await read(model, request('Hi')))?.requestId).toBe('req_body');
  });

  test('of a server that does not count its blocks, and tells what it can at their beginning, is read', async () => {
    const at = (type: string, fields: object) => ({ type, ...fields });
    const { parts } = await ask([
      began({ input_tokens: 10, output_tokens: 1 }),
      at('content_block_start', { content_block: { type: 'thinking', thinking: 'Hm.', signature: 'sealed' } }),
      at('content_block_start', { content_block: { type: 'tool_use', id: 'a', name: 'clock', input: { a: 1 } } }),
      at('content_block_start', { content_block: { type: 'tool_use', id: 'b', name: 'clock', input: {} } }),
      at('message_delta', { delta: { stop_reason: 'tool_use' }, usage: { input_tokens: 0, output_tokens: 5 } }),
      at('message_stop', {}),
    ]);
    expect(only(parts, 'reasoning-delta').map(({ text }) => text)).toEqual(['Hm.']);
    expect(only(parts, 'block-end')).toMatchObject([{ providerMetadata: { anthropic: { signature: 'sealed' } } }]);
    expect(callsOf(parts)).toEqual([
      ['clock', '{"a":1}'],
      ['clock', '{}'],
    ]);
    expect(finishOf(parts)?.usage).toEqual({ inputTokens: 10, outputTokens: 5 });
  });

  test('with fields of the wrong kind gives parts of the right kind', async () => {
    const { parts } = await ask([
      { type: 5 },
      { type: 'message_start', message: 'x' },
      { type: 'content_block_start', index: 0, content_block: 'x' },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'lost' } },
      { type: 'content_block_delta', index: 0, delta: null },
      { type: 'content_block_stop', index: 9 },
      opened(1, { type: 'text', text: 5 }),
      delta(1, { type: 'text_delta', text: 5 }),
      delta(1, { type: 'citations_delta', citation: 'x' }),
      delta(1, { type: 'text_delta', text: 'Fine.' }),
      opened(4, { type: 'text', text: '' }),
      delta(4, { type: 'citations_delta', citation: { type: 'page_location' } }),
      closed(4),
      opened(2, { type: 'thinking' }),
      delta(2, { type: 'signature_delta', signature: 5 }),
      opened(3, { type: 'server_tool_use', input: {} }),
      delta(3, { type: 'input_json_delta', partial_json: '{"half' }),
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: 'x' },
      { type: 'message_stop' },
    ]);
    expect(textOf(parts)).toBe('Fine.');
    expect(only(parts, 'opaque').map(({ data }) => data)).toEqual([{ type: 'server_tool_use', input: {} }]);
    expect(finishOf(parts)).toMatchObject({ usage: { inputTokens: 0, outputTokens: 0 }, response: {} });
    expect(only(parts, 'block-end')).toEqual([]);
  });
});
