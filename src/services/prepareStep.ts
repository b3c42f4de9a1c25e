import { type EffectScope, effect } from '../effects.ts';
import { createFailure, describeError } from '../failure.ts';
import type {
  CallModelInput,
  GuardrailReport,
  PrepareStepInput,
  PrepareStepOutput,
  StepPlan,
} from '../machines/contracts.ts';
import { type History, messagesOf, replaceMessages } from '../machines/history.ts';
import { textOf, type UserMessage } from '../messages.ts';
import type { Model, ToolChoice } from '../model.ts';
import type { AnyTool, Run } from '../tool.ts';
import { callUser } from './callUser.ts';
import { describeRun } from './describeRun.ts';
import { ask, type Guardrails } from './guardrails.ts';
import { checkStepChoice, checkStepOptions, type StepOptions } from './stepOptions.ts';
import type { Toolbox } from './toolbox.ts';

export interface PrepareStepOptions {
  /** What the model is told before the conversation; a function is called once a step. @default none */
  readonly instructions?: string | ((run: Run<never>) => string | Promise<string>);
  /** Called before every step. @default every step is as the options say */
  readonly prepareStep?: (run: Run<never>) => StepOptions | undefined | Promise<StepOptions | undefined>;
  /** @default 'auto' */
  readonly toolChoice?: ToolChoice;
  readonly guardrails?: Guardrails;
  /** What user functions get as `run.context` where no session has one for them. */
  readonly context?: unknown;
}

/** Models that steps were planned with: they do not travel as JSON. After a restart the step is planned anew. */
export type PlannedModels = WeakMap<StepPlan, Model>;

type Scope = EffectScope<PrepareStepInput, never>;

/** Whether anybody has to be asked before a step. */
export function preparesSteps(options: PrepareStepOptions): boolean {
  return typeof options.instructions === 'function' || options.prepareStep !== undefined || guardsInput(options);
}

/** Whether messages have to be looked at before a model sees them. */
export function guardsInput({ guardrails }: PrepareStepOptions): boolean {
  return (guardrails?.input?.length ?? 0) > 0;
}

/** Calls what the application wants to be called before a step, as an actor: guardrails first. */
export function prepareStep(toolbox: Toolbox, models: PlannedModels, options: PrepareStepOptions) {
  return effect<PrepareStepInput, PrepareStepOutput>('prepareStep', async (scope) => {
    const run = describeRun(scope, options.context);
    const { denied, rewritten, reports } = await guardInput(options.guardrails?.input ?? [], scope, run);
    if (denied !== undefined) return { type: 'denied', by: denied, reports };
    const guarded = { ...(rewritten.length > 0 && { rewritten }), ...(reports.length > 0 && { reports }) };
    try {
      const plan = await planStep(toolbox, models, options, withMessages(run, scope.input.history, rewritten));
      return { type: 'ready', plan, ...guarded };
    } catch (error) {
      const { name, message } = describeError(error);
      const failure = createFailure({ type: 'internal', code: 'step_not_prepared', message, name });
      return { type: 'failed', failure, ...guarded };
    }
  });
}

/** The model that a step was planned with. */
export async function plannedModel(
  toolbox: Toolbox,
  models: PlannedModels,
  options: PrepareStepOptions,
  scope: EffectScope<CallModelInput, never>,
): Promise<Model | undefined> {
  const { plan } = scope.input;
  if (plan === undefined) return undefined;
  const known = models.get(plan);
  if (known !== undefined) return known;
  // the plan comes from a journal
  return models.get(await planStep(toolbox, models, options, describeRun(scope, options.context)));
}

async function guardInput(guardrails: NonNullable<Guardrails['input']>, { input }: Scope, run: Run) {
  const reports: GuardrailReport[] = [];
  const rewritten: UserMessage[] = [];
  for (const message of guardrails.length === 0 ? [] : input.unseen) {
    const verdict = await ask('input', guardrails, textOf(message), run, (text) => text);
    reports.push(...verdict.reports);
    if (verdict.denied !== undefined) return { denied: verdict.denied, rewritten: [], reports };
    if (verdict.rewritten === undefined) continue;
    const { value, by } = verdict.rewritten;
    const changed = withText(message, value);
    if (changed.content.length === 0) {
      const emptied: GuardrailReport = { ...by, action: 'denied', reason: 'Nothing is left of the message.' };
      return { denied: emptied, rewritten: [], reports: [...reports, emptied] };
    }
    rewritten.push(changed);
  }
  return { denied: undefined, rewritten, reports };
}

/** The run, with the messages as guardrails have left them. */
function withMessages(run: Run, history: History, rewritten: readonly UserMessage[]): Run {
  return rewritten.length === 0 ? run : { ...run, messages: messagesOf(replaceMessages(history, rewritten)) };
}

/** The message with another text in place of its own; its files stay. Providers refuse a text that says nothing. */
function withText(message: UserMessage, text: string): UserMessage {
  const files = message.content.filter(({ type }) => type !== 'text');
  return { ...message, content: text.trim() === '' ? files : [{ type: 'text', text }, ...files] };
}

/** @throws Error saying which function of the application threw, or gave what cannot be used */
async function planStep(
  toolbox: Toolbox,
  models: PlannedModels,
  { instructions, prepareStep, toolChoice }: PrepareStepOptions,
  run: Run,
): Promise<StepPlan> {
  const options = (await callUser('prepareStep', () => prepareStep?.(run as Run<never>))) ?? {};
  checkStepOptions(options);
  const { model } = options;
  const text = options.instructions ?? (await textOfInstructions(instructions, run));
  const tools = options.tools?.map((tool) => nameOf(tool, toolbox));
  checkStepChoice(options.toolChoice ?? toolChoice, tools ?? [...toolbox.byName.keys()]);
  const plan: StepPlan = {
    ...(text !== undefined && { instructions: text }),
    ...(tools !== undefined && { tools }),
    ...(options.toolChoice !== undefined && { toolChoice: options.toolChoice }),
    ...(model !== undefined && { model: { provider: model.provider, modelId: model.modelId } }),
  };
  if (model !== undefined) models.set(plan, model);
  return plan;
}

async function textOfInstructions(
  instructions: PrepareStepOptions['instructions'],
  run: Run,
): Promise<string | undefined> {
  if (typeof instructions !== 'function') return instructions;
  const text: unknown = await callUser('instructions', () => instructions(run as Run<never>));
  if (typeof text === 'string') return text;
  throw new TypeError('`instructions` must give a text.');
}

function nameOf(tool: string | AnyTool, { byName }: Toolbox): string {
  const name = typeof tool === 'string' ? tool : String(tool?.name);
  if (byName.has(name)) return name;
  throw new TypeError(`\`prepareStep\` gave the tool "${name}", which is not among the agent's tools.`);
}
