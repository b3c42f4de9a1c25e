import type { ModelPart } from '../../model.ts';
import { isWire, type Wire } from '../wire.ts';
import type { AiSdkModel } from './aiSdk.ts';
import type { AiSdkFailures } from './failures.ts';
import type { PartReader } from './read.ts';

interface Exchange<Options> {
  /** Makes what the model is called with, of our words. */
  readonly prepare: () => Options;
  readonly send: (options: Options) => Promise<Awaited<ReturnType<AiSdkModel['doStream']>>>;
  readonly reader: PartReader;
  readonly failures: AiSdkFailures;
  readonly signal: AbortSignal;
}

/** Asks, reads to the end, and says how it ended: never throws, and the last part is the only one of its kind. */
export async function* streamParts<Options>(
  exchange: Exchange<Options>,
): AsyncGenerator<readonly ModelPart[], void, undefined> {
  const { prepare, send, reader, failures, signal } = exchange;
  if (signal.aborted) {
    yield [{ type: 'aborted' }];
    return;
  }
  let options: Options;
  try {
    options = prepare();
  } catch (error) {
    yield [{ type: 'error', failure: failures.unsent(error) }];
    return;
  }
  let stream: ReadableStream<unknown>;
  try {
    const answer = await send(options);
    if (answer.response?.headers !== undefined) failures.headers = new Headers(answer.response.headers);
    stream = answer.stream;
  } catch (error) {
    // an abort is thrown as a failed call, with status 200 even
    yield [signal.aborted ? { type: 'aborted' } : { type: 'error', failure: failures.threw(error) }];
    return;
  }
  try {
    for await (const { values, end } of readsOf(stream, signal)) {
      if (signal.aborted) break;
      const parts: ModelPart[] = [];
      for (const value of values) if (reader.read(value, parts)) break;
      if (end !== undefined && !reader.hasEnded) {
        parts.push('error' in end ? { type: 'error', failure: failures.told(end.error) } : reader.brokenOff());
      }
      if (parts.length > 0) yield parts;
      if (reader.hasEnded || end !== undefined) return;
    }
  } catch (error) {
    if (!signal.aborted) {
      yield [{ type: 'error', failure: failures.broke(error) }];
      return;
    }
  }
  yield [{ type: 'aborted' }];
}

interface Read {
  readonly values: readonly Wire[];
  /** How the stream ended, once it has. */
  readonly end: { readonly error: unknown } | { readonly done: true } | undefined;
}

/**
 * What of a stream arrives together, as one network read: whatever comes until the event loop goes on to the next task.
 * The packages give the parts one by one, in microtasks.
 */
async function* readsOf(stream: ReadableStream<unknown>, signal: AbortSignal): AsyncGenerator<Read, void, undefined> {
  const reader = stream.getReader();
  const cancel = () => void reader.cancel().catch(ignore);
  signal.addEventListener('abort', cancel, { once: true });
  let end: Read['end'];
  let values: Wire[] = [];
  /** Whether there may be more. */
  const next = async (): Promise<boolean> => {
    try {
      const { done, value } = await reader.read();
      if (done) end = { done };
      else if (isWire(value)) values.push(value);
    } catch (error) {
      end = { error };
    }
    return end === undefined;
  };
  try {
    let pending = next();
    while (end === undefined) {
      let hasMore = await pending;
      const later = nextTask();
      while (hasMore) {
        pending = next();
        hasMore = await Promise.race([pending, later]);
      }
      const read = values;
      values = [];
      yield { values: read, end };
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

function nextTask(): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, 0, false));
}

function ignore(): void {}
