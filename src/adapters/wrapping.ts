import type { Model, ModelPart } from '../model.ts';

/** A part that ends an answer. */
export type EndPart = Extract<ModelPart, { readonly type: 'finish' | 'error' | 'aborted' }>;

/** What a model yields at once. */
export type ModelRead = ModelPart | readonly ModelPart[];

export function partsOf(read: ModelRead): readonly ModelPart[] {
  return isPart(read) ? [read] : read;
}

/** How the answer ended, if it did in this read: anything beyond the first end is no part of the answer. */
export function endIn(read: ModelRead): EndPart | undefined {
  return isPart(read) ? (isEnd(read) ? read : undefined) : read.find(isEnd);
}

/** What a model around a model shows of it. */
export function identityOf({ provider, modelId, contextWindow }: Model) {
  return { provider, modelId, ...(contextWindow !== undefined && { contextWindow }) };
}

function isPart(read: ModelRead): read is ModelPart {
  return !Array.isArray(read);
}

function isEnd(part: ModelPart): part is EndPart {
  return part.type === 'finish' || part.type === 'error' || part.type === 'aborted';
}
