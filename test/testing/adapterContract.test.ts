import { type Model, type ModelPart, type ModelRequest, noUsage } from 'turnchart';
import { openai } from 'turnchart/adapters/openai';
import { adapterContract, openaiChat } from 'turnchart/testing';
import { describe, expect, it } from 'vitest';

type Reads = AsyncIterable<readonly ModelPart[]>;
interface Fixture {
  readonly model: Model;
  readonly apiKey: string;
}

/** A model that keeps to the contract, but for what is done to its reads or to what it is asked. */
function spoiled(how: {
  readonly reads?: (reads: Reads, fixture: Fixture, again: () => Reads) => Reads;
  readonly request?: (request: ModelRequest) => ModelRequest;
  readonly signal?: () => AbortSignal;
  readonly fetch?: typeof fetch;
}) {
  return (baseURL: string, apiKey: string): Model => {
    const model = openai('some-model', {
      baseURL,
      apiKey,
      api: 'chat',
      ...(how.fetch !== undefined && { fetch: how.fetch }),
    });
    return {
      ...model,
      stream(request, { signal }) {
        const stream = () =>
          asReads(model.stream(how.request?.(request) ?? request, { signal: how.signal?.() ?? signal }));
        return how.reads?.(stream(), { model, apiKey }, stream) ?? stream();
      },
    };
  };
}

async function* asReads(stream: ReturnType<Model['stream']>): Reads {
  for await (const read of stream) yield (Array.isArray(read) ? read : [read]) as readonly ModelPart[];
}

/** A spoiled part for each part. */
const eachPart = (spoil: (part: ModelPart, fixture: Fixture) => ModelPart | readonly ModelPart[]) =>
  spoiled({
    async *reads(reads, fixture) {
      for await (const read of reads) yield read.flatMap((part) => spoil(part, fixture));
    },
  });

const finish: ModelPart = { type: 'finish', finishReason: { unified: 'stop' }, usage: noUsage };

/** Adapters with one mistake each, and the sentence that must find it. */
const planted: Readonly<Record<string, readonly [sentence: RegExp, createModel: ReturnType<typeof spoiled>]>> = {
  'throws what went wrong': [
    /says that the provider failed/,
    eachPart((part) => {
      if (part.type === 'error') throw new Error(part.failure.message);
      return part;
    }),
  ],
  'takes what was cut for an answer': [
    /connection was cut \(fin\) after all parts/,
    eachPart((part) => (part.type === 'error' ? finish : part)),
  ],
  'takes what broke off for an answer': [
    /stream ended after 1 part/,
    eachPart((part) => (part.type === 'error' && part.failure.code === 'stream_truncated' ? finish : part)),
  ],
  'skips lines that it cannot read': [
    /after 3 parts is no JSON/,
    eachPart((part) => (part.type === 'error' && /cannot be read/.test(part.failure.message) ? finish : part)),
  ],
  'takes any 200 for an answer': [
    /a 200 with HTML/,
    eachPart((part) => (part.type === 'error' && part.failure.code === 'empty_response' ? finish : part)),
  ],
  'forgets which request it was': [
    /names the request where the mark of the end is missing/,
    eachPart((part) => {
      if (part.type !== 'error') return part;
      const { requestId: _, ...failure } = part.failure;
      return { type: 'error', failure };
    }),
  ],
  'takes a mistake for the network': [
    /a message has no content/,
    eachPart((part) => {
      if (part.type !== 'error' || part.failure.code !== 'adapter_error') return part;
      return { type: 'error', failure: { ...part.failure, type: 'provider_unavailable', code: 'network' } };
    }),
  ],
  'says nothing at the end': [/aborts before any headers/, eachPart((part) => (part.type === 'aborted' ? [] : part))],
  'goes on after the end': [
    /streams text in parts/,
    eachPart((part) => (part.type === 'finish' ? [part, { type: 'text-delta', text: '' }] : part)),
  ],
  'finishes twice': [/streams text in parts/, eachPart((part) => (part.type === 'finish' ? [part, part] : part))],
  'calls what was aborted a failure': [
    /aborts in the middle/,
    eachPart((part) =>
      part.type === 'aborted'
        ? { type: 'error', failure: { type: 'unknown', code: 'aborted', message: 'Aborted.', retryable: false } }
        : part,
    ),
  ],
  'tells the key': [
    /says that a key is refused|never repeats the key/,
    eachPart((part, { apiKey }) =>
      part.type === 'error'
        ? { ...part, failure: { ...part.failure, message: `${part.failure.message} ${apiKey}` } }
        : part,
    ),
  ],
  'mends JSON that stops half way': [
    /JSON of a call stops half way/,
    eachPart((part) => (part.type === 'tool-call' ? { ...part, rawInput: '{}' } : part)),
  ],
  'calls tools of what was cut': [
    /no tool call of JSON that stops half way/,
    eachPart((part) =>
      part.type === 'error'
        ? [{ type: 'tool-call', toolCallId: 'call_b', toolName: 'weather', rawInput: '{}' }, part]
        : part,
    ),
  ],
  'takes a spent quota for a rate limit': [
    /a quota is spent/,
    eachPart((part) =>
      part.type === 'error' ? { ...part, failure: { ...part.failure, type: 'rate_limit', retryable: true } } : part,
    ),
  ],
  'forgets the delay': [
    /the delay of a 429/,
    eachPart((part) => {
      if (part.type !== 'error') return part;
      const { retryAfterMs: _, ...failure } = part.failure;
      return { ...part, failure };
    }),
  ],
  'gives what is no JSON': [
    /streams text in parts/,
    eachPart((part) => (part.type === 'finish' ? { ...part, usage: { ...noUsage, inputTokens: Number.NaN } } : part)),
  ],
  retries: [
    /says that the provider failed/,
    spoiled({
      async *reads(reads, _fixture, again) {
        for await (const read of reads) {
          if (read.some(({ type }) => type === 'error')) yield* again();
          else yield read;
        }
      },
    }),
  ],
  'gives every part alone': [
    /one network read brought as one array/,
    spoiled({
      async *reads(reads) {
        for await (const read of reads) for (const part of read) yield [part];
      },
    }),
  ],
  'reads the characters of each chunk by themselves': [
    /in chunks of 1 bytes/,
    spoiled({
      async fetch(...asked) {
        const { body, headers } = await fetch(...asked);
        const spoil = new TransformStream<Uint8Array, Uint8Array>({
          transform: (chunk, to) => to.enqueue(new TextEncoder().encode(new TextDecoder().decode(chunk))),
        });
        return new Response(body?.pipeThrough(spoil), { headers });
      },
    }),
  ],
  'keeps every part': [
    /a million deltas/,
    spoiled({
      async *reads(reads) {
        const kept: object[] = [];
        for await (const read of reads) {
          for (const part of read) kept.push({ ...part });
          yield read;
        }
        if (kept.length === 0) yield [];
      },
    }),
  ],
  'asks although nobody wants it': [
    /the signal has aborted already/,
    spoiled({ signal: () => new AbortController().signal }),
  ],
  'forgets the tool choice': [
    /the tool choice "none"/,
    spoiled({ request: (asked) => ({ ...asked, toolChoice: 'auto' }) }),
  ],
  'forgets settings': [/sends the setting temperature/, spoiled({ request: (asked) => ({ ...asked, settings: {} }) })],
  'turns the history round': [
    /a history with tool calls and results/,
    spoiled({ request: (asked) => ({ ...asked, messages: asked.messages.toReversed() }) }),
  ],
  'leaves instructions out': [
    /sends the key, the model, instructions/,
    spoiled({ request: ({ instructions: _, ...asked }) => asked }),
  ],
};

/** The sentences of the contract, not yet run. */
function sentencesFor(createModel: ReturnType<typeof spoiled>) {
  const found: { readonly words: string; readonly run: () => Promise<void> }[] = [];
  adapterContract(
    'planted',
    { dialect: openaiChat, createModel },
    {
      describe: (_name, define) => define(),
      it: (words, run) => found.push({ words, run }),
      expect,
    },
  );
  return found;
}

describe('the contract of adapters', () => {
  it.each(Object.entries(planted))(
    'finds the adapter that %s',
    async (_name, [sentence, createModel]) => {
      const asked = sentencesFor(createModel).filter(({ words }) => sentence.test(words));
      expect(asked).not.toEqual([]);
      const sound = sentencesFor(spoiled({})).filter(({ words }) => sentence.test(words));
      for (const { run } of sound) await run();
      for (const { run } of asked) await expect(run()).rejects.toThrow();
    },
    60_000,
  );

  it('says each thing once', () => {
    const words = sentencesFor(spoiled({})).map((sentence) => sentence.words);
    expect(new Set(words).size).toBe(words.length);
  });
});
