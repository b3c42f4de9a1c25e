import { createFailure, type Failure } from '../failure.ts';
import type { Model, ModelPart, ModelRequest } from '../model.ts';
import { type EndPart, endIn, identityOf, partsOf } from './wrapping.ts';

/** One call of a model as plain JSON. */
export interface RecordedCall {
  readonly provider: string;
  readonly modelId: string;
  readonly request: ModelRequest;
  /** The parts of the answer, in the reads they came in; the last part ends the answer, `aborted` where it broke off. */
  readonly reads: readonly (readonly ModelPart[])[];
}

export interface RecordedOptions {
  /** Gets every call once it has ended. What it throws fails the call: a gap in a recording is found too late otherwise. */
  readonly onCall: (call: RecordedCall) => void;
}

/**
 * A model that is written down while it works: each call with its request and its answer, to be played back by
 * {@link replayed}. A recording has no keys of the provider in it, but all that was said.
 *
 * @example
 * ```ts
 * const model = recorded(openai('gpt-…'), {
 *   onCall: (call) => appendFileSync('calls.jsonl', `${JSON.stringify(call)}\n`),
 * });
 * ```
 */
export function recorded(model: Model, { onCall }: RecordedOptions): Model {
  const { provider, modelId } = model;
  return {
    ...identityOf(model),
    async *stream(request, { signal }) {
      const reads: (readonly ModelPart[])[] = [];
      let end: EndPart | undefined;
      let stopped: 'by the model' | 'by the reader' | 'by an error' = 'by an error';
      try {
        for await (const read of model.stream(request, { signal })) {
          reads.push(partsOf(read));
          end ??= endIn(read);
          stopped = 'by the reader';
          yield read;
          stopped = 'by an error';
        }
        stopped = 'by the model';
      } finally {
        if (stopped === 'by the reader' && end === undefined) reads.push([{ type: 'aborted' }]);
        if (stopped !== 'by an error') onCall({ provider, modelId, request, reads });
      }
    },
  };
}

/**
 * A model that answers from a recording, without a provider. Each request gets the answer of the first call, not played
 * yet, that was asked the same: the same messages, instructions, tools and settings, whatever the ids. Aborted answers
 * wait for the abort. A request that is not in the recording fails with `unknown` / `not_recorded` and says what differs.
 *
 * @throws TypeError for a recording without calls.
 * @example
 * ```ts
 * const calls = readFileSync('calls.jsonl', 'utf8').trim().split('\n').map((line) => JSON.parse(line));
 * const { text } = await createAgent({ model: replayed(calls), tools }).run('Weather in Paris?');
 * ```
 */
export function replayed(calls: readonly RecordedCall[]): Model {
  const [first] = calls;
  if (first === undefined) throw new TypeError('The recording given to replayed() has no calls.');
  const left = calls.map((call) => ({ call, asked: essenceOf(call.request) }));
  return {
    provider: first.provider,
    modelId: first.modelId,
    async *stream(request, { signal }) {
      const asked = essenceOf(request);
      const index = left.findIndex((candidate) => isSame(candidate.asked, asked));
      if (index < 0) {
        yield { type: 'error', failure: notRecorded(first, asked, left[0]?.asked) };
        return;
      }
      const [found] = left.splice(index, 1);
      for (const read of found?.call.reads ?? []) {
        if (endIn(read)?.type === 'aborted') await aborted(signal);
        if (signal.aborted) {
          yield { type: 'aborted' };
          return;
        }
        yield read;
      }
    },
  };
}

type Essence = Readonly<Record<string, string>>;

/** What a request asks for, field by field, in one spelling and without the ids, which are others in every run. */
function essenceOf(request: ModelRequest): Essence {
  const { requestId: _, ...asked } = request;
  const entries = Object.entries(asked).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, JSON.stringify(value, name === 'messages' ? plain : sorted)]),
  );
}

function plain(this: unknown, key: string, value: unknown): unknown {
  return key === 'id' && isMessage(this) ? undefined : sorted(key, value);
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

function isMessage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'role' in value && 'content' in value;
}

function isSame(a: Essence, b: Essence): boolean {
  return differences(a, b).length === 0;
}

function differences(a: Essence, b: Essence): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}

function notRecorded({ provider, modelId }: RecordedCall, asked: Essence, next: Essence | undefined): Failure {
  const difference =
    next === undefined
      ? 'all its calls have been played'
      : `the next call differs in ${differences(asked, next).join(', ')}`;
  return createFailure({
    type: 'unknown',
    code: 'not_recorded',
    message: `The recording of ${provider}/${modelId} has no answer to this request: ${difference}. Record it anew.`,
    retryable: false,
    provider,
    model: modelId,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
