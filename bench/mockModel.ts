import type { Model, ModelPart, ModelRequest } from 'turnchart';

/** What one network read brings. */
export type Read = readonly ModelPart[];

const usage = { inputTokens: 100, outputTokens: 20 };

/** A model in this process that answers at once, in reads made beforehand: what is measured is the loop around it. */
export function mockModel(answer: (request: ModelRequest) => readonly Read[]): Model {
  return {
    provider: 'mock',
    modelId: 'mock',
    async *stream(request, { signal }) {
      for (const read of answer(request)) {
        if (signal.aborted) break;
        yield read;
      }
      if (signal.aborted) yield { type: 'aborted' };
    },
  };
}

/** A model that says a few words and then nothing until it is aborted. */
export function hangingModel(reads: readonly Read[]): Model {
  return {
    provider: 'mock',
    modelId: 'mock',
    async *stream(_request, { signal }) {
      yield* reads;
      if (!signal.aborted) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      }
      yield { type: 'aborted' };
    },
  };
}

/** A text of that many deltas, so many of them in one read. */
export function textReads(deltas: number, perRead: number): readonly Read[] {
  const parts = Array.from(
    { length: deltas },
    (_, index): ModelPart => ({ type: 'text-delta', text: `word${index} ` }),
  );
  return inReads([...parts, { type: 'finish', finishReason: { unified: 'stop' }, usage }], perRead);
}

/** The same, not finished. */
export function openTextReads(deltas: number, perRead: number): readonly Read[] {
  return inReads(
    Array.from({ length: deltas }, (_, index): ModelPart => ({ type: 'text-delta', text: `word${index} ` })),
    perRead,
  );
}

/** An answer that asks for the tool `add` that many times at once; `first` keeps the inputs of two answers apart. */
export function callReads(calls: number, first = 0): readonly Read[] {
  const parts = Array.from(
    { length: calls },
    (_, index): ModelPart => ({
      type: 'tool-call',
      toolCallId: `call_${index}`,
      toolName: 'add',
      rawInput: `{"a":${first + index},"b":1}`,
    }),
  );
  return [[...parts, { type: 'finish', finishReason: { unified: 'tool-calls' }, usage }]];
}

function inReads(parts: readonly ModelPart[], perRead: number): readonly Read[] {
  const reads: Read[] = [];
  for (let start = 0; start < parts.length; start += perRead) reads.push(parts.slice(start, start + perRead));
  return reads;
}
