import { describeError } from '../failure.ts';
import type { Json } from '../json.ts';
import type { GuardrailReport } from '../machines/contracts.ts';
import type { Run } from '../tool.ts';

/** What a guardrail says of a value. */
export type GuardrailDecision<TRewritten> =
  | { readonly action: 'allow' }
  | { readonly action: 'deny'; readonly reason: string }
  /** Goes on with another value in its place. */
  | { readonly action: 'rewrite'; readonly value: TRewritten; readonly reason?: string };

/** Looks at a value. One that throws denies. */
export type GuardrailCheck<TValue, TRewritten = TValue, TContext = unknown> = (
  value: TValue,
  run: Run<TContext>,
) => GuardrailDecision<TRewritten> | Promise<GuardrailDecision<TRewritten>>;

/**
 * A check, or a check with a name.
 *
 * @example
 * ```ts
 * const noKeys: Guardrail<string> = (text) =>
 *   text.includes('sk-') ? { action: 'deny', reason: 'There is a key in it.' } : { action: 'allow' };
 * const agent = createAgent({ model, guardrails: { input: [noKeys], output: [noKeys] } });
 * ```
 */
export type Guardrail<TValue, TRewritten = TValue, TContext = unknown> =
  | GuardrailCheck<TValue, TRewritten, TContext>
  | {
      /** Stands in events and failures. @default the name of the function */
      readonly name?: string;
      /** What it says is only logged, as a `guardrail.triggered` event. @default false */
      readonly advisory?: boolean;
      readonly check: GuardrailCheck<TValue, TRewritten, TContext>;
    };

/** A tool call as guardrails see it; rewriting it gives another input. */
export interface GuardedCall {
  readonly toolName: string;
  readonly input: Json;
}

/** What looks at what goes in and out. They are asked in order; the first one that denies decides. */
export interface Guardrails {
  /** Told the text of every new user message, before the model is. @default none */
  readonly input?: readonly Guardrail<string, string, never>[];
  /** Told the text of the answer so far while it streams, before it is shown, and once it is whole. @default none */
  readonly output?: readonly Guardrail<string, string, never>[];
  /** Told every tool call whose input fits its schema. @default none */
  readonly tool?: readonly Guardrail<GuardedCall, Json, never>[];
}

/** What came of a row of guardrails. */
export interface Verdict<TRewritten> {
  /** The value as the last one left it; nothing where none changed it. */
  readonly rewritten: { readonly value: TRewritten; readonly by: GuardrailReport } | undefined;
  readonly denied: GuardrailReport | undefined;
  readonly reports: readonly GuardrailReport[];
}

type AnyGuardrail<TValue, TRewritten> = Guardrail<TValue, TRewritten, never>;

/**
 * Asks guardrails in order, each about what the one before it has left.
 *
 * @param seen makes what they are told of what one of them put in its place
 */
export async function ask<TValue, TRewritten>(
  stage: GuardrailReport['stage'],
  guardrails: readonly AnyGuardrail<TValue, TRewritten>[],
  value: TValue,
  run: Run,
  seen: (rewritten: TRewritten) => TValue,
): Promise<Verdict<TRewritten>> {
  const reports: GuardrailReport[] = [];
  let rewritten: Verdict<TRewritten>['rewritten'];
  for (const [index, guardrail] of guardrails.entries()) {
    const { name, isAdvisory, check } = named(guardrail, `${stage} guardrail ${index + 1}`);
    const current = rewritten === undefined ? value : seen(rewritten.value);
    const decision = await tryCheck(check, current, run, seen);
    if (decision.action === 'allow') continue;
    const reason = decision.reason ?? 'It gave no reason.';
    const action = isAdvisory ? 'logged' : decision.action === 'deny' ? 'denied' : 'rewritten';
    const report: GuardrailReport = { stage, name, action, reason };
    reports.push(report);
    if (isAdvisory) continue;
    if (decision.action === 'deny') return { rewritten, denied: report, reports };
    rewritten = { value: decision.value, by: report };
  }
  return { rewritten, denied: undefined, reports };
}

function named<TValue, TRewritten>(guardrail: AnyGuardrail<TValue, TRewritten>, fallback: string) {
  const isFunction = typeof guardrail === 'function';
  const check = isFunction ? guardrail : guardrail.check;
  const name = (isFunction ? undefined : guardrail.name) ?? (check.name === 'check' ? '' : check.name);
  return { check, name: name || fallback, isAdvisory: !isFunction && guardrail.advisory === true };
}

/** One that cannot say anything denies, and so does one that says what there is not. */
async function tryCheck<TValue, TRewritten>(
  check: GuardrailCheck<TValue, TRewritten, never>,
  value: TValue,
  run: Run,
  seen: (rewritten: TRewritten) => TValue,
): Promise<GuardrailDecision<TRewritten>> {
  try {
    const decision = await check(value, run as Run<never>);
    if (!isDecision(decision)) {
      return { action: 'deny', reason: 'It gave no decision: { action: "allow" | "deny" | "rewrite" }.' };
    }
    if (decision.action === 'rewrite' && typeof value === 'string' && typeof decision.value !== 'string') {
      return { action: 'deny', reason: 'It put something in place of a text that is no text.' };
    }
    const changesNothing = decision.action === 'rewrite' && isEqual(seen(decision.value), value);
    return changesNothing ? { action: 'allow' } : decision;
  } catch (error) {
    return { action: 'deny', reason: `It threw: ${describeError(error).message}` };
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function isDecision(value: unknown): value is GuardrailDecision<never> {
  if (typeof value !== 'object' || value === null || !('action' in value)) return false;
  return value.action === 'allow' || value.action === 'deny' || (value.action === 'rewrite' && 'value' in value);
}
