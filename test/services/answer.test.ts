import fc from 'fast-check';
import type { ModelPart } from 'turnchart';
import { describe, expect, it } from 'vitest';
import { AnswerBuilder } from '../../src/services/answer.ts';

const usage = { inputTokens: 3, outputTokens: 4 };
const finish: ModelPart = { type: 'finish', finishReason: { unified: 'stop' }, usage };

/** An answer of these reads. */
function built(...reads: readonly (ModelPart | readonly ModelPart[])[]) {
  const answer = new AnswerBuilder();
  const shown = reads.map((read) => answer.add(read));
  return { answer, shown, content: answer.content() };
}

const text = (text: string, id?: string): ModelPart => ({ type: 'text-delta', text, ...(id !== undefined && { id }) });
const reasoning = (text: string, id?: string): ModelPart => ({
  type: 'reasoning-delta',
  text,
  ...(id !== undefined && { id }),
});
const call = (toolCallId: string, rawInput = '{}'): ModelPart => ({
  type: 'tool-call',
  toolCallId,
  toolName: 'x',
  rawInput,
});
const idsOf = (content: AnswerBuilder['content']) =>
  content().flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []));

describe('the content of an answer', () => {
  it('joins neighbouring deltas of one kind', () => {
    expect(built(reasoning('H'), reasoning('m'), text('a'), text('b'), reasoning('?'), text('c')).content).toEqual([
      { type: 'reasoning', text: 'Hm' },
      { type: 'text', text: 'ab' },
      { type: 'reasoning', text: '?' },
      { type: 'text', text: 'c' },
    ]);
  });

  it('joins deltas of one block, also where others come between', () => {
    expect(built(text('a', '1'), text('x', '2'), text('b', '1'), text('y', '2')).content).toEqual([
      { type: 'text', text: 'ab' },
      { type: 'text', text: 'xy' },
    ]);
  });

  it('keeps blocks apart that follow each other', () => {
    expect(
      built(text('a', '1'), text('b', '2'), text('c')).content.map((part) => part.type === 'text' && part.text),
    ).toEqual(['a', 'b', 'c']);
  });

  it('keeps blocks of two kinds apart even where they share an id', () => {
    expect(built(reasoning('a', '1'), text('b', '1'), reasoning('c', '1'), text('d', '1')).content).toEqual([
      { type: 'reasoning', text: 'ac' },
      { type: 'text', text: 'bd' },
    ]);
  });

  it('puts calls, texts and opaque blocks in the order in which they came', () => {
    const opaque: ModelPart = { type: 'opaque', provider: 'p', data: { x: 1 } };
    expect(built(text('a'), call('1'), text('b'), opaque, call('2')).content.map(({ type }) => type)).toEqual([
      'text',
      'tool-call',
      'text',
      'opaque',
      'tool-call',
    ]);
  });

  it('leaves out blocks without text', () => {
    expect(built(text(''), reasoning('', 'r'), { type: 'block-end', id: 'r' }, text('a')).content).toEqual([
      { type: 'text', text: 'a' },
    ]);
  });

  it('is empty for an answer that says nothing', () => {
    expect(built(finish).content).toEqual([]);
  });

  it('is the same however the parts are spread over reads', () => {
    const part = fc.oneof(
      fc
        .tuple(fc.constantFrom('a', 'b', ''), fc.constantFrom(undefined, '1', '2'))
        .map(([value, id]) => text(value, id)),
      fc
        .tuple(fc.constantFrom('a', 'b', ''), fc.constantFrom(undefined, '1', '3'))
        .map(([value, id]) => reasoning(value, id)),
      fc.constantFrom(call('1'), call(''), call('2')),
      fc.constantFrom<ModelPart>({ type: 'block-end', id: '1', providerMetadata: 's' }, { type: 'usage', usage }),
    );
    fc.assert(
      fc.property(fc.array(part), fc.array(fc.boolean()), (parts, splits) => {
        const reads: ModelPart[][] = [[]];
        for (const [index, part] of parts.entries()) {
          if (splits[index]) reads.push([]);
          reads.at(-1)?.push(part);
        }
        const spread = built(...reads);
        const whole = built(parts);
        const single = built(...parts);
        expect(spread.content).toEqual(whole.content);
        expect(single.content).toEqual(whole.content);
        const textOf = (all: ReturnType<typeof built>, type: string) =>
          all.shown
            .flat()
            .map((part) => (part.type === type && 'text' in part ? part.text : ''))
            .join('');
        for (const type of ['text-delta', 'reasoning-delta']) expect(textOf(spread, type)).toBe(textOf(whole, type));
      }),
    );
  });
});

describe('what a provider wants back', () => {
  it('goes with the block that it closes', () => {
    const end: ModelPart = { type: 'block-end', id: 'r', providerMetadata: { signature: 'abc' } };
    expect(built(reasoning('Hm', 'r'), text('a', 't'), end).content).toEqual([
      { type: 'reasoning', text: 'Hm', providerMetadata: { signature: 'abc' } },
      { type: 'text', text: 'a' },
    ]);
  });

  it('is kept where the block has no text, or was never opened', () => {
    const end: ModelPart = { type: 'block-end', id: 'r', providerMetadata: 'redacted' };
    expect(built(reasoning('', 'r'), end).content).toEqual([
      { type: 'reasoning', text: '', providerMetadata: 'redacted' },
    ]);
    expect(built(end).content).toEqual([{ type: 'reasoning', text: '', providerMetadata: 'redacted' }]);
  });

  it('goes with the call and the opaque block that bring it', () => {
    const signed: ModelPart = {
      type: 'tool-call',
      toolCallId: '1',
      toolName: 'x',
      rawInput: '{}',
      providerMetadata: 's',
    };
    const opaque: ModelPart = { type: 'opaque', provider: 'p', data: 'd' };
    expect(built(signed, opaque).content).toEqual([
      { type: 'tool-call', toolCallId: '1', toolName: 'x', input: {}, providerMetadata: 's' },
      { type: 'opaque', provider: 'p', data: 'd' },
    ]);
  });

  it('is nowhere where a provider sent none', () => {
    for (const part of built(text('a', '1'), { type: 'block-end', id: '1' }, call('1')).content) {
      expect(part).not.toHaveProperty('providerMetadata');
    }
  });
});

describe('what an onlooker can follow', () => {
  it('is the deltas of a read, neighbours of one kind merged', () => {
    expect(built([text('a'), text('b'), reasoning('x'), text('c', '1'), text('d', '2')]).shown).toEqual([
      [
        { type: 'text-delta', text: 'ab' },
        { type: 'reasoning-delta', text: 'x' },
        { type: 'text-delta', text: 'cd' },
      ],
    ]);
  });

  it('is nothing for empty deltas, usage and ends', () => {
    const { shown } = built(
      text(''),
      reasoning(''),
      { type: 'tool-input-delta', toolCallId: '1', toolName: 'x', delta: '' },
      { type: 'usage', usage },
      { type: 'block-end', id: '1' },
      finish,
    );
    expect(shown.flat()).toEqual([]);
  });

  it('is one mark for as much of tool inputs as a read brings', () => {
    const delta: ModelPart = { type: 'tool-input-delta', toolCallId: '1', toolName: 'x', delta: '{' };
    expect(built([delta, delta, call('1'), text('a'), call('2')]).shown).toEqual([
      [{ type: 'tool-input' }, { type: 'text-delta', text: 'a' }, { type: 'tool-input' }],
    ]);
  });

  it('shows a call that comes at once, without deltas', () => {
    expect(built(call('1')).shown).toEqual([[{ type: 'tool-input' }]]);
  });
});

describe('tool calls', () => {
  it('carry the input that was read, or the text as received where it is no JSON', () => {
    expect(built(call('1', '{"a":1,}'), call('2', '{"a":')).content).toEqual([
      { type: 'tool-call', toolCallId: '1', toolName: 'x', input: { a: 1 } },
      { type: 'tool-call', toolCallId: '2', toolName: 'x', input: '{"a":', invalid: true },
    ]);
  });

  it('get ids of their own where the provider gave one twice, and it is said', () => {
    const { answer } = built(call('a'), call('a'), call('b'), call('a'));
    const ids = idsOf(() => answer.content());
    expect(ids[0]).toBe('a');
    expect(ids[2]).toBe('b');
    expect(new Set(ids).size).toBe(4);
    expect(answer.repairs).toEqual([
      { toolCallId: ids[1], how: expect.stringContaining('"a"') },
      { toolCallId: ids[3], how: expect.stringContaining('"a"') },
    ]);
  });

  it('get an id where the provider gave none', () => {
    const { answer } = built(call(''), call(''));
    const ids = idsOf(() => answer.content());
    expect(ids.every((id) => id !== '')).toBe(true);
    expect(new Set(ids).size).toBe(2);
    expect(answer.repairs.map(({ toolCallId }) => toolCallId)).toEqual(ids);
  });

  it('never share an id, whatever the provider gives', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('', 'a', 'a_1', 'a_2', 'call_0', 'call_1', 'call_2')), (given) => {
        const { answer } = built(...given.map((id) => call(id)));
        const ids = idsOf(() => answer.content());
        expect(ids).toHaveLength(given.length);
        expect(new Set(ids).size).toBe(given.length);
        expect(ids).not.toContain('');
      }),
    );
  });
});

describe('the end', () => {
  it('is what the last part says', () => {
    expect(built(text('a'), finish).answer.end).toEqual(finish);
    expect(built(text('a')).answer.end).toBeUndefined();
    expect(built({ type: 'aborted' }).answer.end).toEqual({ type: 'aborted' });
  });

  it.each<[string, ModelPart]>([
    ['finish', finish],
    ['error', { type: 'error', failure: { type: 'auth', code: 'auth', message: 'no', retryable: false } }],
    ['aborted', { type: 'aborted' }],
  ])('is the end: after %s nothing is taken in or shown any more', (_, end) => {
    const late = [
      text('late'),
      call('1'),
      { type: 'usage', usage: { inputTokens: 99, outputTokens: 99 } } as const,
      finish,
    ];
    const { answer, shown, content } = built([text('a'), end, ...late], late);
    expect(content).toEqual([{ type: 'text', text: 'a' }]);
    const used = end.type === 'finish' ? [{ type: 'usage', usage: end.usage }] : [];
    expect(shown).toEqual([[{ type: 'text-delta', text: 'a' }, ...used], []]);
    expect(answer.end).toBe(end);
    expect(answer.usage.inputTokens).toBeLessThan(99);
  });

  it('shows the usage so far with what else is shown, once, and never alone', () => {
    const usage = { inputTokens: 1, outputTokens: 1 };
    const more = { inputTokens: 1, outputTokens: 2 };
    const { shown } = built({ type: 'usage', usage }, text('a'), text('b'), [
      text('c'),
      { type: 'usage', usage: more },
    ]);
    expect(shown).toEqual([
      [],
      [
        { type: 'text-delta', text: 'a' },
        { type: 'usage', usage },
      ],
      [{ type: 'text-delta', text: 'b' }],
      [
        { type: 'text-delta', text: 'c' },
        { type: 'usage', usage: more },
      ],
    ]);
  });

  it('brings the last usage; before that, the last that was reported counts', () => {
    const { answer } = built(
      { type: 'usage', usage: { inputTokens: 1, outputTokens: 1 } },
      { type: 'usage', usage: { inputTokens: 2, outputTokens: 1 } },
    );
    expect(answer.usage).toEqual({ inputTokens: 2, outputTokens: 1 });
    answer.add(finish);
    expect(answer.usage).toEqual(usage);
  });
});
