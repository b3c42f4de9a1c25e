import { runInNewContext } from 'node:vm';
import { type AnyTool, defineTool, type Json, type StandardSchema } from 'turnchart';
import type { ScriptedCall } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { converse, tool } from './toolSupport.ts';

describe("34. Input is validated with the tool's schema (any Standard Schema; zod first). Broken JSON is repaired where that is safe (code fences, trailing commas); otherwise, like any schema violation, it becomes an error result that tells the model what is wrong. An empty `rawInput` means `{}`; anything else that cannot be read is never silently `{}`, and the tool is not run. Tool calls decide, not the finish reason: they run with `stop` too; with `length` they get an error result and do not run.", () => {
  describe('schemas', () => {
    it('hands the tool what its zod schema makes of the input: defaults filled in, values transformed', async () => {
      const inputs: unknown[] = [];
      const book = defineTool({
        name: 'book',
        input: z.object({ day: z.string().transform((day) => new Date(day)), seats: z.number().default(1) }),
        execute: (input) => {
          inputs.push(input);
          return 'booked';
        },
      });
      const { results } = await callOnce(book, { name: 'book', input: { day: '2030-01-02', extra: true } });
      expect(inputs).toEqual([{ day: new Date('2030-01-02'), seats: 1 }]);
      expect(results).toEqual([{ type: 'text', value: 'booked' }]);
    });

    it('waits for a zod schema that validates asynchronously', async () => {
      const inputs: unknown[] = [];
      const input = z.object({ user: z.string().refine(async (user) => user === 'ada', 'nobody knows this user') });
      const greet = defineTool({
        name: 'greet',
        input,
        execute: (input) => {
          inputs.push(input);
          return 'greeted';
        },
      });
      const { results } = await callOnce(
        greet,
        { name: 'greet', input: { user: 'ada' } },
        { name: 'greet', input: { user: 'eve' } },
      );
      expect(results[0]).toEqual({ type: 'text', value: 'greeted' });
      expect(results[1]).toEqual({ type: 'error', value: expect.stringContaining('nobody knows this user') });
      expect(inputs).toEqual([{ user: 'ada' }]);
    });

    it.each([
      ['synchronous', (result: unknown) => result],
      ['asynchronous', async (result: unknown) => result],
      ['asynchronous, of another realm,', (result: unknown) => ForeignPromise.resolve(result)],
    ] as const)('validates with any Standard Schema: a handmade %s one', async (_, answer) => {
      const inputs: unknown[] = [];
      const schema = handmade((value) =>
        answer(value === 7 ? { value: 'seven' } : { issues: [{ message: 'is not seven', path: [{ key: 'number' }] }] }),
      );
      const seven = tool('seven', (input) => inputs.push(input), { input: schema });
      const { results, failures } = await callOnce(seven, { name: 'seven', input: 7 }, { name: 'seven', input: 8 });
      expect(inputs).toEqual(['seven']);
      expect(results[0]).toEqual({ type: 'json', value: 1 });
      expect(results[1]).toEqual({ type: 'error', value: expect.stringContaining('number: is not seven') });
      expect(failures).toEqual([{ toolCallId: 'call_2', code: 'invalid_tool_input' }]);
    });

    it('passes the input on as it is where the schema exists only as JSON', async () => {
      const inputs: Json[] = [];
      const raw = tool('raw', (input) => inputs.push(input), {
        input: { jsonSchema: { type: 'object', required: ['city'] } },
      });
      await callOnce(raw, { name: 'raw', input: { town: 'Rome' } }, { name: 'raw', input: ['x', null] });
      expect(inputs).toEqual([{ town: 'Rome' }, ['x', null]]);
    });

    it.each([
      ['exists only as JSON', { jsonSchema: { type: 'object' } }],
      ['passes on what it is given', z.any()],
    ])('lets a tool do with its input what it likes, where the schema %s: history and events keep what the model sent', async (_, input) => {
      const wild = tool(
        'wild',
        (given) => {
          const list = (given as { list: Json[] }).list;
          list.push('changed');
        },
        { input },
      );
      const talk = converse([{ calls: [{ name: 'wild', input: { list: [1] } }] }, 'done'], { tools: [wild] });
      await talk.say('go');
      expect(talk.of('tool.called')[0]?.input).toEqual({ list: [1] });
      expect(talk.model.requests[1]?.messages[1]?.content).toMatchObject([{ input: { list: [1] } }]);
    });

    it('tells the model every violation, and where it is', async () => {
      const { ran, results, failures } = await callOnce(weather, {
        name: 'weather',
        input: { city: 5, days: [{ from: 'x' }] },
      });
      expect(ran).toBe(0);
      const [result] = results;
      expect(result).toEqual({ type: 'error', value: expect.stringContaining('weather') });
      expect(result?.value).toContain('city: ');
      expect(result?.value).toContain('days.0.from: ');
      expect(result?.value).toContain('expected number');
      expect(failures).toEqual([{ toolCallId: 'call_1', code: 'invalid_tool_input' }]);
    });

    it.each(['null', '42', '"Rome"', '[]'])('refuses JSON that the schema does not allow: %s', async (rawInput) => {
      const { ran, results } = await callOnce(weather, { name: 'weather', rawInput });
      expect(ran).toBe(0);
      expect(results).toEqual([{ type: 'error', value: expect.stringContaining('expected object') }]);
    });

    it.each([
      [
        'throws',
        () => {
          throw new Error('the schema is broken');
        },
      ],
      ['rejects', () => Promise.reject(new Error('the schema is broken'))],
    ])('makes an error result of a schema that %s, and runs nothing', async (_, validate) => {
      let ran = 0;
      const odd = tool('odd', () => (ran += 1), { input: handmade(validate) });
      const { results, failures } = await callOnce(odd, { name: 'odd' });
      expect(ran).toBe(0);
      expect(results).toEqual([{ type: 'error', value: expect.stringContaining('the schema is broken') }]);
      expect(failures).toEqual([{ toolCallId: 'call_1', code: 'invalid_tool_input' }]);
    });
  });

  describe('reading JSON', () => {
    it.each<[string, string, Json]>([
      ['code fences with a language', '```json\n{"city":"Rome"}\n```', { city: 'Rome' }],
      ['code fences without one', '```\n{"city":"Rome"}\n```', { city: 'Rome' }],
      ['code fences with space around', '  \n```json\n{"city":"Rome"}\n```\n ', { city: 'Rome' }],
      ['a trailing comma in an object', '{"city":"Rome",}', { city: 'Rome' }],
      ['a trailing comma in an array', '{"city":"Rome","days":[{"from":1},],}', { city: 'Rome', days: [{ from: 1 }] }],
      ['a trailing comma before space', '{"city":"Rome" ,\n }', { city: 'Rome' }],
      ['fences and trailing commas at once', '```json\n{"city":"Rome",}\n```', { city: 'Rome' }],
      ['space around', ' {"city":"Rome"}\n', { city: 'Rome' }],
    ])('mends %s', async (_, rawInput, input) => {
      const { inputs, called } = await callOnce(weather, { name: 'weather', rawInput });
      expect(inputs).toEqual([input]);
      expect(called).toEqual([input]);
    });

    it.each([
      ['commas', '{"city":"a,}b,]",}', 'a,}b,]'],
      ['escaped quotes and commas', String.raw`{"city":"say \",}\" twice\\",}`, 'say ",}" twice\\'],
      ['fences', '{"city":"```json\\n{}\\n```"}', '```json\n{}\n```'],
    ])('leaves %s inside texts alone', async (_, rawInput, city) => {
      const { inputs } = await callOnce(weather, { name: 'weather', rawInput });
      expect(inputs).toEqual([{ city }]);
    });

    it.each(['', ' ', '\n'])('takes an empty rawInput for {}: %j', async (rawInput) => {
      const inputs: Json[] = [];
      const ping = tool('ping', (input) => {
        inputs.push(input);
      });
      const { called } = await callOnce(ping, { name: 'ping', rawInput });
      expect(inputs).toEqual([{}]);
      expect(called).toEqual([{}]);
    });

    it.each([
      '{"city":"Par',
      '{"city":"Paris"',
      "{city:'Paris'}",
      '{"city":"Paris"} and more',
      '{"city":"Paris"}{"city":"Rome"}',
      'city=Paris',
      'undefined',
      'NaN',
      '{,}',
      '[,]',
      '[1,,]',
      ',',
      '}',
      '```json\n```',
      '```json\n{"city":"Par\n```',
      '<city>Paris</city>',
    ])('never takes what cannot be read for {}, and does not run the tool: %j', async (rawInput) => {
      let ran = 0;
      const any = tool('any', () => (ran += 1));
      const { results, called, failures, status } = await callOnce(any, { name: 'any', rawInput });
      expect(ran).toBe(0);
      expect(results).toEqual([{ type: 'error', value: expect.stringMatching(/not valid JSON/) }]);
      expect(results[0]?.value).toContain(rawInput);
      expect(called).toEqual([rawInput]);
      expect(failures).toEqual([{ toolCallId: 'call_1', code: 'invalid_tool_input' }]);
      expect(status).toBe('completed');
    });

    it('quotes only the beginning of a long input that cannot be read', async () => {
      const { results } = await callOnce(tool('any'), { name: 'any', rawInput: `{"a":"${'x'.repeat(100_000)}` });
      expect(String(results[0]?.value).length).toBeLessThan(1_000);
    });
  });

  describe('the finish reason', () => {
    it.each([
      'stop',
      'tool-calls',
      'other',
    ] as const)('runs the calls of an answer that ends with %s', async (finish) => {
      const talk = converse([{ calls: [{ name: 'a' }, { name: 'b' }], finish }, 'done'], {
        tools: [tool('a'), tool('b')],
      });
      const outcome = await talk.say('go');
      expect(talk.results().map(({ output }) => output.value)).toEqual(['a is done', 'b is done']);
      expect(outcome).toMatchObject({ status: 'completed', stopReason: 'end_turn', steps: 2 });
    });

    it('gives the calls of an answer that was cut off an error result, does not run them, and goes on', async () => {
      let ran = 0;
      const count = tool('count', () => (ran += 1));
      const talk = converse(
        [
          { text: 'Let me', calls: [{ name: 'count' }, { name: 'count', rawInput: '{"a":' }], finish: 'length' },
          'done',
        ],
        { tools: [count] },
      );
      const outcome = await talk.say('go');
      expect(ran).toBe(0);
      expect(talk.of('tool.started')).toEqual([]);
      expect(talk.of('tool.failed').map(({ toolCallId }) => toolCallId)).toEqual(['call_1', 'call_2']);
      for (const { output } of talk.results()) {
        expect(output).toEqual({ type: 'error', value: expect.stringMatching(/cut off.*not run/s) });
      }
      expect(talk.results()).toHaveLength(2);
      expect(outcome).toMatchObject({ status: 'completed', steps: 2 });
    });
  });
});

let inputs: unknown[] = [];
const weather = defineTool({
  name: 'weather',
  input: z.object({ city: z.string(), days: z.array(z.object({ from: z.number() })).optional() }),
  execute: (input) => {
    inputs.push(input);
    return 'sunny';
  },
});

/** One answer with these calls, then a final one. */
async function callOnce(called: AnyTool, ...calls: readonly ScriptedCall[]) {
  inputs = [];
  const talk = converse([{ calls }, 'done'], { tools: [called] });
  const outcome = await talk.say('go');
  return {
    status: outcome.status,
    inputs,
    ran: inputs.length,
    results: talk.results().map(({ output }) => output),
    called: talk.of('tool.called').map(({ input }) => input),
    failures: talk.of('tool.failed').map(({ toolCallId, failure }) => ({ toolCallId, code: failure.code })),
  };
}

/** Its promises are no instances of the Promise of this realm. */
const ForeignPromise = runInNewContext('Promise') as PromiseConstructor;

function handmade(validate: (value: unknown) => unknown): StandardSchema {
  const describe = () => ({ type: 'object' });
  return {
    '~standard': {
      version: 1,
      vendor: 'handmade',
      validate: validate as StandardSchema['~standard']['validate'],
      jsonSchema: { input: describe, output: describe },
    },
  };
}
