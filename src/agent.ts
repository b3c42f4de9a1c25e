import { registerAgent } from './agentTool.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Store } from './durability/store.ts';
import type { TurnEvent } from './events.ts';
import type { Inspect } from './inspect.ts';
import { Keeper, type Kept } from './keeper.ts';
import type { CompactionPolicy } from './machines/compaction.ts';
import { createHistory, emptyHistory } from './machines/history.ts';
import type { AttemptLimits, TurnLimits } from './machines/policies.ts';
import { sessionMachine } from './machines/sessionMachine.ts';
import { type TurnMachineInput, turnMachine } from './machines/turnMachine.ts';
import type { Message, UserInput } from './messages.ts';
import type { Model, ModelSettings, ToolChoice } from './model.ts';
import { checkAgentOptions, checkNames } from './options.ts';
import { eventsIn } from './reopening.ts';
import type { InferSchema, Schema } from './schema.ts';
import type { Pricing } from './services/callModel.ts';
import type { CheckOutputOptions, OutputSchemas, ValidateOutput } from './services/checkOutput.ts';
import type { Guardrails } from './services/guardrails.ts';
import { outputForm } from './services/outputForm.ts';
import { guardsInput, type PrepareStepOptions, preparesSteps } from './services/prepareStep.ts';
import type { RetryPolicy } from './services/retryPolicy.ts';
import { compaction, services } from './services/services.ts';
import { defaultMaxOutputChars } from './services/toolOutput.ts';
import { type SendOptions, Session } from './session.ts';
import { hostOptions, registerSetup, type SessionSetup } from './sessionSetup.ts';
import type { AnyTool, Run, ToolContext } from './tool.ts';
import { transcriptProblems } from './transcript.ts';
import type { TurnResult } from './turn.ts';

/** What an agent is made of. */
export interface AgentOptions<
  TTools extends readonly AnyTool[] = readonly AnyTool[],
  TSchema extends Schema | undefined = undefined,
> {
  /** Who answers: a model of an adapter, or one of your own. */
  readonly model: Model;
  /** Stands in every event. @default 'agent' */
  readonly name?: string;
  /** What the model is told before the conversation; a function is called once a step. @default none */
  readonly instructions?: string | ((run: Run<never>) => string | Promise<string>);
  /** What the model may call. @default none */
  readonly tools?: TTools;
  /** Whether the model may call tools (`auto`), must (`required`), must not (`none`), or must call `{ tool: name }`. @default 'auto' */
  readonly toolChoice?: ToolChoice;
  /** What is asked of the model beside the conversation; what is left out is the provider's choice. */
  readonly settings?: ModelSettings;
  /**
   * Called before every step, to choose its model, tools or instructions: `({ step }) => (step > 5 ? { model } : undefined)`.
   *
   * @default every step is as the options say
   */
  readonly prepareStep?: NonNullable<PrepareStepOptions['prepareStep']>;
  /**
   * The form of the answer, as in `z.object({ city: z.string() })`: `result.output` is what it says, checked.
   *
   * @default any text
   */
  readonly output?: TSchema;
  /**
   * Looks at the output. What it returns takes its place; with `throw new Retry('hint')` the model is asked again.
   * @default every output that fits its schema is taken
   */
  readonly validateOutput?: (
    output: TSchema extends Schema ? InferSchema<TSchema> : string,
    run: Run<never>,
  ) => unknown;
  /** What looks at messages, answers and tool calls before they go on. @default none */
  readonly guardrails?: Guardrails;
  /** How the conversation is shortened where it gets too long for the model; `false`: not at all. */
  readonly compaction?:
    | false
    | (Partial<Pick<CompactionPolicy, 'threshold' | 'keepMessages'>> & {
        /** Who summarizes. @default the model of the turns */
        readonly model?: Model;
        /** What it is told to do. @default to keep decisions, open tasks, and names of files and things */
        readonly prompt?: string;
      });
  /** How often tools may ask to be called again, and answers to be made again, per turn. @default 1 */
  readonly retries?: number;
  /** How failed model calls are repeated; each option has its own default. */
  readonly modelRetry?: Partial<RetryPolicy & AttemptLimits>;
  /** What a turn may take; each limit has its own default. */
  readonly limits?: Partial<TurnLimits> & {
    /** A longer output of a tool is cut in the middle. In characters. @default 100_000 */
    readonly maxOutputChars?: number;
  };
  /** How people are asked about tools with `approval`. */
  readonly approval?: {
    /** How long they may take to answer, in ms; then the answer is no. @default any time */
    readonly timeoutMs?: number;
  };
  /** Whether the model reads the message of what a tool threw. @default true */
  readonly detailedToolErrors?: boolean;
  /** Whether a cancelled turn leaves notes that tell the model so. @default true */
  readonly cancelNotes?: boolean;
  /** What a usage costs, in any currency; needed for `limits.maxCost`. @default none */
  readonly pricing?: Pricing;
  /** What the time is read from and waited with. @default the platform's */
  readonly clock?: Clock;
  /** Where sessions are kept beyond this process. @default nowhere */
  readonly store?: Store;
  /** Who watches the sessions, such as `inspector()` of `turnchart/inspector`. @default nobody */
  readonly inspect?: Inspect;
}

/** What takes the context that a tool wants; a tool of unknown type takes any. */
type TakesContext<TTool extends AnyTool> = (
  context: [ToolContext<TTool>] extends [never] ? unknown : ToolContext<TTool>,
) => void;
/** The context that all tools together want. */
export type AgentContext<TTools extends readonly AnyTool[]> = TTools extends readonly []
  ? unknown
  : { [I in keyof TTools]: TakesContext<TTools[I]> }[number] extends (context: infer C) => void
    ? C
    : never;
type OutputOf<TSchema extends Schema | undefined> = TSchema extends Schema ? InferSchema<TSchema> : undefined;
type WithContext<TContext> = unknown extends TContext
  ? { readonly context?: TContext }
  : { readonly context: TContext };
type Arguments<TOptions, TContext> = unknown extends TContext
  ? [options?: TOptions & WithContext<TContext>]
  : [options: TOptions & WithContext<TContext>];

export interface RunOptions<TSchema extends Schema | undefined = Schema | undefined>
  extends Pick<SendOptions<TSchema>, 'limits' | 'output'> {
  /** Cancels the turn when it aborts. @default none */
  readonly signal?: AbortSignal;
  /** Told every event. @default none */
  readonly onEvent?: (event: TurnEvent) => unknown;
}

export interface SessionOptions {
  /** Stands in every event. @default a random one */
  readonly id?: string;
  /** A conversation to go on with; for a session that the store does not have. @default none */
  readonly messages?: readonly Message[];
  /** Whether a turn whose process ended in its middle goes on by itself, or waits for `resume()`. @default 'auto' */
  readonly resume?: 'auto' | 'manual';
}

export interface EventsOptions {
  /** The `seq` of the last event that is known already. @default 0 */
  readonly after?: number;
}

/** What sessions share: model, instructions, tools, limits. */
export interface Agent<TContext = unknown, TOutput = undefined> {
  readonly name: string;
  /** Who answers, where no step says otherwise. */
  readonly model: Pick<Model, 'provider' | 'modelId' | 'contextWindow'>;
  /** What its sessions read the time from. */
  readonly clock: Clock;
  /** Where its sessions are kept beyond this process, if anywhere. */
  readonly store: Store | undefined;
  /**
   * One turn in a session of its own.
   *
   * @throws AgentError of the kind that says how the turn ended, if not with an answer
   */
  run<TSchema extends Schema | undefined = undefined>(
    input: UserInput,
    ...options: Arguments<RunOptions<TSchema>, TContext>
  ): Promise<TurnResult<TSchema extends Schema ? InferSchema<TSchema> : TOutput>>;
  /**
   * Opens a conversation: a new one, or with `id` one that the store has.
   *
   * @throws SessionLockedError where another process has it open; Error where the store answers later, as those over a
   * network do: use `open()`
   */
  session(...options: Arguments<SessionOptions, TContext>): Session<TOutput>;
  /** Opens a conversation, with any store. */
  open(...options: Arguments<SessionOptions, TContext>): Promise<Session<TOutput>>;
  /**
   * Opens all sessions of the store that were in a turn when their process ended, but for those that others have open.
   *
   * @throws StoreCorruptError where one cannot be read: then none is opened
   */
  recover(...options: Arguments<Pick<SessionOptions, 'resume'>, TContext>): Promise<readonly Session<TOutput>[]>;
  /**
   * What a session of the store has said: its durable events, as far as they are kept and not trimmed. Whether it is
   * open does not matter. The machines say them again from the journal, so the agent must be made as it was then.
   *
   * @example
   * ```ts
   * const session = agent.session({ id });
   * session.on('*', (event) => publish(event), { kept: true });
   * for (const event of await agent.events(id, { after: lastPublished })) publish(event);
   * ```
   */
  events(sessionId: string, options?: EventsOptions): Promise<readonly TurnEvent[]>;
  /** Closes all sessions that are at work or locked in the store, and takes no more. */
  close(): Promise<void>;
}

/**
 * Makes an agent. Options are checked here, once; models and tools are bound to the machines here, once.
 *
 * @throws TypeError naming the option that is wrong
 * @example
 * ```ts
 * const agent = createAgent({ model: simulated(), instructions: 'Be brief.', tools: [weather] });
 * const { text } = await agent.run('Weather in Paris?');
 * ```
 */
export function createAgent<
  const TTools extends readonly AnyTool[] = readonly [],
  TSchema extends Schema | undefined = undefined,
>(options: AgentOptions<TTools, TSchema>): Agent<AgentContext<TTools>, OutputOf<TSchema>> {
  checkAgentOptions(options);
  return new MachineAgent<AgentContext<TTools>, OutputOf<TSchema>>(options);
}

class MachineAgent<TContext, TOutput> implements Agent<TContext, TOutput> {
  readonly name: string;
  readonly model: SessionSetup['model'];
  readonly clock: Clock;
  readonly store: Store | undefined;
  readonly #setup: SessionSetup;
  readonly #keeper: Keeper | undefined;
  readonly #busy = new Set<{ close(): Promise<void> }>();
  #isClosed = false;

  constructor(options: AgentOptions<readonly AnyTool[], Schema | undefined>) {
    const { name = 'agent', clock = systemClock } = options;
    this.name = name;
    this.model = describeModel(options.model);
    this.clock = clock;
    this.store = options.store;
    this.#keeper = options.store && new Keeper(options.store);
    const outputs: OutputSchemas = new Map();
    const { turn, ...session } = assembleSession(options, outputs);
    registerAgent(this, { name, turn, options: session.input.turn ?? {} });
    this.#setup = {
      agent: name,
      ...session,
      outputs,
      model: this.model,
      clock,
      hasPricing: options.pricing !== undefined,
      ...(options.inspect !== undefined && { inspect: options.inspect }),
      maxOutputChars: options.limits?.maxOutputChars ?? defaultMaxOutputChars,
      onBusy: (session, isBusy) => {
        if (isBusy) this.#busy.add(session);
        else this.#busy.delete(session);
      },
    };
    registerSetup(this, this.#setup);
  }

  async run<TSchema extends Schema | undefined = undefined>(
    input: UserInput,
    ...[options]: Arguments<RunOptions<TSchema>, TContext>
  ): Promise<TurnResult<TSchema extends Schema ? InferSchema<TSchema> : TOutput>> {
    const { onEvent, context, signal, limits, output, ...others } = options ?? {};
    checkNames('run()', others);
    if (onEvent !== undefined && typeof onEvent !== 'function')
      throw new TypeError('run(): `onEvent` is not a function.');
    const opening = this.#check('run()', { context });
    const kept = this.#keeper && (await this.#keeper.take(opening.id, opening.resume));
    const session = this.#open(opening, kept);
    if (onEvent !== undefined) session.on('*', onEvent);
    try {
      return await session.send(input, {
        ...(signal !== undefined && { signal }),
        ...(limits !== undefined && { limits }),
        ...(output !== undefined && { output }),
      }).result;
    } finally {
      await session.close();
    }
  }

  session(...[options]: Arguments<SessionOptions, TContext>): Session<TOutput> {
    const opening = this.#check('session()', options ?? {});
    if (this.#keeper === undefined) return this.#open(opening);
    return this.#open(opening, this.#keeper.takeAtOnce(opening.id, opening.resume));
  }

  async open(...[options]: Arguments<SessionOptions, TContext>): Promise<Session<TOutput>> {
    const opening = this.#check('open()', options ?? {});
    return this.#open(opening, await this.#keeper?.take(opening.id, opening.resume));
  }

  async recover(
    ...[options]: Arguments<Pick<SessionOptions, 'resume'>, TContext>
  ): Promise<readonly Session<TOutput>[]> {
    const { resume, context, ...others } = options ?? {};
    checkNames('recover()', others);
    const opening = this.#check('recover()', { ...(resume !== undefined && { resume }), context });
    const taken = await this.#theKeeper('recover()').takeUnfinished();
    const sessions = [...taken].map(([id, kept]) => this.#open({ ...opening, id }, kept));
    if (opening.resume === 'auto') {
      this.#setup.clock.setTimeout(() => {
        for (const session of sessions) session.resume();
      }, 0);
    }
    return sessions;
  }

  async events(sessionId: string, { after = 0 }: EventsOptions = {}): Promise<readonly TurnEvent[]> {
    const { journal, messages } = await this.#theKeeper('events()').journalOf(sessionId);
    return eventsIn(journal, messages, after, (past) => hostOptions(this.#setup, sessionId, past));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#busy].map((session) => session.close()));
  }

  #theKeeper(where: string): Keeper {
    if (this.#keeper === undefined) throw new Error(`${where}: agent "${this.name}" has no \`store\`.`);
    return this.#keeper;
  }

  #check(where: string, options: SessionOptions & { readonly context?: unknown }): Opening {
    const { id, messages = [], context, resume = 'auto', ...others } = options;
    checkNames(where, others);
    if (this.#isClosed) throw new Error(`Agent "${this.name}" is closed: it opens no more sessions.`);
    if (id !== undefined && (typeof id !== 'string' || id === '')) {
      throw new TypeError(`${where}: \`id\` must be a text.`);
    }
    if (!Array.isArray(messages)) throw new TypeError(`${where}: \`messages\` must be an array of messages.`);
    if (resume !== 'auto' && resume !== 'manual') {
      throw new TypeError(`${where}: \`resume\` must be 'auto' or 'manual'.`);
    }
    const [problem] = transcriptProblems(messages);
    if (problem !== undefined) throw new TypeError(`${where}: \`messages\` cannot be gone on with: ${problem}.`);
    return { id: id ?? `session_${crypto.randomUUID()}`, messages, context, resume };
  }

  #open({ id, messages, context }: Opening, kept?: Kept): Session<TOutput> {
    if (kept?.stored !== undefined && messages.length > 0) {
      void kept.lock.release();
      throw new TypeError(`session(): the store has "${id}" already: leave \`messages\` out to go on with it.`);
    }
    const history = messages.length === 0 ? emptyHistory : createHistory(messages);
    try {
      return new Session<TOutput>(this.#setup, id, context, history, kept);
    } catch (error) {
      void kept?.lock.release();
      throw error;
    }
  }
}

/** What a session is opened with, checked. */
interface Opening {
  readonly id: string;
  readonly messages: readonly Message[];
  readonly context: unknown;
  readonly resume: 'auto' | 'manual';
}

/** The machines of an agent's sessions, with its model and its tools bound, and what they are given. */
export function assembleSession(
  options: AgentOptions<readonly AnyTool[], Schema | undefined>,
  outputs: OutputSchemas = new Map(),
): Pick<SessionSetup, 'machine' | 'input'> & { readonly turn: typeof turnMachine } {
  const { cancelNotes = true, retries, modelRetry, output, validateOutput, ...others } = options;
  const { maxOutputChars, ...limits } = options.limits ?? {};
  const checks: CheckOutputOptions = {
    outputs,
    ...(output !== undefined && { output }),
    ...(validateOutput !== undefined && { validateOutput: validateOutput as ValidateOutput }),
  };
  const turn = turnMachine.provide(
    services({
      ...others,
      ...checks,
      ...(modelRetry !== undefined && { modelRetry }),
      ...(maxOutputChars !== undefined && { maxOutputChars }),
    }),
  );
  const repeatableTools = (options.tools ?? []).filter(({ repeatable }) => repeatable).map(({ name }) => name);
  return {
    turn,
    machine: sessionMachine.provide({ actors: { turn, compaction: compaction(options) } }),
    input: {
      cancelNotes,
      turn: {
        limits,
        ...(modelRetry !== undefined && { modelRetry: attemptLimits(modelRetry) }),
        ...(retries !== undefined && { retries }),
        ...(repeatableTools.length > 0 && { repeatableTools }),
        compaction: compactionPolicy(options),
        ...(preparesSteps(options) && { preparesSteps: true }),
        ...(guardsInput(options) && { guardsInput: true }),
        ...((output ?? validateOutput) !== undefined && { output: outputForm(output) }),
      },
    },
  };
}

function compactionPolicy({
  compaction,
  model,
}: Pick<AgentOptions, 'compaction' | 'model'>): Exclude<TurnMachineInput['compaction'], undefined> {
  if (compaction === false) return false;
  const { threshold, keepMessages } = compaction ?? {};
  const { contextWindow } = model;
  return {
    ...(threshold !== undefined && { threshold }),
    ...(keepMessages !== undefined && { keepMessages }),
    ...(contextWindow !== undefined && { contextWindow }),
  };
}

/** What the machines decide by; the rest, functions among it, belongs to the service. */
function attemptLimits({ maxAttempts, retryAfterOutput }: Partial<AttemptLimits>): Partial<AttemptLimits> {
  return {
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(retryAfterOutput !== undefined && { retryAfterOutput }),
  };
}

function describeModel({ provider, modelId, contextWindow }: Model): SessionSetup['model'] {
  return { provider, modelId, ...(contextWindow !== undefined && { contextWindow }) };
}
