/** What the machines ask of the work outside, and what they are told: the inputs and outputs of their effects. */

import type { EffectInput } from '../effects.ts';
import type { ToolOutcome } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { AssistantPart, ToolCallPart } from '../messages.ts';
import type { FinishReason, Usage } from '../model.ts';
import type { History } from './history.ts';

/** Something worth telling whoever looks for the reason of something. */
export interface Remark {
  readonly source: string;
  readonly message: string;
}

/** One attempt of a model call. */
export interface CallModelInput extends EffectInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  /** From 1, rising for the whole step. */
  readonly attempt: number;
  /** From 1, counting the attempts of this request: the backoff follows it. */
  readonly tries: number;
  /** The same for every attempt of one request. */
  readonly requestId: string;
  readonly history: History;
  readonly stallTimeoutMs: number;
}

export type CallModelOutput = ModelAnswer | ModelTrouble;

/** The model answered. */
export interface ModelAnswer {
  readonly type: 'answer';
  readonly content: readonly AssistantPart[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  readonly cost?: number;
  readonly remarks?: readonly Remark[];
  readonly repairs?: readonly { readonly toolCallId: string; readonly how: string }[];
}

/** The model call failed. */
export interface ModelTrouble {
  readonly type: 'trouble';
  readonly failure: Failure;
  /** When to try again, jitter included, or not to. One that is not `counted` uses up no attempt, and is never refused. */
  readonly retry: { readonly delayMs: number; readonly counted?: false } | false;
  readonly usage: Usage;
  readonly cost?: number;
  readonly remarks?: readonly Remark[];
}

/** Reads, checks and looks up a tool call before anything runs. */
export interface PrepareToolInput extends EffectInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  readonly call: ToolCallPart;
  readonly history: History;
}

export type PrepareToolOutput =
  | {
      readonly type: 'ready';
      readonly sequential: boolean;
      /** Whether running it twice does no harm. */
      readonly idempotent?: true;
      /** Somebody has to be asked first; a time over which counts as no, in ms. */
      readonly approval?: { readonly timeoutMs?: number };
      /** It runs outside: the turn waits for its result. */
      readonly isClientSide?: true;
    }
  | { readonly type: 'refused'; readonly outcome: ToolOutcome };

/** One attempt to run a tool. */
export interface ExecuteToolInput extends EffectInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  readonly call: ToolCallPart;
  readonly attempt: number;
  readonly idempotencyKey: string;
  /** Whether running it twice does no harm. */
  readonly idempotent: boolean;
  readonly history: History;
}

export type ExecuteToolOutput =
  | { readonly type: 'settled'; readonly outcome: ToolOutcome }
  /** It failed in a way that another attempt may mend, after that delay. */
  | {
      readonly type: 'failed';
      readonly outcome: ToolOutcome & { type: 'failed' };
      readonly delayMs: number;
      /** In total, the first included. */
      readonly maxAttempts: number;
    };
