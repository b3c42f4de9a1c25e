import type { Failure, Model, ModelPart, ModelRequest, Usage } from 'turnchart';
import { request } from './support.ts';

export { request } from './support.ts';

/** Everything that a model yields, read by read. */
export async function readsOf(
  model: Model,
  asked: ModelRequest = request(),
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly (readonly ModelPart[])[]> {
  const reads: (readonly ModelPart[])[] = [];
  for await (const read of model.stream(asked, { signal })) reads.push([read].flat());
  return reads;
}

export async function partsOf(...args: Parameters<typeof readsOf>): Promise<readonly ModelPart[]> {
  return (await readsOf(...args)).flat();
}

/** The failure that an answer ended with. */
export async function failureOf(...args: Parameters<typeof readsOf>): Promise<Failure | undefined> {
  const last = (await partsOf(...args)).at(-1);
  return last?.type === 'error' ? last.failure : undefined;
}

export function text(text: string): ModelPart {
  return { type: 'text-delta', text };
}

export function usage(inputTokens: number, outputTokens = 0): Usage {
  return { inputTokens, outputTokens };
}

export function finish(used: Usage = usage(1, 1)): ModelPart {
  return { type: 'finish', finishReason: { unified: 'stop' }, usage: used };
}

export function error(failure: Failure): ModelPart {
  return { type: 'error', failure };
}
