import { schemaProblem } from './schema.ts';
import { checkRetry } from './tool.ts';

const known = [
  'model',
  'name',
  'instructions',
  'prepareStep',
  'output',
  'validateOutput',
  'guardrails',
  'compaction',
  'tools',
  'toolChoice',
  'settings',
  'retries',
  'modelRetry',
  'limits',
  'detailedToolErrors',
  'cancelNotes',
  'approval',
  'pricing',
  'clock',
  'store',
  'inspect',
] as const;
const knownLimits = [
  'maxSteps',
  'lastStep',
  'maxTokens',
  'maxCost',
  'softCost',
  'maxDurationMs',
  'stallTimeoutMs',
  'maxParallelTools',
  'maxOutputChars',
  'consecutiveToolErrors',
  'totalToolErrors',
  'repeatedCalls',
] as const;
const knownRetry = [
  'maxAttempts',
  'initialDelayMs',
  'maxDelayMs',
  'jitter',
  'maxRetryAfterMs',
  'retryAfterOutput',
  'decide',
] as const;
const knownSettings = [
  'temperature',
  'topP',
  'maxOutputTokens',
  'reasoningEffort',
  'stopSequences',
  'seed',
  'providerOptions',
] as const;

type Options = { readonly [name: string]: unknown };

/** @throws TypeError naming the option that is wrong or unknown. */
export function checkAgentOptions(options: unknown): void {
  if (!isObject(options)) throw new TypeError('createAgent() takes an object: { model, tools, … }.');
  checkKnown('createAgent()', options, known);
  const { model, name, instructions, tools, toolChoice, settings, retries, modelRetry, limits, pricing } = options;
  const { clock, store, inspect } = options;
  if (!isObject(model)) throw new TypeError('createAgent(): `model` is missing: give it a model of an adapter.');
  if (typeof model.stream !== 'function') throw new TypeError('createAgent(): `model` has no `stream` function.');
  for (const field of ['provider', 'modelId'] as const) {
    if (typeof model[field] !== 'string') throw new TypeError(`createAgent(): \`model.${field}\` must be a text.`);
  }
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw new TypeError('createAgent(): `name` must be a text.');
  if (instructions !== undefined && typeof instructions !== 'string' && typeof instructions !== 'function') {
    throw new TypeError('createAgent(): `instructions` must be a text, or a function that gives one.');
  }
  for (const option of ['prepareStep', 'validateOutput', 'pricing'] as const) {
    if (options[option] !== undefined && typeof options[option] !== 'function') {
      throw new TypeError(`createAgent(): \`${option}\` must be a function.`);
    }
  }
  if (options.output !== undefined) {
    const problem = schemaProblem(options.output);
    if (problem !== undefined) throw new TypeError(`createAgent(): \`output\` cannot be used: ${problem}.`);
  }
  checkGuardrails(options.guardrails);
  checkCompaction(options.compaction);
  if (tools !== undefined && !Array.isArray(tools)) throw new TypeError('createAgent(): `tools` must be an array.');
  checkToolChoice(toolChoice, Array.isArray(tools) ? tools : []);
  if (settings !== undefined) {
    if (!isObject(settings)) throw new TypeError('createAgent(): `settings` must be an object.');
    checkKnown('createAgent(): settings', settings, knownSettings);
  }
  if (retries !== undefined) checkWhole('retries', retries, 0);
  checkModelRetry(modelRetry);
  checkLimits(limits);
  checkApproval(options.approval);
  for (const option of ['detailedToolErrors', 'cancelNotes'] as const) {
    if (options[option] !== undefined && typeof options[option] !== 'boolean') {
      throw new TypeError(`createAgent(): \`${option}\` must be true or false.`);
    }
  }
  if (pricing === undefined) refuseCosts('createAgent()', limits);
  if (store !== undefined) {
    for (const method of ['lock', 'read', 'write', 'list'] as const) {
      if (!isObject(store) || typeof store[method] !== 'function') {
        throw new TypeError(
          `createAgent(): \`store\` has no \`${method}\` function: give it memoryStore() or sqliteStore(path).`,
        );
      }
    }
  }
  if (inspect !== undefined && (!isObject(inspect) || typeof inspect.session !== 'function')) {
    throw new TypeError(
      'createAgent(): `inspect` has no `session` function: give it inspector() of turnchart/inspector.',
    );
  }
  if (clock !== undefined) {
    for (const method of ['now', 'setTimeout', 'clearTimeout'] as const) {
      if (!isObject(clock) || typeof clock[method] !== 'function') {
        throw new TypeError(`createAgent(): \`clock\` has no \`${method}\` function.`);
      }
    }
  }
}

/** @throws TypeError where options are left over. */
export function checkNames(where: string, leftOver: object): void {
  checkKnown(where, leftOver as Options, []);
}

function checkKnown(where: string, options: Options, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || names.includes(name)) continue;
    const list = names.length === 0 ? '' : ` Known: ${names.join(', ')}.`;
    throw new TypeError(`${where}: there is no option \`${name}\`.${list}`);
  }
}

function checkToolChoice(choice: unknown, tools: readonly unknown[]): void {
  if (choice === undefined || choice === 'auto' || choice === 'none') return;
  if (choice === 'required') {
    if (tools.length === 0) throw new TypeError("createAgent(): `toolChoice` is 'required', but there are no tools.");
    return;
  }
  const tool = isObject(choice) ? choice.tool : undefined;
  if (typeof tool !== 'string') {
    throw new TypeError("createAgent(): `toolChoice` must be 'auto', 'none', 'required' or { tool: name }.");
  }
  if (!tools.some((candidate) => isObject(candidate) && candidate.name === tool)) {
    throw new TypeError(`createAgent(): \`toolChoice\` names "${tool}", which is not among the tools.`);
  }
}

function checkModelRetry(retry: unknown): void {
  if (retry === undefined) return;
  checkRetry('createAgent(): `modelRetry`', retry);
  const options = retry as Options;
  checkKnown('createAgent(): modelRetry', options, knownRetry);
  if (options.maxRetryAfterMs !== undefined) checkPositive('modelRetry.maxRetryAfterMs', options.maxRetryAfterMs, 0);
  if (options.retryAfterOutput !== undefined && typeof options.retryAfterOutput !== 'boolean') {
    throw new TypeError('createAgent(): `modelRetry.retryAfterOutput` must be true or false.');
  }
  if (options.decide !== undefined && typeof options.decide !== 'function') {
    throw new TypeError('createAgent(): `modelRetry.decide` must be a function of failure and attempt.');
  }
}

/**
 * The limits of one turn.
 *
 * @throws TypeError naming the one that is wrong
 */
export function checkTurnLimits(where: string, limits: unknown, hasPricing: boolean): void {
  checkLimits(limits, where, ['maxOutputChars']);
  if (!hasPricing) refuseCosts(where, limits);
}

function refuseCosts(where: string, limits: unknown): void {
  for (const limit of ['maxCost', 'softCost'] as const) {
    if (!isObject(limits) || limits[limit] === undefined) continue;
    throw new TypeError(`${where}: \`limits.${limit}\` needs \`pricing\`, or no cost is ever known.`);
  }
}

function checkLimits(limits: unknown, where = 'createAgent()', foreign: readonly string[] = []): void {
  if (limits === undefined) return;
  if (!isObject(limits)) throw new TypeError(`${where}: \`limits\` must be an object.`);
  const names = knownLimits.filter((name) => !foreign.includes(name));
  checkKnown(`${where}: limits`, limits, names);
  if (limits.lastStep !== undefined && !['fail', 'answer', 'ask'].includes(String(limits.lastStep))) {
    throw new TypeError(`${where}: \`limits.lastStep\` must be 'fail', 'answer' or 'ask'.`);
  }
  for (const name of [
    'maxSteps',
    'maxParallelTools',
    'maxOutputChars',
    'consecutiveToolErrors',
    'totalToolErrors',
  ] as const) {
    if (limits[name] !== undefined) checkWhole(`limits.${name}`, limits[name], 1, where);
  }
  if (limits.repeatedCalls !== undefined) checkWhole('limits.repeatedCalls', limits.repeatedCalls, 2, where);
  for (const name of ['maxTokens', 'maxCost', 'softCost'] as const) {
    if (limits[name] !== undefined) checkPositive(`limits.${name}`, limits[name], 0, where);
  }
  for (const name of ['maxDurationMs', 'stallTimeoutMs'] as const) {
    if (limits[name] !== undefined) checkPositive(`limits.${name}`, limits[name], Number.MIN_VALUE, where);
  }
}

function checkGuardrails(guardrails: unknown): void {
  if (guardrails === undefined) return;
  if (!isObject(guardrails))
    throw new TypeError('createAgent(): `guardrails` must be an object like { input: [check] }.');
  checkKnown('createAgent(): guardrails', guardrails, ['input', 'output', 'tool']);
  for (const [stage, list] of Object.entries(guardrails)) {
    if (list === undefined) continue;
    if (!Array.isArray(list)) throw new TypeError(`createAgent(): \`guardrails.${stage}\` must be an array.`);
    for (const guardrail of list) {
      if (typeof guardrail === 'function') continue;
      if (!isObject(guardrail) || typeof guardrail.check !== 'function') {
        throw new TypeError(
          `createAgent(): every entry of \`guardrails.${stage}\` must be a function, or { name, advisory, check }.`,
        );
      }
      checkKnown(`createAgent(): guardrails.${stage}`, guardrail, ['name', 'advisory', 'check']);
      const { name, advisory } = guardrail;
      if (name !== undefined && (typeof name !== 'string' || name === '')) {
        throw new TypeError(`createAgent(): the \`name\` of a guardrail of \`guardrails.${stage}\` must be a text.`);
      }
      if (advisory !== undefined && typeof advisory !== 'boolean') {
        throw new TypeError(`createAgent(): \`advisory\` in \`guardrails.${stage}\` must be true or false.`);
      }
    }
  }
}

function checkCompaction(compaction: unknown): void {
  if (compaction === undefined || compaction === false) return;
  if (!isObject(compaction)) throw new TypeError('createAgent(): `compaction` must be false, or an object.');
  checkKnown('createAgent(): compaction', compaction, ['threshold', 'keepMessages', 'model', 'prompt']);
  const { threshold, keepMessages, model, prompt } = compaction;
  if (threshold !== undefined && !(typeof threshold === 'number' && threshold > 0 && threshold <= 1)) {
    throw new TypeError('createAgent(): `compaction.threshold` must be a number above 0, and 1 at most.');
  }
  if (keepMessages !== undefined) checkWhole('compaction.keepMessages', keepMessages, 1);
  if (model !== undefined && !(isObject(model) && typeof model.stream === 'function')) {
    throw new TypeError('createAgent(): `compaction.model` has no `stream` function.');
  }
  if (prompt !== undefined && typeof prompt !== 'string') {
    throw new TypeError('createAgent(): `compaction.prompt` must be a text.');
  }
}

function checkApproval(approval: unknown): void {
  if (approval === undefined) return;
  if (!isObject(approval))
    throw new TypeError('createAgent(): `approval` must be an object like { timeoutMs: 60_000 }.');
  checkKnown('createAgent(): approval', approval, ['timeoutMs']);
  if (approval.timeoutMs !== undefined) checkPositive('approval.timeoutMs', approval.timeoutMs, Number.MIN_VALUE);
}

function checkWhole(name: string, value: unknown, least: number, where = 'createAgent()'): void {
  if (Number.isInteger(value) && Number(value) >= least) return;
  throw new TypeError(`${where}: \`${name}\` must be a whole number from ${least}, not ${String(value)}.`);
}

function checkPositive(name: string, value: unknown, least: number, where = 'createAgent()'): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least) return;
  throw new TypeError(
    `${where}: \`${name}\` must be a number ${least === 0 ? 'from 0' : 'above 0'}, not ${String(value)}.`,
  );
}

function isObject(value: unknown): value is Options {
  return typeof value === 'object' && value !== null;
}
