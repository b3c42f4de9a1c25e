import { type Json, type Message, textOf } from 'turnchart';
import { transcriptProblems } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { converse, forever, resultsIn, tool } from './toolSupport.ts';

describe("37. A result becomes a part: string → text, JSON → json, `undefined` or `''` → empty text (still sent), anything that is not JSON → an error result; above `maxOutputChars` it is cut in the middle with a marker that says so. Every tool call in the history has exactly one result, at all times a model call is made: after cancel, crash, denial, compaction (checked by a transcript validator that all tests share).", () => {
  describe('what a tool returns', () => {
    it.each([['sunny'], [' '], ['{"a":1}'], ['null']])('sends a string as text: %j', async (value) => {
      expect(await outputOf(value)).toEqual({ type: 'text', value });
    });

    it.each<[Json]>([
      [null],
      [true],
      [false],
      [0],
      [-1.5],
      [[]],
      [{}],
      [[1, [null, 'x']]],
      [{ a: { b: ['c'] }, '': 0 }],
    ])('sends JSON as json: %j', async (value) => {
      expect(await outputOf(value)).toEqual({ type: 'json', value });
    });

    it.each([
      ['undefined', undefined],
      ["''", ''],
    ])('sends %s as empty text, which the model gets too', async (_, value) => {
      const talk = converse([{ calls: [{ name: 'quiet' }] }, 'done'], { tools: [tool('quiet', () => value)] });
      await talk.say('go');
      expect(talk.of('tool.completed')).toMatchObject([{ output: { type: 'text', value: '' } }]);
      expect(talk.model.requests[1]?.messages.at(-1)).toMatchObject({
        role: 'tool',
        content: [{ toolCallId: 'call_1', output: { type: 'text', value: '' } }],
      });
    });

    it('leaves out properties that are undefined, as JSON does', async () => {
      expect(await outputOf({ a: 1, b: undefined })).toEqual({ type: 'json', value: { a: 1 } });
    });

    it('copies what it sends: a tool that goes on changing it changes no history', async () => {
      const shared = { items: ['a'] };
      const talk = converse([{ calls: [{ name: 'list' }] }, 'done'], { tools: [tool('list', () => shared)] });
      await talk.say('go');
      shared.items.push('b');
      expect(talk.results()[0]?.output).toEqual({ type: 'json', value: { items: ['a'] } });
    });

    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    it.each<[string, unknown, RegExp]>([
      ['a date', new Date(0), /Date/],
      ['a function', () => 'x', /function/],
      ['a cycle', cycle, /contains itself/],
      ['NaN', Number.NaN, /NaN/],
      ['Infinity', Number.POSITIVE_INFINITY, /Infinity/],
      ['a BigInt', 1n, /bigint/i],
      ['a symbol', Symbol('x'), /symbol/],
      ['a map', new Map(), /Map/],
      ['a class instance', new URL('https://example.com'), /URL/],
      ['bytes', new Uint8Array(2), /Uint8Array/],
      ['an undefined item', [1, undefined], /\[1\]/],
      ['a hole in an array', Object.assign([1], { 2: 3 }), /\[1\]/],
      ['a date deep inside', { rows: [{ at: new Date(0) }] }, /rows\[0\]\.at.*Date/],
      ['a getter that throws', Object.defineProperty({}, 'x', { enumerable: true, get: () => raise('gone') }), /gone/],
    ])('gives an error result for what is not JSON: %s', async (_, value, says) => {
      const talk = converse([{ calls: [{ name: 'odd' }, { name: 'fine' }] }, 'done'], {
        tools: [tool('odd', () => value), tool('fine')],
      });
      const outcome = await talk.say('go');
      const [odd, fine] = talk.results();
      expect(odd?.output).toEqual({ type: 'error', value: expect.stringMatching(says) });
      expect(fine?.output).toEqual({ type: 'text', value: 'fine is done' });
      expect(talk.of('tool.failed')).toMatchObject([{ toolCallId: 'call_1', failure: { type: 'tool' } }]);
      expect(outcome.status).toBe('completed');
    });

    it('says in that error that the tool ran, so that it is not repeated for nothing', async () => {
      expect((await outputOf(new Date(0))).value).toMatch(/ran/);
    });
  });

  describe('what is too long', () => {
    it('sends a text of exactly maxOutputChars whole', async () => {
      expect(await outputOf('x'.repeat(50), 50)).toEqual({ type: 'text', value: 'x'.repeat(50) });
    });

    it('cuts a longer text in the middle, and says how much is left out', async () => {
      const { type, value } = await outputOf(`${'a'.repeat(100)}${'b'.repeat(100)}`, 20);
      expect(type).toBe('text');
      expect(value).toMatch(/^a{10}\D*180\D*b{10}$/s);
    });

    it('keeps one more of the beginning where the limit is odd', async () => {
      expect((await outputOf('abcdefghij', 5)).value).toMatch(/^abc\D*5\D*ij$/s);
    });

    it('cuts JSON that is too long as the text it is', async () => {
      const { type, value } = await outputOf({ rows: 'x'.repeat(200) }, 20);
      expect(type).toBe('text');
      expect(value).toMatch(/^\{"rows":"x\D*191\D*x{8}"\}$/s);
    });

    it('sends JSON of exactly maxOutputChars as json', async () => {
      expect(await outputOf(['x'.repeat(16)], 20)).toEqual({ type: 'json', value: ['x'.repeat(16)] });
    });

    it('never cuts a character in two', async () => {
      for (const limit of [5, 6, 7, 8]) {
        const { value } = await outputOf('😀'.repeat(20), limit);
        expect(String(value).isWellFormed(), `cut at ${limit}`).toBe(true);
      }
    });

    it('cuts what a tool threw as well', async () => {
      const talk = converse([{ calls: [{ name: 'loud' }] }, 'done'], {
        tools: [tool('loud', () => raise('x'.repeat(1_000)))],
        limits: { maxOutputChars: 100 },
      });
      await talk.say('go');
      const [result] = talk.results();
      expect(result?.output.type).toBe('error');
      expect(String(result?.output.value).length).toBeLessThan(200);
    });

    it('allows 100,000 characters by default', async () => {
      expect(await outputOf('x'.repeat(100_000))).toEqual({ type: 'text', value: 'x'.repeat(100_000) });
      const [head, marker, tail] = String((await outputOf('x'.repeat(100_002))).value).split('\n');
      expect([head, tail]).toEqual(['x'.repeat(50_000), 'x'.repeat(50_000)]);
      expect(marker).toContain(' 2 ');
    });
  });

  describe('one result for every call', () => {
    const tools = [tool('quick'), tool('hang', () => forever), tool('late')];
    const calls = [{ name: 'quick' }, { name: 'hang' }, { name: 'late' }];

    it.each([
      'the turn starts',
      'tools run',
      'the model answers',
    ])('holds for the next model call after a cancel while %s', async (when) => {
      const talk = converse(
        ({ messages }) => {
          if (textOf(messages.at(-1) as Message) === 'go on') return 'something else';
          return { text: 'Let me', calls, hangs: when === 'the model answers' };
        },
        { tools, limits: { maxParallelTools: 2 } },
      );
      const turn = talk.session.send('go');
      if (when !== 'the turn starts') await talk.clock.advance(0);
      turn.cancel();
      await talk.outcomeOf(turn);
      await talk.say('go on');
      const request = talk.model.requests.at(-1);
      expect(transcriptProblems(request?.messages ?? [])).toEqual([]);
      expect(resultsIn(request?.messages ?? [])).toHaveLength(when === 'tools run' ? 3 : 0);
    });

    it.each([
      ['the duration limit', { maxDurationMs: 50 }, 'timeout'],
      ['the token limit', { maxTokens: 10 }, 'budget'],
      ['the step limit', { maxSteps: 1 }, 'max_steps'],
    ])('holds after %s ended the turn', async (_, limits, type) => {
      const talk = converse([{ calls }, { text: 'fine', usage: { inputTokens: 1, outputTokens: 1 } }], {
        tools: type === 'timeout' ? tools : [tool('quick'), tool('hang'), tool('late')],
        limits,
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(50);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'failed', failure: { type } });
      await talk.say('go on');
      expect(resultsIn(talk.model.requests[1]?.messages ?? []).map(({ toolCallId }) => toolCallId)).toEqual([
        'call_1',
        'call_2',
        'call_3',
      ]);
    });

    it('holds after the session was closed', async () => {
      const talk = converse([{ calls }], { tools });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      await talk.session.close();
      const { messages } = await talk.outcomeOf(turn);
      expect(resultsIn(messages)).toHaveLength(3);
    });

    it('holds where a provider gives two calls of an answer one id, or none', async () => {
      const talk = converse(
        [
          {
            calls: [
              { name: 'a', id: 'x' },
              { name: 'b', id: 'x' },
              { name: 'c', id: '' },
            ],
          },
          'done',
        ],
        { tools: [tool('a'), tool('b'), tool('c')] },
      );
      await talk.say('go');
      const ids = talk.results().map(({ toolCallId }) => toolCallId);
      expect(new Set(ids).size).toBe(3);
      expect(ids[0]).toBe('x');
      expect(talk.results().map(({ output }) => output.value)).toEqual(['a is done', 'b is done', 'c is done']);
      expect(talk.of('transcript.repaired').map(({ toolCallId }) => toolCallId)).toEqual(ids.slice(1));
    });

    it('holds where the provider withheld the rest of an answer with calls', async () => {
      const talk = converse([{ calls, finish: 'content-filter' }, 'go on'], { tools });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', stopReason: 'refusal' });
      await talk.say('go on');
      expect(resultsIn(talk.model.requests[1]?.messages ?? [])).toHaveLength(3);
      expect(talk.of('tool.started')).toEqual([]);
    });
  });
});

/** What the model gets of a tool that returns this. */
async function outputOf(value: unknown, maxOutputChars?: number) {
  const talk = converse([{ calls: [{ name: 'give' }] }, 'done'], {
    tools: [tool('give', () => value)],
    ...(maxOutputChars !== undefined && { limits: { maxOutputChars } }),
  });
  await talk.say('go');
  const result = talk.results()[0];
  if (result === undefined) throw new Error('There is no result.');
  return result.output;
}

function raise(message: string): never {
  throw new Error(message);
}
