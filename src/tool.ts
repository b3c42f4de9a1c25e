import type { Message } from './messages.ts';
import { type InferSchema, type Schema, schemaProblem } from './schema.ts';

/** What every user function of a turn is told. */
export interface Run<TContext = unknown> {
  /** The application's own object, as given to `run()` or `session()`. Never put into machine or journal. */
  readonly context: TContext;
  /** The session that it runs in; stands in its events. */
  readonly sessionId: string;
  /** The turn that it runs in; stands in its events. */
  readonly turnId: string;
  /** From 1. */
  readonly step: number;
  /** The conversation so far. */
  readonly messages: readonly Message[];
  /** Aborts when the turn is cancelled or the call times out. Hand it on. */
  readonly signal: AbortSignal;
}

/** What a running tool is told besides. */
export interface ToolRun<TContext = unknown> extends Run<TContext> {
  /** The model's name for the call; stands in the events of the call. */
  readonly toolCallId: string;
  /** The same on every attempt: pass it on to what must not happen twice. */
  readonly idempotencyKey: string;
  /** Reports what is going on, as a `tool.progress` event. */
  progress(text: string): void;
}

/** How often and when a failed tool is run again, by itself. */
export interface ToolRetry {
  /** In total, the first included. @default 1 */
  readonly maxAttempts: number;
  /** Before the second attempt, in ms; doubles with every attempt. @default 1_000 */
  readonly initialDelayMs?: number;
  /** The longest of these delays, in ms. @default 30_000 */
  readonly maxDelayMs?: number;
  /** Part of the delay that is random, both ways, from 0 to 1. @default 0.25 */
  readonly jitter?: number;
}

interface ToolOptions {
  /** How the model calls it: letters, digits, `_` and `-`, 64 at most. */
  readonly name: string;
  /** What it is for; the model reads it. @default none */
  readonly description?: string;
  /** Running it twice does no harm: it is run again where the process ended in its middle. @default false */
  readonly idempotent?: boolean;
  /** Nothing else of the same step runs beside it: calls before it end first, calls after it wait. @default false */
  readonly sequential?: boolean;
  /** How long one attempt may take, in ms. @default none */
  readonly timeoutMs?: number;
  /** How the tool is run again when it throws or times out. @default none */
  readonly retry?: ToolRetry;
}

/** A tool: what the model may call, and what runs when it does. */
export interface Tool<TInput = unknown, TOutput = unknown, TContext = unknown> extends ToolOptions {
  /** What the model must send: a schema of zod 4 or of another library that gives JSON Schema, or `{ jsonSchema }`. */
  readonly input: Schema<TInput>;
  /** Runs the tool. What it returns is what the model reads: a string, or any JSON. What it throws, the model reads as an error. */
  readonly execute: (input: TInput, run: ToolRun<TContext>) => TOutput | Promise<TOutput>;
}

/** A tool of any input, output and context. */
export interface AnyTool extends ToolOptions {
  readonly input: Schema;
  readonly execute: (input: never, run: ToolRun<never>) => unknown;
}

/** The application context that a tool wants. */
export type ToolContext<T extends AnyTool> = T['execute'] extends (input: never, run: ToolRun<infer C>) => unknown
  ? C
  : unknown;

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;
const known = [
  'name',
  'description',
  'input',
  'execute',
  'idempotent',
  'sequential',
  'timeoutMs',
  'retry',
] as const satisfies readonly (keyof Tool)[];
const notYet = ['approval', 'repeatable'] as const;
const knownRetry = [
  'maxAttempts',
  'initialDelayMs',
  'maxDelayMs',
  'jitter',
] as const satisfies readonly (keyof ToolRetry)[];

/**
 * Defines a tool; the type of `execute`'s input comes from the schema.
 *
 * @throws TypeError at once, naming the option that is wrong.
 * @example
 * ```ts
 * const weather = defineTool({
 *   name: 'weather',
 *   description: 'Current weather of a city',
 *   input: z.object({ city: z.string() }),
 *   execute: async ({ city }, { signal }) => (await fetch(`https://example.com/${city}`, { signal })).json(),
 * });
 * ```
 */
export function defineTool<S extends Schema, TOutput, TContext = unknown>(
  options: ToolOptions & {
    readonly input: S;
    readonly execute: (input: InferSchema<S>, run: ToolRun<TContext>) => TOutput | Promise<TOutput>;
  },
): Tool<InferSchema<S>, TOutput, TContext> {
  checkTool(options);
  return options as unknown as Tool<InferSchema<S>, TOutput, TContext>;
}

/** @throws TypeError naming the option of a tool that is wrong. */
export function checkTool(tool: unknown): asserts tool is AnyTool {
  if (typeof tool !== 'object' || tool === null)
    throw new TypeError('A tool is not an object: make it with defineTool().');
  const options = tool as Partial<Record<keyof Tool | (typeof notYet)[number], unknown>>;
  const { name } = options;
  if (typeof name !== 'string' || name === '') throw new TypeError('A tool has no name: give it `name`.');
  if (!toolName.test(name)) {
    throw new TypeError(
      `Tool "${name}": \`name\` must be 1 to 64 letters, digits, "_" or "-"; providers refuse others.`,
    );
  }
  checkNames(`Tool "${name}"`, options, [...known, ...notYet]);
  if (options.description !== undefined && typeof options.description !== 'string') {
    throw new TypeError(`Tool "${name}": \`description\` must be a text.`);
  }
  const problem = schemaProblem(options.input);
  if (problem !== undefined) throw new TypeError(`Tool "${name}": \`input\` cannot be used: ${problem}.`);
  if (options.execute === undefined) {
    throw new TypeError(`Tool "${name}": \`execute\` is missing. Tools that a client runs are not supported yet.`);
  }
  if (typeof options.execute !== 'function') throw new TypeError(`Tool "${name}": \`execute\` is not a function.`);
  for (const option of notYet) {
    if (options[option]) throw new TypeError(`Tool "${name}": \`${option}\` is not supported yet: leave it out.`);
  }
  for (const option of ['idempotent', 'sequential'] as const) {
    const value = options[option];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new TypeError(`Tool "${name}": \`${option}\` must be true or false.`);
    }
  }
  const { timeoutMs, retry } = options;
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    throw new TypeError(`Tool "${name}": \`timeoutMs\` must be a number above 0, in milliseconds.`);
  }
  if (retry === undefined) return;
  checkRetry(`Tool "${name}": \`retry\``, retry);
  checkNames(`Tool "${name}": \`retry\``, retry as object, knownRetry);
}

/** @throws TypeError for an option that there is not: most likely it is mistyped. */
function checkNames(what: string, options: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || names.includes(name)) continue;
    throw new TypeError(`${what}: there is no option \`${name}\`. Known: ${names.join(', ')}.`);
  }
}

/** @throws TypeError naming the part of a retry policy that is wrong. */
export function checkRetry(what: string, retry: unknown): void {
  if (typeof retry !== 'object' || retry === null)
    throw new TypeError(`${what} must be an object like { maxAttempts: 3 }.`);
  const { maxAttempts, initialDelayMs, maxDelayMs, jitter } = retry as Record<string, unknown>;
  if (maxAttempts !== undefined && !(Number.isInteger(maxAttempts) && Number(maxAttempts) >= 1)) {
    throw new TypeError(`${what}.maxAttempts must be a whole number from 1.`);
  }
  for (const [name, value] of Object.entries({ initialDelayMs, maxDelayMs })) {
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
      throw new TypeError(`${what}.${name} must be a number of milliseconds from 0.`);
    }
  }
  if (jitter !== undefined && !(typeof jitter === 'number' && jitter >= 0 && jitter <= 1)) {
    throw new TypeError(`${what}.jitter must be a number from 0 to 1.`);
  }
}

/**
 * Thrown by a tool, it sends the model a hint as the tool's result, so that it calls again, better.
 * No error; counts against the turn's `retries`.
 *
 * @example
 * ```ts
 * execute: ({ date }) => {
 *   if (isPast(date)) throw new Retry('The date lies in the past; ask for a later one.');
 * }
 * ```
 */
export class Retry extends Error {
  override readonly name = 'Retry';
  readonly hint: string;
  constructor(hint: string) {
    super(hint);
    this.hint = hint;
  }
}
