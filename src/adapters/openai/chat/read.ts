import type { FinishReason, ModelPart, Usage } from '../../../model.ts';
import { noUsage } from '../../../model.ts';
import type { AnswerFailures } from '../../answerFailures.ts';
import type { AnswerReader, LastPart } from '../../streamAnswer.ts';
import { isWire, objectsIn, textIn, type Wire } from '../../wire.ts';
import { usageIn } from '../usage.ts';

/** A tool call as far as it has arrived. */
interface OpenCall {
  readonly id: string;
  /** The provider's own id; without one it gets ours. */
  readonly givenId: string | undefined;
  readonly index: unknown;
  name: string;
  input: string;
}

const finishReasons: Readonly<Record<string, FinishReason['unified']>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
};

/** Reads the chunks of Chat Completions, as OpenAI and the many servers that imitate it write them. */
export class ChatReader implements AnswerReader {
  usage: Usage | undefined;
  readonly #requestId: string;
  readonly #failures: AnswerFailures;
  readonly #calls: OpenCall[] = [];
  #finishReason: string | undefined;
  #refused = false;
  #responseId: string | undefined;
  #modelId: string | undefined;

  constructor(requestId: string, failures: AnswerFailures) {
    this.#requestId = requestId;
    this.#failures = failures;
  }

  read(chunk: Wire, parts: ModelPart[]): LastPart | undefined {
    this.#responseId ??= textIn(chunk.id);
    this.#modelId ??= textIn(chunk.model);
    if (isWire(chunk.usage)) this.usage = usageIn(chunk.usage);
    // a chunk that is about usage only has no choices, or none that says anything
    for (const choice of objectsIn(chunk.choices)) {
      if ((choice.index ?? 0) !== 0) continue;
      const delta = choice.delta ?? choice.message;
      if (isWire(delta)) this.#readDelta(delta, parts);
      const reason = textIn(choice.finish_reason);
      if (reason === 'error') {
        const error = choice.error ?? {
          code: 'upstream_error',
          message: 'The provider ended the answer with an error.',
        };
        return { type: 'error', failure: this.#failures.told(error) };
      }
      this.#finishReason ??= reason;
    }
    return undefined;
  }

  finish(): readonly ModelPart[] | undefined {
    const raw = this.#finishReason;
    if (raw === undefined) return undefined;
    const calls = this.#calls.map(({ id, name, input }): ModelPart => {
      return { type: 'tool-call', toolCallId: id, toolName: name, rawInput: input };
    });
    return [
      ...calls,
      {
        type: 'finish',
        finishReason: this.#unify(raw),
        usage: this.usage ?? noUsage,
        response: {
          ...(this.#responseId !== undefined && { id: this.#responseId }),
          ...(this.#modelId !== undefined && { modelId: this.#modelId }),
        },
      },
    ];
  }

  #unify(raw: string): FinishReason {
    // the API calls it "stop" where the model refused, and where it had to call the tool that it called
    if (this.#refused && raw === 'stop') return { unified: 'content-filter', raw: 'refusal' };
    if (this.#calls.length > 0 && raw === 'stop') return { unified: 'tool-calls', raw };
    return { unified: Object.hasOwn(finishReasons, raw) ? (finishReasons[raw] ?? 'other') : 'other', raw };
  }

  #readDelta(delta: Wire, parts: ModelPart[]): void {
    const reasoning = textIn(delta.reasoning_content) ?? textIn(delta.reasoning);
    if (reasoning !== undefined) parts.push({ type: 'reasoning-delta', text: reasoning });
    const text = textIn(delta.content);
    if (text !== undefined) parts.push({ type: 'text-delta', text });
    const refusal = textIn(delta.refusal);
    if (refusal !== undefined) {
      this.#refused = true;
      parts.push({ type: 'text-delta', text: refusal });
    }
    for (const call of objectsIn(delta.tool_calls)) this.#readCall(call, parts);
    // the predecessor of tool_calls, which some servers still write
    if (isWire(delta.function_call)) this.#readCall({ function: delta.function_call }, parts);
  }

  #readCall(delta: Wire, parts: ModelPart[]): void {
    const said = isWire(delta.function) ? delta.function : {};
    const call = this.#callOf(delta, textIn(said.name));
    // whole calls may come with their arguments as an object
    const input = isWire(said.arguments) ? JSON.stringify(said.arguments) : textIn(said.arguments);
    if (input === undefined) return;
    call.input += input;
    parts.push({ type: 'tool-input-delta', toolCallId: call.id, toolName: call.name, delta: input });
  }

  /** The call that a delta goes on with. Not every server counts its calls, and some call all of them 0. */
  #callOf({ index, id }: Wire, name: string | undefined): OpenCall {
    const givenId = textIn(id);
    // two calls may have the same id; then their index tells them apart
    const isSame = (call: OpenCall) => call.givenId === givenId && (typeof index !== 'number' || call.index === index);
    const known =
      (givenId === undefined ? undefined : this.#calls.findLast(isSame)) ??
      (typeof index === 'number' ? this.#calls.findLast((call) => call.index === index) : this.#calls.at(-1));
    const isNew = known === undefined || isAnother(known, givenId, name, typeof index === 'number');
    if (!isNew) {
      if (known.name === '' && name !== undefined) known.name = name;
      return known;
    }
    const call: OpenCall = {
      id: givenId ?? `${this.#requestId}.call_${this.#calls.length + 1}`,
      givenId,
      index,
      name: name ?? '',
      input: '',
    };
    this.#calls.push(call);
    return call;
  }
}

/** A name begins a call; servers that repeat it with every delta repeat the id or the index with it. */
function isAnother(known: OpenCall, id: string | undefined, name: string | undefined, isCounted: boolean): boolean {
  if (name === undefined || known.name === '') return false;
  if (id !== undefined && known.givenId !== undefined) return id !== known.givenId;
  return !isCounted;
}
