import { type EffectScope, effect } from '../effects.ts';
import type { AnswerPart } from '../events.ts';
import { describeError, type Failure } from '../failure.ts';
import type { CallModelInput, CallModelOutput, Remark } from '../machines/contracts.ts';
import { messagesForModel } from '../machines/modelView.ts';
import { answerReports } from '../machines/reports.ts';
import type { Model, ModelRequest, ModelSettings, ToolChoice, ToolSpec, Usage } from '../model.ts';
import { AnswerBuilder, answerFailures } from './answer.ts';
import { AnswerGuard } from './answerGuard.ts';
import { describeRun } from './describeRun.ts';
import type { Guardrails } from './guardrails.ts';
import { readAnswer } from './readAnswer.ts';
import { decideRetry, defaultRetryPolicy, type RetryPolicy } from './retryPolicy.ts';

/** What money a usage costs; `undefined` where it is not known. */
export type Pricing = (
  model: { readonly provider: string; readonly modelId: string },
  usage: Usage,
) => number | undefined;

export interface CallModelOptions {
  readonly model: Model;
  readonly instructions?: string;
  readonly tools: readonly ToolSpec[];
  /** Told the text before it is shown. @default none */
  readonly guardrails?: Pick<Guardrails, 'output'>;
  /** The model of a step that was planned with one of its own. @default the model above */
  readonly modelOf?: (scope: EffectScope<CallModelInput, never>) => Promise<Model | undefined>;
  /** What user functions get as `run.context` where no session has one for them. */
  readonly context?: unknown;
  readonly toolChoice?: ToolChoice;
  readonly settings?: ModelSettings;
  readonly modelRetry?: Partial<RetryPolicy>;
  readonly pricing?: Pricing;
  /** From 0 to 1, for the jitter. @default Math.random */
  readonly random?: () => number;
}

type Scope = EffectScope<CallModelInput, readonly AnswerPart[]>;

/** One attempt of a model call as an actor: streams the answer, and settles with it, or with what went wrong. */
export function callModel(options: CallModelOptions) {
  const { random = Math.random } = options;
  const policy = { ...defaultRetryPolicy, ...options.modelRetry };
  return effect<CallModelInput, CallModelOutput, readonly AnswerPart[]>(
    'callModel',
    async (scope) => {
      const { input } = scope;
      const model =
        input.plan?.model === undefined ? options.model : ((await options.modelOf?.(scope)) ?? options.model);
      const answer = new AnswerBuilder();
      const guard = createGuard(options, scope);
      const failure = await readAnswer(model, createRequest(options, input), answer, scope, (shown) => {
        if (guard === undefined) {
          scope.report(shown);
          return true;
        }
        return showGuarded(guard, answer, shown, scope);
      });
      const { cost, remarks } = price(options.pricing, model, answer.usage);
      const { usage, end, repairs } = answer;
      const paid = {
        usage,
        ...(cost !== undefined && { cost }),
        ...(remarks.length > 0 && { remarks }),
        ...asked(model, end),
      };
      if (failure === undefined && end?.type === 'finish') {
        await guard?.checkWhole(answer.content());
        const { denied, reports = [], rewritten } = guard ?? {};
        if (denied !== undefined) return { type: 'denied', by: denied, reports, ...paid };
        return {
          type: 'answer',
          content: rewritten?.content ?? answer.content(),
          finishReason: end.finishReason,
          ...paid,
          ...(repairs.length > 0 && { repairs }),
          ...(rewritten !== undefined && { rewritten: rewritten.by }),
          ...(reports.length > 0 && { reports }),
        };
      }
      if (guard?.denied !== undefined) return { type: 'denied', by: guard.denied, reports: guard.reports, ...paid };
      const known = named(
        failure ?? (end?.type === 'error' ? end.failure : answerFailures.cutOff()),
        model,
        input,
        scope,
      );
      const retry = tryDecide(policy, known, input.tries, random(), remarks);
      // a policy that throws is remarked upon last
      return { type: 'trouble', failure: known, retry, ...paid, ...(remarks.length > 0 && { remarks }) };
    },
    answerReports,
  );
}

/** Who was asked, and what the provider says of its answer. */
export function asked({ provider, modelId }: Model, end: AnswerBuilder['end']) {
  const response = end?.type === 'finish' ? end.response : undefined;
  return { model: { provider, modelId }, ...(response !== undefined && { response }) };
}

function createRequest(options: CallModelOptions, input: CallModelInput): ModelRequest {
  const { plan, outputSchema } = input;
  const { settings } = options;
  const instructions = plan?.instructions ?? options.instructions;
  const tools = input.withholdsTools ? [] : chosen(options.tools, plan?.tools);
  const toolChoice = tools.length === 0 ? 'auto' : (plan?.toolChoice ?? options.toolChoice ?? 'auto');
  return {
    ...(instructions !== undefined && { instructions }),
    messages: messagesForModel(input.history),
    tools,
    toolChoice,
    ...(outputSchema !== undefined && { outputSchema }),
    ...(settings !== undefined && { settings }),
    purpose: 'turn',
    requestId: input.requestId,
    attempt: input.attempt,
  };
}

function chosen(tools: readonly ToolSpec[], names: readonly string[] | undefined): readonly ToolSpec[] {
  return names === undefined ? tools : tools.filter(({ name }) => names.includes(name));
}

/** Nothing is shown that a guardrail denies. */
async function showGuarded(
  guard: AnswerGuard,
  answer: AnswerBuilder,
  shown: readonly AnswerPart[],
  scope: Scope,
): Promise<boolean> {
  if (await guard.isDenied(shown, () => answer.content())) return false;
  scope.report(shown);
  return true;
}

function createGuard({ guardrails, context }: CallModelOptions, scope: Scope): AnswerGuard | undefined {
  const { output = [] } = guardrails ?? {};
  return output.length === 0 ? undefined : new AnswerGuard(output, describeRun(scope, context));
}

/** A failure that says which model failed, at which attempt, and when to come back. */
function named(failure: Failure, model: Model, { attempt }: CallModelInput, scope: Scope): Failure {
  const { provider, modelId } = model;
  const { retryAfterMs, resetAt } = failure;
  const until = resetAt ?? (retryAfterMs === undefined ? undefined : scope.now() + retryAfterMs);
  return { provider, model: modelId, attempt, ...failure, ...(until !== undefined && { resetAt: until }) };
}

export function price(
  pricing: Pricing | undefined,
  model: Model,
  usage: Usage,
): { cost: number | undefined; remarks: Remark[] } {
  if (pricing === undefined) return { cost: undefined, remarks: [] };
  const source = 'pricing';
  try {
    const cost = pricing({ provider: model.provider, modelId: model.modelId }, usage);
    if (typeof cost === 'number' && Number.isFinite(cost)) return { cost, remarks: [] };
    const message = `The cost of ${model.provider}/${model.modelId} is not known; it counts as nothing.`;
    return { cost: undefined, remarks: [{ source, message }] };
  } catch (error) {
    return { cost: undefined, remarks: [{ source, message: `It threw: ${describeError(error).message}` }] };
  }
}

function tryDecide(policy: RetryPolicy, failure: Failure, attempt: number, random: number, remarks: Remark[]) {
  try {
    return decideRetry(policy, failure, attempt, random);
  } catch (error) {
    remarks.push({ source: 'modelRetry.decide', message: `It threw: ${describeError(error).message}` });
    const { decide: _, ...defaults } = policy;
    return decideRetry(defaults, failure, attempt, random);
  }
}
