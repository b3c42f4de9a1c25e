import type { OutputForm, StopReason } from '../events.ts';
import type { Failure } from '../failure.ts';
import type { Json } from '../json.ts';
import type { Message, UserMessage } from '../messages.ts';
import { type FinishReason, noUsage, type Usage } from '../model.ts';
import type { CallRecord } from './calls.ts';
import { type CompactionPolicy, canCompact, defaultCompaction, maxCompactions } from './compaction.ts';
import type { CompactionMachineInput } from './compactionMachine.ts';
import type { StepPlan } from './contracts.ts';
import { createHistory, emptyHistory, type History } from './history.ts';
import { type AttemptLimits, defaultAttempts, defaultLimits, defaultRetries, type TurnLimits } from './policies.ts';
import { internalFailure } from './turnFailures.ts';

/** What a turn is given when it is made; everything has a default. */
export interface TurnMachineInput {
  /** @default 'session' */
  readonly sessionId?: string;
  /** The conversation before this turn. @default none */
  readonly history?: History | readonly Message[];
  readonly limits?: Partial<TurnLimits>;
  readonly modelRetry?: Partial<AttemptLimits>;
  /** How often tools may ask to be called again. @default 1 */
  readonly retries?: number;
  /** Tools that may be called with the same input as often as the model likes. @default none */
  readonly repeatableTools?: readonly string[];
  /** Tools that nobody has to be asked about any more. @default none */
  readonly approvedTools?: readonly string[];
  /** Whether something of the application's is asked before every step: guardrails, instructions, `prepareStep`. @default false */
  readonly preparesSteps?: boolean;
  /** Whether that looks at messages before a model does: those that it has not seen are withdrawn. @default false */
  readonly guardsInput?: boolean;
  /** The form of the answer, to be checked; no schema where the application checks it by itself. @default none */
  readonly output?: OutputForm;
  /** How the conversation is shortened where it is too long for the model; `false`: not at all. */
  readonly compaction?: Partial<CompactionPolicy> | false;
  /** How many agents are around this one, each in a turn of another. @default 0 */
  readonly depth?: number;
}

/** What all turns of an agent are given; the rest of the input is of a session, or of one turn. */
export type TurnOptions = Omit<TurnMachineInput, 'sessionId' | 'history' | 'approvedTools' | 'depth'>;

/** What does not change while a turn runs. */
interface TurnSettings {
  readonly sessionId: string;
  readonly limits: TurnLimits;
  readonly modelRetry: AttemptLimits;
  readonly retries: number;
  readonly repeatableTools: readonly string[];
  readonly preparesSteps: boolean;
  readonly guardsInput: boolean;
  readonly output: OutputForm | undefined;
  readonly compaction: CompactionPolicy | false;
  readonly depth: number;
}

/** The step that runs. */
interface CurrentStep {
  readonly startedAt: number;
  readonly usage: Usage;
  readonly finishReason: FinishReason;
  /** Rises for the whole step. */
  readonly attempt: number;
  /** Requests of this step: one, and one more after every pause. */
  readonly request: number;
  /** Attempts of this request. */
  readonly tries: number;
  readonly retryDelayMs: number;
  readonly retryAt: number | undefined;
  /** Whether the model has said that the request is too large. */
  readonly hasOverflowed: boolean;
  /** There once the step is prepared, where steps are. */
  readonly plan: StepPlan | undefined;
}

/** What the turn has come to so far. */
interface TurnTotals {
  readonly usage: Usage;
  readonly cost: number | undefined;
  readonly toolCalls: number;
  readonly hints: number;
  readonly lastHint: string;
  /** Compactions since a model has answered. */
  readonly unproven: number;
  /** Of the calls that can still repeat themselves, oldest first. */
  readonly signatures: readonly string[];
  /** Tool calls that failed, and steps in a row in which one did. */
  readonly toolErrors: number;
  readonly stepsWithErrors: number;
  /** Remarks made already: each is made once in a turn. */
  readonly remarks: readonly string[];
}

/** What somebody has allowed a turn beyond its limits. */
interface Allowance {
  readonly steps: number;
  readonly isSoftCostLifted: boolean;
  /** Tools that nobody has to be asked about any more. */
  readonly tools: readonly string[];
}

/** The time that a turn may take. It stands still while people are waited for. */
interface TurnClock {
  readonly startedAt: number;
  /** When the turn ends with `timeout`, if it may take a limited time only. */
  readonly deadlineAt: number | undefined;
  readonly pausedAt: number | undefined;
}

/** Every assign copies it, which V8 does 50 times slower from the 20th property on: hence the groups. */
export interface TurnContext {
  readonly settings: TurnSettings;
  readonly turnId: string;
  readonly clock: TurnClock;
  /** Time of the last event that carried one. */
  readonly now: number;
  readonly history: History;
  /** Messages before this turn. */
  readonly historyStart: number;
  /** Waits for the next step. */
  readonly steering: readonly UserMessage[];
  readonly step: number;
  readonly current: CurrentStep;
  /** The answer that streams: whether anything of it was shown, its text, and what it has used so far. */
  readonly partial: { readonly shown: boolean; readonly text: string; readonly usage: Usage };
  readonly firstTokenAt: number | undefined;
  readonly text: string;
  readonly calls: readonly CallRecord[];
  readonly allowance: Allowance;
  /** Messages that no guardrail has seen yet, the latest of the history; kept only where there are any. */
  readonly unseen: readonly UserMessage[];
  readonly totals: TurnTotals;
  /** What the last answer says, in the form that was asked for. */
  readonly output: Json | undefined;
  readonly failure: Failure | undefined;
  readonly cancelReason: string | undefined;
}

interface TurnEnd {
  readonly turnId: string;
  readonly history: History;
  /** Messages before this turn. */
  readonly historyStart: number;
  /** Steering that no step took. */
  readonly steering: readonly UserMessage[];
  /** Those that somebody has approved for the session among them. */
  readonly approvedTools: readonly string[];
  readonly usage: Usage;
  readonly cost: number | undefined;
  readonly steps: number;
  readonly durationMs: number;
  /** When it ended. */
  readonly at: number;
  readonly stopReason: StopReason;
}
/** How a turn ended. */
export type TurnOutput = TurnEnd &
  (
    | { readonly status: 'completed'; readonly text: string; readonly output?: Json }
    | { readonly status: 'failed'; readonly failure: Failure }
    | { readonly status: 'cancelled'; readonly reason: string | undefined }
  );

export const noPartial: TurnContext['partial'] = { shown: false, text: '', usage: noUsage };

/** Of a turn that has not begun. */
export function createContext(input: TurnMachineInput | undefined): TurnContext {
  const history = input?.history ?? emptyHistory;
  return {
    settings: {
      sessionId: input?.sessionId ?? 'session',
      limits: { ...defaultLimits, ...input?.limits },
      modelRetry: { ...defaultAttempts, ...input?.modelRetry },
      retries: input?.retries ?? defaultRetries,
      repeatableTools: input?.repeatableTools ?? [],
      preparesSteps: input?.preparesSteps ?? false,
      guardsInput: input?.guardsInput ?? false,
      output: input?.output,
      depth: input?.depth ?? 0,
      compaction: input?.compaction !== false && { ...defaultCompaction, ...input?.compaction },
    },
    turnId: '',
    clock: { startedAt: 0, deadlineAt: undefined, pausedAt: undefined },
    now: 0,
    history: 'log' in history ? history : createHistory(history),
    historyStart: 0,
    steering: [],
    step: 0,
    current: {
      startedAt: 0,
      usage: noUsage,
      finishReason: { unified: 'other' },
      attempt: 0,
      request: 1,
      tries: 0,
      retryDelayMs: 0,
      retryAt: undefined,
      hasOverflowed: false,
      plan: undefined,
    },
    partial: noPartial,
    firstTokenAt: undefined,
    text: '',
    calls: [],
    allowance: { steps: 0, isSoftCostLifted: false, tools: input?.approvedTools ?? [] },
    unseen: [],
    totals: {
      usage: noUsage,
      cost: undefined,
      toolCalls: 0,
      hints: 0,
      lastHint: '',
      unproven: 0,
      signatures: [],
      toolErrors: 0,
      stepsWithErrors: 0,
      remarks: [],
    },
    output: undefined,
    failure: undefined,
    cancelReason: undefined,
  };
}

export function stopReasonOf({ unified }: FinishReason): 'end_turn' | 'max_tokens' | 'refusal' {
  if (unified === 'length') return 'max_tokens';
  return unified === 'content-filter' ? 'refusal' : 'end_turn';
}

export function failureOf(context: TurnContext): Failure {
  return context.failure ?? internalFailure({ name: 'Error', message: 'the turn failed without a failure' });
}

/** What every terminal event tells. */
export function endingOf(context: TurnContext) {
  return {
    usage: context.totals.usage,
    ...(context.totals.cost !== undefined && { cost: context.totals.cost }),
    steps: context.step,
    durationMs: context.now - context.clock.startedAt,
  };
}

export function turnEnd(context: TurnContext, stopReason: StopReason): TurnEnd {
  return {
    turnId: context.turnId,
    history: context.history,
    historyStart: context.historyStart,
    steering: context.steering,
    approvedTools: context.allowance.tools,
    usage: context.totals.usage,
    cost: context.totals.cost,
    steps: context.step,
    durationMs: context.now - context.clock.startedAt,
    at: context.now,
    stopReason,
  };
}

/** Steps that the turn may take, what somebody has allowed besides included. */
export function stepLimit({ settings, allowance }: Pick<TurnContext, 'settings' | 'allowance'>): number {
  return settings.limits.maxSteps + allowance.steps;
}

/** Whether the step gets no tools, so that the model must answer. */
export function withholdsTools(context: TurnContext): boolean {
  return context.settings.limits.lastStep === 'answer' && context.step >= stepLimit(context);
}

/** Why the turn compacts the conversation. */
export function compactionReason({ current }: TurnContext): 'threshold' | 'overflow' {
  return current.hasOverflowed ? 'overflow' : 'threshold';
}

/** When and how far the turn compacts. What no guardrail has seen yet stays: no model may read it before. */
export function compactionPolicy({ settings, unseen }: TurnContext): CompactionPolicy | false {
  const { compaction } = settings;
  return compaction && { ...compaction, keepMessages: Math.max(compaction.keepMessages, unseen.length) };
}

/** Whether the turn may compact, and that could leave less than there is. */
export function mayShorten({ history, totals }: TurnContext, policy: CompactionPolicy): boolean {
  return totals.unproven < maxCompactions && canCompact(history, policy);
}

/** What the compaction before a step, or in its middle, is given. */
export function compactionInput(context: TurnContext): CompactionMachineInput {
  const { turnId, step, current, history, settings, totals } = context;
  return {
    id: `${turnId}.${step}.compaction.${current.request}.${totals.unproven}`,
    sessionId: settings.sessionId,
    reason: compactionReason(context),
    history,
    policy: compactionPolicy(context) || defaultCompaction,
    stallTimeoutMs: settings.limits.stallTimeoutMs,
  };
}
