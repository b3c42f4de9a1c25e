import type { Failure } from '../failure.ts';
import type { Json } from '../json.ts';
import type { FinishReason, Model, ModelPart, ModelRequest, Usage } from '../model.ts';

/** An answer, in the short form that tests are written in. */
export interface ScriptedAnswer {
  readonly reasoning?: string;
  /** Several texts arrive in as many network reads. */
  readonly text?: string | readonly string[];
  readonly calls?: readonly ScriptedCall[];
  /** @default `tool-calls` where there are calls, `stop` otherwise */
  readonly finish?: FinishReason['unified'];
  /** @default 10 in, 5 out */
  readonly usage?: Usage;
  /** Ends the answer with this failure, after whatever text there is. */
  readonly failure?: Failure;
  /** Waits before the answer ends until the signal aborts; then `aborted` is its last part. */
  readonly hangs?: boolean;
}

/** A tool call of a scripted answer. */
export interface ScriptedCall {
  readonly name: string;
  /** @default {} */
  readonly input?: Json;
  /** What the model literally wrote, where that matters. */
  readonly rawInput?: string;
  /** @default call_1, call_2, … in the order of all calls of the model */
  readonly id?: string;
}

/** What a scripted model says to one request: a text, an answer, or the reads of a stream. */
export type Script = string | ScriptedAnswer | readonly (ModelPart | readonly ModelPart[])[];

/** A model that says what a test wrote down, and keeps what it was asked. */
export interface ScriptedModel extends Model {
  /** All requests so far, as they came. */
  readonly requests: readonly ModelRequest[];
  /** The signals of these requests. */
  readonly signals: readonly AbortSignal[];
}

/**
 * A model for tests. Given a list, it answers request after request with its entries; given a function, with what that
 * returns. A request beyond the list fails with `unknown` / `script_ended`, which is not retried.
 *
 * @example
 * ```ts
 * const model = scriptedModel([{ calls: [{ name: 'weather', input: { city: 'Paris' } }] }, 'It rains.']);
 * const { text } = await createAgent({ model, tools: [weather] }).run('Weather in Paris?');
 * ```
 */
export function scriptedModel(
  script: readonly Script[] | ((request: ModelRequest, index: number) => Script | Promise<Script>),
  options: { readonly contextWindow?: number } = {},
): ScriptedModel {
  const requests: ModelRequest[] = [];
  const signals: AbortSignal[] = [];
  let calls = 0;
  const nextCallId = () => `call_${++calls}`;
  return {
    provider: 'scripted',
    modelId: 'script',
    ...options,
    requests,
    signals,
    async *stream(request, { signal }) {
      const index = requests.length;
      requests.push(request);
      signals.push(signal);
      const entry = typeof script === 'function' ? await script(request, index) : (script[index] ?? scriptEnded(index));
      if (Array.isArray(entry)) yield* entry as readonly (ModelPart | readonly ModelPart[])[];
      else yield* answer(typeof entry === 'string' ? { text: entry } : (entry as ScriptedAnswer), signal, nextCallId);
    },
  };
}

async function* answer(
  entry: ScriptedAnswer,
  signal: AbortSignal,
  nextCallId: () => string,
): AsyncGenerator<ModelPart> {
  const { reasoning, text = [], calls = [], usage = { inputTokens: 10, outputTokens: 5 } } = entry;
  if (reasoning !== undefined) yield { type: 'reasoning-delta', text: reasoning };
  for (const piece of typeof text === 'string' ? [text] : text) yield { type: 'text-delta', text: piece };
  for (const { name, input = {}, rawInput = JSON.stringify(input), id = nextCallId() } of calls) {
    yield { type: 'tool-call', toolCallId: id, toolName: name, rawInput };
  }
  if (entry.hangs) {
    await aborted(signal);
    yield { type: 'aborted' };
    return;
  }
  if (entry.failure !== undefined) {
    yield { type: 'usage', usage };
    yield { type: 'error', failure: entry.failure };
    return;
  }
  yield {
    type: 'finish',
    finishReason: { unified: entry.finish ?? (calls.length > 0 ? 'tool-calls' : 'stop') },
    usage,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function scriptEnded(index: number): ScriptedAnswer {
  return {
    failure: {
      type: 'unknown',
      code: 'script_ended',
      message: `The script has ${index} answers, and was asked for one more.`,
      retryable: false,
    },
  };
}
