/** What the machines ask of the work outside, and what they are told: the inputs and outputs of their effects. */

import type { EffectInput } from '../effects.ts';
import type { GuardrailTriggered, ToolOutcome } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { Json } from '../json.ts';
import type { AssistantPart, Message, ToolCallPart, UserMessage } from '../messages.ts';
import type { FinishReason, Model, ToolChoice, Usage } from '../model.ts';
import type { JsonSchema } from '../schema.ts';
import type { History } from './history.ts';
import type { TurnOptions } from './turnContext.ts';

/** Something worth telling whoever looks for the reason of something. */
export interface Remark {
  readonly source: string;
  readonly message: string;
}

/** What a guardrail did. */
export type GuardrailReport = Pick<GuardrailTriggered, 'stage' | 'name' | 'action' | 'reason'>;

/** What is made ready before a step asks the model: the application's own functions are called, its guardrails first. */
export interface PrepareStepInput extends EffectInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  readonly history: History;
  /** Messages that no guardrail has seen yet. */
  readonly unseen: readonly UserMessage[];
}

export type PrepareStepOutput =
  | ({ readonly type: 'ready'; readonly plan: StepPlan } & GuardedInput)
  | { readonly type: 'denied'; readonly by: GuardrailReport; readonly reports: readonly GuardrailReport[] }
  | ({ readonly type: 'failed'; readonly failure: Failure } & GuardedInput);

interface GuardedInput {
  /** Messages that guardrails have changed. */
  readonly rewritten?: readonly UserMessage[];
  readonly reports?: readonly GuardrailReport[];
}

/** How a step asks the model, where that is not as the agent's options say. */
export interface StepPlan {
  readonly instructions?: string;
  /** Names of the tools that the model may call. */
  readonly tools?: readonly string[];
  readonly toolChoice?: ToolChoice;
  readonly model?: ModelName;
}

/** Which model. */
export type ModelName = Pick<Model, 'provider' | 'modelId'>;

/** For whoever looks at what the work outside has come to; machines do not. */
interface AskedModel {
  readonly model?: ModelName;
  /** What the provider calls its answer, and the model that gave it. */
  readonly response?: { readonly id?: string; readonly modelId?: string };
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
  readonly plan?: StepPlan;
  /** The form that the answer is to have. */
  readonly outputSchema?: JsonSchema;
  /** The model gets no tools, so that it must answer. */
  readonly withholdsTools?: true;
  readonly stallTimeoutMs: number;
}

export type CallModelOutput = ModelAnswer | ModelDenied | ModelTrouble;

/** A guardrail did not let the answer through. */
export interface ModelDenied extends AskedModel {
  readonly type: 'denied';
  readonly by: GuardrailReport;
  readonly reports: readonly GuardrailReport[];
  readonly usage: Usage;
  readonly cost?: number;
  readonly remarks?: readonly Remark[];
}

/** The model answered. */
export interface ModelAnswer extends AskedModel {
  readonly type: 'answer';
  readonly content: readonly AssistantPart[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  readonly cost?: number;
  readonly remarks?: readonly Remark[];
  readonly repairs?: readonly { readonly toolCallId: string; readonly how: string }[];
  /** A guardrail has changed the text: what was shown of it is stale. */
  readonly rewritten?: GuardrailReport;
  readonly reports?: readonly GuardrailReport[];
}

/** The model call failed. */
export interface ModelTrouble extends AskedModel {
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
  /** How many agents are around this one. */
  readonly depth: number;
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
      /** Another agent works on it. */
      readonly agent?: DelegatedCall;
      /** The input that it runs with, where a guardrail has changed it. */
      readonly input?: Json;
      readonly reports?: readonly GuardrailReport[];
    }
  | { readonly type: 'refused'; readonly outcome: ToolOutcome; readonly reports?: readonly GuardrailReport[] };

/** What another agent is to do. Says all that its turn is made of, so that a replay needs nothing of the agent. */
export interface DelegatedCall {
  /** The agent's. */
  readonly name: string;
  readonly prompt: string;
  readonly options: TurnOptions;
}

/** Reads an answer that is to have a form, and checks it. */
export interface CheckOutputInput extends EffectInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  readonly text: string;
  /** Its form, as far as that is known as JSON. */
  readonly schema?: JsonSchema;
  readonly history: History;
}

export type CheckOutputOutput =
  | { readonly type: 'accepted'; readonly output: Json }
  /** The hint is what the model reads. */
  | { readonly type: 'rejected'; readonly hint: string }
  /** Nothing that the model could mend. */
  | { readonly type: 'failed'; readonly failure: Failure };

/** One attempt to run a tool. */
export interface ExecuteToolInput extends EffectInput {
  readonly sessionId: string;
  readonly turnId: string;
  readonly step: number;
  /** With the input that it runs with. */
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

/** Makes a summary of what a model is not shown any more: one attempt. */
export interface SummarizeInput extends EffectInput {
  readonly sessionId: string;
  /** What goes; begins with the summary before, if there is one. */
  readonly messages: readonly Message[];
  readonly stallTimeoutMs: number;
}

export type SummarizeOutput = AskedModel & {
  readonly usage: Usage;
  readonly cost?: number;
} & ({ readonly type: 'summarized'; readonly text: string } | { readonly type: 'failed'; readonly failure: Failure });
