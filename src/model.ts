import type { Failure } from './failure.ts';
import type { Json } from './json.ts';
import type { Message } from './messages.ts';
import type { JsonSchema } from './schema.ts';

/**
 * A language model: what an adapter promises, and all that the engine knows of a provider.
 *
 * @example
 * ```ts
 * const parrot: Model = {
 *   provider: 'local',
 *   modelId: 'parrot',
 *   async *stream() {
 *     yield { type: 'text-delta', text: 'Hello.' };
 *     yield { type: 'finish', finishReason: { unified: 'stop' }, usage: { inputTokens: 1, outputTokens: 1 } };
 *   },
 * };
 * ```
 */
export interface Model {
  readonly provider: string;
  readonly modelId: string;
  /** Tokens that fit into one request, where known. */
  readonly contextWindow?: number;
  /**
   * One answer. Never throws for trouble of the provider; the last part is exactly one `finish`, `error` or `aborted`.
   * Yields a part, or an array of parts: one array per network read, which is one event of the machine.
   */
  stream(
    request: ModelRequest,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<ModelPart | readonly ModelPart[]>;
}

export interface ModelRequest {
  readonly instructions?: string;
  /** What the model is to see of the conversation; not to be changed. */
  readonly messages: readonly Message[];
  readonly tools: readonly ToolSpec[];
  readonly toolChoice: ToolChoice;
  readonly outputSchema?: JsonSchema;
  readonly settings?: ModelSettings;
  readonly purpose: 'turn' | 'summary';
  /** The same for every attempt of this request. */
  readonly requestId: string;
  /** From 1, rising for the whole step. */
  readonly attempt: number;
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string };

/** A tool as the model is told of it. */
export interface ToolSpec {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: JsonSchema;
}

/** Adapters translate them; one that a provider has no word for fails the call and says so. */
export interface ModelSettings {
  /** How much chance there is in the answer. @default the provider's */
  readonly temperature?: number;
  /** The share of the likeliest words that are chosen from, from 0 to 1. @default the provider's */
  readonly topP?: number;
  /** The longest answer, reasoning included, in tokens. @default the provider's */
  readonly maxOutputTokens?: number;
  /** In the provider's words, `low` or `high` for example. @default the provider's */
  readonly reasoningEffort?: string;
  /** Texts that end the answer. @default none */
  readonly stopSequences?: readonly string[];
  /** For answers that can be repeated, as far as the provider keeps to it. @default none */
  readonly seed?: number;
  /** Merged into the provider's request as it is, last. @default none */
  readonly providerOptions?: { readonly [key: string]: Json };
}

export interface TextDelta {
  readonly type: 'text-delta';
  /** The block this belongs to, where the provider has blocks. */
  readonly id?: string;
  readonly text: string;
}

export interface ReasoningDelta {
  readonly type: 'reasoning-delta';
  readonly id?: string;
  readonly text: string;
}

/** The parts of an answer as they arrive. */
export type ModelPart =
  | TextDelta
  | ReasoningDelta
  /** Closes a block; its metadata is sent back with the block. */
  | { readonly type: 'block-end'; readonly id: string; readonly providerMetadata?: Json }
  | {
      readonly type: 'tool-input-delta';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly delta: string;
    }
  /** `rawInput`: the JSON text as received. */
  | {
      readonly type: 'tool-call';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly rawInput: string;
      readonly providerMetadata?: Json;
    }
  | { readonly type: 'opaque'; readonly provider: string; readonly data: Json }
  /** Cumulative within the attempt: the last one counts. */
  | { readonly type: 'usage'; readonly usage: Usage }
  | {
      readonly type: 'finish';
      readonly finishReason: FinishReason;
      readonly usage: Usage;
      readonly response?: { readonly id?: string; readonly modelId?: string };
    }
  | { readonly type: 'error'; readonly failure: Failure }
  | { readonly type: 'aborted' };

/** Why a model call ended: one word for all providers, and the provider's own. `pause` means: call again, same step. */
export interface FinishReason {
  readonly unified: 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'pause' | 'other';
  readonly raw?: string;
}

/** Tokens. `inputTokens` includes the cached ones, `outputTokens` the reasoning. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
}

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0 };

/** The sum of two usages; a detail that neither reports stays unreported. */
export function addUsage(a: Usage, b: Usage): Usage {
  const cachedInputTokens = addKnown(a.cachedInputTokens, b.cachedInputTokens);
  const cacheWriteTokens = addKnown(a.cacheWriteTokens, b.cacheWriteTokens);
  const reasoningTokens = addKnown(a.reasoningTokens, b.reasoningTokens);
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    ...(cachedInputTokens !== undefined && { cachedInputTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function addKnown(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}
