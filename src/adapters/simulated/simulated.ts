import { createFailure, type Failure } from '../../failure.ts';
import type { Model, ModelPart, ModelRequest, Usage } from '../../model.ts';
import { planAnswer, summarize } from './answer.ts';
import { Conversation } from './conversation.ts';
import { fillSchema } from './fillSchema.ts';
import type { Scenario } from './scenarios.ts';
import { systemTimers, type Timers, wait } from './wait.ts';

export interface SimulatedOptions {
  /** Pause before each word, in ms; 0 for none. @default 15 */
  readonly delayMs?: number;
  /** The delay that a simulated rate limit asks for where the question names none, in ms. @default 1200 */
  readonly retryAfterMs?: number;
  /** What it waits with, such as a simulated clock. @default the timers of the platform */
  readonly clock?: Timers;
}

const provider = 'simulated';
const modelId = 'simulated';

/**
 * A model without a model: a small deterministic program, without key and network, for demonstrations, examples and
 * tests. The same request gives the same parts.
 *
 * It does arithmetic with a tool `calculate` (input `{ expression }`), answers questions about files with `list_files`
 * (`{ path, recursive? }`) and `read_file` (`{ path }`), and says what it is when asked anything else. "delete notes.txt"
 * makes it call `delete_file` (`{ path }`), "ask an agent what is 2+2" the first tool that wants a `prompt`. Several asks
 * become parallel calls. What it says of numbers comes out of tool results. It heeds `tools`, `toolChoice` (`required` as
 * `auto`: it calls where the question gives it something to call) and `outputSchema`, as far as simple objects go, and
 * leaves `settings` aside. Asked for a summary, it writes down the beginnings of what was said last.
 *
 * It plays failures that the last message asks for, alone or before a question:
 *
 * - "simulate a rate limit" ("of 2 seconds", "two rate limits", "always"): the first attempt fails with `rate_limit`
 * - "simulate an outage" ("once", "twice"): every attempt fails with `provider_unavailable`
 * - "simulate a cut stream": some text, then `stream_truncated`; the next attempt is whole
 * - "simulate an overflow": `context_overflow`; another attempt, which only a compaction brings, is answered
 * - "simulate an endless answer": goes on until it is aborted
 * - "simulate a hanging tool": calls a tool `hang`
 * - "simulate a loop": makes the same tool call again and again
 * - "simulate an invalid answer": prose where JSON is asked for, until it is asked again
 * - "simulate reasoning": reasons first
 *
 * @throws TypeError naming the option that is wrong.
 * @example
 * ```ts
 * const agent = createAgent({ model: simulated(), tools: [calculate] });
 * const { text } = await agent.run('simulate a rate limit, then what is 17*23?');
 * ```
 */
export function simulated(options: SimulatedOptions = {}): Model {
  const { delayMs = 15, retryAfterMs = 1_200, clock = systemTimers } = options;
  checkMilliseconds('delayMs', delayMs);
  checkMilliseconds('retryAfterMs', retryAfterMs);
  return {
    provider,
    modelId,
    async *stream(request, { signal }) {
      const beats = perform(request, retryAfterMs);
      const tokens = new TokenCounter(request);
      while (true) {
        const { done, value } = beats.next();
        // an endless answer without any pause would never let the abort come through
        const pauseMs = done ? 0 : value.isEndless ? Math.max(delayMs, 1) : delayMs;
        await wait(pauseMs, signal, clock);
        const usage = tokens.usage();
        if (signal.aborted) {
          yield [{ type: 'usage', usage }, { type: 'aborted' }];
          return;
        }
        if (done) {
          yield end(value, usage, request);
          return;
        }
        tokens.add(value.part);
        yield value.part;
      }
    },
  };
}

interface Beat {
  readonly part: ModelPart;
  readonly isEndless?: boolean;
}

type End = { readonly raw: 'stop' | 'tool-calls' } | { readonly failure: Failure };

/** The answer part by part, and how it ends. Knows no time. */
function* perform(request: ModelRequest, retryAfterMs: number): Generator<Beat, End> {
  if (request.purpose === 'summary') {
    yield* speak(summarize(request.messages));
    return { raw: 'stop' };
  }
  const conversation = new Conversation(request);
  const { scenarios } = conversation;
  const has = (name: Scenario['name']) => scenarios.some((scenario) => scenario.name === name);
  const trouble = troubleAt(request.attempt, scenarios);
  if (trouble !== undefined && trouble.name !== 'cut stream') return { failure: failureOf(trouble, retryAfterMs) };
  if (has('reasoning')) yield* reason(conversation);
  if (trouble !== undefined) {
    yield* speak('This answer is about to break off in the middle of a');
    return { failure: failureOf(trouble, retryAfterMs) };
  }
  const plan = planAnswer(
    conversation,
    scenarios.map(({ name }) => name),
  );
  if (plan.type === 'calls') {
    for (const [index, { toolName, input }] of plan.calls.entries()) {
      yield* call(`${request.requestId}.call_${index + 1}`, toolName, JSON.stringify(input));
    }
    return { raw: 'tool-calls' };
  }
  if (has('endless answer')) yield* speakForEver();
  const isProse = request.outputSchema === undefined || has('invalid answer');
  yield* speak(isProse ? plan.text : fillSchema(request.outputSchema, conversation, plan.text));
  return { raw: 'stop' };
}

/** Several troubles come one after the other, as often as each was asked for. */
function troubleAt(attempt: number, scenarios: readonly Scenario[]): Scenario | undefined {
  let until = 0;
  for (const scenario of scenarios) {
    until += scenario.times;
    if (attempt <= until) return scenario;
  }
  return undefined;
}

function failureOf({ name, delayMs }: Scenario, defaultRetryAfterMs: number): Failure {
  switch (name) {
    case 'rate limit': {
      const retryAfterMs = delayMs ?? defaultRetryAfterMs;
      const message = `Simulated rate limit: try again in ${retryAfterMs} ms.`;
      return createFailure({ type: 'rate_limit', code: 'rate_limit_exceeded', message, retryAfterMs });
    }
    case 'cut stream':
      return createFailure({
        type: 'provider_unavailable',
        code: 'stream_truncated',
        message: 'Simulated cut stream: the answer broke off.',
      });
    case 'overflow':
      return createFailure({
        type: 'context_overflow',
        code: 'request_too_large',
        message: 'Simulated overflow: the conversation is too large for the model.',
      });
    default:
      return createFailure({ type: 'provider_unavailable', message: 'Simulated outage: the model is not available.' });
  }
}

function* speak(text: string): Generator<Beat, void> {
  for (const word of text.match(/\s*\S+\s*/g) ?? []) yield { part: { type: 'text-delta', text: word } };
}

function* speakForEver(): Generator<Beat, never> {
  yield* speak('This answer has no end; stop it when you have seen enough.\n');
  for (let line = 1; ; line += 1) {
    for (const word of ['This ', 'is ', 'line ', `${line} `, 'of ', 'an ', 'endless ', 'answer.\n']) {
      yield { part: { type: 'text-delta', text: word }, isEndless: true };
    }
  }
}

function* reason({ questions }: Conversation): Generator<Beat, void> {
  const id = 'reasoning';
  const asks = questions.flatMap((question) => question.asks);
  const kinds = [...new Set(asks.map(({ type }) => type))].join(', ') || 'nothing that I could do with a tool';
  for (const word of `The message asks for: ${kinds}. I take one after the other.`.match(/\S+\s*/g) ?? []) {
    yield { part: { type: 'reasoning-delta', id, text: word } };
  }
  yield { part: { type: 'block-end', id } };
}

function* call(toolCallId: string, toolName: string, rawInput: string): Generator<Beat, void> {
  for (const delta of rawInput.match(/.{1,12}/gsu) ?? []) {
    yield { part: { type: 'tool-input-delta', toolCallId, toolName, delta } };
  }
  yield { part: { type: 'tool-call', toolCallId, toolName, rawInput } };
}

function end(ending: End, usage: Usage, request: ModelRequest): ModelPart | readonly ModelPart[] {
  if ('raw' in ending) {
    const { raw } = ending;
    const response = { id: `${request.requestId}.${request.attempt}`, modelId };
    return { type: 'finish', finishReason: { unified: raw, raw }, usage, response };
  }
  const { requestId, attempt } = request;
  const failure = { ...ending.failure, provider, model: modelId, requestId, attempt };
  return usage.outputTokens === 0
    ? { type: 'error', failure }
    : [
        { type: 'usage', usage },
        { type: 'error', failure },
      ];
}

/** About four characters are a token, as with the models of providers. */
class TokenCounter {
  readonly #inputChars: number;
  #textChars = 0;
  #reasoningChars = 0;

  constructor({ instructions = '', messages, tools }: ModelRequest) {
    const contents = messages.map(({ content }) => content);
    this.#inputChars = instructions.length + JSON.stringify(contents).length + JSON.stringify(tools).length;
  }

  add(part: ModelPart): void {
    if (part.type === 'text-delta') this.#textChars += part.text.length;
    else if (part.type === 'reasoning-delta') this.#reasoningChars += part.text.length;
    else if (part.type === 'tool-call') this.#textChars += part.toolName.length + part.rawInput.length;
  }

  usage(): Usage {
    const reasoningTokens = Math.ceil(this.#reasoningChars / 4);
    return {
      inputTokens: Math.ceil(this.#inputChars / 4),
      outputTokens: Math.ceil(this.#textChars / 4) + reasoningTokens,
      ...(reasoningTokens > 0 && { reasoningTokens }),
    };
  }
}

function checkMilliseconds(option: string, value: unknown): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return;
  throw new TypeError(`simulated(): \`${option}\` must be a number of milliseconds from 0.`);
}
