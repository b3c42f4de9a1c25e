import type { Failure, ModelFailureType } from '../failure.ts';
import type { Json } from '../json.ts';
import { type Message, toolCallsOf } from '../messages.ts';
import type { ModelPart, ModelRequest, ModelSettings } from '../model.ts';
import { AnswerBuilder } from '../services/answer.ts';
import { transcriptProblems } from '../transcript.ts';
import { type Asked, type ContractSubject, canaryKey, Exchange, type TestRunner } from './contractExchange.ts';
import {
  bareStatuses,
  clock,
  history,
  historyWords,
  plainRequest,
  someSettings,
  text,
  user,
  weather,
  wholeAnswer,
} from './contractSamples.ts';
import type { Dialect } from './dialects/dialect.ts';
import { faultServer } from './faultServer.ts';
import type { Cut, Fault, FaultAnswer } from './faults.ts';
import { heapInUse } from './heap.ts';
import { delayForms, overflowPhrasings } from './knownErrors.ts';

export type { ContractSubject, Expectation, TestRunner } from './contractExchange.ts';

/** What a million deltas may leave in memory at any time, in bytes. */
const heapBound = 32 * 1024 * 1024;
const manyDeltas = 1_000_000;
/**
 * The sentences that every adapter must satisfy, each a test: against a server that speaks the provider's dialect over
 * real sockets, and makes every mistake that servers make. Runs in any test runner that is given to it.
 *
 * @param name of the adapter, as the tests are to call it
 * @example
 * ```ts
 * import { adapterContract, openaiChat } from 'turnchart/testing';
 * import { describe, expect, it } from 'vitest';
 *
 * adapterContract(
 *   'mine',
 *   { dialect: openaiChat, createModel: (baseURL, apiKey) => mine('some-model', { baseURL, apiKey }) },
 *   { describe, it, expect },
 * );
 * ```
 */
export function adapterContract(name: string, subject: ContractSubject, runner: TestRunner): void {
  const { dialect } = subject;
  const { describe, it, expect } = runner;
  const sentence = (words: string, run: (exchange: Exchange) => Promise<void>, timeoutMs?: number) =>
    it(
      words,
      async () => {
        const server = await faultServer(dialect);
        try {
          await run(new Exchange(server, subject, expect));
        } finally {
          await server.close();
        }
      },
      timeoutMs,
    );
  const fails = (
    words: string,
    answer: FaultAnswer | (() => FaultAnswer),
    type: ModelFailureType,
    expected: Partial<Failure> & { readonly codes?: readonly string[] } = {},
  ) =>
    sentence(words, async (exchange) => {
      const { failure } = await exchange.ask(typeof answer === 'function' ? answer() : answer);
      const { codes, ...rest } = expected;
      expect(failure).toMatchObject({ type, ...rest });
      if (codes !== undefined) expect(codes.join()).toContain(failure?.code ?? 'no failure');
    });

  describe(`the adapter ${name}`, () => {
    describe('reads answers', () => {
      sentence('streams text in parts, and finishes once', async (exchange) => {
        const { said, finish } = await exchange.ask({ text: ['Hel', 'lo', '.'] });
        expect(said).toBe('Hello.');
        expect(finish).toMatchObject({
          finishReason: { unified: 'stop' },
          usage: { inputTokens: 10, outputTokens: 5 },
        });
      });

      sentence('gives each part as it comes, not when the answer is whole', async (exchange) => {
        let release = () => {};
        const until = new Promise<void>((resolve) => {
          release = resolve;
        });
        const seen: string[] = [];
        const { said } = await exchange.ask(
          { text: ['early', 'late'], wire: { hold: { part: 1, until } } },
          {
            onRead: (read) => {
              for (const part of read) if (part.type === 'text-delta') seen.push(part.text);
              // the server sends the rest only because the beginning has arrived
              if (seen.includes('early')) release();
            },
          },
        );
        expect(said).toBe('earlylate');
        expect(seen).toEqual(['early', 'late']);
      });

      sentence('gives what one network read brought as one array', async (exchange) => {
        const pieces = Array.from({ length: 100 }, (_, index) => `${index} `);
        const { reads, said } = await exchange.ask({ text: pieces, wire: { eventsPerWrite: 1_000 } });
        expect(said).toBe(pieces.join(''));
        // about 20 kB in one write are a read, or a few
        expect(reads.filter((read) => read.some(({ type }) => type === 'text-delta')).length).toBeLessThan(10);
      });

      sentence('reads reasoning, text, tool calls and usage', async (exchange) => {
        const answer = await exchange.ask(wholeAnswer);
        expectWhole(answer);
        expect(answer.finish).toMatchObject({ finishReason: { unified: 'tool-calls' }, usage: wholeAnswer.usage });
      });

      for (const finish of ['stop', 'length', 'content-filter'] as const) {
        sentence(`reads that an answer ended with ${finish}`, async (exchange) => {
          const { said, finish: last } = await exchange.ask({ text: 'So far.', finish });
          expect(said).toBe('So far.');
          expect(last).toMatchObject({ finishReason: { unified: finish } });
        });
      }

      sentence('takes an answer without any content for an answer', async (exchange) => {
        const { said, calls, finish } = await exchange.ask({});
        expect([said, calls]).toEqual(['', []]);
        expect(finish).toMatchObject({ type: 'finish', finishReason: { unified: 'stop' } });
      });

      sentence('gives the JSON of a tool call as the model wrote it', async (exchange) => {
        const raw = dialect.hasWholeCalls
          ? ['{"city":"Rome"}', '{}', '{"a":"é\\n","b":[1,{"c":null}]}']
          : ['{"city": "Rome",}', '', '[1, 2', '{"a":"\\u00e9\\n"}'];
        const { calls } = await exchange.ask({
          calls: raw.map((rawInput, index) => ({ id: `call_${index}`, name: 'weather', rawInput })),
        });
        expect(calls.map(({ rawInput }) => rawInput)).toEqual(raw);
      });

      sentence('keeps two tool calls apart that have the same id', async (exchange) => {
        const { calls } = await exchange.ask({
          calls: [
            { id: 'call_a', name: 'weather', input: { city: 'Rome' } },
            { id: 'call_a', name: 'clock' },
          ],
        });
        // whose ids the engine makes different
        expect(calls.map(({ toolName, rawInput }) => [toolName, rawInput])).toEqual([
          ['weather', '{"city":"Rome"}'],
          ['clock', '{}'],
        ]);
      });

      for (const chunkBytes of [1, 2, 3, 7, 64]) {
        for (const lineEnd of ['\n', '\r\n', '\r'] as const) {
          sentence(
            `reads what comes in chunks of ${chunkBytes} bytes with ${JSON.stringify(lineEnd)} at the end of lines, characters intact`,
            async (exchange) => expectWhole(await exchange.ask({ ...wholeAnswer, wire: { chunkBytes, lineEnd } })),
          );
        }
      }

      sentence('passes over keep-alive comments', async (exchange) => {
        expectWhole(await exchange.ask({ ...wholeAnswer, wire: { comments: true } }));
      });

      for (const { name, isAnswer, hidesUsage } of dialect.deviations) {
        const fault = { type: 'deviation', name } as const;
        if (isAnswer) {
          sentence(`reads an answer of a server that sends ${name}`, async (exchange) => {
            const answer = await exchange.ask({ ...wholeAnswer, fault });
            expectWhole(answer);
            const usage = hidesUsage ? { inputTokens: 0, outputTokens: 0 } : wholeAnswer.usage;
            expect(answer.finish?.usage).toMatchObject(usage ?? {});
          });
        } else {
          fails(`takes ${name} for no answer`, { ...wholeAnswer, fault }, 'provider_unavailable', {
            codes: ['stream_truncated', 'empty_response'],
            retryable: true,
          });
        }
      }

      sentence('keeps two answers at a time apart', async (exchange) => {
        const [a, b] = await Promise.all([
          exchange.ask({ text: ['a', 'a', 'a'] }, {}, 'shared'),
          exchange.ask({ text: ['b', 'b', 'b'] }, {}, 'shared'),
        ]);
        expect([a.said, b.said].sort()).toEqual(['aaa', 'bbb']);
      });

      sentence(
        `reads a million deltas at the pace of whoever reads them, in ${heapBound / 1024 / 1024} MiB of memory`,
        async (exchange) => {
          const deltas = { count: manyDeltas, text: 'word ' };
          const before = await heapInUse();
          let most = Number.NEGATIVE_INFINITY; // less than before is possible: what others left may be collected
          let length = 0;
          let measuredAt = 0;
          const { finish } = await exchange.ask(
            { deltas, wire: { eventsPerWrite: 250 } },
            {
              keepsNothing: true,
              onRead: async (read) => {
                for (const part of read) if (part.type === 'text-delta') length += part.text.length;
                if (length - measuredAt < (manyDeltas * deltas.text.length) / 8) return;
                measuredAt = length;
                most = Math.max(most, (await heapInUse()) - before);
              },
            },
          );
          expect(finish).toMatchObject({ finishReason: { unified: 'stop' } });
          expect(length).toBe(manyDeltas * deltas.text.length);
          expect(measuredAt).toBeGreaterThan(0);
          expect(most).toBeLessThan(heapBound);
          expect((await heapInUse()) - before).toBeLessThan(heapBound);
        },
        120_000,
      );
    });

    describe('never reports a broken answer as an answer', () => {
      for (const how of ['fin', 'rst'] as const) {
        for (const afterParts of [0, 1, Number.POSITIVE_INFINITY]) {
          fails(
            `says that a connection was cut (${how}) after ${count(afterParts)}`,
            { ...wholeAnswer, fault: { type: 'cut', afterParts, how } },
            'provider_unavailable',
            { codes: ['network', 'stream_truncated'], retryable: true },
          );
        }
        fails(
          `says that a connection was cut (${how}) before any headers`,
          { fault: { type: 'noHeaders', end: how } },
          'provider_unavailable',
          { code: 'network', retryable: true },
        );
      }

      sentence('says that there is no server', async (exchange) => {
        const model = subject.createModel(exchange.server.url, canaryKey);
        await exchange.server.close();
        const { failure } = await exchange.read(model, plainRequest, new AbortController().signal);
        expect(failure).toMatchObject({ type: 'provider_unavailable', code: 'network', retryable: true });
      });

      for (const afterParts of [0, 1, Number.POSITIVE_INFINITY]) {
        fails(
          `says that a stream ended after ${count(afterParts)}, without the mark of its end`,
          { ...wholeAnswer, fault: { type: 'noMark', afterParts } },
          'provider_unavailable',
          // the opening alone may count as nothing
          { codes: afterParts === 0 ? ['stream_truncated', 'empty_response'] : ['stream_truncated'], retryable: true },
        );
      }

      for (const form of Object.keys(dialect.streamErrors)) {
        const inStream = (kind: 'server' | 'rate_limit' | 'quota' | 'overflow', afterParts: number): FaultAnswer => ({
          ...wholeAnswer,
          fault: { type: 'streamError', form, kind, afterParts },
        });
        for (const afterParts of [0, 1, Number.POSITIVE_INFINITY]) {
          fails(
            `gives the error that comes as ${form} in the stream after ${count(afterParts)}`,
            inStream('server', afterParts),
            'provider_unavailable',
            { retryable: true },
          );
        }
        fails(`reads a rate limit in ${form}`, inStream('rate_limit', 1), 'rate_limit', { retryable: true });
        fails(`reads a spent quota in ${form}`, inStream('quota', 1), 'budget', { retryable: false });
        fails(`reads an overflow in ${form}`, inStream('overflow', 0), 'context_overflow', { retryable: false });
      }

      for (const afterParts of [0, 3]) {
        fails(
          `says that a line after ${count(afterParts)} is no JSON, whatever follows it`,
          { ...wholeAnswer, fault: { type: 'badLine', afterParts } },
          'provider_unavailable',
          { retryable: true },
        );
      }

      const noStreams = {
        HTML: ['text/html', '<!doctype html><title>Welcome</title>'],
        JSON: ['application/json', '{"status":"ok"}'],
        'an empty body': ['text/event-stream', ''],
        'an empty body of no type': ['text/plain', ''],
      } as const;
      for (const [what, [contentType, body]] of Object.entries(noStreams)) {
        fails(
          `takes a 200 with ${what} for no answer`,
          { fault: { type: 'notSse', contentType, body } },
          'provider_unavailable',
          { code: 'empty_response', retryable: true },
        );
      }

      const lateFaults: Readonly<Record<string, Fault>> = {
        'a connection is cut': { type: 'cut', afterParts: 1 },
        'the mark of the end is missing': { type: 'noMark', afterParts: 1 },
        'a line is no JSON': { type: 'badLine', afterParts: 1 },
        'an error comes in the stream': { type: 'streamError', afterParts: 1 },
        'there is no stream': { type: 'notSse', contentType: 'application/json', body: '{"status":"ok"}' },
      };
      for (const [what, fault] of Object.entries(lateFaults)) {
        fails(`names the request where ${what}`, { ...wholeAnswer, fault }, 'provider_unavailable', {
          requestId: 'req_0',
        });
      }

      const halves: readonly (Cut | 'noMark')[] = ['fin', 'rst', 'noMark'];
      for (const end of halves) {
        sentence(`makes no tool call of JSON that stops half way (${end})`, async (exchange) => {
          const { calls, failure } = await exchange.ask({
            calls: [
              { id: 'call_a', name: 'weather', input: { city: 'Rome' } },
              { id: 'call_b', name: 'weather', input: { city: 'Llanfairpwllgwyngyll' } },
            ],
            fault: { type: 'halfCall', end },
          });
          expect(calls.filter(({ toolCallId }) => toolCallId === 'call_b')).toEqual([]);
          expect(failure).toMatchObject({ type: 'provider_unavailable', retryable: true });
        });
      }

      sentence('says that an answer was too long where the JSON of a call stops half way', async (exchange) => {
        const rawInput = '{"city":"Llanfairpwllgwyngyll"}';
        const { calls, finish } = await exchange.ask({
          calls: [{ id: 'call_a', name: 'weather', rawInput }],
          fault: { type: 'halfCall', end: 'length' },
        });
        expect(finish).toMatchObject({ finishReason: { unified: 'length' } });
        // given or left out, but never mended
        for (const call of calls) expect(call.rawInput).toBe(rawInput.slice(0, Math.ceil(rawInput.length / 2)));
      });
    });

    describe('names failures', () => {
      const error = (kind: Parameters<Dialect['error']>[0]): FaultAnswer => ({ fault: { type: 'error', kind } });
      fails('says that a key is refused', error('auth'), 'auth', { retryable: false });
      fails('says that a quota is spent, which is no rate limit', error('quota'), 'budget', {
        code: 'insufficient_quota',
        retryable: false,
      });
      fails('says that a limit is reached', error('rate_limit'), 'rate_limit', {
        code: 'rate_limit_exceeded',
        retryable: true,
      });
      fails('says that the provider failed', error('server'), 'provider_unavailable', { retryable: true });
      fails('says that the provider is overloaded', error('overloaded'), 'provider_unavailable', {
        code: 'overloaded',
        retryable: true,
      });
      fails('says that the request does not fit', error('overflow'), 'context_overflow', {
        code: 'request_too_large',
        retryable: false,
      });
      fails('says that the request is wrong', error('invalid_request'), 'unknown', {
        code: 'invalid_request',
        retryable: false,
      });
      fails('says that there is no such model', error('model_not_found'), 'unknown', {
        code: 'model_not_found',
        retryable: false,
      });

      for (const [status, type] of bareStatuses) {
        fails(
          `takes a bare ${status} for ${type}`,
          { fault: { type: 'status', status, headers: { 'content-type': 'text/html' }, body: '<h1>Oh no</h1>' } },
          type,
          { status },
        );
      }

      for (const form of delayForms(dialect)) {
        sentence(`reads the delay of a 429 with ${form.name}`, async (exchange) => {
          const { failure } = await exchange.ask({ fault: form.fault() });
          expect(failure).toMatchObject({ type: 'rate_limit', retryable: true });
          const { retryAfterMs = Number.NaN } = failure ?? {};
          const { tolerance = 0 } = form;
          if (tolerance === 0) expect(retryAfterMs).toBe(form.retryAfterMs);
          expect(retryAfterMs).toBeGreaterThan(form.retryAfterMs - tolerance - 1);
          // dates of HTTP have no milliseconds
          expect(retryAfterMs).toBeLessThan(form.retryAfterMs + Math.min(tolerance, 1_000) + 1);
        });
      }

      for (const [provider, message] of Object.entries(overflowPhrasings)) {
        fails(
          `knows an overflow in the words of ${provider}`,
          { fault: { type: 'error', kind: 'overflow', message } },
          'context_overflow',
          { code: 'request_too_large', retryable: false },
        );
      }

      const told = { 'x-llm-error-type': 'budget', 'x-llm-error-reset-at': '4102444800000' };
      fails('lets classification headers win', { fault: { type: 'error', kind: 'server', headers: told } }, 'budget', {
        retryable: false,
        resetAt: 4_102_444_800_000,
      });
      fails(
        'lets a header decide whether to retry',
        { fault: { type: 'error', kind: 'server', headers: { 'x-llm-error-retryable': 'false' } } },
        'provider_unavailable',
        { retryable: false },
      );

      sentence('never repeats the key, not even where the provider does', async (exchange) => {
        // ask() looks for the key in all that comes back
        const echo = `Incorrect API key provided: ${canaryKey}. Authorization: Bearer ${canaryKey}`;
        const { failure } = await exchange.ask({ fault: { type: 'error', kind: 'auth', message: echo } });
        expect(failure).toMatchObject({ type: 'auth' });
        await exchange.ask({ fault: { type: 'status', status: 500, body: { request: { headers: [canaryKey] } } } });
        await exchange.ask({ fault: { type: 'status', status: 502, body: `<pre>${echo}</pre>` } });
        await exchange.ask({ text: 'So', fault: { type: 'streamError', message: echo } });
        await exchange.ask({ fault: { type: 'notSse', contentType: 'text/html', body: echo } });
      });
    });

    describe('ends when it is not wanted any more', () => {
      sentence('asks nothing where the signal has aborted already', async (exchange) => {
        const { last } = await exchange.ask({ text: 'Hi' }, { signal: AbortSignal.abort(), requests: 0 });
        expect(last).toEqual({ type: 'aborted' });
      });

      sentence('closes the connection when the signal aborts before any headers', async (exchange) => {
        const controller = new AbortController();
        const asked = exchange.ask({ fault: { type: 'noHeaders' } }, { signal: controller.signal });
        const request = await exchange.server.request(0);
        controller.abort();
        expect((await asked).last).toEqual({ type: 'aborted' });
        expect(await request.ended).toBe('broken');
      });

      sentence('closes the connection when the signal aborts in silence after the headers', async (exchange) => {
        const controller = new AbortController();
        const asked = exchange.ask({ text: 'Hi', fault: { type: 'silence' } }, { signal: controller.signal });
        const request = await exchange.server.request(0);
        // whether the headers have arrived by now or not, the end is the same
        await new Promise((resolve) => setImmediate(resolve));
        controller.abort(new Error('enough'));
        expect((await asked).last).toEqual({ type: 'aborted' });
        expect(await request.ended).toBe('broken');
      });

      sentence('closes the connection when the signal aborts in the middle of the answer', async (exchange) => {
        const controller = new AbortController();
        const { last, said } = await exchange.ask(
          { text: ['some', 'more'], fault: { type: 'silence', afterParts: 1 } },
          {
            signal: controller.signal,
            onRead: (read) => {
              if (read.some(({ type }) => type === 'text-delta')) controller.abort();
            },
          },
        );
        expect(last).toEqual({ type: 'aborted' });
        expect(said).toBe('some');
        expect(await exchange.server.requests[0]?.ended).toBe('broken');
      });

      sentence('closes the connection when the signal aborts in a flood', async (exchange) => {
        const controller = new AbortController();
        const { last } = await exchange.ask(
          { deltas: { count: manyDeltas, text: 'word ' }, wire: { eventsPerWrite: 250 } },
          {
            signal: controller.signal,
            keepsNothing: true,
            onRead: (read) => {
              if (read.some(({ type }) => type === 'text-delta')) controller.abort();
            },
          },
        );
        expect(last).toEqual({ type: 'aborted' });
        expect(await exchange.server.requests[0]?.ended).toBe('broken');
      });

      sentence('closes the connection when nobody reads on', async (exchange) => {
        exchange.server.enqueue({ deltas: { count: manyDeltas, text: 'word ' }, wire: { eventsPerWrite: 250 } });
        const { signal } = new AbortController();
        for await (const _ of exchange.model.stream(plainRequest, { signal })) break;
        expect(await exchange.server.requests[0]?.ended).toBe('broken');
      });

      sentence('is not disturbed by a signal that aborts after the end', async (exchange) => {
        const controller = new AbortController();
        const { finish } = await exchange.ask({ text: 'Hi' }, { signal: controller.signal });
        controller.abort();
        expect(finish).toMatchObject({ finishReason: { unified: 'stop' } });
        expect((await exchange.ask({ text: 'again' })).said).toBe('again');
      });
    });

    describe('asks as it is told', () => {
      const asked = async (exchange: Exchange, request: Partial<ModelRequest>) => {
        await exchange.ask({ text: 'Fine.' }, { request });
        const sent = exchange.server.requests.at(-1);
        return { sent, seen: dialect.read(sent?.body, sent?.path.slice(dialect.basePath.length)) };
      };

      sentence('sends the key, the model, instructions and message, and asks for a stream', async (exchange) => {
        const { sent, seen } = await asked(exchange, { instructions: 'Be brief.' });
        expect(JSON.stringify(sent?.headers)).toContain(canaryKey);
        expect(seen).toMatchObject({
          model: exchange.model.modelId,
          isStream: true,
          instructions: 'Be brief.',
          messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
          tools: [],
        });
      });

      sentence('sends the tools with their schemas', async (exchange) => {
        const { seen } = await asked(exchange, { tools: [weather, clock] });
        expect(seen.tools).toMatchObject([weather, clock]);
        expect(seen.toolChoice).toBe('auto');
      });

      for (const toolChoice of ['none', 'required', { tool: 'clock' }] as const) {
        sentence(`sends the tool choice ${JSON.stringify(toolChoice)}`, async (exchange) => {
          const { seen } = await asked(exchange, { tools: [weather, clock], toolChoice });
          expect(seen.toolChoice).toEqual(toolChoice);
        });
      }

      for (const [setting, value] of Object.entries(someSettings) as [keyof ModelSettings, Json][]) {
        if (dialect.settings.includes(setting)) {
          sentence(`sends the setting ${setting}`, async (exchange) => {
            const { sent, seen } = await asked(exchange, { settings: { [setting]: value } });
            if (setting === 'providerOptions') expect(JSON.stringify(sent?.body)).toContain('"contract_probe":1');
            else expect(seen.settings[setting]).toEqual(value);
          });
        } else {
          sentence(`refuses the setting ${setting} by name, and asks nothing`, async (exchange) => {
            const { failure } = await exchange.ask(
              { text: 'Fine.' },
              { request: { settings: { [setting]: value } }, requests: 0 },
            );
            expect(failure).toMatchObject({ type: 'unknown', code: 'invalid_request', retryable: false });
            expect(failure?.message).toContain(setting);
          });
        }
      }

      const wrongRequests: Readonly<Record<string, object>> = {
        'a message has no content': { messages: [{ role: 'user', id: 'u' }] },
        'a schema is no JSON': { tools: [{ ...weather, inputSchema: { type: 'object', maxProperties: 1n } }] },
      };
      for (const [what, wrong] of Object.entries(wrongRequests)) {
        sentence(
          `says that no request can be made where ${what}, and not that it may be repeated`,
          async (exchange) => {
            const { failure } = await exchange.ask({ text: 'Fine.' }, { request: wrong, requests: 0 });
            expect(failure).toMatchObject({ type: 'unknown', code: 'adapter_error', retryable: false });
          },
        );
      }

      sentence('sends a history with tool calls and results, in order', async (exchange) => {
        const { seen } = await asked(exchange, { messages: history, tools: [weather, clock] });
        expect(transcriptProblems(seen.messages)).toEqual([]);
        expect(seen.messages.map(({ role }) => role)).toEqual(history.map(({ role }) => role));
        expect(seen.messages.flatMap(toolCallsOf)).toMatchObject(
          history.flatMap(toolCallsOf).map(({ toolCallId, toolName, input }) => ({ toolCallId, toolName, input })),
        );
        const texts = seen.messages.map((message) => JSON.stringify(message.content));
        for (const [index, words] of historyWords.entries()) {
          for (const word of words) expect(texts[index]).toContain(word);
        }
      });

      sentence('sends back an answer of its own as it came', async (exchange) => {
        const { parts } = await exchange.ask({ ...wholeAnswer, text: 'Let me see.' });
        const { seen } = await asked(exchange, {
          messages: [user('Hi'), ...exchangeOf(parts)],
          tools: [weather, clock],
        });
        expect(transcriptProblems(seen.messages)).toEqual([]);
        expect(seen.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
        const calls = seen.messages.flatMap(toolCallsOf);
        expect(calls.map(({ toolCallId, toolName, input }) => [toolCallId, toolName, input])).toEqual(
          (wholeAnswer.calls ?? []).map(({ id, name, input = {} }) => [id, name, input]),
        );
      });

      sentence('does not change what it is given', async (exchange) => {
        const request = deepFrozen({ ...plainRequest, messages: history, tools: [weather], settings: {} });
        await exchange.ask({ text: 'Fine.' }, { request });
      });
    });
  });

  function expectWhole({ thought, said, calls }: Asked): void {
    expect(thought).toBe('First I think.');
    expect(said).toBe(text);
    expect(calls.map(({ toolCallId, toolName, rawInput }) => [toolCallId, toolName, rawInput])).toEqual(
      (wholeAnswer.calls ?? []).map(({ id, name, input = {} }) => [id, name, JSON.stringify(input)]),
    );
  }
}

/** An answer as the engine keeps it, and results for all its calls. */
function exchangeOf(parts: readonly ModelPart[]): readonly Message[] {
  const answer = new AnswerBuilder();
  answer.add(parts);
  const message: Message = { role: 'assistant', id: 'answer', content: answer.content() };
  const content = toolCallsOf(message).map(({ toolCallId, toolName }) => ({
    type: 'tool-result' as const,
    toolCallId,
    toolName,
    output: { type: 'text' as const, value: 'done' },
  }));
  return [message, { role: 'tool', id: 'results', content }];
}

function count(parts: number): string {
  if (parts === Number.POSITIVE_INFINITY) return 'all parts';
  return parts === 1 ? '1 part' : `${parts} parts`;
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) deepFrozen(inner);
  return Object.freeze(value);
}
