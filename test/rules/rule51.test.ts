import { createAgent, InvalidOutputError, Retry, type Run } from 'turnchart';
import { SimulatedClock, scriptedModel } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { linesOf } from './support.ts';
import { converse, forever, gate, tool } from './toolSupport.ts';

describe('51. `output: schema` gives `result.output`, typed. The schema goes to the provider natively where it can, by an instruction otherwise. The hint goes back as a user message; asking again is a new step. A violation, or `Retry` from `validateOutput`, asks the model again with the hint, counted against `retries`; spent → `invalid_output`. A validator may return a corrected value.', () => {
  const city = z.object({ name: z.string(), people: z.number() });
  const paris = { name: 'Paris', people: 2_100_000 };
  const right = JSON.stringify(paris);
  const wrong = '{"name":"Paris","people":"many"}';

  describe('the answer', () => {
    it('is read as the schema says, in result and event', async () => {
      const talk = converse([right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { text: right, output: paris } });
      expect(talk.of('turn.completed')).toMatchObject([{ text: right, output: paris }]);
    });

    it.each([
      ['in code fences', `\`\`\`json\n${right}\n\`\`\``],
      ['with a comma too many', '{"name":"Paris","people":2100000,}'],
      ['with space around it', `\n ${right} \n`],
    ])('is read %s, too', async (_, text) => {
      const talk = converse([text], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { output: paris } });
    });

    it('is what the schema makes of it: defaults are filled in', async () => {
      const output = z.object({ name: z.string(), tags: z.array(z.string()).default([]) });
      const talk = converse(['{"name":"Rome"}'], { output });
      expect(await talk.say('go')).toMatchObject({ result: { output: { name: 'Rome', tags: [] } } });
    });

    it('is checked by schemas that answer later', async () => {
      const known = city.refine(async ({ name }) => name === 'Rome', 'not a city that we know');
      const talk = converse([right, '{"name":"Rome","people":3}'], { output: known });
      expect(await talk.say('go')).toMatchObject({
        status: 'completed',
        steps: 2,
        result: { output: { name: 'Rome' } },
      });
    });

    it('is taken as it is with a schema that exists only as JSON', async () => {
      const talk = converse(['[1,2]'], { output: { jsonSchema: { type: 'array' } } });
      expect(await talk.say('go')).toMatchObject({ result: { output: [1, 2] } });
    });

    it('has no output where none was asked for', async () => {
      const talk = converse([right]);
      const outcome = await talk.say('go');
      expect(outcome.status === 'completed' && outcome.result.output).toBeUndefined();
      expect(talk.of('turn.completed')[0]).not.toHaveProperty('output');
    });
  });

  describe('the request', () => {
    it('carries the JSON Schema, in every step and attempt', async () => {
      const failure = { type: 'provider_unavailable', code: 'overloaded', message: 'busy', retryable: true } as const;
      const talk = converse([{ calls: [{ name: 'look' }] }, { failure }, right], {
        output: city,
        tools: [tool('look')],
        modelRetry: { initialDelayMs: 10, jitter: 0 },
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(100);
      await talk.outcomeOf(turn);
      const schema = { type: 'object', required: ['name', 'people'], properties: { people: { type: 'number' } } };
      expect(talk.model.requests).toMatchObject([
        { outputSchema: schema },
        { outputSchema: schema },
        { outputSchema: schema },
      ]);
    });

    it('carries none where no form was asked for', async () => {
      const talk = converse(['Hi.', 'Ho.'], {});
      await talk.say('go');
      expect(talk.model.requests[0]).not.toHaveProperty('outputSchema');
    });
  });

  describe('a violation', () => {
    it('asks the model again in a new step, with the hint as a user message', async () => {
      const talk = converse([wrong, right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2, result: { output: paris } });
      const [, second] = talk.model.requests;
      expect(linesOf(second?.messages ?? [])).toEqual([
        'user: go',
        `assistant: ${wrong}`,
        expect.stringMatching(/^user: .*does not have the form.*people: .*number/),
      ]);
      expect(second?.messages[2]).toMatchObject({ role: 'user', cause: 'output_hint' });
    });

    it('is told: what was wrong, the hint, the end of the step', async () => {
      const talk = converse([wrong, right], { output: city });
      await talk.say('go');
      expect(talk.types().slice(2, 9)).toEqual([
        'step.started',
        'message.started',
        'message.completed',
        'output.rejected',
        'message.added',
        'step.finished',
        'step.started',
      ]);
      expect(talk.of('output.rejected')).toMatchObject([{ reason: expect.stringContaining('people'), retriesLeft: 0 }]);
      expect(talk.of('message.added')).toMatchObject([{ cause: 'input' }, { cause: 'output_hint' }]);
      expect(talk.of('step.finished').map(({ step }) => step)).toEqual([1, 2]);
    });

    it('says the form itself where the answer is no JSON: the schema may have reached nobody', async () => {
      const talk = converse(['Paris, I think.', right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2 });
      const hint = linesOf(talk.model.requests[1]?.messages ?? []).at(-1);
      expect(hint).toMatch(
        /^user: The answer must be JSON that is valid against this JSON Schema.*"people":.*"number"/,
      );
    });

    it.each([
      ['no JSON', 'Paris, I think.'],
      ['nothing', ''],
      ['cut off', '{"name":"Par'],
      ['another form', '[]'],
    ])('is an answer that is %s', async (_, text) => {
      const talk = converse([text, right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2 });
    });

    it('fails the turn with invalid_output once the retries are spent', async () => {
      const talk = converse([wrong, wrong, 'never asked'], { output: city });
      const turn = talk.session.send('go');
      expect(await talk.outcomeOf(turn)).toMatchObject({
        status: 'failed',
        steps: 2,
        failure: { type: 'invalid_output', retryable: false, message: expect.stringContaining('people') },
      });
      await expect(turn.result).rejects.toBeInstanceOf(InvalidOutputError);
      expect(talk.model.requests).toHaveLength(2);
      expect(talk.of('output.rejected').map(({ retriesLeft }) => retriesLeft)).toEqual([0, 0]);
    });

    it.each([0, 1, 3])('is answered as often as retries says: %d', async (retries) => {
      const talk = converse(() => wrong, { output: city, retries });
      expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'invalid_output' } });
      expect(talk.model.requests).toHaveLength(retries + 1);
    });

    it('counts per turn: the next one begins with none', async () => {
      const talk = converse([wrong, right, wrong, right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed' });
      expect(await talk.say('go')).toMatchObject({ status: 'completed' });
    });

    it('leaves a session that goes on', async () => {
      const talk = converse([wrong, wrong, right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'failed' });
      expect(await talk.say('again')).toMatchObject({ status: 'completed', result: { output: paris } });
    });

    it('takes a step: where none is left, the turn fails with max_steps', async () => {
      const talk = converse([wrong, right], { output: city, limits: { maxSteps: 1 } });
      expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'max_steps' } });
    });

    it('is not asked about again where the budget is spent', async () => {
      const usage = { inputTokens: 100, outputTokens: 1 };
      const talk = converse([{ text: wrong, usage }, right], { output: city, limits: { maxTokens: 100 } });
      expect(await talk.say('go')).toMatchObject({ status: 'failed', failure: { type: 'budget' } });
      expect(talk.model.requests).toHaveLength(1);
    });
  });

  describe('tools and output share one counter', () => {
    const hint = tool('hint', () => {
      throw new Retry('Not like that.');
    });
    const asks = { calls: [{ name: 'hint' }] };

    it('a hint of a tool leaves none for the output', async () => {
      const talk = converse([asks, wrong, right], { output: city, tools: [hint] });
      expect(await talk.say('go')).toMatchObject({ status: 'failed', steps: 2, failure: { type: 'invalid_output' } });
    });

    it('a hint for the output leaves none for the tools', async () => {
      const talk = converse([wrong, asks, right], { output: city, tools: [hint] });
      expect(await talk.say('go')).toMatchObject({ status: 'failed', steps: 2, failure: { type: 'tool_errors' } });
    });

    it('both fit where there are enough', async () => {
      const talk = converse([asks, wrong, right], { output: city, tools: [hint], retries: 2 });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { output: paris } });
    });
  });

  describe('validateOutput', () => {
    it('sees what the schema gave, and what every user function is told', async () => {
      const seen: [unknown, Run][] = [];
      const talk = converse([right], {
        output: city,
        validateOutput: (value, run) => void seen.push([value, run]),
        context: { user: 'ada' },
      });
      await talk.say('go');
      const [[value, run] = []] = seen;
      expect(value).toEqual(paris);
      expect(run).toMatchObject({ context: { user: 'ada' }, sessionId: talk.session.id, step: 1 });
      expect(run?.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    });

    it('asks again with the hint of a Retry', async () => {
      const talk = converse([right, '{"name":"Rome","people":1}'], {
        output: city,
        validateOutput: (output) => {
          if ((output as z.infer<typeof city>).name === 'Paris') throw new Retry('Another city, please.');
        },
      });
      expect(await talk.say('go')).toMatchObject({ steps: 2, result: { output: { name: 'Rome' } } });
      expect(linesOf(talk.model.requests[1]?.messages ?? []).at(-1)).toBe('user: Another city, please.');
      expect(talk.of('output.rejected')).toMatchObject([{ reason: 'Another city, please.' }]);
    });

    it('takes a Retry that comes later, and fails with its hint in the end', async () => {
      const talk = converse(() => right, {
        output: city,
        validateOutput: async () => {
          await Promise.resolve();
          throw new Retry('Another city, please.');
        },
      });
      expect(await talk.say('go')).toMatchObject({
        failure: { type: 'invalid_output', cause: { hint: 'Another city, please.' } },
      });
    });

    it.each<[string, unknown, unknown]>([
      ['another value', { name: 'Lutetia' }, { name: 'Lutetia' }],
      ['a promise of one', Promise.resolve(7), 7],
      ['null', null, null],
      ['false', false, false],
      ['an empty text', '', ''],
      ['nothing, which leaves it as it is', undefined, paris],
    ])('may give %s in its place', async (_, given, expected) => {
      const talk = converse([right], { output: city, validateOutput: () => given });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', result: { text: right, output: expected } });
    });

    it('is not asked about what does not fit the schema', async () => {
      const seen: unknown[] = [];
      const talk = converse([wrong, right], { output: city, validateOutput: (value) => void seen.push(value) });
      await talk.say('go');
      expect(seen).toEqual([paris]);
    });

    it('gets the text where there is no schema, and may read it', async () => {
      const talk = converse(['between 1 and 2', '3 or 4'], {
        validateOutput: (text) => {
          const numbers = String(text).match(/\d+/g)?.map(Number) ?? [];
          if (numbers.includes(1)) throw new Retry('Larger ones.');
          return numbers;
        },
      });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2, result: { output: [3, 4] } });
      expect(talk.model.requests[0]).not.toHaveProperty('outputSchema');
    });

    it('fails the turn where it throws anything else, and is named', async () => {
      const talk = converse([right], {
        output: city,
        validateOutput: () => {
          throw new RangeError('out of cities');
        },
      });
      expect(await talk.say('go')).toMatchObject({
        status: 'failed',
        failure: {
          type: 'internal',
          name: 'RangeError',
          message: expect.stringMatching(/`validateOutput`.*out of cities/),
        },
      });
    });

    it('is no reason to wait for a turn that is cancelled', async () => {
      const talk = converse([right], { output: city, validateOutput: () => forever });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      expect(talk.session.snapshot.turn?.state).toBe('checkingOutput');
      talk.session.cancel();
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'cancelled' });
    });

    it('aborts its signal then', async () => {
      const signals: AbortSignal[] = [];
      const talk = converse([right], {
        output: city,
        validateOutput: (_, { signal }) => {
          signals.push(signal);
          return forever;
        },
      });
      talk.session.send('go');
      await talk.clock.advance(0);
      talk.session.cancel();
      expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    });

    it('lets what steers meanwhile become the next turn, where the output is taken', async () => {
      const checked = gate<undefined>();
      let isFirst = true;
      const talk = converse([right, '{"name":"Rome","people":1}'], {
        output: city,
        validateOutput: () => (isFirst ? checked.promise : undefined),
      });
      const turn = talk.session.send('go');
      await talk.clock.advance(0);
      talk.session.steer('And Rome?');
      isFirst = false;
      checked.open(undefined);
      expect(await talk.outcomeOf(turn)).toMatchObject({ status: 'completed', steps: 1 });
      await talk.clock.advance(0);
      expect(talk.of('turn.completed')).toMatchObject([{ output: paris }, { output: { name: 'Rome' } }]);
    });
  });

  describe('a turn of its own form', () => {
    const list = z.array(z.number());

    it('is read in that form, with its schema in its requests only', async () => {
      const model = scriptedModel([right, '[1,2]', right]);
      const session = createAgent({ model, output: city, clock: new SimulatedClock() }).session();
      expect((await session.send('go').result).output).toEqual(paris);
      expect((await session.send('count', { output: list }).result).output).toEqual([1, 2]);
      expect((await session.send('go').result).output).toEqual(paris);
      expect(model.requests.map(({ outputSchema }) => outputSchema?.type)).toEqual(['object', 'array', 'object']);
    });

    it('needs no form of the agent', async () => {
      const model = scriptedModel(['Hi.', '[1,', '[1]']);
      const session = createAgent({ model, clock: new SimulatedClock() }).session();
      expect((await session.send('hi').result).output).toBeUndefined();
      expect(await session.send('count', { output: list }).result).toMatchObject({ output: [1], steps: 2 });
    });

    it('may wait for its place in the queue', async () => {
      const model = scriptedModel([right, '[3]']);
      const session = createAgent({ model, output: city, clock: new SimulatedClock() }).session();
      const turns = [session.send('go'), session.send('count', { output: list })] as const;
      expect((await turns[1].result).output).toEqual([3]);
      expect((await turns[0].result).output).toEqual(paris);
    });

    it('is what run() takes as well', async () => {
      const agent = createAgent({ model: scriptedModel(['[5]']) });
      expect((await agent.run('count', { output: list })).output).toEqual([5]);
    });
  });

  describe('answers that end otherwise', () => {
    it('a refusal fails the turn, unchecked and not asked again: who gets a result has an output', async () => {
      const talk = converse([{ text: 'I must not.', finish: 'content-filter' }, 'never'], { output: city });
      const turn = talk.session.send('go');
      expect(await talk.outcomeOf(turn)).toMatchObject({
        status: 'failed',
        failure: { type: 'invalid_output', code: 'refused' },
      });
      await expect(turn.result).rejects.toBeInstanceOf(InvalidOutputError);
      expect(talk.of('output.rejected')).toEqual([]);
      expect(talk.of('message.completed')).toHaveLength(1);
    });

    it.each([
      ['the schema', { output: z.object({ on: z.string().transform((day) => new Date(day)) }) }],
      ['`validateOutput`', { output: city.partial(), validateOutput: () => ({ on: new Date() }) }],
    ])('one of which %s makes no JSON fails the turn, and says where', async (from, options) => {
      const talk = converse(['{"on":"2026-11-21"}', 'never'], options);
      expect(await talk.say('go')).toMatchObject({
        status: 'failed',
        steps: 1,
        failure: {
          type: 'invalid_output',
          code: 'output_not_json',
          message: `What ${from} made of the answer is no JSON: the output.on is a Date. Have it give texts, numbers, lists and plain objects only.`,
        },
      });
    });

    it('one that was cut off at the token limit is asked for again', async () => {
      const talk = converse([{ text: '{"name":"Par', finish: 'length' }, right], { output: city });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', stopReason: 'end_turn', steps: 2 });
    });

    it('one that fits all the same is taken', async () => {
      const talk = converse([{ text: right, finish: 'length' }], { output: city });
      expect(await talk.say('go')).toMatchObject({ stopReason: 'max_tokens', steps: 1, result: { output: paris } });
    });

    it('one with tool calls is no output yet', async () => {
      const talk = converse([{ text: 'Let me see.', calls: [{ name: 'look' }] }, right], {
        output: city,
        tools: [tool('look')],
      });
      expect(await talk.say('go')).toMatchObject({ status: 'completed', steps: 2, result: { output: paris } });
      expect(talk.of('output.rejected')).toEqual([]);
    });
  });
});
